/* ClientHellos as browsers send them: too big for one datagram, fragmented, out of order. */
#include "core/base/clock.h"
#include "media/dtls/dtls_priv.h"
#include "tests/media/dtls/dtls_pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
/* cmocka wants the three above first */
#include <cmocka.h>

/* A client whose ClientHello has about `alpn_len` bytes more than usual, cut to datagrams of `mtu`. */
static void start(struct pair *pair, unsigned mtu, size_t alpn_len)
{
	uint8_t alpn[4096];
	size_t len = 0;

	pair_init(pair, 1);
	pair_connect(pair);
	bf_dtls_free(
		pair->end[0]); /* the client of pair_connect has sent its small hello already */
	pair->count = 0;
	pair->sent_count = 0;
	assert_int_equal(
		bf_dtls_new(&pair->end[0], pair->ctx[0], BF_DTLS_CLIENT, bf_bytes_str("sha-256"),
			bf_bytes_str(bf_dtls_ctx_fingerprint(pair->ctx[1]))),
		0);
	for (; len < alpn_len; len += 16) {
		alpn[len] = 15;
		memset(alpn + len + 1, 'a', 15);
	}
	assert_true(SSL_set_mtu(pair->end[0]->ssl, mtu));
	if (len > 0)
		assert_int_equal(SSL_set_alpn_protos(pair->end[0]->ssl, alpn, (unsigned)len), 0);
	bf_dtls_start(pair->end[0], pair->now_us);
	pair_collect(pair);
}

static void finish(struct pair *pair)
{
	struct bf_srtp_key out[2], in[2];

	pair_run(pair, BF_SEC(3));
	assert_true(pair_is_connected(pair));
	for (int i = 0; i < 2; i++)
		assert_int_equal(
			bf_dtls_srtp_keys(pair->end[i], &out[i], &in[i]), BF_SRTP_AEAD_AES_128_GCM);
	assert_memory_equal(&out[0], &in[1], sizeof(out[0]));
	pair_deinit(pair);
}

static void hello_in_two_datagrams_connects_without_a_retransmission(void **state)
{
	static const unsigned mtus[] = {1200, 1408};
	struct pair pair;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		start(&pair, mtus[i], 1264);
		assert_int_equal(pair.sent_count, 2);
		assert_true(pair.flying[0].len > 1100 && pair.flying[0].len <= mtus[i]);
		pair_run(&pair, BF_MS(40));
		assert_true(pair_is_connected(&pair));
		finish(&pair);
	}
}

static void hello_in_two_datagrams_may_arrive_in_reverse(void **state)
{
	struct pair pair;

	(void)state;
	start(&pair, 1200, 1264);
	assert_int_equal(pair.count, 2);
	pair.flying[0].due_us += BF_MS(5);
	pair_run(&pair, BF_MS(45));
	assert_true(pair_is_connected(&pair));
	finish(&pair);
}

static void shuffle(struct pair *pair, struct bf_prng *prng)
{
	for (size_t i = 0; i < pair->count; i++)
		pair->flying[i].due_us += bf_prng_below(prng, 10000);
}

static void small_fragments_connect_in_any_order(void **state)
{
	struct bf_prng prng;
	struct pair pair;

	(void)state;
	bf_prng_init(&prng, 3);
	for (int round = 0; round < 30; round++) {
		start(&pair, 256, round % 2 ? 1264 : 128);
		assert_true(pair.count >=
			    (round % 2 ? 6 : 2)); /* GStreamer's 255 + 72 bytes, and worse */
		shuffle(&pair, &prng);
		pair.duplicate_percent = 20;
		pair.jitter_us =
			BF_MS(8); /* also for the certificate and the rest of the client's flight */
		finish(&pair);
	}
}

static void fragments_come_again_after_loss(void **state)
{
	struct pair pair;

	(void)state;
	for (uint64_t seed = 1; seed <= 30; seed++) {
		start(&pair, 256, 600);
		bf_prng_init(&pair.prng, seed);
		pair.flying[seed % pair.count].due_us = INT64_MAX; /* one never arrives */
		pair.loss_percent = 10;
		while (!pair_is_connected(&pair) && pair_step(&pair, BF_SEC(8)))
			continue;
		assert_true(pair_is_connected(&pair));
		pair_deinit(&pair);
	}
}

static void several_records_in_one_datagram_are_a_hello_too(void **state)
{
	struct pair pair;
	uint8_t joined[4096];
	size_t len = 0;

	(void)state;
	start(&pair, 256, 600);
	assert_true(pair.count >= 3);
	for (size_t i = 0; i < pair.count; i++) {
		memcpy(joined + len, pair.flying[pair.count - 1 - i].bytes,
			pair.flying[pair.count - 1 - i].len); /* last first */
		len += pair.flying[pair.count - 1 - i].len;
	}
	pair.count = 0;
	assert_int_equal(
		bf_dtls_on_datagram(pair.end[1], bf_bytes(joined, len), pair.now_us), BF_DROP_NONE);
	pair_collect(&pair);
	assert_true(pair.count > 0); /* the server's flight */
	finish(&pair);
}

static void server_waits_for_a_hello_and_takes_nothing_else(void **state)
{
	static const uint8_t alert[] = {21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40};
	static const uint8_t data[] = {23, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40};
	static const uint8_t finished[] = {
		22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	static const uint8_t later_epoch[] = {22, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40};
	const struct bf_bytes unwelcome[] = {bf_bytes(alert, sizeof(alert)),
		bf_bytes(data, sizeof(data)), bf_bytes(finished, sizeof(finished)),
		bf_bytes(later_epoch, sizeof(later_epoch)), bf_bytes(alert, 0), bf_bytes(alert, 5),
		bf_bytes(alert, sizeof(alert) - 1)};
	struct pair pair;

	(void)state;
	start(&pair, 1200, 0);
	for (size_t i = 0; i < sizeof(unwelcome) / sizeof(unwelcome[0]); i++)
		assert_int_equal(bf_dtls_on_datagram(pair.end[1], unwelcome[i], 0), BF_DROP_DTLS);
	assert_int_equal(bf_dtls_state(pair.end[1]), BF_DTLS_HANDSHAKING);
	assert_true(bf_dtls_deadline_us(pair.end[1]) == INT64_MAX);
	finish(&pair);
}

static void client_that_has_not_started_takes_nothing(void **state)
{
	struct pair pair;
	struct bf_dtls *client;

	(void)state;
	start(&pair, 1200, 0);
	assert_int_equal(bf_dtls_new(&client, pair.ctx[0], BF_DTLS_CLIENT, bf_bytes_str("sha-256"),
				 bf_bytes_str(bf_dtls_ctx_fingerprint(pair.ctx[1]))),
		0);
	assert_int_equal(
		bf_dtls_on_datagram(client, bf_bytes(pair.flying[0].bytes, pair.flying[0].len), 0),
		BF_DROP_DTLS);
	assert_int_equal(bf_dtls_poll(client, (uint8_t[2000]){0}, 2000), 0);
	bf_dtls_free(client);
	finish(&pair);
}

static void truncated_hello_is_refused_at_every_byte(void **state)
{
	struct pair pair;
	struct link_datagram *hello;

	(void)state;
	start(&pair, 1200, 0);
	hello = &pair.flying[0];
	for (size_t len = 0; len < hello->len; len++)
		assert_int_equal(bf_dtls_on_datagram(pair.end[1], bf_bytes(hello->bytes, len), 0),
			BF_DROP_DTLS);
	finish(&pair);
}

static void only_dtls_1_2_is_spoken(void **state)
{
	struct pair pair;

	(void)state;
	pair_init(&pair, 1);
	pair_connect(&pair);
	pair_run(&pair, BF_SEC(1));
	for (int i = 0; i < 2; i++)
		assert_string_equal(SSL_get_version(pair.end[i]->ssl), "DTLSv1.2");
	pair_deinit(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hello_in_two_datagrams_connects_without_a_retransmission),
		cmocka_unit_test(hello_in_two_datagrams_may_arrive_in_reverse),
		cmocka_unit_test(small_fragments_connect_in_any_order),
		cmocka_unit_test(fragments_come_again_after_loss),
		cmocka_unit_test(several_records_in_one_datagram_are_a_hello_too),
		cmocka_unit_test(server_waits_for_a_hello_and_takes_nothing_else),
		cmocka_unit_test(client_that_has_not_started_takes_nothing),
		cmocka_unit_test(truncated_hello_is_refused_at_every_byte),
		cmocka_unit_test(only_dtls_1_2_is_spoken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
