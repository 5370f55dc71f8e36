/* Every allocation of OpenSSL fails once: constructors say so and leave nothing behind. */
#include "media/dtls/dtls.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

static long failing_in = -1; /* allocations until one fails; negative: none does */

static bool is_failing(void)
{
	return failing_in >= 0 && failing_in-- == 0;
}

static void *count_malloc(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return is_failing() ? NULL : malloc(size);
}

static void *count_realloc(void *block, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return is_failing() ? NULL : realloc(block, size);
}

static void count_free(void *block, const char *file, int line)
{
	(void)file;
	(void)line;
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

	(void)state;
	assert_int_equal(bf_dtls_ctx_new(&ctx, profiles, 1), 0);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(association_that_lacks_memory_is_not_made),
		cmocka_unit_test(client_that_lacks_memory_fails_but_does_not_crash),
		cmocka_unit_test(context_that_lacks_memory_is_not_made),
	};

	if (!CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free))
		return 1; /* OpenSSL has allocated already */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
