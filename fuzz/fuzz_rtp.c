/* RTP headers and extensions: what parses must survive being written and parsed again.
 *
 * Input: 9 bytes of negotiated extension ids, then the packet.
 */
#include "media/rtp/ext.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_values(const struct bf_ext_values *values, const struct bf_rtp *rtp)
{
	uint8_t level;
	bool is_voice;
	uint16_t seq;

	for (size_t i = 0; i < BF_EXT_COUNT; i++) {
		struct bf_bytes value = values->value[i];

		if (value.data)
			assert((size_t)(value.data - rtp->ext.data) + value.len <= rtp->ext.len);
	}
	if (bf_ext_audio_level(values, &level, &is_voice))
		assert(level <= 127);
	(void)bf_ext_twcc_seq(values, &seq);
}

static void write_back(
	const struct bf_rtp *rtp, const struct bf_ext_values *values, const struct bf_ext_map *map)
{
	static uint8_t ext[BF_EXT_COUNT * (2 + UINT8_MAX)];
	static uint8_t packet[BF_RTP_HEADER_MAX + sizeof(ext)];
	struct bf_wr ext_wr = bf_wr(ext, sizeof(ext));
	struct bf_wr wr = bf_wr(packet, sizeof(packet));
	struct bf_rtp copy = *rtp, back;
	struct bf_ext_values back_values;

	copy.padding_len = 0;
	copy.ext_profile = bf_ext_write(&ext_wr, values, map);
	assert(!ext_wr.is_full);
	bf_rtp_write_header(&wr, &copy, bf_bytes(ext, bf_wr_len(&ext_wr)));
	assert(!wr.is_full);
	assert(bf_rtp_parse(&back, bf_bytes(packet, bf_wr_len(&wr))) == 0);
	assert(back.pt == rtp->pt && back.marker == rtp->marker && back.seq == rtp->seq);
	assert(back.timestamp == rtp->timestamp && back.ssrc == rtp->ssrc);
	assert(bf_bytes_equal(back.csrcs, rtp->csrcs));
	assert(back.payload.len == 0);
	bf_ext_parse(&back_values, &back, map);
	for (size_t i = 0; i < BF_EXT_COUNT; i++) {
		bool is_written = values->value[i].data && map->id[i] != 0;

		assert((back_values.value[i].data != NULL) == is_written);
		if (is_written)
			assert(bf_bytes_equal(back_values.value[i], values->value[i]));
	}
}

/* Two extensions under one id cannot be told apart after writing: the negotiation refuses that. */
static void make_ids_unique(struct bf_ext_map *map)
{
	for (size_t i = 0; i < BF_EXT_COUNT; i++) {
		for (size_t j = 0; j < i; j++) {
			if (map->id[j] == map->id[i])
				map->id[i] = 0;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bf_ext_values values;
	struct bf_ext_map map;
	struct bf_rtp rtp, header;

	if (size < BF_EXT_COUNT)
		return 0;
	memcpy(map.id, data, BF_EXT_COUNT);
	make_ids_unique(&map);
	data += BF_EXT_COUNT;
	size -= BF_EXT_COUNT;
	(void)bf_rtp_is_rtcp(bf_bytes(data, size));
	if (bf_rtp_parse(&rtp, bf_bytes(data, size)) < 0)
		return 0;
	assert(bf_rtp_parse_header(&header, bf_bytes(data, size)) == 0);
	assert(header.header_len == rtp.header_len);
	assert(rtp.header_len + rtp.payload.len + rtp.padding_len == size);
	bf_ext_parse(&values, &rtp, &map);
	check_values(&values, &rtp);
	write_back(&rtp, &values, &map);
	return 0;
}
