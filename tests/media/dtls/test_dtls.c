#include "core/base/clock.h"
#include "media/dtls/dtls_priv.h"
#include "tests/media/dtls/dtls_pair.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

static const char wrong_fingerprint[] = "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:"
					"33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF";

static void assert_keys_agree(struct pair *pair, enum bf_srtp_profile profile)
{
	struct bf_srtp_key out[2], in[2];
	size_t len = bf_srtp_key_len(profile) + bf_srtp_salt_len(profile);
	static const struct bf_srtp_key zero;

	for (int i = 0; i < 2; i++)
		assert_int_equal(bf_dtls_srtp_keys(pair->end[i], &out[i], &in[i]), profile);
	assert_memory_equal(&out[0], &in[1], sizeof(out[0]));
	assert_memory_equal(&out[1], &in[0], sizeof(out[0]));
	assert_memory_not_equal(&out[0], &in[0], len);
	assert_memory_not_equal(&out[0].bytes[len - 8], zero.bytes, 8);
}

static void connected_pair(struct pair *pair)
{
	pair_init(pair, 1);
	pair_connect(pair);
	pair_run(pair, BF_SEC(1));
	assert_true(pair_is_connected(pair));
}

static void say(struct pair *pair, size_t from, const char *text)
{
	assert_int_equal(bf_dtls_write(pair->end[from], bf_bytes_str(text)), 0);
	pair_collect(pair);
	pair_run(pair, pair->now_us + BF_SEC(1));
}

static void assert_both_can_talk(struct pair *pair)
{
	for (size_t from = 0; from < 2; from++) {
		size_t before = pair->read_count[1 - from];

		say(pair, from, "hello");
		assert_int_equal(pair->read_count[1 - from], before + 1);
		assert_int_equal(pair->read_len[1 - from], 5);
		assert_memory_equal(pair->read[1 - from], "hello", 5);
	}
}

static void clean_link_connects_in_two_round_trips_with_our_first_profile(void **state)
{
	struct pair pair;

	(void)state;
	pair_init(&pair, 1);
	pair_connect(&pair);
	pair_run(&pair, BF_MS(39)); /* 10 ms one way: hello, hello, finished, finished */
	assert_false(pair_is_connected(&pair));
	pair_run(&pair, BF_MS(40));
	assert_true(pair_is_connected(&pair));
	assert_true(bf_dtls_deadline_us(pair.end[0]) == INT64_MAX);
	assert_true(bf_dtls_deadline_us(pair.end[1]) == INT64_MAX);
	assert_int_equal(pair.count, 0);
	assert_keys_agree(&pair, BF_SRTP_AEAD_AES_128_GCM);
	assert_both_can_talk(&pair);
	pair_deinit(&pair);
}

static void every_link_connects(
	unsigned loss, unsigned duplicates, int64_t jitter_us, int64_t within_us)
{
	static struct pair pair;

	for (uint64_t seed = 1; seed <= 60; seed++) {
		pair_init(&pair, seed * 7919);
		pair.loss_percent = loss;
		pair.duplicate_percent = duplicates;
		pair.jitter_us = jitter_us;
		pair_connect(&pair);
		while (!pair_is_connected(&pair) && pair_step(&pair, within_us))
			continue;
		if (!pair_is_connected(&pair))
			print_message("seed %u: %s / %s\n", (unsigned)seed,
				bf_dtls_error(pair.end[0]), bf_dtls_error(pair.end[1]));
		assert_true(pair_is_connected(&pair));
		assert_keys_agree(&pair, BF_SRTP_AEAD_AES_128_GCM);
		pair.loss_percent = 0;
		pair_run(&pair, pair.now_us + BF_SEC(5));
		assert_both_can_talk(&pair);
		pair_deinit(&pair);
	}
}

static void loss_of_5_percent_with_reordering_and_duplicates_is_survived(void **state)
{
	(void)state;
	every_link_connects(5, 10, BF_MS(30), BF_SEC(5));
}

static void loss_of_20_percent_with_reordering_and_duplicates_is_survived(void **state)
{
	(void)state;
	every_link_connects(20, 10, BF_MS(60), BF_SEC(9));
}

static void lost_hello_is_sent_again_after_50_100_200_ms_and_at_last_every_second(void **state)
{
	static const int64_t due_ms[] = {50, 150, 350, 750, 1550, 2550, 3550};
	struct pair pair;

	(void)state;
	pair_init(&pair, 1);
	pair.loss_percent = 100;
	pair_connect(&pair);
	assert_int_equal(pair.sent_count, 1);
	for (size_t i = 0; i < sizeof(due_ms) / sizeof(due_ms[0]); i++) {
		assert_true(bf_dtls_deadline_us(pair.end[0]) == BF_MS(due_ms[i]));
		bf_dtls_on_timer(pair.end[0], BF_MS(due_ms[i]) - 1); /* too early: nothing */
		pair_collect(&pair);
		assert_int_equal(pair.sent_count, i + 1);
		pair_run(&pair, BF_MS(due_ms[i]));
		assert_int_equal(pair.sent_count, i + 2);
	}
	pair_deinit(&pair);
}

static void handshake_into_the_void_times_out(void **state)
{
	struct pair pair;

	(void)state;
	pair_init(&pair, 1);
	pair.loss_percent = 100;
	pair_connect(&pair);
	pair_run(&pair, BF_SEC(60));
	assert_int_equal(bf_dtls_state(pair.end[0]), BF_DTLS_FAILED);
	assert_string_equal(bf_dtls_error(pair.end[0]), "handshake timed out");
	assert_int_equal(bf_dtls_state(pair.end[1]), BF_DTLS_HANDSHAKING);
	assert_int_equal(pair.sent_count, 1 + 12);
	pair_deinit(&pair);
}

static void lost_last_flight_is_sent_again_when_the_client_asks(void **state)
{
	struct pair pair;

	(void)state;
	pair_init(&pair, 1);
	pair_connect(&pair);
	while (bf_dtls_state(pair.end[1]) != BF_DTLS_CONNECTED)
		assert_true(pair_step(&pair, BF_SEC(1)));
	pair.count = 0; /* the server's Finished is lost */
	assert_int_equal(bf_dtls_state(pair.end[0]), BF_DTLS_HANDSHAKING);
	pair_run(&pair, BF_SEC(2));
	assert_true(pair_is_connected(&pair));
	assert_both_can_talk(&pair);
	pair_deinit(&pair);
}

static void wrong_fingerprint_fails_both_ends_with_a_cause(void **state)
{
	static const char mismatch[] = "peer certificate does not fit its fingerprint";
	static const char alert[] = "peer sent alert: bad certificate";
	struct pair pair;

	(void)state;
	for (int who = 0; who < 2; who++) {
		pair_init(&pair, 1);
		pair_connect_as(&pair, who == 0 ? wrong_fingerprint : NULL,
			who == 1 ? wrong_fingerprint : NULL);
		pair_run(&pair, BF_SEC(20));
		assert_int_equal(bf_dtls_state(pair.end[who]), BF_DTLS_FAILED);
		assert_string_equal(bf_dtls_error(pair.end[who]), mismatch);
		assert_int_equal(bf_dtls_state(pair.end[1 - who]), BF_DTLS_FAILED);
		assert_string_equal(bf_dtls_error(pair.end[1 - who]), alert);
		assert_true(bf_dtls_deadline_us(pair.end[who]) == INT64_MAX);
		assert_int_equal(bf_dtls_write(pair.end[who], bf_bytes_str("x")), -EPROTO);
		pair_deinit(&pair);
	}
}

static void fingerprints_are_parsed_strictly(void **state)
{
	static const struct {
		const char *hash;
		const char *text;
		int err;
	} cases[] = {
		{"sha-256", wrong_fingerprint, 0},
		{"SHA-256", wrong_fingerprint, 0},
		{"sha-1", "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33", 0},
		{"sha-384", wrong_fingerprint, -EINVAL},
		{"md5", "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff", -EINVAL},
		{"", wrong_fingerprint, -EINVAL},
		{"sha-256", "", -EINVAL},
		{"sha-1", "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:3g", -EINVAL},
		{"sha-1", "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22.33", -EINVAL},
		{"sha-1", "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22", -EINVAL},
		{"sha-1", "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33:", -EINVAL},
	};
	struct pair pair;

	(void)state;
	pair_init(&pair, 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bf_dtls *dtls = NULL;

		assert_int_equal(bf_dtls_new(&dtls, pair.ctx[0], BF_DTLS_SERVER,
					 bf_bytes_str(cases[i].hash), bf_bytes_str(cases[i].text)),
			cases[i].err);
		assert_true((dtls != NULL) == (cases[i].err == 0));
		bf_dtls_free(dtls);
	}
	assert_int_equal(strlen(bf_dtls_ctx_fingerprint(pair.ctx[0])), 95);
	assert_string_not_equal(
		bf_dtls_ctx_fingerprint(pair.ctx[0]), bf_dtls_ctx_fingerprint(pair.ctx[1]));
	pair_deinit(&pair);
}

static void contexts_need_known_profiles(void **state)
{
	static const enum bf_srtp_profile bad[] = {BF_SRTP_AEAD_AES_128_GCM, BF_SRTP_NONE};
	static const enum bf_srtp_profile five[5] = {BF_SRTP_AEAD_AES_128_GCM,
		BF_SRTP_AEAD_AES_128_GCM, BF_SRTP_AEAD_AES_128_GCM, BF_SRTP_AEAD_AES_128_GCM,
		BF_SRTP_AEAD_AES_128_GCM};
	struct bf_dtls_ctx *ctx;

	(void)state;
	assert_int_equal(bf_dtls_ctx_new(&ctx, bad, 2), -EINVAL);
	assert_int_equal(bf_dtls_ctx_new(&ctx, bad, 0), -EINVAL);
	assert_int_equal(bf_dtls_ctx_new(&ctx, five, 5), -EINVAL);
	bf_dtls_ctx_free(NULL);
	bf_dtls_free(NULL);
}

static void server_order_of_profiles_decides(void **state)
{
	static const enum bf_srtp_profile chromium[] = {
		BF_SRTP_AES128_CM_SHA1_80, BF_SRTP_AEAD_AES_256_GCM, BF_SRTP_AEAD_AES_128_GCM};
	static const enum bf_srtp_profile aiortc[] = {BF_SRTP_AES128_CM_SHA1_80};
	static const enum bf_srtp_profile only_256[] = {BF_SRTP_AEAD_AES_256_GCM};
	static const struct {
		const enum bf_srtp_profile *client;
		size_t count;
		enum bf_srtp_profile chosen;
	} cases[] = {{chromium, 3, BF_SRTP_AEAD_AES_128_GCM},
		{aiortc, 1, BF_SRTP_AES128_CM_SHA1_80}, {only_256, 1, BF_SRTP_AEAD_AES_256_GCM}};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct pair pair;

		pair_init(&pair, 1);
		bf_dtls_ctx_free(pair.ctx[0]);
		assert_int_equal(bf_dtls_ctx_new(&pair.ctx[0], cases[i].client, cases[i].count), 0);
		pair_connect(&pair);
		pair_run(&pair, BF_SEC(1));
		assert_true(pair_is_connected(&pair));
		assert_keys_agree(&pair, cases[i].chosen);
		pair_deinit(&pair);
	}
}

static void records_are_limited_to_what_a_path_carries(void **state)
{
	static const uint8_t data[BF_DTLS_MTU + 1];
	struct pair pair;
	uint8_t bytes[BF_DTLS_DATAGRAM_MAX];
	int err;

	(void)state;
	pair_init(&pair, 1);
	pair_connect(&pair);
	assert_int_equal(bf_dtls_write(pair.end[0], bf_bytes(data, 1)), -EPROTO);
	pair_run(&pair, BF_SEC(1));
	assert_int_equal(bf_dtls_write(pair.end[0], bf_bytes(data, sizeof(data))), -EMSGSIZE);
	assert_int_equal(bf_dtls_write(pair.end[0], bf_bytes(data, BF_DTLS_MTU)), 0);
	pair_collect(&pair);
	pair_run(&pair, BF_SEC(2));
	assert_int_equal(pair.read_len[1], BF_DTLS_MTU);
	do /* without polling, the queue fills and says so */
		err = bf_dtls_write(pair.end[0], bf_bytes(data, BF_DTLS_MTU));
	while (!err);
	assert_int_equal(err, -ENOBUFS);
	assert_true(bf_dtls_poll(pair.end[0], bytes, sizeof(bytes)) > BF_DTLS_MTU);
	assert_int_equal(bf_dtls_write(pair.end[0], bf_bytes(data, BF_DTLS_MTU)), 0);
	pair_deinit(&pair);
}

static void close_is_told_to_the_peer(void **state)
{
	struct pair pair;

	(void)state;
	connected_pair(&pair);
	bf_dtls_close(pair.end[0]);
	assert_int_equal(bf_dtls_state(pair.end[0]), BF_DTLS_CLOSED);
	pair_collect(&pair);
	pair_run(&pair, BF_SEC(2));
	assert_int_equal(bf_dtls_state(pair.end[1]), BF_DTLS_CLOSED);
	bf_dtls_close(pair.end[1]);
	assert_int_equal(bf_dtls_write(pair.end[1], bf_bytes_str("x")), -EPROTO);
	pair_deinit(&pair);

	pair_init(&pair, 1);
	pair_connect(&pair);
	bf_dtls_close(pair.end[1]); /* in the middle of a handshake */
	assert_int_equal(bf_dtls_state(pair.end[1]), BF_DTLS_CLOSED);
	pair_deinit(&pair);
}

/* Everything the first handshake sent in either direction. */
struct recording {
	size_t count;
	struct link_datagram datagrams[32];
};

static void record_connection(struct pair *pair, struct recording *recording)
{
	size_t known = 0;

	memset(recording, 0, sizeof(*recording));
	pair_init(pair, 1);
	pair_connect(pair);
	do {
		for (; known < pair->sent_count;
			known++) /* the link is clean: all that was sent flies */
			recording->datagrams[recording->count++] =
				pair->flying[pair->count - (pair->sent_count - known)];
	} while (pair_step(pair, BF_SEC(1)));
	assert_true(pair_is_connected(pair));
	assert_true(recording->count >= 4);
}

static void replayed_handshake_changes_nothing(void **state)
{
	static struct recording recording;
	struct pair pair;

	(void)state;
	record_connection(&pair, &recording);
	for (size_t i = 0; i < recording.count; i++) {
		struct link_datagram *datagram = &recording.datagrams[i];

		for (size_t end = 0; end < 2; end++) {
			assert_int_equal(
				bf_dtls_on_datagram(pair.end[end],
					bf_bytes(datagram->bytes, datagram->len), BF_SEC(2)),
				BF_DROP_DTLS);
			assert_int_equal(bf_dtls_poll(pair.end[end], (uint8_t[2000]){0}, 2000), 0);
		}
	}
	for (size_t end = 0; end < 2; end++) {
		bf_dtls_on_timer(pair.end[end], BF_SEC(60)); /* memory goes back, nothing else */
		assert_int_equal(bf_dtls_poll(pair.end[end], (uint8_t[2000]){0}, 2000), 0);
		assert_true(bf_dtls_deadline_us(pair.end[end]) == INT64_MAX);
	}
	assert_true(pair_is_connected(&pair));
	assert_both_can_talk(&pair);
	pair_deinit(&pair);
}

static void clienthello_of_somebody_else_changes_nothing(void **state)
{
	struct pair pair;
	struct bf_dtls *other;
	uint8_t hello[BF_DTLS_DATAGRAM_MAX];
	size_t len;

	(void)state;
	connected_pair(&pair);
	assert_int_equal(bf_dtls_new(&other, pair.ctx[0], BF_DTLS_CLIENT, bf_bytes_str("sha-256"),
				 bf_bytes_str(wrong_fingerprint)),
		0);
	bf_dtls_start(other, 0);
	len = bf_dtls_poll(other, hello, sizeof(hello));
	assert_true(len > 0);
	for (size_t end = 0; end < 2; end++)
		for (int epoch = 0; epoch < 3; epoch++) {
			bf_put_u16(hello + 3, (uint16_t)epoch);
			assert_int_equal(
				bf_dtls_on_datagram(pair.end[end], bf_bytes(hello, len), BF_SEC(2)),
				BF_DROP_DTLS);
			assert_int_equal(bf_dtls_poll(pair.end[end], (uint8_t[2000]){0}, 2000), 0);
		}
	assert_true(pair_is_connected(&pair));
	assert_both_can_talk(&pair);
	bf_dtls_free(other);
	pair_deinit(&pair);
}

static void garbage_changes_nothing_before_during_and_after(void **state)
{
	struct pair pair;
	struct bf_prng prng;
	uint8_t garbage[300];

	(void)state;
	bf_prng_init(&prng, 5);
	pair_init(&pair, 1);
	pair_connect(&pair);
	do {
		for (int n = 0; n < 200; n++) {
			size_t len = 1 + bf_prng_below(&prng, sizeof(garbage));

			for (size_t i = 0; i < len; i++)
				garbage[i] = (uint8_t)bf_prng_next(&prng);
			if (n % 2) { /* a well-formed record of the protected epoch, or of one far off */
				garbage[0] = (uint8_t)(20 + n % 4);
				bf_put_u16(garbage + 1, 0xfefd);
				bf_put_u16(garbage + 3, pair_is_connected(&pair) ? 1 : 7);
				if (len > 13)
					bf_put_u16(garbage + 11, (uint16_t)(len - 13));
			}
			for (size_t end = 0; end < 2; end++)
				(void)bf_dtls_on_datagram(
					pair.end[end], bf_bytes(garbage, len), pair.now_us);
		}
	} while (pair_step(&pair, BF_SEC(1)));
	assert_true(pair_is_connected(&pair));
	assert_both_can_talk(&pair);
	pair_deinit(&pair);
}

static void altered_record_is_dropped_and_the_next_one_read(void **state)
{
	struct pair pair;
	uint8_t datagram[BF_DTLS_DATAGRAM_MAX];
	uint8_t altered[BF_DTLS_DATAGRAM_MAX];
	size_t len;

	(void)state;
	connected_pair(&pair);
	assert_int_equal(bf_dtls_write(pair.end[0], bf_bytes_str("payload")), 0);
	len = bf_dtls_poll(pair.end[0], datagram, sizeof(datagram));
	for (size_t at = 0; at < len; at++) {
		memcpy(altered, datagram, len);
		altered[at] ^= 0x01;
		if (at == 2) /* what counts is the version that was negotiated, not the head's */
			continue;
		assert_int_equal(
			bf_dtls_on_datagram(pair.end[1], bf_bytes(altered, len), 0), BF_DROP_DTLS);
		assert_int_equal(bf_dtls_read(pair.end[1], altered, sizeof(altered)), 0);
		assert_int_equal(
			bf_dtls_on_datagram(pair.end[1], bf_bytes(datagram, at), 0), BF_DROP_DTLS);
	}
	assert_int_equal(
		bf_dtls_on_datagram(pair.end[1], bf_bytes(datagram, len), 0), BF_DROP_NONE);
	assert_int_equal(bf_dtls_read(pair.end[1], altered, sizeof(altered)), 7);
	assert_memory_equal(altered, "payload", 7);
	assert_int_equal(
		bf_dtls_on_datagram(pair.end[1], bf_bytes(datagram, len), 0), BF_DROP_DTLS);
	assert_int_equal(bf_dtls_read(pair.end[1], altered, sizeof(altered)), 0); /* a replay */
	assert_true(pair_is_connected(&pair));
	pair_deinit(&pair);
}

static void several_records_in_one_datagram_are_all_read(void **state)
{
	struct pair pair;
	uint8_t datagram[3 * 100];
	uint8_t record[BF_DTLS_MTU];
	size_t len = 0;

	(void)state;
	connected_pair(&pair);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(
			bf_dtls_write(pair.end[0], bf_bytes("abc" + i, (size_t)(3 - i))), 0);
		len += bf_dtls_poll(pair.end[0], datagram + len, BF_DTLS_DATAGRAM_MAX);
		assert_true(len < sizeof(datagram));
	}
	assert_int_equal(
		bf_dtls_on_datagram(pair.end[1], bf_bytes(datagram, len), 0), BF_DROP_NONE);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(bf_dtls_read(pair.end[1], record, sizeof(record)), 3 - i);
		assert_memory_equal(record, "abc" + i, 3 - i);
	}
	assert_int_equal(bf_dtls_read(pair.end[1], record, sizeof(record)), 0);
	pair_deinit(&pair);
}

/* ---- certificates ---- */

static void sign_by_itself(X509 *certificate, EVP_PKEY *key)
{
	assert_true(X509_gmtime_adj(X509_getm_notBefore(certificate), -3600));
	assert_true(X509_gmtime_adj(X509_getm_notAfter(certificate), 3600));
	assert_true(X509_set_pubkey(certificate, key));
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
}

static void connect_with(struct pair *pair, size_t end, EVP_PKEY *key)
{
	struct bf_dtls_ctx *ctx = pair->ctx[end];
	X509 *certificate = X509_new_ex(ctx->lib.ctx, NULL);

	assert_true(key && certificate);
	sign_by_itself(certificate, key);
	assert_int_equal(SSL_CTX_use_certificate(ctx->ssl_ctx, certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx->ssl_ctx, key), 1);
	if (end == 1 &&
		EVP_PKEY_is_a(key, "RSA")) /* it still has its other one, and the cipher decides */
		assert_int_equal(
			SSL_CTX_set_cipher_list(ctx->ssl_ctx, "ECDHE-RSA-AES128-GCM-SHA256"), 1);
	assert_true(bf_dtls_fingerprint_format(ctx->fingerprint, certificate));
	pair_connect(pair);
	pair_run(pair, BF_SEC(1));
	assert_true(pair_is_connected(pair));
	assert_both_can_talk(pair);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

/* Ours are of P-256; browsers and GStreamer may come with others (RFC 8827 section 6.5). */
static void peers_with_other_kinds_of_certificates_connect(void **state)
{
	static const size_t rsa_bits = 2048;

	(void)state;
	for (size_t end = 0; end < 2; end++) {
		struct pair pair;

		pair_init(&pair, end);
		connect_with(&pair, end,
			EVP_PKEY_Q_keygen(pair.ctx[end]->lib.ctx, NULL, "RSA", rsa_bits));
		pair_deinit(&pair);
		pair_init(&pair, end);
		connect_with(
			&pair, end, EVP_PKEY_Q_keygen(pair.ctx[end]->lib.ctx, NULL, "EC", "P-384"));
		pair_deinit(&pair);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clean_link_connects_in_two_round_trips_with_our_first_profile),
		cmocka_unit_test(loss_of_5_percent_with_reordering_and_duplicates_is_survived),
		cmocka_unit_test(loss_of_20_percent_with_reordering_and_duplicates_is_survived),
		cmocka_unit_test(
			lost_hello_is_sent_again_after_50_100_200_ms_and_at_last_every_second),
		cmocka_unit_test(handshake_into_the_void_times_out),
		cmocka_unit_test(lost_last_flight_is_sent_again_when_the_client_asks),
		cmocka_unit_test(wrong_fingerprint_fails_both_ends_with_a_cause),
		cmocka_unit_test(fingerprints_are_parsed_strictly),
		cmocka_unit_test(contexts_need_known_profiles),
		cmocka_unit_test(server_order_of_profiles_decides),
		cmocka_unit_test(records_are_limited_to_what_a_path_carries),
		cmocka_unit_test(close_is_told_to_the_peer),
		cmocka_unit_test(replayed_handshake_changes_nothing),
		cmocka_unit_test(peers_with_other_kinds_of_certificates_connect),
		cmocka_unit_test(clienthello_of_somebody_else_changes_nothing),
		cmocka_unit_test(garbage_changes_nothing_before_during_and_after),
		cmocka_unit_test(altered_record_is_dropped_and_the_next_one_read),
		cmocka_unit_test(several_records_in_one_datagram_are_all_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
