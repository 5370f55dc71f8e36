/* All engines side by side: the same packets in, and everything must be the same coming out. libsrtp2 is the measure. Random
 * lengths, CSRCs, extensions, batches, alignments; jumps over the wrap of sequence numbers; packets sent again; on the way some
 * are lost, doubled, swapped, spoilt or cut.
 *
 * BELFRY_SRTP_PACKETS=2000000 in the environment, for more than the default. */
#include "core/base/rand.h"
#include "tests/media/srtp/engines.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h> /* cmocka wants these before it */
#include <stdarg.h>

#include <cmocka.h>

#define PACKETS_DEFAULT 60000
#define EPOCH_PACKETS	3000 /* then all keys are new */
#define KEYS		6    /* two of each profile, mixed within batches */
#define STREAMS		3    /* of each key */
#define BATCH		160  /* more than an engine takes at once */
#define NET		512
#define PACKET_MAX	1600

static const enum bf_srtp_profile profiles[] = {
	BF_SRTP_AEAD_AES_128_GCM, BF_SRTP_AEAD_AES_256_GCM, BF_SRTP_AES128_CM_SHA1_80};

/* Everything about a packet follows from these, so that one that is sent again is the same. */
struct name {
	unsigned key, stream;
	uint64_t index;
};

struct plain {
	uint8_t bytes[PACKET_MAX];
	size_t header_len, len;
};

/* On its way; or what came of it. */
struct flight {
	struct name name;
	bool is_spoilt;
	size_t len;
	uint8_t bytes[PACKET_MAX];
};

struct world {
	struct srtp_engines engines;
	struct bf_srtp *out[SRTP_ENGINES_MAX][KEYS], *in[SRTP_ENGINES_MAX][KEYS];
	uint64_t newest[KEYS][STREAMS];
	uint64_t seed; /* of this epoch */
	struct bf_prng prng;
	struct flight net[NET];
	size_t net_count;
	uint64_t sent, received, replayed, refused;
	/* within one step */
	struct flight results[BATCH]; /* of libsrtp2 */
	uint8_t memory[BATCH][PACKET_MAX];
};

static bool one_in(struct world *world, uint32_t n)
{
	return bf_prng_below(&world->prng, n) == 0;
}

static uint32_t ssrc_of(const struct world *world, const struct name *name)
{
	return (uint32_t)(world->seed * 0x9E3779B1u) + name->key * 1000 + name->stream;
}

static void make_plain(struct plain *plain, const struct world *world, const struct name *name)
{
	struct bf_prng prng;
	uint8_t *at = plain->bytes;
	size_t csrc_count, ext_words, payload_len;

	bf_prng_init(&prng, world->seed ^ (uint64_t)ssrc_of(world, name) << 32 ^ name->index);
	csrc_count = bf_prng_below(&prng, 4) ? 0 : bf_prng_below(&prng, 16);
	ext_words = bf_prng_below(&prng, 3) ? bf_prng_below(&prng, 5) : 0;
	payload_len =
		bf_prng_below(&prng, 4) ? bf_prng_below(&prng, 1401) : bf_prng_below(&prng, 40);
	for (size_t i = 0; i < sizeof(plain->bytes); i++)
		at[i] = (uint8_t)bf_prng_next(&prng);
	at[0] = (uint8_t)(0x80 | (ext_words ? 0x10 : 0) | csrc_count);
	bf_put_u16(at + 2, (uint16_t)name->index);
	bf_put_u32(at + 8, ssrc_of(world, name));
	plain->header_len = 12 + 4 * csrc_count;
	if (ext_words) {
		bf_put_u16(at + plain->header_len + 2, (uint16_t)ext_words);
		plain->header_len += 4 + 4 * ext_words;
	}
	plain->len = plain->header_len + payload_len;
}

/* ---- keys ---- */

static void open_epoch(struct world *world)
{
	world->seed = bf_prng_next(&world->prng);
	for (unsigned k = 0; k < KEYS; k++) {
		struct bf_srtp_key key;

		for (size_t i = 0; i < sizeof(key.bytes); i++)
			key.bytes[i] = (uint8_t)bf_prng_next(&world->prng);
		for (size_t e = 0; e < world->engines.count; e++) {
			struct bf_srtp_engine *engine = world->engines.cases[e].engine;

			assert_int_equal(
				bf_srtp_new(&world->out[e][k], engine, profiles[k % 3], &key, true),
				0);
			assert_int_equal(
				bf_srtp_new(&world->in[e][k], engine, profiles[k % 3], &key, false),
				0);
		}
		for (unsigned s = 0; s < STREAMS; s++)
			world->newest[k][s] = one_in(world, 2)
						      ? 65536 - bf_prng_below(&world->prng, 50)
						      : bf_prng_below(&world->prng, 65536);
	}
	world->net_count = 0;
}

static void close_epoch(struct world *world)
{
	for (size_t e = 0; e < world->engines.count; e++) {
		for (unsigned k = 0; k < KEYS; k++) {
			bf_srtp_free(world->out[e][k]);
			bf_srtp_free(world->in[e][k]);
		}
	}
}

/* ---- sending ---- */

static struct name next_name(struct world *world)
{
	struct name name = {.key = bf_prng_below(&world->prng, KEYS),
		.stream = bf_prng_below(&world->prng, STREAMS)};
	uint64_t *newest = &world->newest[name.key][name.stream];

	if (one_in(world, 6)) { /* again, or late; now and then later than any window */
		uint32_t back = bf_prng_below(&world->prng, one_in(world, 8) ? 1100 : 30);

		name.index = *newest > back ? *newest - back : *newest;
		return name;
	}
	*newest += one_in(world, 30) ? 1 + bf_prng_below(&world->prng, 9000) : 1;
	name.index = *newest;
	return name;
}

static void fill_job(struct world *world, struct bf_srtp_protect_job *job, struct bf_srtp *srtp,
	const struct plain *plain, uint8_t *dst)
{
	size_t front_len = one_in(world, 2) ? 0 : bf_prng_below(&world->prng, 40);

	if (front_len > plain->len - plain->header_len)
		front_len = plain->len - plain->header_len;
	*job = (struct bf_srtp_protect_job){.srtp = srtp,
		.dst = dst,
		.dst_size = plain->len + srtp->tag_len,
		.header_len = plain->header_len,
		.front_len = front_len,
		.payload = bf_bytes(plain->bytes + plain->header_len + front_len,
			plain->len - plain->header_len - front_len)};
	memset(dst, 0xAA, PACKET_MAX - 16);
	memcpy(dst, plain->bytes, plain->header_len + front_len);
}

static void protect_on(struct world *world, size_t e, const struct name *names, size_t count)
{
	static struct plain plains[BATCH];
	struct bf_srtp_protect_job jobs[BATCH];

	for (size_t i = 0; i < count; i++) {
		uint8_t *dst = world->memory[i] + bf_prng_below(&world->prng, 16);

		make_plain(&plains[i], world, &names[i]);
		fill_job(world, &jobs[i], world->out[e][names[i].key], &plains[i], dst);
	}
	bf_srtp_protect(jobs, count);
	for (size_t i = 0; i < count; i++) {
		struct flight *result = &world->results[i];
		size_t len = jobs[i].dst_len;

		assert_int_equal(jobs[i].dst[plains[i].len + jobs[i].srtp->tag_len], 0xAA);
		if (e == 0) {
			*result = (struct flight){.name = names[i], .len = len};
			memcpy(result->bytes, jobs[i].dst, len);
			continue;
		}
		if (len != result->len || memcmp(jobs[i].dst, result->bytes, len) != 0)
			fail_msg("%s and libsrtp2 differ: %s, index %llu, %zu bytes, front %zu",
				world->engines.cases[e].name,
				bf_srtp_profile_name(jobs[i].srtp->profile),
				(unsigned long long)names[i].index, plains[i].len,
				jobs[i].front_len);
	}
}

static void send_batch(struct world *world)
{
	struct name names[BATCH];
	size_t count = 1 + bf_prng_below(&world->prng, one_in(world, 4) ? BATCH : 12);

	for (size_t i = 0; i < count; i++)
		names[i] = next_name(world);
	for (size_t e = 0; e < world->engines.count; e++)
		protect_on(world, e, names, count);
	for (size_t i = 0; i < count; i++) {
		if (world->results[i].len == 0)
			world->refused++;
		else if (world->net_count < NET)
			world->net[world->net_count++] = world->results[i];
	}
	world->sent += count;
}

/* ---- the network ---- */

static void spoil(struct world *world, struct flight *flight)
{
	if (one_in(world, 5)) {
		flight->len = bf_prng_below(&world->prng, (uint32_t)flight->len);
	} else {
		uint32_t bit = bf_prng_below(&world->prng, 8 * (uint32_t)flight->len);

		flight->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	flight->is_spoilt = true;
}

/* The next packet to arrive; mostly the oldest. */
static struct flight arrive(struct world *world)
{
	size_t at = one_in(world, 4) ? bf_prng_below(&world->prng, (uint32_t)world->net_count) : 0;
	struct flight flight = world->net[at];

	if (one_in(world, 12)) {
		spoil(world, &flight); /* and the good one comes later */
	} else if (!one_in(world, 12)) {
		world->net_count--;
		memmove(&world->net[at], &world->net[at + 1],
			(world->net_count - at) * sizeof(world->net[0]));
	}
	return flight;
}

static void check_received(
	struct world *world, const struct flight *flight, const struct bf_srtp_unprotect_job *job)
{
	struct plain plain;

	world->received += job->drop == BF_DROP_NONE;
	world->replayed += job->drop == BF_DROP_REPLAY;
	if (job->drop != BF_DROP_NONE)
		return;
	assert_false(flight->is_spoilt);
	make_plain(&plain, world, &flight->name);
	assert_int_equal(job->len, plain.len);
	assert_memory_equal(job->data, plain.bytes, plain.len);
}

static void unprotect_on(struct world *world, size_t e, const struct flight *flights, size_t count)
{
	struct bf_srtp_unprotect_job jobs[BATCH];

	for (size_t i = 0; i < count; i++) {
		uint8_t *data = world->memory[i] + bf_prng_below(&world->prng, 16);

		memcpy(data, flights[i].bytes, flights[i].len);
		jobs[i] = (struct bf_srtp_unprotect_job){.srtp = world->in[e][flights[i].name.key],
			.data = data,
			.len = flights[i].len};
	}
	bf_srtp_unprotect(jobs, count);
	for (size_t i = 0; i < count; i++) {
		struct flight *result = &world->results[i];

		if (e == 0) {
			check_received(world, &flights[i], &jobs[i]);
			result->len = jobs[i].len;
			result->name.index = jobs[i].drop;
			memcpy(result->bytes, jobs[i].data, jobs[i].len);
			continue;
		}
		if (jobs[i].drop != result->name.index || jobs[i].len != result->len ||
			(!jobs[i].drop && memcmp(jobs[i].data, result->bytes, result->len) != 0))
			fail_msg("%s says %s, libsrtp2 %s: %s, index %llu, spoilt %d, %zu bytes",
				world->engines.cases[e].name, bf_drop_name(jobs[i].drop),
				bf_drop_name((enum bf_drop)result->name.index),
				bf_srtp_profile_name(jobs[i].srtp->profile),
				(unsigned long long)flights[i].name.index, flights[i].is_spoilt,
				flights[i].len);
	}
}

static void deliver_batch(struct world *world)
{
	static struct flight flights[BATCH];
	size_t wanted = 1 + bf_prng_below(&world->prng, one_in(world, 4) ? BATCH : 12);
	size_t count = 0;

	while (count < wanted && world->net_count > 0) {
		flights[count] = arrive(world);
		count += !one_in(world, 30); /* else it is lost */
	}
	for (size_t e = 0; e < world->engines.count; e++)
		unprotect_on(world, e, flights, count);
}

/* ---- RTCP ---- */

static void make_rtcp(struct world *world, uint8_t *out, size_t *len, uint32_t ssrc)
{
	*len = 8 + 4 * bf_prng_below(&world->prng, 200);
	for (size_t i = 8; i < *len; i++)
		out[i] = (uint8_t)bf_prng_next(&world->prng);
	out[0] = 0x80;
	out[1] = 201;
	bf_put_u16(out + 2, (uint16_t)(*len / 4 - 1));
	bf_put_u32(out + 4, ssrc);
}

static void take_rtcp(struct world *world, unsigned k, const uint8_t *packet, size_t len)
{
	enum bf_drop expected = BF_DROP_NONE;
	uint8_t reference[PACKET_MAX];
	size_t reference_len = 0;

	for (size_t e = 0; e < world->engines.count; e++) {
		uint8_t *data = world->memory[0] + bf_prng_below(&world->prng, 16);
		size_t data_len = len;
		enum bf_drop drop;

		memcpy(data, packet, len);
		drop = bf_srtp_unprotect_rtcp(world->in[e][k], data, &data_len);
		if (e == 0) {
			expected = drop;
			reference_len = data_len;
			memcpy(reference, data, data_len);
		}
		assert_int_equal(drop, expected);
		assert_int_equal(data_len, reference_len);
		if (drop == BF_DROP_NONE)
			assert_memory_equal(data, reference, data_len);
	}
}

static void exchange_rtcp(struct world *world)
{
	struct name name = {.key = bf_prng_below(&world->prng, KEYS),
		.stream = bf_prng_below(&world->prng, STREAMS)};
	uint8_t plain[PACKET_MAX], reference[PACKET_MAX];
	size_t len, protected_len = 0;

	make_rtcp(world, plain, &len, ssrc_of(world, &name));
	for (size_t e = 0; e < world->engines.count; e++) {
		uint8_t *data = world->memory[0] + bf_prng_below(&world->prng, 16);
		int ret;

		memcpy(data, plain, len);
		ret = bf_srtp_protect_rtcp(
			world->out[e][name.key], data, len, len + BF_SRTP_OVERHEAD_MAX);
		assert_true(ret > 0);
		if (e == 0) {
			protected_len = (size_t)ret;
			memcpy(reference, data, protected_len);
		}
		assert_int_equal(ret, protected_len);
		assert_memory_equal(data, reference, protected_len);
	}
	if (one_in(world, 10))
		return;		/* lost */
	if (one_in(world, 3)) { /* not in the E bit: what is said about that differs */
		uint32_t bit = bf_prng_below(&world->prng, 8 * ((uint32_t)len));

		reference[bit / 8] ^= (uint8_t)(1 << bit % 8);
		take_rtcp(world, name.key, reference, protected_len);
		reference[bit / 8] ^= (uint8_t)(1 << bit % 8);
		take_rtcp(world, name.key, reference,
			bf_prng_below(&world->prng, (uint32_t)protected_len));
	}
	take_rtcp(world, name.key, reference, protected_len);
	if (one_in(world, 3))
		take_rtcp(world, name.key, reference, protected_len); /* a replay */
}

static uint64_t packets_wanted(void)
{
	const char *text = getenv("BELFRY_SRTP_PACKETS");

	return text ? strtoull(text, NULL, 10) : PACKETS_DEFAULT;
}

static void engines_agree_about_everything(void **state)
{
	static struct world world;
	uint64_t wanted = packets_wanted();

	(void)state;
	bf_prng_init(&world.prng, 20260101);
	srtp_engines_open(&world.engines);
	while (world.sent < wanted) {
		uint64_t until = world.sent + EPOCH_PACKETS;

		open_epoch(&world);
		while (world.sent < until) {
			send_batch(&world);
			deliver_batch(&world);
			if (world.net_count > NET / 2)
				deliver_batch(&world);
			if (one_in(&world, 2))
				exchange_rtcp(&world);
		}
		close_epoch(&world);
	}
	printf("%zu engines: %llu packets sent, %llu received, %llu replays, %llu refused\n",
		world.engines.count, (unsigned long long)world.sent,
		(unsigned long long)world.received, (unsigned long long)world.replayed,
		(unsigned long long)world.refused);
	/* most of it is about packets that pass */
	assert_true(world.received > world.sent / 2);
	assert_true(world.replayed > 0 && world.refused > 0);
	srtp_engines_close(&world.engines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(engines_agree_about_everything)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
