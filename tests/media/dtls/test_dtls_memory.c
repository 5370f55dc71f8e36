/* Every allocation of OpenSSL fails once: constructors say so and leave nothing behind. And what an association keeps. */
#include "core/base/clock.h"
#include "media/dtls/dtls_priv.h"
#include "tests/media/dtls/dtls_pair.h"

#include <errno.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

/* OpenSSL leaks some bytes where an allocation fails while it makes a library context. What we keep of it is counted below. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libcrypto.so\n";
}

static size_t live_bytes;
static long failing_in = -1; /* allocations until one fails; negative: none does */

static bool is_failing(void)
{
	return failing_in >= 0 && failing_in-- == 0;
}

static void *count(void *block)
{
	live_bytes += malloc_usable_size(block);
	return block;
}

static void *count_malloc(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return is_failing() ? NULL : count(malloc(size));
}

static void *count_realloc(void *block, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	if (is_failing())
		return NULL;
	live_bytes -= malloc_usable_size(block);
	return count(realloc(block, size));
}

static void count_free(void *block, const char *file, int line)
{
	(void)file;
	(void)line;
	live_bytes -= malloc_usable_size(block);
	free(block);
}

static const char fingerprint[] = "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:"
				  "55:66:77:88:99:AA:BB:CC:DD:EE:FF";

static int make(struct bf_dtls **out, struct bf_dtls_ctx *ctx, enum bf_dtls_role role)
{
	return bf_dtls_new(out, ctx, role, bf_bytes_str("sha-256"), bf_bytes_str(fingerprint));
}

static void association_that_lacks_memory_is_not_made(void **state)
{
	static const enum bf_srtp_profile profiles[] = {BF_SRTP_AEAD_AES_128_GCM};
	struct bf_dtls_ctx *ctx;
	struct bf_dtls *dtls;
	bool is_done = false;
	size_t before;

	(void)state;
	assert_int_equal(bf_dtls_ctx_new(&ctx, profiles, 1), 0);
	assert_int_equal(make(&dtls, ctx, BF_DTLS_SERVER), 0);
	bf_dtls_free(dtls);
	before = live_bytes;
	for (long n = 0; !is_done; n++) {
		int err;

		failing_in = n;
		err = make(&dtls, ctx, BF_DTLS_SERVER);
		is_done = failing_in >= 0; /* it came through without meeting the failing one */
		failing_in = -1;
		if (err)
			assert_int_equal(err, -ENOMEM);
		else
			bf_dtls_free(dtls);
		ERR_clear_error();
		assert_int_equal(live_bytes, before);
		assert_true(n < 1000);
	}
	bf_dtls_ctx_free(ctx);
}

static void client_that_lacks_memory_fails_but_does_not_crash(void **state)
{
	static const enum bf_srtp_profile profiles[] = {BF_SRTP_AEAD_AES_128_GCM};
	struct bf_dtls_ctx *ctx;
	bool is_done = false;

	(void)state;
	assert_int_equal(bf_dtls_ctx_new(&ctx, profiles, 1), 0);
	for (long n = 0; !is_done; n++) {
		struct bf_dtls *dtls;
		uint8_t out[BF_DTLS_DATAGRAM_MAX];

		assert_int_equal(make(&dtls, ctx, BF_DTLS_CLIENT), 0);
		failing_in = n;
		bf_dtls_start(dtls, 0);
		is_done = failing_in >= 0;
		failing_in = -1;
		if (bf_dtls_state(dtls) == BF_DTLS_HANDSHAKING)
			assert_true(bf_dtls_poll(dtls, out, sizeof(out)) > 0);
		else
			assert_int_equal(bf_dtls_state(dtls), BF_DTLS_FAILED);
		bf_dtls_free(dtls);
		assert_true(n < 5000);
	}
	bf_dtls_ctx_free(ctx);
}

static void context_that_lacks_memory_is_not_made(void **state)
{
	static const enum bf_srtp_profile profiles[] = {
		BF_SRTP_AEAD_AES_128_GCM, BF_SRTP_AES128_CM_SHA1_80};
	struct bf_dtls_ctx *ctx;
	bool is_done = false;

	(void)state;
	for (long n = 0; !is_done; n += 1 + n / 50) { /* there are thousands, much alike */
		int err;

		failing_in = n;
		err = bf_dtls_ctx_new(&ctx, profiles, 2);
		is_done = failing_in >= 0;
		failing_in = -1;
		if (err)
			assert_int_equal(err, -ENOMEM);
		else
			bf_dtls_ctx_free(ctx);
	}
}

/* ---- what an association keeps ---- */

#define BUFFERS \
	33000 /* one of 16 KiB and some in each direction, which OpenSSL takes when it needs them */

static void say(struct pair *pair, size_t end)
{
	size_t before = pair->read_count[!end];

	assert_int_equal(bf_dtls_write(pair->end[end], bf_bytes_str("hello")), 0);
	pair_collect(pair);
	pair_run(pair, pair->now_us + BF_MS(100));
	assert_int_equal(pair->read_count[!end], before + 1);
}

static void a_quiet_association_gives_its_buffers_back_and_takes_them_when_it_needs_them(
	void **state)
{
	struct pair pair;
	size_t quiet_bytes;

	(void)state;
	pair_init(&pair, 1);
	pair_connect(&pair);
	pair_run(&pair, BF_SEC(1));
	assert_true(pair_is_connected(&pair));
	quiet_bytes = live_bytes;
	for (int i = 0; i < 3; i++) {
		say(&pair, 0);
		say(&pair, 1);
		assert_true(live_bytes >= quiet_bytes + 2 * BUFFERS);
		pair_run(&pair, pair.now_us + BF_SEC(2));
		assert_true(live_bytes <= quiet_bytes + 1000);
	}
	bf_dtls_close(pair.end[0]); /* the alert needs one, too */
	pair_collect(&pair);
	pair_run(&pair, pair.now_us + BF_SEC(1));
	assert_int_equal(bf_dtls_state(pair.end[1]), BF_DTLS_CLOSED);
	pair_deinit(&pair);
}

static void a_quiet_association_that_lacks_memory_ends_with_a_reason(void **state)
{
	struct pair pair;

	(void)state;
	pair_init(&pair, 1);
	pair_connect(&pair);
	pair_run(&pair, BF_SEC(5));
	failing_in = 0;
	assert_int_equal(bf_dtls_write(pair.end[0], bf_bytes_str("hello")), -EPROTO);
	failing_in = -1;
	assert_int_equal(bf_dtls_state(pair.end[0]), BF_DTLS_FAILED);
	assert_string_equal(bf_dtls_error(pair.end[0]), "DTLS failed: malloc failure");
	bf_dtls_close(pair.end[0]);
	assert_int_equal(bf_dtls_write(pair.end[1], bf_bytes_str("hello")), 0);
	pair_deinit(&pair);
}

/* A peer that may not: OpenSSL's own messages, under the association's keys. */
static void a_quiet_association_refuses_another_handshake_and_is_quiet_again(void **state)
{
	(void)state;
	for (size_t asking = 0; asking < 2; asking++) {
		struct pair pair;
		size_t quiet_bytes;
		struct bf_dtls *asked;

		pair_init(&pair, 1);
		pair_connect(&pair);
		pair_run(&pair, BF_SEC(5));
		quiet_bytes = live_bytes;
		asked = pair.end[!asking];
		pair.end[asking]->now_us = pair.now_us;
		SSL_clear_options(pair.end[asking]->ssl, SSL_OP_NO_RENEGOTIATION);
		assert_true(SSL_alloc_buffers(pair.end[asking]->ssl));
		assert_int_equal(SSL_renegotiate(pair.end[asking]->ssl), 1);
		(void)SSL_do_handshake(pair.end[asking]->ssl);
		assert_int_equal(pair.end[asking]->out.count, 1);
		pair_collect(&pair);
		assert_true(pair_step(&pair, BF_SEC(6)));
		assert_true(asked->has_buffers); /* it has read it */
		assert_int_equal(bf_dtls_state(asked), BF_DTLS_CONNECTED);
		bf_dtls_on_timer(asked, BF_SEC(10));
		assert_false(asked->has_buffers);
		assert_true(bf_dtls_deadline_us(asked) == INT64_MAX);
		bf_dtls_free(pair.end[asking]); /* what it wanted of memory is its own affair */
		pair.end[asking] = NULL;
		assert_true(live_bytes < quiet_bytes);
		assert_int_equal(bf_dtls_write(asked, bf_bytes_str("hello")), 0);
		pair_deinit(&pair);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(association_that_lacks_memory_is_not_made),
		cmocka_unit_test(client_that_lacks_memory_fails_but_does_not_crash),
		cmocka_unit_test(context_that_lacks_memory_is_not_made),
		cmocka_unit_test(
			a_quiet_association_gives_its_buffers_back_and_takes_them_when_it_needs_them),
		cmocka_unit_test(a_quiet_association_that_lacks_memory_ends_with_a_reason),
		cmocka_unit_test(a_quiet_association_refuses_another_handshake_and_is_quiet_again),
	};

	if (!CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free))
		return 1; /* OpenSSL has allocated already */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
