#include "core/base/id.h"
#include "signaling/auth/access_token.h"
#include "signaling/auth/join_key.h"
#include "signaling/auth/join_token.h"
#include "tests/storage/folder.h"

#include <errno.h>
#include <openssl/hmac.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define NOW INT64_C(1795946400)

struct fixture {
	char folder[FOLDER_TEXT], private_pem[FOLDER_TEXT + 16], public_pem[FOLDER_TEXT + 16];
	struct bf_access_issuer issuer;
	struct bf_access access;
	char token[BF_JWS_TOKEN_MAX + 1];
};

static void add_key(struct fixture *f, const char *name)
{
	char why[256];

	snprintf(f->private_pem, sizeof(f->private_pem), "%s/%s.pem", f->folder, name);
	snprintf(f->public_pem, sizeof(f->public_pem), "%s/%s.pub", f->folder, name);
	assert_int_equal(bf_join_keygen(f->private_pem, f->public_pem, why, sizeof(why)), 0);
	assert_int_equal(bf_join_key_read(&f->issuer.keys.list[f->issuer.keys.count++],
				 f->private_pem, true, why, sizeof(why)),
		0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	folder_make(f->folder);
	f->issuer.issuer = "https://belfry.example";
	f->issuer.audience = "belfry";
	add_key(f, "one");
	f->access = (struct bf_access){.user = {{1}},
		.org = {{2}},
		.session = {{3}},
		.permissions = UINT64_C(0x8000000000000005)};
	assert_int_equal(bf_access_issue(f->token, &f->issuer, &f->access, NOW), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	bf_jws_keys_deinit(&f->issuer.keys);
	folder_remove(f->folder);
	free(f);
	return 0;
}

static int verify(struct fixture *f, const char *token, int64_t now_s)
{
	struct bf_access access;
	const char *why;

	return bf_access_verify(&access, &f->issuer, bf_bytes_str(token), now_s, &why);
}

static void a_token_says_for_an_hour_who_somebody_is(void **state)
{
	struct fixture *f = *state;
	struct bf_access access;
	const char *why;

	assert_int_equal(f->access.expires_s, NOW + 3600);
	assert_int_equal(
		bf_access_verify(&access, &f->issuer, bf_bytes_str(f->token), NOW, &why), 0);
	assert_memory_equal(&access, &f->access, sizeof(access));
	assert_int_equal(verify(f, f->token, NOW + 3600 + 29), 0); /* clocks differ */
	assert_int_equal(verify(f, f->token, NOW + 3600 + 30), -ETIME);
}

static void a_token_that_was_changed_anywhere_is_refused(void **state)
{
	struct fixture *f = *state;
	size_t len = strlen(f->token);

	for (size_t i = 0; i < len; i++) {
		char kept = f->token[i];

		f->token[i] = kept == 'A' ? 'B' : 'A';
		/* the last letter's lowest bits are nobody's */
		if (i + 1 < len)
			assert_true(verify(f, f->token, NOW) < 0);
		f->token[i] = kept;
	}
	for (size_t i = 0; i < len; i++) {
		char kept = f->token[i];

		f->token[i] = '\0';
		assert_true(verify(f, f->token, NOW) < 0);
		f->token[i] = kept;
	}
	assert_int_equal(verify(f, f->token, NOW), 0);
}

static void another_issuer_or_audience_is_refused(void **state)
{
	struct fixture *f = *state;
	struct bf_access access;
	const char *why;

	f->issuer.issuer = "https://other.example";
	assert_int_equal(
		bf_access_verify(&access, &f->issuer, bf_bytes_str(f->token), NOW, &why), -EACCES);
	assert_string_equal(why, "the token was issued by somebody else");
	f->issuer.issuer = "https://belfry.example";
	f->issuer.audience = "other";
	assert_int_equal(
		bf_access_verify(&access, &f->issuer, bf_bytes_str(f->token), NOW, &why), -EACCES);
	assert_string_equal(why, "the token is for somebody else");
}

/* A header and the token's own payload, signed as the caller says. */
static void forge(struct fixture *f, const char *header, const uint8_t *hmac_key, size_t key_len,
	char out[static BF_JWS_TOKEN_MAX + 1])
{
	const char *payload = strchr(f->token, '.');
	size_t payload_len = strcspn(payload + 1, ".") + 1;
	uint8_t mac[32] = {0};
	unsigned mac_len = 0;
	int len = bf_base64url_encode(out, BF_JWS_TOKEN_MAX, bf_bytes_str(header));

	memcpy(out + len, payload, payload_len);
	len += (int)payload_len;
	out[len] = '\0';
	if (hmac_key)
		HMAC(EVP_sha256(), hmac_key, (int)key_len, (const uint8_t *)out, (size_t)len, mac,
			&mac_len);
	out[len++] = '.';
	out[len] = '\0';
	if (hmac_key)
		bf_base64url_encode(out + len, BF_JWS_TOKEN_MAX - (size_t)len, bf_bytes(mac, 32));
}

static void no_signature_and_one_made_with_the_public_key_are_refused(void **state)
{
	struct fixture *f = *state;
	char forged[BF_JWS_TOKEN_MAX + 1], pem[1024] = "";
	FILE *file = fopen(f->public_pem, "r");
	size_t pem_len = fread(pem, 1, sizeof(pem), file);

	fclose(file);
	forge(f, "{\"alg\":\"none\",\"typ\":\"at+jwt\"}", NULL, 0, forged);
	assert_int_equal(verify(f, forged, NOW), -EACCES);
	forge(f, "{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", (const uint8_t *)pem, pem_len, forged);
	assert_int_equal(verify(f, forged, NOW), -EACCES);
	forge(f, "{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", (const uint8_t *)"", 0, forged);
	assert_int_equal(verify(f, forged, NOW), -EACCES);
}

static void a_token_of_one_kind_is_none_of_another(void **state)
{
	struct fixture *f = *state;
	const struct bf_join_grants grants = {.room = "demo", .expires_s = NOW + 100};
	char *paths[] = {f->public_pem};
	struct bf_join_verifier *verifier;
	struct bf_join_grants out;
	char joined[BF_JOIN_TOKEN_MAX + 1], why[256];
	const char *static_why;

	assert_int_equal(bf_join_sign(joined, sizeof(joined), f->private_pem, &grants, NOW, why,
				 sizeof(why)),
		0);
	assert_int_equal(verify(f, joined, NOW), -EACCES);
	assert_int_equal(bf_join_verifier_new(&verifier, paths, 1, why, sizeof(why)), 0);
	assert_int_equal(bf_join_verify(&out, verifier, bf_bytes_str(joined), NOW, &static_why), 0);
	assert_int_equal(
		bf_join_verify(&out, verifier, bf_bytes_str(f->token), NOW, &static_why), -EACCES);
	bf_join_verifier_free(verifier);
}

static void after_a_change_of_keys_old_tokens_still_count_until_their_key_goes(void **state)
{
	struct fixture *f = *state;
	struct _cjose_jwk_int *old;
	char fresh[BF_JWS_TOKEN_MAX + 1];

	add_key(f, "two");
	old = f->issuer.keys.list[0];
	f->issuer.keys.list[0] = f->issuer.keys.list[1];
	f->issuer.keys.list[1] = old;
	assert_int_equal(bf_access_issue(fresh, &f->issuer, &f->access, NOW), 0);
	assert_int_equal(verify(f, fresh, NOW), 0);
	assert_int_equal(verify(f, f->token, NOW), 0);
	f->issuer.keys.count = 1;
	assert_int_equal(verify(f, fresh, NOW), 0);
	assert_int_equal(verify(f, f->token, NOW), -EACCES);
	f->issuer.keys.count = 2;
}

static void a_secret_does_as_well_and_is_in_no_set_of_public_keys(void **state)
{
	struct fixture *f = *state;
	static const uint8_t secret[32] = "thirty-two bytes of a secret....";
	char forged[BF_JWS_TOKEN_MAX + 1];
	struct bf_json *set;

	set = bf_jws_public_set(&f->issuer.keys);
	assert_int_equal(bf_json_count(bf_json_get(set, "keys")), 1);
	assert_null(bf_json_get(bf_json_at(bf_json_get(set, "keys"), 0), "d"));
	assert_non_null(bf_json_get(bf_json_at(bf_json_get(set, "keys"), 0), "x"));
	bf_json_free(set);
	bf_jws_keys_deinit(&f->issuer.keys);
	f->issuer.keys.list[f->issuer.keys.count++] =
		cjose_jwk_create_oct_spec(secret, sizeof(secret), NULL);
	assert_int_equal(verify(f, f->token, NOW), -EACCES); /* ES256 */
	assert_int_equal(bf_access_issue(f->token, &f->issuer, &f->access, NOW), 0);
	assert_int_equal(verify(f, f->token, NOW), 0);
	forge(f, "{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", secret, sizeof(secret), forged);
	assert_int_equal(verify(f, forged, NOW), 0); /* as anybody makes it who has the secret */
	set = bf_jws_public_set(&f->issuer.keys);
	assert_int_equal(bf_json_count(bf_json_get(set, "keys")), 0);
	bf_json_free(set);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_token_says_for_an_hour_who_somebody_is),
		TEST(a_token_that_was_changed_anywhere_is_refused),
		TEST(another_issuer_or_audience_is_refused),
		TEST(no_signature_and_one_made_with_the_public_key_are_refused),
		TEST(a_token_of_one_kind_is_none_of_another),
		TEST(after_a_change_of_keys_old_tokens_still_count_until_their_key_goes),
		TEST(a_secret_does_as_well_and_is_in_no_set_of_public_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
