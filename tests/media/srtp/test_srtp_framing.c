/* The engines under our own framing: the vectors of the RFCs, and what no random test reaches. */
#include "core/base/rand.h"
#include "media/srtp/framing_priv.h"
#include "tests/media/srtp/engines.h"
#include "tests/media/srtp/hex.h"
#include "tests/media/srtp/srtp_ref.h"

#include <errno.h>
#include <stdlib.h>

#include <setjmp.h> /* cmocka wants these before it */
#include <stdarg.h>

#include <cmocka.h>

#define PACKET_MAX 1500

static const enum bf_srtp_profile all_profiles[] = {
	BF_SRTP_AEAD_AES_128_GCM, BF_SRTP_AEAD_AES_256_GCM, BF_SRTP_AES128_CM_SHA1_80};

/* All engines but libsrtp2. */
static void for_each(void (*test)(struct bf_srtp_framing *framing))
{
	struct srtp_engines engines;

	srtp_engines_open(&engines);
	for (size_t i = 1; i < engines.count; i++)
		test(bf_srtp_framing_of(engines.cases[i].engine));
	srtp_engines_close(&engines);
}

static struct bf_srtp *make(
	struct bf_srtp_framing *framing, enum bf_srtp_profile profile, bool is_outgoing)
{
	struct bf_srtp_key key;
	struct bf_srtp *srtp;

	memset(&key, 0x42, sizeof(key));
	assert_int_equal(bf_srtp_new(&srtp, &framing->engine, profile, &key, is_outgoing), 0);
	return srtp;
}

static size_t protect(struct bf_srtp *srtp, uint8_t *packet, size_t len)
{
	struct bf_srtp_protect_job job = {.srtp = srtp,
		.dst = packet,
		.dst_size = PACKET_MAX,
		.header_len = 12,
		.front_len = len - 12};

	bf_srtp_protect(&job, 1);
	return job.dst_len;
}

static enum bf_drop unprotect(struct bf_srtp *srtp, uint8_t *packet, size_t len)
{
	struct bf_srtp_unprotect_job job = {.srtp = srtp, .data = packet, .len = len};

	bf_srtp_unprotect(&job, 1);
	return job.drop;
}

/* ---- keys ---- */

static void session_keys_are_those_of_the_rfc(void **state)
{
	struct bf_srtp_session_keys rtp, rtcp;
	struct bf_srtp_key master;
	struct bf_srtp_kdf kdf;

	(void)state;
	assert_int_equal(bf_srtp_kdf_init(&kdf), 0);
	unhex(master.bytes, "E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6");
	assert_int_equal(
		bf_srtp_kdf_derive(&kdf, &rtp, &rtcp, BF_SRTP_AES128_CM_SHA1_80, &master), 0);
	assert_hex(rtp.key, 16, "C61E7A93744F39EE10734AFE3FF7A087"); /* RFC 3711 appendix B.3 */
	assert_hex(rtp.salt, 14, "30CBBC08863D8C85D49DB34A9AE1");
	assert_hex(rtp.auth, 20, "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4");
	bf_srtp_kdf_deinit(&kdf);
}

static void session_keys_are_those_of_the_reference(void **state)
{
	struct bf_srtp_session_keys rtp, rtcp;
	struct bf_srtp_key master;
	struct bf_srtp_kdf kdf;
	struct srtp_ref ref;

	(void)state;
	assert_int_equal(bf_srtp_kdf_init(&kdf), 0);
	for (size_t i = 0; i < 30; i++) {
		enum bf_srtp_profile profile = all_profiles[i % 3];

		bf_rand_bytes(&master, sizeof(master));
		assert_int_equal(bf_srtp_kdf_derive(&kdf, &rtp, &rtcp, profile, &master), 0);
		srtp_ref_init(&ref, profile, &master);
		assert_memory_equal(rtp.key, ref.rtp.key, bf_srtp_key_len(profile));
		assert_memory_equal(rtp.salt, ref.rtp.salt, bf_srtp_salt_len(profile));
		assert_memory_equal(rtp.auth, ref.rtp.auth, 20);
		assert_memory_equal(rtcp.key, ref.rtcp.key, bf_srtp_key_len(profile));
		assert_memory_equal(rtcp.salt, ref.rtcp.salt, bf_srtp_salt_len(profile));
		assert_memory_equal(rtcp.auth, ref.rtcp.auth, 20);
	}
	bf_srtp_kdf_deinit(&kdf);
}

/* RFC 2202 section 3, cases 1 and 2; 6's key is longer than a block, which ours never are. */
static void hmac_is_that_of_the_rfc(void **state)
{
	struct bf_hmac_sha1 hmac;
	uint8_t key[20], mac[BF_SHA1_DIGEST];

	(void)state;
	memset(key, 0x0b, sizeof(key));
	bf_hmac_sha1_init(&hmac, bf_bytes(key, sizeof(key)));
	bf_hmac_sha1(&hmac, bf_bytes_str("Hi There"), mac);
	assert_hex(mac, sizeof(mac), "b617318655057264e28bc0b6fb378c8ef146be00");
	bf_hmac_sha1_init(&hmac, bf_bytes_str("Jefe"));
	bf_hmac_sha1(&hmac, bf_bytes_str("what do ya want for nothing?"), mac);
	assert_hex(mac, sizeof(mac), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
}

/* ---- ciphers ---- */

/* RFC 3711 appendix B.2: as many blocks as there can be with one IV. */
static void check_keystream(struct bf_srtp_framing *framing)
{
	static uint8_t stream[0xff03 * 16];
	struct bf_srtp_cm cm = {.text = {.at = stream, .front_len = sizeof(stream)}};
	uint8_t key[16];

	unhex(key, "2B7E151628AED2A6ABF7158809CF4F3C");
	unhex(cm.iv, "F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000");
	memset(stream, 0, sizeof(stream));
	cm.keys = framing->cipher->keys_once(framing, BF_SRTP_AES128_CM_SHA1_80, key, true);
	assert_true(framing->cipher->cm_crypt(framing, &cm, 1));
	assert_hex(stream, 48,
		"E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB "
		"41E95B3BB0A2E8DD477901E4FCA894C0");
	assert_hex(stream + 0xfeff * 16, 48,
		"EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE "
		"6A2CC3787889374FBEB4C81B17BA6C44");
}

static void keystreams_are_those_of_the_rfc(void **state)
{
	(void)state;
	for_each(check_keystream);
}

static const struct gcm_vector {
	enum bf_srtp_profile profile;
	const char *rtp, *rtcp; /* RFC 7714 sections 16.1.1, 16.2.1, 17.1, 17.3 */
} gcm_vectors[] = {
	{BF_SRTP_AEAD_AES_128_GCM,
		"8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f "
		"42a5f47a 51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce",
		"81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 "
		"730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4"},
	{BF_SRTP_AEAD_AES_256_GCM,
		"8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 "
		"b50b2a02 76ffae0f 1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13",
		NULL},
};

static void check_gcm(struct bf_srtp_framing *framing, const struct gcm_vector *vector)
{
	struct bf_srtp_session_keys keys = {0};
	struct bf_srtp_stream *stream;
	struct bf_srtp *out, *in;
	uint8_t packet[PACKET_MAX];
	size_t plain_len, len;

	for (uint8_t i = 0; i < 32; i++)
		keys.key[i] = i;
	unhex(keys.salt, "517569642070726f2071756f");
	assert_int_equal(bf_srtp_framed_new(&out, framing, vector->profile, &keys, &keys, true), 0);
	bf_srtp_fill_common(out, &framing->engine, vector->profile, true);
	assert_int_equal(bf_srtp_framed_new(&in, framing, vector->profile, &keys, &keys, false), 0);
	bf_srtp_fill_common(in, &framing->engine, vector->profile, false);
	plain_len = unhex(packet, gcm_plain_rtp);
	len = protect(out, packet, plain_len);
	assert_hex(packet, len, vector->rtp);
	assert_int_equal(unprotect(in, packet, len), BF_DROP_NONE);
	assert_hex(packet, plain_len, gcm_plain_rtp);
	if (vector->rtcp) {
		plain_len = unhex(packet, gcm_plain_rtcp);
		assert_int_equal(bf_srtp_streams_add(&stream, &bf_srtp_framed_of(out)->streams,
					 bf_get_u32(packet + 4), false),
			0);
		stream->rtcp_index = 0x5d3;
		len = (size_t)bf_srtp_protect_rtcp(out, packet, plain_len, sizeof(packet));
		assert_hex(packet, len, vector->rtcp);
		assert_int_equal(bf_srtp_unprotect_rtcp(in, packet, &len), BF_DROP_NONE);
		assert_hex(packet, len, gcm_plain_rtcp);
	}
	bf_srtp_free(out);
	bf_srtp_free(in);
}

static void check_gcms(struct bf_srtp_framing *framing)
{
	for (size_t i = 0; i < sizeof(gcm_vectors) / sizeof(gcm_vectors[0]); i++)
		check_gcm(framing, &gcm_vectors[i]);
}

static void gcm_packets_are_those_of_the_rfc(void **state)
{
	(void)state;
	for_each(check_gcms);
}

/* ---- edges ---- */

static size_t make_packet(uint8_t *packet, uint16_t seq)
{
	memset(packet, 0, 112);
	packet[0] = 0x80;
	bf_put_u16(packet + 2, seq);
	bf_put_u32(packet + 8, 7);
	return 112;
}

/* The last roll-over counter is used up: under this key there is no more (RFC 3711 section 9.2). */
static void check_last_index(struct bf_srtp_framing *framing)
{
	for (size_t i = 0; i < 3; i++) {
		struct bf_srtp *out = make(framing, all_profiles[i], true);
		struct bf_srtp *in = make(framing, all_profiles[i], false);
		struct bf_srtp_stream *sent, *received;
		uint8_t packet[PACKET_MAX];

		assert_int_equal(
			bf_srtp_streams_add(&sent, &bf_srtp_framed_of(out)->streams, 7, false), 0);
		assert_int_equal(
			bf_srtp_streams_add(&received, &bf_srtp_framed_of(in)->streams, 7, true),
			0);
		sent->rtp_index = received->rtp_index = BF_SRTP_INDEX_END - 2;
		assert_int_equal(
			unprotect(in, packet, protect(out, packet, make_packet(packet, 0xffff))),
			BF_DROP_NONE);
		assert_int_equal(protect(out, packet, make_packet(packet, 0)), 0);
		assert_int_equal(sent->rtp_index, BF_SRTP_INDEX_END - 1);
		assert_int_equal(unprotect(in, packet, make_packet(packet, 0)), BF_DROP_REPLAY);
		assert_int_equal(received->rtp_index, BF_SRTP_INDEX_END - 1);
		bf_srtp_free(out);
		bf_srtp_free(in);
	}
}

static void a_key_that_is_used_up_is_not_used_again(void **state)
{
	(void)state;
	for_each(check_last_index);
}

static void check_last_rtcp_index(struct bf_srtp_framing *framing)
{
	for (size_t i = 0; i < 3; i++) {
		struct bf_srtp *out = make(framing, all_profiles[i], true);
		struct bf_srtp *in = make(framing, all_profiles[i], false);
		struct bf_srtp_stream *stream;
		uint8_t packet[64] = {0x80, 201, 0, 1, 0, 0, 0, 7};
		size_t len;

		assert_int_equal(
			bf_srtp_streams_add(&stream, &bf_srtp_framed_of(out)->streams, 7, false),
			0);
		stream->rtcp_index = BF_SRTP_RTCP_END - 2;
		len = (size_t)bf_srtp_protect_rtcp(out, packet, 8, sizeof(packet));
		assert_int_equal(bf_srtp_unprotect_rtcp(in, packet, &len), BF_DROP_NONE);
		assert_int_equal(bf_srtp_protect_rtcp(out, packet, 8, sizeof(packet)), -ENOBUFS);
		bf_srtp_free(out);
		bf_srtp_free(in);
	}
}

static void an_rtcp_index_is_never_used_twice(void **state)
{
	(void)state;
	for_each(check_last_rtcp_index);
}

/* Authenticated by the right key, but not encrypted. */
static void check_plain_rtcp(struct bf_srtp_framing *framing)
{
	struct bf_srtp *in = make(framing, BF_SRTP_AES128_CM_SHA1_80, false);
	struct bf_srtp_key key;
	struct srtp_ref ref;
	uint8_t packet[64] = {0x80, 201, 0, 1, 0, 0, 0, 7};
	struct bf_hmac_sha1 hmac;
	uint8_t mac[BF_SHA1_DIGEST];
	size_t len = 22;

	memset(&key, 0x42, sizeof(key));
	srtp_ref_init(&ref, BF_SRTP_AES128_CM_SHA1_80, &key);
	bf_put_u32(packet + 8, 1); /* no E bit */
	bf_hmac_sha1_init(&hmac, bf_bytes(ref.rtcp.auth, 20));
	bf_hmac_sha1(&hmac, bf_bytes(packet, 12), mac);
	memcpy(packet + 12, mac, 10);
	assert_int_equal(bf_srtp_unprotect_rtcp(in, packet, &len), BF_DROP_AUTH);
	assert_int_equal(bf_srtp_framed_of(in)->streams.count, 0);
	bf_srtp_free(in);
}

static void unencrypted_rtcp_is_refused(void **state)
{
	(void)state;
	for_each(check_plain_rtcp);
}

/* Each packet of a batch is judged as if those before it had been settled: also where a stream begins at the wrap. */
static void check_begin_at_wrap(struct bf_srtp_framing *framing)
{
	enum { COUNT = 40 };
	static uint8_t packets[COUNT][PACKET_MAX];

	for (size_t i = 0; i < 3; i++) {
		struct bf_srtp *out = make(framing, all_profiles[i], true);
		struct bf_srtp *in = make(framing, all_profiles[i], false);
		struct bf_srtp_unprotect_job jobs[COUNT];

		for (unsigned k = 0; k < COUNT; k++) {
			size_t len = make_packet(packets[k], (uint16_t)(65516 + k));

			len = protect(out, packets[k], len);
			if (k % 7 == 3)
				packets[k][20] ^= 1;
			jobs[k] = (struct bf_srtp_unprotect_job){
				.srtp = in, .data = packets[k], .len = len};
		}
		bf_srtp_unprotect(jobs, COUNT);
		for (unsigned k = 0; k < COUNT; k++)
			assert_int_equal(jobs[k].drop, k % 7 == 3 ? BF_DROP_AUTH : BF_DROP_NONE);
		bf_srtp_free(out);
		bf_srtp_free(in);
	}
}

static void a_stream_may_begin_at_the_wrap_within_one_batch(void **state)
{
	(void)state;
	for_each(check_begin_at_wrap);
}

/* The second jump is told from a step back only because of the first one, which waits for authentication in the same batch. */
static void check_jumps(struct bf_srtp_framing *framing)
{
	static const uint64_t indexes[] = {82729, 87993, 115498};

	for (size_t i = 0; i < 3; i++) {
		struct bf_srtp *out = make(framing, all_profiles[i], true);
		struct bf_srtp *in = make(framing, all_profiles[i], false);
		struct bf_srtp_stream *sent, *received;
		struct bf_srtp_unprotect_job jobs[3];
		uint8_t packets[3][PACKET_MAX];

		assert_int_equal(
			bf_srtp_streams_add(&sent, &bf_srtp_framed_of(out)->streams, 7, false), 0);
		assert_int_equal(
			bf_srtp_streams_add(&received, &bf_srtp_framed_of(in)->streams, 7, true),
			0);
		sent->rtp_index = received->rtp_index = indexes[0] - 1;
		for (size_t k = 0; k < 3; k++) {
			size_t len = make_packet(packets[k], (uint16_t)indexes[k]);

			len = protect(out, packets[k], len);
			assert_int_equal(sent->rtp_index, indexes[k]);
			jobs[k] = (struct bf_srtp_unprotect_job){
				.srtp = in, .data = packets[k], .len = len};
		}
		bf_srtp_unprotect(jobs, 1);
		bf_srtp_unprotect(jobs + 1, 2);
		for (size_t k = 0; k < 3; k++)
			assert_int_equal(jobs[k].drop, BF_DROP_NONE);
		assert_int_equal(received->rtp_index, indexes[2]);
		bf_srtp_free(out);
		bf_srtp_free(in);
	}
}

static void jumps_within_one_batch_are_followed(void **state)
{
	(void)state;
	for_each(check_jumps);
}

/* One place is left, and a batch brings two new streams. */
static void check_last_place(struct bf_srtp_framing *framing)
{
	struct bf_srtp *out = make(framing, BF_SRTP_AES128_CM_SHA1_80, true);
	struct bf_srtp *in = make(framing, BF_SRTP_AES128_CM_SHA1_80, false);
	struct bf_srtp_streams *streams = &bf_srtp_framed_of(in)->streams;
	struct bf_srtp_stream *stream;
	struct bf_srtp_unprotect_job jobs[3];
	uint8_t packets[3][PACKET_MAX];

	for (uint32_t ssrc = 100; streams->count < BF_SRTP_SSRC_MAX - 1; ssrc++)
		assert_int_equal(bf_srtp_streams_add(&stream, streams, ssrc, true), 0);
	for (unsigned i = 0; i < 3; i++) {
		size_t len = make_packet(packets[i], 1);

		bf_put_u32(packets[i] + 8, i);
		len = protect(out, packets[i], len);
		jobs[i] =
			(struct bf_srtp_unprotect_job){.srtp = in, .data = packets[i], .len = len};
	}
	packets[0][30] ^= 1; /* takes no place */
	bf_srtp_unprotect(jobs, 3);
	assert_int_equal(jobs[0].drop, BF_DROP_AUTH);
	assert_int_equal(jobs[1].drop, BF_DROP_NONE);
	assert_int_equal(jobs[2].drop, BF_DROP_SSRC_LIMIT);
	bf_srtp_free(out);
	bf_srtp_free(in);
}

static void the_last_place_goes_to_the_first_genuine_stream(void **state)
{
	(void)state;
	for_each(check_last_place);
}

/* A usual subscriber: three streams, and RTCP. */
static void a_subscriber_takes_little_memory(void **state)
{
	(void)state;
	assert_true(sizeof(struct bf_srtp_framed) <= 512);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(session_keys_are_those_of_the_rfc),
		cmocka_unit_test(session_keys_are_those_of_the_reference),
		cmocka_unit_test(hmac_is_that_of_the_rfc),
		cmocka_unit_test(keystreams_are_those_of_the_rfc),
		cmocka_unit_test(gcm_packets_are_those_of_the_rfc),
		cmocka_unit_test(a_key_that_is_used_up_is_not_used_again),
		cmocka_unit_test(an_rtcp_index_is_never_used_twice),
		cmocka_unit_test(unencrypted_rtcp_is_refused),
		cmocka_unit_test(a_stream_may_begin_at_the_wrap_within_one_batch),
		cmocka_unit_test(jumps_within_one_batch_are_followed),
		cmocka_unit_test(the_last_place_goes_to_the_first_genuine_stream),
		cmocka_unit_test(a_subscriber_takes_little_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
