/* Memory that runs out: each allocation of the engines, of a bf_srtp and of its streams fails once. */
#include "tests/media/srtp/engines.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include <setjmp.h> /* cmocka wants these before it */
#include <stdarg.h>

#include <cmocka.h>

/* How many more succeed; negative: all. */
static int left = -1;

void *__real_calloc(size_t count, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
EVP_CIPHER_CTX *__real_EVP_CIPHER_CTX_new(void);
void *__real_alloc_mb_mgr(uint64_t flags);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
EVP_CIPHER_CTX *__wrap_EVP_CIPHER_CTX_new(void);
void *__wrap_alloc_mb_mgr(uint64_t flags);

static bool fails(void)
{
	return left >= 0 && left-- == 0;
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return fails() ? NULL : __real_aligned_alloc(alignment, size);
}

EVP_CIPHER_CTX *__wrap_EVP_CIPHER_CTX_new(void)
{
	return fails() ? NULL : __real_EVP_CIPHER_CTX_new();
}

#ifdef BF_HAVE_IPSEC_MB
void *__wrap_alloc_mb_mgr(uint64_t flags)
{
	return fails() ? NULL : __real_alloc_mb_mgr(flags);
}
#endif

static const enum bf_srtp_profile profiles[] = {
	BF_SRTP_AEAD_AES_128_GCM, BF_SRTP_AEAD_AES_256_GCM, BF_SRTP_AES128_CM_SHA1_80};

static void engines_are_made_or_not(void **state)
{
	static const enum bf_srtp_engine_kind kinds[] = {BF_SRTP_ENGINE_LIBSRTP2,
		BF_SRTP_ENGINE_OPENSSL, BF_SRTP_ENGINE_IPSEC_MB, BF_SRTP_ENGINE_AUTO};
	struct bf_srtp_engine *engine;
	char why[256];

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		int err = -ENOMEM, failures = -1;

		for (int n = 0; err == -ENOMEM; n++, failures++) {
			why[0] = '\0';
			left = n;
			err = bf_srtp_engine_new(&engine, kinds[i], why, sizeof(why));
			assert_int_equal(why[0] != '\0', err != 0);
		}
		left = -1;
		if (err == -ENOTSUP && kinds[i] == BF_SRTP_ENGINE_IPSEC_MB)
			continue;
		assert_int_equal(err, 0);
		assert_true(failures > 0);
		bf_srtp_engine_free(engine);
	}
}

static void keys_are_made_or_not(void **state)
{
	static const struct bf_srtp_key key;
	struct srtp_engines engines;

	(void)state;
	srtp_engines_open(&engines);
	for (size_t i = 0; i < engines.count * 3; i++) {
		struct bf_srtp_engine *engine = engines.cases[i / 3].engine;
		struct bf_srtp *srtp;
		int err = -ENOMEM, failures = -1;

		for (int n = 0; err == -ENOMEM; n++, failures++) {
			left = n;
			err = bf_srtp_new(&srtp, engine, profiles[i % 3], &key, i % 2);
		}
		left = -1;
		assert_int_equal(err, 0);
		assert_true(failures > 0);
		bf_srtp_free(srtp);
	}
	srtp_engines_close(&engines);
}

static size_t protect(struct bf_srtp *srtp, uint8_t packet[static 200], uint32_t ssrc)
{
	struct bf_srtp_protect_job job = {
		.srtp = srtp, .dst = packet, .dst_size = 200, .header_len = 12, .front_len = 100};

	memset(packet, 0, 200);
	packet[0] = 0x80;
	bf_put_u32(packet + 8, ssrc);
	bf_srtp_protect(&job, 1);
	return job.dst_len;
}

static enum bf_drop unprotect(struct bf_srtp *srtp, const uint8_t *packet, size_t len)
{
	uint8_t copy[200];
	struct bf_srtp_unprotect_job job = {.srtp = srtp, .data = copy, .len = len};

	memcpy(copy, packet, len);
	bf_srtp_unprotect(&job, 1);
	return job.drop;
}

/* Without memory for a new stream its packet is dropped, and the next one may pass. */
static void streams_come_when_there_is_memory_again(void **state)
{
	static const struct bf_srtp_key key;
	struct srtp_engines engines;

	(void)state;
	srtp_engines_open(&engines);
	for (size_t i = 0; i < engines.count * 3; i++) {
		struct bf_srtp_engine *engine = engines.cases[i / 3].engine;
		struct bf_srtp *out, *in;
		int failures = 0;

		assert_int_equal(bf_srtp_new(&out, engine, profiles[i % 3], &key, true), 0);
		assert_int_equal(bf_srtp_new(&in, engine, profiles[i % 3], &key, false), 0);
		for (uint32_t ssrc = 0; ssrc < 20; ssrc++) {
			uint8_t packet[200];
			enum bf_drop drop = BF_DROP_SSRC_LIMIT;
			size_t len = 0;

			for (left = 0; len == 0; left = -1) {
				len = protect(out, packet, ssrc);
				failures += len == 0;
			}
			for (int n = 0; drop != BF_DROP_NONE; n++) {
				left = n;
				drop = unprotect(in, packet, len);
				assert_true(drop == BF_DROP_NONE || drop == BF_DROP_SSRC_LIMIT);
				failures += drop != BF_DROP_NONE;
			}
			left = -1;
			assert_int_equal(unprotect(in, packet, len), BF_DROP_REPLAY);
		}
		assert_true(failures >= 2); /* at least where tables grow */
		bf_srtp_free(out);
		bf_srtp_free(in);
	}
	srtp_engines_close(&engines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(engines_are_made_or_not),
		cmocka_unit_test(keys_are_made_or_not),
		cmocka_unit_test(streams_come_when_there_is_memory_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
