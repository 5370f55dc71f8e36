/* What strangers and peers send, to all SRTP engines at once: they must say the same, of each packet and of each batch.
 *
 * Input: profile, then events: kind (1 byte; its top bit: what has been collected is a batch now), and
 *   RAW, RAW_RTCP:  length (1), that many bytes
 *   RTP:            SSRC (1), SEQ (2), length of the payload / 5 (1), place (2) and bits (1) that are spoilt
 *   CUT:            the same, and cut at the place
 *   RTCP:           SSRC (1), length / 4 (1), place (2), bits (1)
 *   AGAIN:          the packet before
 *   FORGET:         SSRC (1)
 */
#include "tests/media/srtp/engines.h"

#include <assert.h>
#include <stdlib.h>

#define BATCH	   48
#define PACKET_MAX 1600
#define E_BIT	   0x80

enum kind {
	RAW,
	RAW_RTCP,
	RTP,
	CUT,
	RTCP,
	AGAIN,
	FORGET,
	KIND_COUNT,
};

struct packet {
	uint8_t bytes[PACKET_MAX];
	size_t len;
};

struct world {
	struct srtp_engines *engines;
	struct bf_srtp *in[SRTP_ENGINES_MAX];
	struct bf_srtp *out;
	struct packet batch[BATCH], last;
	size_t count;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Exactly as long as it is, so that one byte too far is seen. */
static uint8_t *copy_of(const struct packet *packet)
{
	uint8_t *copy = malloc(packet->len + 1);

	assert(copy);
	memcpy(copy, packet->bytes, packet->len);
	return copy;
}

static void unprotect_on(
	struct bf_srtp *srtp, const struct world *world, struct bf_srtp_unprotect_job *jobs)
{
	for (size_t i = 0; i < world->count; i++)
		jobs[i] = (struct bf_srtp_unprotect_job){.srtp = srtp,
			.data = copy_of(&world->batch[i]),
			.len = world->batch[i].len};
	bf_srtp_unprotect(jobs, world->count);
}

static void flush(struct world *world)
{
	struct bf_srtp_unprotect_job expected[BATCH], jobs[BATCH];

	if (world->count == 0)
		return;
	unprotect_on(world->in[0], world, expected);
	for (size_t e = 1; e < world->engines->count; e++) {
		unprotect_on(world->in[e], world, jobs);
		for (size_t i = 0; i < world->count; i++) {
			assert(jobs[i].drop == expected[i].drop);
			assert(jobs[i].len == expected[i].len);
			assert(jobs[i].drop ||
				memcmp(jobs[i].data, expected[i].data, jobs[i].len) == 0);
			free(jobs[i].data);
		}
	}
	for (size_t i = 0; i < world->count; i++)
		free(expected[i].data);
	world->count = 0;
}

static void add(struct world *world, const struct packet *packet)
{
	world->batch[world->count++] = world->last = *packet;
	if (world->count == BATCH)
		flush(world);
}

/* libsrtp2 takes what is authenticated but not encrypted with GCM; nobody without the key can make such a packet. Of one that is
 * made from an old packet it says that it is a replay, where we see first that it is not encrypted. */
static bool is_encrypted(const struct bf_srtp *srtp, const struct packet *packet)
{
	size_t behind = srtp->profile == BF_SRTP_AES128_CM_SHA1_80 ? srtp->tag_len : 0;

	return packet->len < behind + 4 || packet->bytes[packet->len - behind - 4] & E_BIT;
}

static void deliver_rtcp(struct world *world, const struct packet *packet)
{
	size_t expected_len = packet->len;
	uint8_t *expected = copy_of(packet);
	enum bf_drop expected_drop;

	flush(world);
	expected_drop = bf_srtp_unprotect_rtcp(world->in[0], expected, &expected_len);
	for (size_t e = 1; e < world->engines->count; e++) {
		uint8_t *copy = copy_of(packet);
		size_t len = packet->len;
		enum bf_drop drop = bf_srtp_unprotect_rtcp(world->in[e], copy, &len);

		assert(drop == expected_drop ||
			(drop == BF_DROP_AUTH && !is_encrypted(world->in[e], packet)));
		assert(len == expected_len);
		assert(drop || memcmp(copy, expected, len) == 0);
		free(copy);
	}
	free(expected);
}

static void spoil(struct packet *packet, struct bf_rd *rd, bool is_cut)
{
	size_t at = bf_rd_u16(rd);
	uint8_t bits = bf_rd_u8(rd);

	if (packet->len == 0)
		return;
	packet->bytes[at % packet->len] ^= bits;
	if (is_cut)
		packet->len = at % packet->len;
}

static void on_rtp(struct world *world, struct bf_rd *rd, bool is_cut)
{
	struct packet packet = {.bytes = {0x80, 96}};
	struct bf_srtp_protect_job job = {
		.srtp = world->out, .dst = packet.bytes, .dst_size = PACKET_MAX, .header_len = 12};

	bf_put_u32(packet.bytes + 8, bf_rd_u8(rd));
	bf_put_u16(packet.bytes + 2, bf_rd_u16(rd));
	job.front_len = 5u * bf_rd_u8(rd);
	bf_srtp_protect(&job, 1);
	packet.len = job.dst_len;
	spoil(&packet, rd, is_cut);
	if (packet.len > 0)
		add(world, &packet);
}

static void on_rtcp(struct world *world, struct bf_rd *rd)
{
	struct packet packet = {.bytes = {0x80, 201}};
	size_t len;

	bf_put_u32(packet.bytes + 4, bf_rd_u8(rd));
	len = 8 + 4u * bf_rd_u8(rd);
	packet.len = (size_t)bf_srtp_protect_rtcp(world->out, packet.bytes, len, PACKET_MAX);
	deliver_rtcp(world, &packet);
	spoil(&packet, rd, false);
	deliver_rtcp(world, &packet);
}

static void on_raw(struct world *world, struct bf_rd *rd, bool is_rtcp)
{
	struct packet packet;
	struct bf_bytes bytes = bf_rd_bytes(rd, bf_rd_u8(rd));

	packet.len = bytes.len;
	if (bytes.len > 0)
		memcpy(packet.bytes, bytes.data, bytes.len);
	if (is_rtcp)
		deliver_rtcp(world, &packet);
	else
		add(world, &packet);
}

static void on_event(struct world *world, struct bf_rd *rd)
{
	uint8_t kind = bf_rd_u8(rd);
	uint32_t ssrc;

	switch ((enum kind)((kind & 0x7f) % KIND_COUNT)) {
	case RAW:
	case RAW_RTCP:
		on_raw(world, rd, (kind & 0x7f) % KIND_COUNT == RAW_RTCP);
		break;
	case RTP:
	case CUT:
		on_rtp(world, rd, (kind & 0x7f) % KIND_COUNT == CUT);
		break;
	case RTCP:
		on_rtcp(world, rd);
		break;
	case AGAIN:
		add(world, &world->last);
		break;
	case FORGET:
		ssrc = bf_rd_u8(rd);
		flush(world);
		for (size_t e = 0; e < world->engines->count; e++)
			bf_srtp_remove_ssrc(world->in[e], ssrc);
		break;
	case KIND_COUNT:
		break;
	}
	if (kind & 0x80)
		flush(world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum bf_srtp_profile profiles[] = {
		BF_SRTP_AEAD_AES_128_GCM, BF_SRTP_AEAD_AES_256_GCM, BF_SRTP_AES128_CM_SHA1_80};
	static const struct bf_srtp_key key = {
		.bytes = "not a secret at all, for what it is worth"};
	static struct srtp_engines
		engines; /* made once: their self-tests take longer than a whole input */
	static struct world world;
	static struct bf_srtp *keeper;
	struct bf_rd rd = bf_rd(bf_bytes(data, size));
	enum bf_srtp_profile profile = profiles[bf_rd_u8(&rd) % 3];

	if (engines.count == 0) {
		srtp_engines_open(&engines);
		/* While libsrtp2 has a session, its NSS does not load itself anew for each one. */
		if (bf_srtp_new(&keeper, engines.cases[0].engine, profiles[0], &key, false))
			abort();
	}
	world.engines = &engines;
	world.count = 0;
	world.last.len = 0;
	for (size_t e = 0; e < engines.count; e++)
		if (bf_srtp_new(&world.in[e], engines.cases[e].engine, profile, &key, false))
			abort();
	if (bf_srtp_new(&world.out, engines.cases[1].engine, profile, &key, true))
		abort();
	while (bf_rd_left(&rd) > 0 && !rd.is_short)
		on_event(&world, &rd);
	flush(&world);
	for (size_t e = 0; e < engines.count; e++)
		bf_srtp_free(world.in[e]);
	bf_srtp_free(world.out);
	return 0;
}
