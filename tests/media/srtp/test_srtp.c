/* Run over every engine there is: each must make the bytes of srtp_ref.c. */
#include "tests/media/srtp/engines.h"
#include "tests/media/srtp/srtp_ref.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

#define PACKET_MAX 1500

static const enum bf_srtp_profile all_profiles[] = {
	BF_SRTP_AEAD_AES_128_GCM, BF_SRTP_AEAD_AES_256_GCM, BF_SRTP_AES128_CM_SHA1_80};

struct packet {
	uint8_t bytes[PACKET_MAX];
	size_t header_len;
	size_t front_len; /* of the payload: given in dst */
	size_t len;
};

/* One direction: what one end protects and the other one takes. */
struct link {
	struct bf_srtp *out;
	struct bf_srtp *in;
	struct srtp_ref ref;
};

static void link_init(
	struct link *link, struct bf_srtp_engine *engine, enum bf_srtp_profile profile)
{
	struct bf_srtp_key key;

	for (size_t i = 0; i < sizeof(key.bytes); i++)
		key.bytes[i] = (uint8_t)(i * 73 + (size_t)profile);
	assert_int_equal(bf_srtp_new(&link->out, engine, profile, &key, true), 0);
	assert_int_equal(bf_srtp_new(&link->in, engine, profile, &key, false), 0);
	srtp_ref_init(&link->ref, profile, &key);
}

static void link_deinit(struct link *link)
{
	bf_srtp_free(link->out);
	bf_srtp_free(link->in);
}

static void make(struct packet *packet, uint32_t ssrc, uint16_t seq, size_t payload_len)
{
	memset(packet, 0, sizeof(*packet));
	packet->bytes[0] = 0x80;
	packet->bytes[1] = 96;
	bf_put_u16(packet->bytes + 2, seq);
	bf_put_u32(packet->bytes + 4, seq * 3000u);
	bf_put_u32(packet->bytes + 8, ssrc);
	packet->header_len = 12;
	packet->len = 12 + payload_len;
	for (size_t i = 0; i < payload_len; i++)
		packet->bytes[12 + i] = (uint8_t)(i + seq);
}

/* The same with two CSRCs and an extension of two words. */
static void make_long_header(struct packet *packet, uint32_t ssrc, uint16_t seq, size_t payload_len)
{
	make(packet, ssrc, seq, payload_len);
	memmove(packet->bytes + 32, packet->bytes + 12, payload_len);
	memset(packet->bytes + 12, 0x55, 20);
	packet->bytes[0] = 0x92;
	bf_put_u16(packet->bytes + 20, 0xBEDE);
	bf_put_u16(packet->bytes + 22, 2);
	packet->header_len = 32;
	packet->len = 32 + payload_len;
}

/* Returns the protected length; 0 if it was refused. */
static size_t protect(
	struct bf_srtp *srtp, const struct packet *packet, uint8_t out[static PACKET_MAX])
{
	size_t plain_len = packet->header_len + packet->front_len;
	struct bf_srtp_protect_job job = {.srtp = srtp,
		.dst = out,
		.dst_size = packet->len + srtp->tag_len,
		.header_len = packet->header_len,
		.front_len = packet->front_len,
		.payload = bf_bytes(packet->bytes + plain_len, packet->len - plain_len)};

	memcpy(out, packet->bytes, plain_len);
	bf_srtp_protect(&job, 1);
	return job.dst_len;
}

static enum bf_drop unprotect(struct bf_srtp *srtp, uint8_t *data, size_t *len)
{
	struct bf_srtp_unprotect_job job = {.srtp = srtp, .data = data, .len = *len};

	bf_srtp_unprotect(&job, 1);
	*len = job.len;
	return job.drop;
}

/* Give a copy of protected bytes to the receiver. */
static enum bf_drop receive(struct link *link, const uint8_t *data, size_t len)
{
	uint8_t copy[PACKET_MAX];

	memcpy(copy, data, len);
	return unprotect(link->in, copy, &len);
}

static void assert_received(
	struct link *link, const uint8_t *data, size_t len, const struct packet *packet)
{
	uint8_t copy[PACKET_MAX];

	memcpy(copy, data, len);
	assert_int_equal(unprotect(link->in, copy, &len), BF_DROP_NONE);
	assert_int_equal(len, packet->len);
	assert_memory_equal(copy, packet->bytes, len);
}

/* What a peer with our key sends, made by the reference. */
static size_t peer_sends(const struct link *link, uint8_t *out, uint32_t ssrc, uint64_t index)
{
	struct packet packet;

	make(&packet, ssrc, (uint16_t)index, 100);
	memcpy(out, packet.bytes, packet.len);
	return srtp_ref_protect(
		&link->ref, out, packet.len, packet.header_len, (uint32_t)(index >> 16));
}

static enum bf_drop receive_from_peer(struct link *link, uint32_t ssrc, uint64_t index)
{
	uint8_t bytes[PACKET_MAX];
	size_t len = peer_sends(link, bytes, ssrc, index);

	return unprotect(link->in, bytes, &len);
}

/* Each engine's output is its own input here; test_srtp_engines.c crosses them. */
static void for_each(void (*test)(struct link *link, enum bf_srtp_profile profile))
{
	struct srtp_engines engines;

	srtp_engines_open(&engines);
	for (size_t engine = 0; engine < engines.count; engine++) {
		for (size_t i = 0; i < 3; i++) {
			struct link link;

			link_init(&link, engines.cases[engine].engine, all_profiles[i]);
			test(&link, all_profiles[i]);
			link_deinit(&link);
		}
	}
	srtp_engines_close(&engines);
}

static void check_bytes(struct link *link, enum bf_srtp_profile profile)
{
	static const size_t lens[] = {0, 1, 15, 16, 17, 160, 1200};
	uint8_t expected[PACKET_MAX];
	uint8_t out[PACKET_MAX];
	struct packet packet;
	uint16_t seq = 100;

	for (size_t i = 0; i < 2 * sizeof(lens) / sizeof(lens[0]); i++) {
		size_t len;

		if (i % 2)
			make_long_header(&packet, 0xDECAFBAD, seq++, lens[i / 2]);
		else
			make(&packet, 0xDECAFBAD, seq++, lens[i / 2]);
		packet.front_len = i * 7 % (lens[i / 2] + 1);
		memset(out, 0xAA, sizeof(out));
		len = protect(link->out, &packet, out);
		assert_int_equal(
			len, packet.len + (profile == BF_SRTP_AES128_CM_SHA1_80 ? 10 : 16));
		memcpy(expected, packet.bytes, packet.len);
		assert_int_equal(
			srtp_ref_protect(&link->ref, expected, packet.len, packet.header_len, 0),
			len);
		assert_memory_equal(out, expected, len);
		for (size_t at = len; at < sizeof(out); at++)
			assert_int_equal(out[at], 0xAA); /* not a byte more than said */
		assert_received(link, out, len, &packet);
	}
}

static void protected_bytes_are_those_of_the_rfcs(void **state)
{
	(void)state;
	for_each(check_bytes);
}

static void check_roc_out(struct link *link, enum bf_srtp_profile profile)
{
	uint8_t expected[PACKET_MAX];
	uint8_t out[PACKET_MAX];
	struct packet packet;

	(void)profile;
	for (uint64_t index = 65000; index < 4 * 65536;
		index += 337) { /* and one late packet each */
		const uint64_t order[] = {index, index - 200};

		for (size_t i = 0; i < 2; i++) {
			size_t len;

			make(&packet, 7, (uint16_t)order[i], 50);
			len = protect(link->out, &packet, out);
			memcpy(expected, packet.bytes, packet.len);
			srtp_ref_protect(
				&link->ref, expected, packet.len, 12, (uint32_t)(order[i] >> 16));
			assert_memory_equal(out, expected, len);
			assert_received(link, out, len, &packet);
		}
	}
}

static void sequence_numbers_wrap_outwards(void **state)
{
	(void)state;
	for_each(check_roc_out);
}

static void check_roc_in(struct link *link, enum bf_srtp_profile profile)
{
	(void)profile;
	for (uint64_t index = 65500; index < 65600; index += 2) {
		assert_int_equal(receive_from_peer(link, 9, index + 1), BF_DROP_NONE);
		/* swapped, also at the wrap */
		assert_int_equal(receive_from_peer(link, 9, index), BF_DROP_NONE);
		assert_int_equal(receive_from_peer(link, 9, index), BF_DROP_REPLAY);
	}
	/* gaps nearly as long as can be told from going back */
	for (uint64_t index = 65599; index < 8 * 65536; index += 32000)
		assert_int_equal(receive_from_peer(link, 9, index + 32000), BF_DROP_NONE);
}

static void sequence_numbers_wrap_inwards(void **state)
{
	(void)state;
	for_each(check_roc_in);
}

static void check_replay(struct link *link, enum bf_srtp_profile profile)
{
	(void)profile;
	assert_int_equal(receive_from_peer(link, 9, 5000), BF_DROP_NONE);
	assert_int_equal(receive_from_peer(link, 9, 5000), BF_DROP_REPLAY);
	assert_int_equal(receive_from_peer(link, 9, 6000), BF_DROP_NONE);
	assert_int_equal(receive_from_peer(link, 9, 5000), BF_DROP_REPLAY);
	assert_int_equal(
		receive_from_peer(link, 9, 6000 - 1023), BF_DROP_NONE); /* the window's last */
	assert_int_equal(receive_from_peer(link, 9, 6000 - 1023), BF_DROP_REPLAY);
	assert_int_equal(receive_from_peer(link, 9, 6000 - 1024), BF_DROP_REPLAY); /* too old */
	assert_int_equal(
		receive_from_peer(link, 10, 5000), BF_DROP_NONE); /* another SSRC, another window */
}

static void replays_are_dropped_within_and_behind_the_window(void **state)
{
	(void)state;
	for_each(check_replay);
}

static void check_forgery(struct link *link, enum bf_srtp_profile profile)
{
	uint8_t good[PACKET_MAX];
	uint8_t forged[PACKET_MAX];
	size_t len = peer_sends(link, good, 9, 1000);

	(void)profile;
	for (int established = 0; established < 2; established++) {
		for (size_t at = 0; at < len; at++)
			for (int bit = 0; bit < 8; bit++) {
				memcpy(forged, good, len);
				forged[at] ^= (uint8_t)(1 << bit);
				assert_int_not_equal(receive(link, forged, len), BF_DROP_NONE);
			}
		for (size_t cut = 0; cut < len; cut++)
			assert_int_not_equal(receive(link, good, cut), BF_DROP_NONE);
		assert_int_equal(receive(link, good, len), BF_DROP_NONE);
		assert_int_equal(receive(link, good, len), BF_DROP_REPLAY);
		len = peer_sends(link, good, 9, 1001);
	}
}

static void forged_or_cut_packets_change_nothing(void **state)
{
	(void)state;
	for_each(check_forgery);
}

static void check_flood(struct link *link, enum bf_srtp_profile profile)
{
	uint8_t forged[PACKET_MAX];
	size_t len = peer_sends(link, forged, 1, 1);

	(void)profile;
	for (uint32_t ssrc = 100000; ssrc < 105000; ssrc++) {
		uint8_t copy[PACKET_MAX];
		size_t copy_len = len;

		memcpy(copy, forged, len);
		bf_put_u32(copy + 8, ssrc);
		assert_int_equal(unprotect(link->in, copy, &copy_len), BF_DROP_AUTH);
	}
	for (uint32_t ssrc = 0; ssrc < BF_SRTP_SSRC_MAX; ssrc++) /* all places are still free */
		assert_int_equal(receive_from_peer(link, ssrc, 1), BF_DROP_NONE);
	assert_int_equal(receive_from_peer(link, BF_SRTP_SSRC_MAX, 1), BF_DROP_SSRC_LIMIT);
	assert_int_equal(
		receive_from_peer(link, 5, 2), BF_DROP_NONE); /* those that are there go on */
	bf_srtp_remove_ssrc(link->in, 77);
	assert_int_equal(receive_from_peer(link, BF_SRTP_SSRC_MAX, 1), BF_DROP_NONE);
	assert_int_equal(receive_from_peer(link, BF_SRTP_SSRC_MAX + 1, 1), BF_DROP_SSRC_LIMIT);
	bf_srtp_remove_ssrc(link->in, 0xffffffff); /* never there */
	assert_int_equal(receive_from_peer(link, BF_SRTP_SSRC_MAX + 1, 1), BF_DROP_SSRC_LIMIT);
}

static void contexts_come_only_after_authentication_and_are_limited(void **state)
{
	(void)state;
	for_each(check_flood);
}

static void check_outgoing_limit(struct link *link, enum bf_srtp_profile profile)
{
	struct packet packet;
	uint8_t out[PACKET_MAX];

	(void)profile;
	for (uint32_t ssrc = 1; ssrc <= BF_SRTP_SSRC_MAX; ssrc++) {
		make(&packet, ssrc, 1, 10);
		assert_true(protect(link->out, &packet, out) > 0);
	}
	make(&packet, BF_SRTP_SSRC_MAX + 1, 1, 10);
	assert_int_equal(protect(link->out, &packet, out), 0);
	bf_srtp_remove_ssrc(link->out, 1);
	assert_true(protect(link->out, &packet, out) > 0);
}

static void outgoing_contexts_are_limited_too(void **state)
{
	(void)state;
	for_each(check_outgoing_limit);
}

static void check_repeat(struct link *link, enum bf_srtp_profile profile)
{
	uint8_t first[PACKET_MAX], again[PACKET_MAX];
	struct packet packet;
	size_t len;

	(void)profile;
	make(&packet, 7, 1000, 100);
	len = protect(link->out, &packet, first);
	make(&packet, 7, 1500, 100);
	assert_true(protect(link->out, &packet, again) > 0);
	make(&packet, 7, 1000, 100);
	assert_int_equal(protect(link->out, &packet, again), len);
	assert_memory_equal(first, again, len);
	make(&packet, 7, 5000, 100);
	assert_true(protect(link->out, &packet, again) > 0);
	make(&packet, 7, 1000, 100); /* no window reaches back that far */
	assert_int_equal(protect(link->out, &packet, again), 0);
}

static void retransmission_gives_the_same_bytes(void **state)
{
	(void)state;
	for_each(check_repeat);
}

static void check_batch(struct bf_srtp_engine *engine)
{
	struct link links[3];
	struct packet packet;
	struct bf_srtp_protect_job jobs[3];
	struct bf_srtp_unprotect_job in[3];
	uint8_t out[3][PACKET_MAX];

	make_long_header(&packet, 7, 1, 500);
	for (size_t i = 0; i < 3; i++) {
		link_init(&links[i], engine, all_profiles[i]);
		jobs[i] = (struct bf_srtp_protect_job){.srtp = links[i].out,
			.dst = out[i],
			.dst_size = PACKET_MAX,
			.header_len = packet.header_len,
			.payload = bf_bytes(packet.bytes + packet.header_len, 500)};
		memcpy(out[i], packet.bytes, packet.header_len);
	}
	bf_srtp_protect(jobs, 3);
	bf_srtp_protect(jobs, 0);
	for (size_t i = 0; i < 3; i++)
		in[i] = (struct bf_srtp_unprotect_job){
			.srtp = links[i].in, .data = out[i], .len = jobs[i].dst_len};
	in[1].len = 20;
	bf_srtp_unprotect(in, 3);
	assert_int_equal(in[0].drop, BF_DROP_NONE);
	assert_int_equal(in[1].drop, BF_DROP_RTP_MALFORMED);
	assert_int_equal(in[2].drop, BF_DROP_NONE);
	assert_memory_equal(out[0], packet.bytes, packet.len);
	assert_memory_equal(out[2], packet.bytes, packet.len);
	in[1].len = jobs[1].dst_len;
	bf_srtp_unprotect(&in[1], 1);
	assert_int_equal(in[1].drop, BF_DROP_NONE);
	for (size_t i = 0; i < 3; i++)
		link_deinit(&links[i]);
}

static void batch_serves_many_destinations_and_skips_what_is_broken(void **state)
{
	struct srtp_engines engines;

	(void)state;
	srtp_engines_open(&engines);
	for (size_t i = 0; i < engines.count; i++)
		check_batch(engines.cases[i].engine);
	srtp_engines_close(&engines);
}

static void check_malformed(struct link *link, enum bf_srtp_profile profile)
{
	uint8_t bytes[PACKET_MAX] = {0x80};
	size_t len = 0;

	(void)profile;
	assert_int_equal(unprotect(link->in, bytes, &len), BF_DROP_RTP_MALFORMED);
	len = 11;
	assert_int_equal(unprotect(link->in, bytes, &len), BF_DROP_RTP_MALFORMED);
	len = 60;
	bytes[0] = 0x8f; /* 15 CSRCs do not fit */
	assert_int_equal(unprotect(link->in, bytes, &len), BF_DROP_RTP_MALFORMED);
	bytes[0] = 0x90; /* an extension of 65535 words */
	bf_put_u16(bytes + 14, 0xffff);
	assert_int_equal(unprotect(link->in, bytes, &len), BF_DROP_RTP_MALFORMED);
	bytes[0] = 0x40; /* version 1 */
	assert_int_equal(unprotect(link->in, bytes, &len), BF_DROP_RTP_MALFORMED);
	assert_int_equal(len, 60);
	len = 21;
	assert_int_equal(bf_srtp_unprotect_rtcp(link->in, bytes, &len), BF_DROP_RTCP_MALFORMED);
}

static void malformed_packets_never_reach_an_engine(void **state)
{
	(void)state;
	for_each(check_malformed);
}

static size_t make_rtcp(uint8_t *out, uint32_t ssrc)
{
	static const uint8_t report[] = {0x81, 201, 0, 7};

	memset(out, 0x33, 64);
	memcpy(out, report, 4);
	bf_put_u32(out + 4, ssrc);
	return 32;
}

static void check_rtcp(struct link *link, enum bf_srtp_profile profile)
{
	uint8_t plain[64], out[64], expected[64], forged[64];
	size_t overhead = profile == BF_SRTP_AES128_CM_SHA1_80 ? 14 : 20;

	for (uint32_t index = 1; index <= 20; index++) {
		size_t len = make_rtcp(plain, 99);
		size_t protected_len, copy_len;
		int ret;

		memcpy(out, plain, len);
		ret = bf_srtp_protect_rtcp(link->out, out, len, sizeof(out));
		assert_int_equal(ret, len + overhead);
		protected_len = (size_t)ret;
		memcpy(expected, plain, len);
		srtp_ref_protect_rtcp(&link->ref, expected, len, index);
		assert_memory_equal(out, expected, protected_len);
		for (size_t at = 0; at < protected_len; at++) {
			memcpy(forged, out, protected_len);
			forged[at] ^= 0x80;
			copy_len = protected_len;
			assert_int_not_equal(
				bf_srtp_unprotect_rtcp(link->in, forged, &copy_len), BF_DROP_NONE);
			memcpy(forged, out, protected_len);
			copy_len = at;
			assert_int_not_equal(
				bf_srtp_unprotect_rtcp(link->in, forged, &copy_len), BF_DROP_NONE);
		}
		memcpy(forged, out, protected_len);
		copy_len = protected_len;
		assert_int_equal(bf_srtp_unprotect_rtcp(link->in, out, &copy_len), BF_DROP_NONE);
		assert_int_equal(copy_len, len);
		assert_memory_equal(out, plain, len);
		copy_len = protected_len;
		assert_int_equal(
			bf_srtp_unprotect_rtcp(link->in, forged, &copy_len), BF_DROP_REPLAY);
	}
}

static void rtcp_is_protected_as_in_the_rfcs(void **state)
{
	(void)state;
	for_each(check_rtcp);
}

static void check_rtcp_room(struct link *link, enum bf_srtp_profile profile)
{
	uint8_t data[64];
	size_t len = make_rtcp(data, 1);

	(void)profile;
	assert_int_equal(bf_srtp_protect_rtcp(link->out, data, len, len + BF_SRTP_OVERHEAD_MAX - 1),
		-ENOBUFS);
	assert_int_equal(bf_srtp_protect_rtcp(link->out, data, len, len - 1), -ENOBUFS);
	for (uint32_t ssrc = 1; ssrc <= BF_SRTP_SSRC_MAX; ssrc++) {
		len = make_rtcp(data, ssrc);
		len = (size_t)bf_srtp_protect_rtcp(link->out, data, len, sizeof(data));
		assert_int_equal(bf_srtp_unprotect_rtcp(link->in, data, &len), BF_DROP_NONE);
	}
	len = make_rtcp(data, BF_SRTP_SSRC_MAX + 1);
	assert_int_equal(bf_srtp_protect_rtcp(link->out, data, len, sizeof(data)), -ENOBUFS);
	assert_int_equal(receive_from_peer(link, BF_SRTP_SSRC_MAX + 1, 1), BF_DROP_SSRC_LIMIT);
	assert_int_equal(receive_from_peer(link, 1, 1), BF_DROP_NONE);
}

static void rtcp_needs_room_and_counts_as_a_context(void **state)
{
	(void)state;
	for_each(check_rtcp_room);
}

static void profiles_have_names_and_lengths(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(bf_srtp_profile_from_name(
					 bf_bytes_str(bf_srtp_profile_name(all_profiles[i]))),
			all_profiles[i]);
	assert_string_equal(
		bf_srtp_profile_name(BF_SRTP_AES128_CM_SHA1_80), "AES_CM_128_HMAC_SHA1_80");
	assert_int_equal(
		bf_srtp_profile_from_name(bf_bytes_str("NULL_HMAC_SHA1_80")), BF_SRTP_NONE);
	assert_int_equal(bf_srtp_profile_from_name(bf_bytes(NULL, 0)), BF_SRTP_NONE);
	assert_int_equal(bf_srtp_key_len(BF_SRTP_AEAD_AES_256_GCM), 32);
	assert_int_equal(bf_srtp_salt_len(BF_SRTP_AEAD_AES_256_GCM), 12);
	assert_int_equal(bf_srtp_key_len(BF_SRTP_AES128_CM_SHA1_80) +
				 bf_srtp_salt_len(BF_SRTP_AES128_CM_SHA1_80),
		30);
	assert_int_equal(bf_srtp_key_len(BF_SRTP_NONE), 0);
	bf_srtp_free(NULL);
}

static void unknown_profile_is_refused(void **state)
{
	static const struct bf_srtp_key key;
	struct bf_srtp_engine *engine;
	struct bf_srtp *srtp;
	char why[256];

	(void)state;
	assert_int_equal(bf_srtp_engine_new(&engine, BF_SRTP_ENGINE_LIBSRTP2, why, sizeof(why)), 0);
	assert_int_equal(bf_srtp_new(&srtp, engine, BF_SRTP_NONE, &key, true), -EINVAL);
	assert_int_equal(bf_srtp_new(&srtp, engine, (enum bf_srtp_profile)2, &key, true), -EINVAL);
	bf_srtp_engine_free(engine);
}

static void engines_have_names(void **state)
{
	struct bf_srtp_engine *engine;
	enum bf_srtp_engine_kind kind;
	char why[256];

	(void)state;
	assert_int_equal(bf_srtp_engine_kind_from_name(&kind, bf_bytes_str("libsrtp2")), 0);
	assert_int_equal(kind, BF_SRTP_ENGINE_LIBSRTP2);
	assert_string_equal(bf_srtp_engine_kind_name(BF_SRTP_ENGINE_IPSEC_MB), "ipsec-mb");
	assert_int_equal(bf_srtp_engine_kind_from_name(&kind, bf_bytes_str("srtp")), -EINVAL);
	assert_int_equal(bf_srtp_engine_kind_from_name(&kind, bf_bytes(NULL, 0)), -EINVAL);
	assert_int_equal(bf_srtp_engine_new(&engine, BF_SRTP_ENGINE_LIBSRTP2, why, sizeof(why)), 0);
	assert_string_equal(bf_srtp_engine_name(engine), "libsrtp2");
	bf_srtp_engine_free(engine);
	bf_srtp_engine_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(protected_bytes_are_those_of_the_rfcs),
		cmocka_unit_test(sequence_numbers_wrap_outwards),
		cmocka_unit_test(sequence_numbers_wrap_inwards),
		cmocka_unit_test(replays_are_dropped_within_and_behind_the_window),
		cmocka_unit_test(forged_or_cut_packets_change_nothing),
		cmocka_unit_test(contexts_come_only_after_authentication_and_are_limited),
		cmocka_unit_test(outgoing_contexts_are_limited_too),
		cmocka_unit_test(retransmission_gives_the_same_bytes),
		cmocka_unit_test(batch_serves_many_destinations_and_skips_what_is_broken),
		cmocka_unit_test(malformed_packets_never_reach_an_engine),
		cmocka_unit_test(rtcp_is_protected_as_in_the_rfcs),
		cmocka_unit_test(rtcp_needs_room_and_counts_as_a_context),
		cmocka_unit_test(profiles_have_names_and_lengths),
		cmocka_unit_test(unknown_profile_is_refused),
		cmocka_unit_test(engines_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
