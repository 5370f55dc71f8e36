/*
 * One-byte form, profile 0xBEDE:      |  ID   | len-1 | len bytes ...
 * Two-byte form, profile 0x1000-0x100F:   |      ID       |      len      | len bytes ...
 * In both, a zero byte where an ID is expected is padding.
 */
#include "media/rtp/ext.h"

#include <assert.h>

#define PROFILE_ONE_BYTE 0xBEDE
#define PROFILE_TWO_BYTE 0x1000
#define ONE_BYTE_ID_MAX	 14 /* 15 is reserved: it ends the pass */
#define ONE_BYTE_LEN_MAX 16

static const char *const URIS[BF_EXT_COUNT] = {
	[BF_EXT_MID] = "urn:ietf:params:rtp-hdrext:sdes:mid",
	[BF_EXT_RID] = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
	[BF_EXT_RRID] = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
	[BF_EXT_ABS_SEND_TIME] = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
	[BF_EXT_TWCC] = "http://www.ietf.org/id/"
			"draft-holmer-rmcat-transport-wide-cc-extensions-01",
	[BF_EXT_AUDIO_LEVEL] = "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
	[BF_EXT_ORIENTATION] = "urn:3gpp:video-orientation",
	[BF_EXT_PLAYOUT_DELAY] = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
	[BF_EXT_DEPENDENCY_DESCRIPTOR] = "https://aomediacodec.github.io/av1-rtp-spec/"
					 "#dependency-descriptor-rtp-header-extension",
};

const char *bf_ext_uri(enum bf_ext ext)
{
	assert((unsigned)ext < BF_EXT_COUNT);
	return URIS[ext];
}

enum bf_ext bf_ext_from_uri(struct bf_bytes uri)
{
	unsigned ext = 0;

	while (ext < BF_EXT_COUNT && !bf_bytes_is(uri, URIS[ext]))
		ext++;
	return (enum bf_ext)ext;
}

/* The first element of an id counts: a second one is the sender's mistake. */
static void note(
	struct bf_ext_values *out, const struct bf_ext_map *map, uint8_t id, struct bf_bytes value)
{
	for (size_t i = 0; i < BF_EXT_COUNT; i++) {
		if (map->id[i] == id && !out->value[i].data)
			out->value[i] = value;
	}
}

static void parse_one_byte(
	struct bf_ext_values *out, struct bf_rd *rd, const struct bf_ext_map *map)
{
	while (bf_rd_left(rd) > 0) {
		uint8_t head = bf_rd_u8(rd);
		uint8_t id = head >> 4;
		struct bf_bytes value;

		if (head == 0)
			continue;
		/* RFC 8285 section 4.2: ID 15, and padding that claims a length, end the pass. */
		if (id == 0 || id > ONE_BYTE_ID_MAX)
			return;
		value = bf_rd_bytes(rd, (head & 0x0fu) + 1);
		if (rd->is_short)
			return;
		note(out, map, id, value);
	}
}

static void parse_two_byte(
	struct bf_ext_values *out, struct bf_rd *rd, const struct bf_ext_map *map)
{
	while (bf_rd_left(rd) > 0) {
		uint8_t id = bf_rd_u8(rd);
		struct bf_bytes value;

		if (id == 0)
			continue;
		value = bf_rd_bytes(rd, bf_rd_u8(rd));
		if (rd->is_short)
			return;
		note(out, map, id, value);
	}
}

void bf_ext_parse(struct bf_ext_values *out, const struct bf_rtp *rtp, const struct bf_ext_map *map)
{
	struct bf_rd rd;

	memset(out, 0, sizeof(*out));
	if (rtp->ext.len == 0)
		return;
	rd = bf_rd(rtp->ext);
	if (rtp->ext_profile == PROFILE_ONE_BYTE)
		parse_one_byte(out, &rd, map);
	else if ((rtp->ext_profile & 0xfff0) == PROFILE_TWO_BYTE)
		parse_two_byte(out, &rd, map);
}

uint16_t bf_ext_write(
	struct bf_wr *wr, const struct bf_ext_values *values, const struct bf_ext_map *map)
{
	bool is_empty = true, is_one_byte = true;

	for (size_t i = 0; i < BF_EXT_COUNT; i++) {
		size_t len = values->value[i].len;

		if (!values->value[i].data || map->id[i] == 0)
			continue;
		is_empty = false;
		if (map->id[i] > ONE_BYTE_ID_MAX || len == 0 || len > ONE_BYTE_LEN_MAX)
			is_one_byte = false;
	}
	if (is_empty)
		return 0;
	for (size_t i = 0; i < BF_EXT_COUNT; i++) {
		struct bf_bytes value = values->value[i];

		if (!value.data || map->id[i] == 0)
			continue;
		assert(value.len <= UINT8_MAX);
		if (is_one_byte) {
			bf_wr_u8(wr, (uint8_t)((size_t)map->id[i] << 4 | (value.len - 1)));
		} else {
			bf_wr_u8(wr, map->id[i]);
			bf_wr_u8(wr, (uint8_t)value.len);
		}
		bf_wr_bytes(wr, value);
	}
	return is_one_byte ? PROFILE_ONE_BYTE : PROFILE_TWO_BYTE;
}

bool bf_ext_audio_level(const struct bf_ext_values *values, uint8_t *level_dbov, bool *is_voice)
{
	struct bf_bytes value = values->value[BF_EXT_AUDIO_LEVEL];

	if (value.len != 1)
		return false;
	*level_dbov = value.data[0] & 0x7f;
	*is_voice = (value.data[0] & 0x80) != 0;
	return true;
}

bool bf_ext_twcc_seq(const struct bf_ext_values *values, uint16_t *seq)
{
	struct bf_bytes value = values->value[BF_EXT_TWCC];

	if (value.len != 2)
		return false;
	*seq = bf_get_u16(value.data);
	return true;
}
