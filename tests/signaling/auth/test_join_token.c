#include "signaling/auth/join_token.h"

#include "core/base/id.h"
#include "media/media_msg.h"
#include "signaling/auth/digest.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW    INT64_C(1795946400)
#define ES256  "{\"alg\":\"ES256\"}"
#define CLAIMS "{\"room\":\"demo\",\"exp\":1795946500}"
#define PATH   128

/* Keys made for the run, and the files they are read from. */
struct fixture {
	char folder[PATH];
	EVP_PKEY *key, *other, *p384;
	char public_pem[PATH], private_pem[PATH], p384_pem[PATH], other_pem[PATH];
	char public_jwk[PATH], private_jwk[PATH];
	char pem_text[1024];
	struct bf_join_verifier *verifier; /* of public_pem */
};

/* ---- keys ---- */

static void path_of(const struct fixture *f, char out[static PATH], const char *name)
{
	assert_true(snprintf(out, PATH, "%s/%s", f->folder, name) < PATH);
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fputs(text, file) >= 0, 1);
	assert_int_equal(fclose(file), 0);
}

static void write_pem(const struct fixture *f, char out[static PATH], const char *name,
	EVP_PKEY *key, bool is_private)
{
	FILE *file;

	path_of(f, out, name);
	file = fopen(out, "w");
	assert_non_null(file);
	if (is_private)
		assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
	else
		assert_int_equal(PEM_write_PUBKEY(file, key), 1);
	assert_int_equal(fclose(file), 0);
}

static void number_text(EVP_PKEY *key, const char *name, char out[static 64])
{
	BIGNUM *number = NULL;
	uint8_t bytes[32];

	assert_int_equal(EVP_PKEY_get_bn_param(key, name, &number), 1);
	assert_int_equal(BN_bn2binpad(number, bytes, 32), 32);
	BN_free(number);
	assert_int_equal(bf_base64url_encode(out, 64, bf_bytes(bytes, 32)), 43);
}

static void write_jwk(const struct fixture *f, char out[static PATH], const char *name,
	EVP_PKEY *key, const char *more, bool is_private)
{
	char text[1024], x[64], y[64], d[64];

	number_text(key, OSSL_PKEY_PARAM_EC_PUB_X, x);
	number_text(key, OSSL_PKEY_PARAM_EC_PUB_Y, y);
	number_text(key, OSSL_PKEY_PARAM_PRIV_KEY, d);
	snprintf(text, sizeof(text),
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"%s%s%s%s}\n", x, y,
		is_private ? ",\"d\":\"" : "", is_private ? d : "", is_private ? "\"" : "", more);
	path_of(f, out, name);
	write_text(out, text);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char *paths[1];
	char why[256];
	FILE *file;

	assert_non_null(f);
	snprintf(f->folder, sizeof(f->folder), "%s/belfry-join-XXXXXX",
		getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	assert_non_null(mkdtemp(f->folder));
	f->key = EVP_EC_gen("P-256");
	f->other = EVP_EC_gen("P-256");
	f->p384 = EVP_EC_gen("P-384");
	write_pem(f, f->public_pem, "public.pem", f->key, false);
	write_pem(f, f->private_pem, "private.pem", f->key, true);
	write_pem(f, f->other_pem, "other.pem", f->other, false);
	write_pem(f, f->p384_pem, "p384.pem", f->p384, false);
	write_jwk(f, f->public_jwk, "public.jwk", f->key,
		",\"kid\":\"one\",\"alg\":\"ES256\",\"use\":\"sig\"", false);
	write_jwk(f, f->private_jwk, "private.jwk", f->key, ",\"kid\":\"one\"", true);
	file = fopen(f->public_pem, "r");
	assert_non_null(file);
	assert_true(fread(f->pem_text, 1, sizeof(f->pem_text) - 1, file) > 0);
	fclose(file);
	paths[0] = f->public_pem;
	assert_int_equal(bf_join_verifier_new(&f->verifier, paths, 1, why, sizeof(why)), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[PATH + 16];

	bf_join_verifier_free(f->verifier);
	EVP_PKEY_free(f->key);
	EVP_PKEY_free(f->other);
	EVP_PKEY_free(f->p384);
	snprintf(command, sizeof(command), "rm -r '%s'", f->folder);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

/* ---- tokens made by hand ---- */

static void start_token(char out[static 8192], const char *header, const char *payload)
{
	int len = bf_base64url_encode(out, 4096, bf_bytes_str(header));

	assert_true(len > 0);
	out[len++] = '.';
	assert_true(bf_base64url_encode(out + len, 4096, bf_bytes_str(payload)) > 0);
}

static void add_signature(char *token, const uint8_t *bytes, size_t len)
{
	size_t at = strlen(token);

	token[at++] = '.';
	token[at] = '\0';
	if (len > 0)
		assert_true(bf_base64url_encode(token + at, 8192 - at, bf_bytes(bytes, len)) > 0);
}

/* ECDSA as r and s in `half` bytes each (RFC 7518 section 3.4). */
static void sign_ec(char token[static 8192], EVP_PKEY *key, const EVP_MD *md, size_t half)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t der[256], raw[132];
	const uint8_t *at = der;
	size_t len = sizeof(der);
	ECDSA_SIG *sig;

	assert_int_equal(EVP_DigestSignInit(ctx, NULL, md, NULL, key), 1);
	assert_int_equal(EVP_DigestSign(ctx, der, &len, (const uint8_t *)token, strlen(token)), 1);
	sig = d2i_ECDSA_SIG(NULL, &at, (long)len);
	assert_non_null(sig);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, (int)half), half);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + half, (int)half), half);
	add_signature(token, raw, 2 * half);
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(ctx);
}

static void make_token(
	char token[static 8192], EVP_PKEY *key, const char *header, const char *payload)
{
	start_token(token, header, payload);
	sign_ec(token, key, EVP_sha256(), 32);
}

static int verify(const struct bf_join_verifier *verifier, const char *token, int64_t now_s,
	struct bf_join_grants *out)
{
	const char *why = NULL;
	int err;

	memset(out, 0x55, sizeof(*out));
	err = bf_join_verify(out, verifier, bf_bytes_str(token), now_s, &why);
	assert_non_null(why);
	assert_int_equal(err == 0, why[0] == '\0');
	if (err) /* written only on success */
		assert_int_equal(out->room[0], 0x55);
	return err;
}

/* ---- tests ---- */

static void payloads_are_judged(void **state)
{
	static const struct {
		const char *payload;
		int result;
	} cases[] = {
		{CLAIMS, 0},
		/* time: 30 s are forgiven */
		{"{\"room\":\"demo\",\"exp\":1795946371}", 0},
		{"{\"room\":\"demo\",\"exp\":1795946370}", -ETIME},
		{"{\"room\":\"demo\",\"exp\":0}", -ETIME},
		{"{\"room\":\"demo\",\"exp\":-9223372036854775808}", -ETIME},
		{"{\"room\":\"demo\",\"exp\":9223372036854775807}", 0},
		{"{\"room\":\"demo\",\"exp\":1795946500,\"nbf\":1795946430}", 0},
		{"{\"room\":\"demo\",\"exp\":1795946500,\"nbf\":1795946431}", -ETIME},
		{"{\"room\":\"demo\",\"exp\":1795946500,\"nbf\":9223372036854775807}", -ETIME},
		/* missing claims and wrong types */
		{"{\"room\":\"demo\"}", -EINVAL},
		{"{\"exp\":1795946500}", -EINVAL},
		{"{}", -EINVAL},
		{"{\"room\":\"demo\",\"exp\":\"1795946500\"}", -EINVAL},
		{"{\"room\":\"demo\",\"exp\":1795946500.5}", -EINVAL},
		{"{\"room\":\"demo\",\"exp\":null}", -EINVAL},
		{"{\"room\":\"demo\",\"exp\":true}", -EINVAL},
		{"{\"room\":\"demo\",\"exp\":1795946500,\"nbf\":\"0\"}", -EINVAL},
		{"{\"room\":\"demo\",\"exp\":1795946500,\"iat\":[]}", -EINVAL},
		{"{\"room\":\"demo\",\"exp\":1795946500,\"iss\":7}", -EINVAL},
		{"{\"room\":\"demo\",\"exp\":1795946500,\"jti\":{}}", -EINVAL},
		{"{\"room\":\"demo\",\"exp\":1795946500,\"publish\":1}", -EINVAL},
		{"{\"room\":\"demo\",\"exp\":1795946500,\"subscribe\":\"true\"}", -EINVAL},
		{"{\"room\":\"demo\",\"exp\":1795946500,\"data\":null}", -EINVAL},
		/* rooms */
		{"{\"room\":\"*\",\"exp\":1795946500}", 0},
		{"{\"room\":\"A-z_0.9\",\"exp\":1795946500}", 0},
		{"{\"room\":\"\",\"exp\":1795946500}", -EINVAL},
		{"{\"room\":\"**\",\"exp\":1795946500}", -EINVAL},
		{"{\"room\":\"a b\",\"exp\":1795946500}", -EINVAL},
		{"{\"room\":\"a/b\",\"exp\":1795946500}", -EINVAL},
		{"{\"room\":\"\\u00e4\",\"exp\":1795946500}", -EINVAL},
		{"{\"room\":[\"demo\"],\"exp\":1795946500}", -EINVAL},
		{"{\"room\":\"0123456789012345678901234567890123456789012345678901234567890123\","
		 "\"exp\":1795946500}",
			0},
		{"{\"room\":\"01234567890123456789012345678901234567890123456789012345678901234\","
		 "\"exp\":1795946500}",
			-EINVAL},
		/* names */
		{"{\"room\":\"demo\",\"exp\":1795946500,\"name\":\"Ada \\u00c4 \\ud83d\\ude00\"}",
			0},
		{"{\"room\":\"demo\",\"exp\":1795946500,\"name\":\"\"}", -EINVAL},
		{"{\"room\":\"demo\",\"exp\":1795946500,\"name\":\"a\\nb\"}", -EINVAL},
		{"{\"room\":\"demo\",\"exp\":1795946500,\"name\":\"a\\u0085b\"}", -EINVAL},
		{"{\"room\":\"demo\",\"exp\":1795946500,\"name\":7}", -EINVAL},
		/* organizations */
		{"{\"room\":\"demo\",\"exp\":1795946500,\"org\":\"A-z_0.9\"}", 0},
		{"{\"room\":\"demo\",\"exp\":1795946500,\"org\":\"\"}", -EINVAL},
		{"{\"room\":\"demo\",\"exp\":1795946500,\"org\":\"*\"}", -EINVAL},
		{"{\"room\":\"demo\",\"exp\":1795946500,\"org\":\"a/b\"}", -EINVAL},
		{"{\"room\":\"demo\",\"exp\":1795946500,\"org\":7}", -EINVAL},
		{"{\"room\":\"demo\",\"exp\":1795946500,\"org\":"
		 "\"0123456789012345678901234567890123456789012345678901234567890123\"}",
			0},
		{"{\"room\":\"demo\",\"exp\":1795946500,\"org\":"
		 "\"01234567890123456789012345678901234567890123456789012345678901234\"}",
			-EINVAL},
		/* not an object */
		{"[]", -EBADMSG},
		{"demo", -EBADMSG},
		{"{\"room\":\"demo\",\"room\":\"other\",\"exp\":1795946500}", -EBADMSG},
		{"{\"room\":\"demo\",\"exp\":1795946500}x", -EBADMSG},
		{"{\"room\":\"demo\\u0000\",\"exp\":1795946500}", -EBADMSG},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bf_join_grants grants;
		char token[8192];
		int err;

		make_token(token, f->key, ES256, cases[i].payload);
		err = verify(f->verifier, token, NOW, &grants);
		if (err != cases[i].result)
			fail_msg("%s: %d, not %d", cases[i].payload, err, cases[i].result);
	}
}

static void grants_are_read(void **state)
{
	struct fixture *f = *state;
	struct bf_join_grants grants;
	char token[8192];

	make_token(token, f->key, ES256, CLAIMS);
	assert_int_equal(verify(f->verifier, token, NOW, &grants), 0);
	assert_string_equal(grants.room, "demo");
	assert_string_equal(grants.name, "");
	assert_string_equal(grants.org, "");
	assert_int_equal(grants.grants, BF_GRANT_PUBLISH | BF_GRANT_SUBSCRIBE | BF_GRANT_DATA);
	assert_int_equal(grants.expires_s, 1795946500);
	make_token(token, f->key, "{\"typ\":\"JWT\",\"alg\":\"ES256\"}",
		"{\"room\":\"*\",\"name\":\"Ada\",\"publish\":false,\"subscribe\":true,\"data\":"
		"false,\"exp\":1795946500}");
	assert_int_equal(verify(f->verifier, token, NOW, &grants), 0);
	assert_string_equal(grants.room, "*");
	assert_string_equal(grants.name, "Ada");
	assert_int_equal(grants.grants, BF_GRANT_SUBSCRIBE);
}

static void longest_name_fits(void **state)
{
	struct fixture *f = *state;
	struct bf_join_grants grants;
	char token[8192], payload[1024], name[1024] = "";

	for (unsigned i = 0; i < 64; i++)
		strcat(name, "\xf0\x9f\x98\x80");
	snprintf(payload, sizeof(payload), "{\"room\":\"demo\",\"exp\":1795946500,\"name\":\"%s\"}",
		name);
	make_token(token, f->key, ES256, payload);
	assert_int_equal(verify(f->verifier, token, NOW, &grants), 0);
	assert_string_equal(grants.name, name);
	snprintf(payload, sizeof(payload),
		"{\"room\":\"demo\",\"exp\":1795946500,\"name\":\"%sx\"}", name);
	make_token(token, f->key, ES256, payload);
	assert_int_equal(verify(f->verifier, token, NOW, &grants), -EINVAL);
}

static void other_algorithms_are_refused(void **state)
{
	static const char *const headers[] = {"{\"alg\":\"none\"}", "{\"alg\":\"None\"}",
		"{\"alg\":\"es256\"}", "{\"alg\":\"ES256K\"}", "{\"alg\":\"RS256\"}",
		"{\"alg\":\"\"}", "{\"alg\":null}", "{\"alg\":[\"ES256\"]}", "{}",
		"{\"typ\":\"JWT\"}", "{\"alg\":\"ES256\",\"crit\":[\"exp\"]}",
		"{\"alg\":\"ES256\",\"b64\":false}", "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}",
		"{\"alg\":\"ES256\",\"typ\":1}", "{\"alg\":\"ES256\",\"kid\":1}",
		"{\"alg\":\"ES256\",\"kid\":\"\"}"};
	struct fixture *f = *state;
	struct bf_join_grants grants;
	char token[8192];
	uint8_t mac[32];
	unsigned mac_len = sizeof(mac);

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		make_token(token, f->key, headers[i], CLAIMS); /* the signature itself is right */
		if (verify(f->verifier, token, NOW, &grants) != -EACCES)
			fail_msg("%s was accepted", headers[i]);
	}
	start_token(token, "{\"alg\":\"none\"}", CLAIMS);
	add_signature(token, NULL, 0);
	assert_int_equal(verify(f->verifier, token, NOW, &grants), -EACCES);
	/* HMAC with the public key's text as its secret */
	start_token(token, "{\"alg\":\"HS256\"}", CLAIMS);
	HMAC(EVP_sha256(), f->pem_text, (int)strlen(f->pem_text), (uint8_t *)token, strlen(token),
		mac, &mac_len);
	add_signature(token, mac, mac_len);
	assert_int_equal(verify(f->verifier, token, NOW, &grants), -EACCES);
	/* another curve, with its own name and with ours */
	start_token(token, "{\"alg\":\"ES384\"}", CLAIMS);
	sign_ec(token, f->p384, EVP_sha384(), 48);
	assert_int_equal(verify(f->verifier, token, NOW, &grants), -EACCES);
	start_token(token, ES256, CLAIMS);
	sign_ec(token, f->p384, EVP_sha256(), 48);
	assert_int_equal(verify(f->verifier, token, NOW, &grants), -EACCES);
}

static void wrong_signatures_are_refused(void **state)
{
	struct fixture *f = *state;
	struct bf_join_grants grants;
	char token[8192], other[8192];
	static const uint8_t zeros[64];

	make_token(token, f->other, ES256, CLAIMS);
	assert_int_equal(verify(f->verifier, token, NOW, &grants), -EACCES);
	start_token(token, ES256, CLAIMS);
	add_signature(token, zeros, sizeof(zeros)); /* r = s = 0: CVE-2022-21449 */
	assert_int_equal(verify(f->verifier, token, NOW, &grants), -EACCES);
	start_token(token, ES256, CLAIMS);
	add_signature(token, zeros, 63);
	assert_int_equal(verify(f->verifier, token, NOW, &grants), -EACCES);
	/* one token's signature under another's claims */
	make_token(token, f->key, ES256, CLAIMS);
	start_token(other, ES256, "{\"room\":\"*\",\"exp\":1795946500}");
	strcat(other, strrchr(token, '.'));
	assert_int_equal(verify(f->verifier, other, NOW, &grants), -EACCES);
	/* any one character changed */
	for (size_t i = 0; token[i]; i++) {
		char kept = token[i];

		token[i] = kept == 'A' ? 'B' : 'A';
		assert_true(verify(f->verifier, token, NOW, &grants) < 0);
		token[i] = kept;
	}
	assert_int_equal(verify(f->verifier, token, NOW, &grants), 0);
	/* cut at every byte */
	for (size_t len = 0; token[len]; len++) {
		const char *why;

		assert_true(
			bf_join_verify(&grants, f->verifier, bf_bytes(token, len), NOW, &why) < 0);
	}
}

static void malformed_tokens_are_refused(void **state)
{
	struct fixture *f = *state;
	struct bf_join_grants grants;
	char token[8192], payload[4096];
	static const char *const cases[] = {"", ".", "..", "...", "a.b", "a.b.c",
		"eyJhbGciOiJFUzI1NiJ9", "eyJhbGciOiJFUzI1NiJ9..", "eyJhbGciOiJFUzI1NiJ9=.e30.AAAA",
		"W10.e30.AAAA", "e30=.e30=.AAAA", "{}.{}.{}", "a.b.c.d.e"};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(verify(f->verifier, cases[i], NOW, &grants), -EBADMSG);
	make_token(token, f->key, ES256, CLAIMS);
	strcat(token, ".");
	assert_int_equal(verify(f->verifier, token, NOW, &grants), -EBADMSG);
	make_token(token, f->key, ES256, CLAIMS);
	strcat(token, " ");
	assert_int_equal(verify(f->verifier, token, NOW, &grants), -EBADMSG);
	/* padding within each part */
	for (unsigned part = 0, at = 1; part < 3; part++) {
		make_token(token, f->key, ES256, CLAIMS);
		token[at] = '=';
		assert_int_equal(verify(f->verifier, token, NOW, &grants), -EBADMSG);
		at += (unsigned)strcspn(token + at, ".") + 2;
	}
	/* too long, although well signed */
	snprintf(payload, sizeof(payload),
		"{\"room\":\"demo\",\"exp\":1795946500,\"x\":\"%03000d\"}", 0);
	make_token(token, f->key, ES256, payload);
	assert_true(strlen(token) > BF_JOIN_TOKEN_MAX);
	assert_int_equal(verify(f->verifier, token, NOW, &grants), -EBADMSG);
}

static void kid_chooses_among_named_keys(void **state)
{
	struct fixture *f = *state;
	struct bf_join_verifier *verifier;
	struct bf_join_grants grants;
	char token[8192], why[256];
	char *paths[] = {f->other_pem, f->public_jwk};

	assert_int_equal(bf_join_verifier_new(&verifier, paths, 2, why, sizeof(why)), 0);
	make_token(token, f->key, ES256, CLAIMS);
	assert_int_equal(verify(verifier, token, NOW, &grants), 0);
	make_token(token, f->key, "{\"alg\":\"ES256\",\"kid\":\"one\"}", CLAIMS);
	assert_int_equal(verify(verifier, token, NOW, &grants), 0);
	make_token(token, f->key, "{\"alg\":\"ES256\",\"kid\":\"two\"}", CLAIMS);
	assert_int_equal(verify(verifier, token, NOW, &grants), -EACCES);
	make_token(token, f->other, "{\"alg\":\"ES256\",\"kid\":\"two\"}",
		CLAIMS); /* a PEM key has no name */
	assert_int_equal(verify(verifier, token, NOW, &grants), 0);
	bf_join_verifier_free(verifier);
	assert_int_equal(bf_join_verifier_new(&verifier, paths + 1, 1, why, sizeof(why)), 0);
	assert_int_equal(verify(verifier, token, NOW, &grants), -EACCES);
	bf_join_verifier_free(verifier);
}

static void expect_bad_key(char *path, int result, const char *what)
{
	struct bf_join_verifier *verifier = NULL;
	char why[256] = "";
	int err = bf_join_verifier_new(&verifier, &path, 1, why, sizeof(why));

	if (err != result || !strstr(why, path) || !strstr(why, what))
		fail_msg("%s: %d, %s", path, err, why);
	assert_null(verifier);
}

static void bad_keys_are_named(void **state)
{
	struct fixture *f = *state;
	struct bf_join_verifier *verifier = NULL;
	char path[PATH], why[256], text[512], *many[BF_JOIN_KEYS + 1];
	static const char *const bad_numbers[] = {"1", "null", "\"\"", "\"AAAA\"",
		"\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"",
		"\"AAAA==AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"",
		"\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"", NULL};

	path_of(f, path, "absent.pem");
	expect_bad_key(path, -ENOENT, "No such file");
	expect_bad_key(f->p384_pem, -EINVAL, "P-256");
	expect_bad_key(f->private_pem, -EINVAL, "private key");
	expect_bad_key(f->private_jwk, -EINVAL, "private key");
	path_of(f, path, "bad");
	write_text(path, "nonsense");
	expect_bad_key(path, -EINVAL, "PEM");
	write_text(path, "{\"kty\":\"EC\"");
	expect_bad_key(path, -EINVAL, "JSON");
	write_text(path, "{\"kty\":\"oct\",\"k\":\"AAAA\"}");
	expect_bad_key(path, -EINVAL, "kty EC");
	write_text(path, "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AA\",\"y\":\"AA\"}");
	expect_bad_key(path, -EINVAL, "P-256");
	write_text(path, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
			 "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
			 "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}");
	expect_bad_key(path, -EINVAL, "point");
	for (const char *const *bad = bad_numbers; *bad; bad++) {
		snprintf(text, sizeof(text), "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":%s,\"y\":%s}",
			*bad, *bad);
		write_text(path, text);
		expect_bad_key(path, -EINVAL, "32 bytes");
	}
	write_jwk(f, path, "bad", f->key, ",\"alg\":\"ES384\"", false);
	expect_bad_key(path, -EINVAL, "algorithm");
	write_jwk(f, path, "bad", f->key, ",\"use\":\"enc\"", false);
	expect_bad_key(path, -EINVAL, "use");
	assert_int_equal(bf_join_verifier_new(&verifier, many, 0, why, sizeof(why)), -EINVAL);
	for (unsigned i = 0; i <= BF_JOIN_KEYS; i++)
		many[i] = f->public_pem;
	assert_int_equal(
		bf_join_verifier_new(&verifier, many, BF_JOIN_KEYS + 1, why, sizeof(why)), -EINVAL);
	assert_int_equal(bf_join_verifier_new(&verifier, many, BF_JOIN_KEYS, why, sizeof(why)), 0);
	bf_join_verifier_free(verifier);
}

static void signed_tokens_verify(void **state)
{
	struct fixture *f = *state;
	const struct bf_join_grants wanted = {.room = "demo",
		.name = "Ada \xc3\x84",
		.org = "acme",
		.grants = BF_GRANT_SUBSCRIBE,
		.expires_s = NOW + 60};
	const char *keys[] = {f->private_pem, f->private_jwk};
	char *paths[] = {f->public_jwk};
	struct bf_join_verifier *named;
	char token[BF_JOIN_TOKEN_MAX + 1], why[256];

	assert_int_equal(bf_join_verifier_new(&named, paths, 1, why, sizeof(why)), 0);
	for (unsigned i = 0; i < 2; i++) {
		struct bf_join_grants grants;

		assert_int_equal(
			bf_join_sign(token, sizeof(token), keys[i], &wanted, NOW, why, sizeof(why)),
			0);
		assert_int_equal(verify(f->verifier, token, NOW, &grants), 0);
		assert_string_equal(grants.room, wanted.room);
		assert_string_equal(grants.name, wanted.name);
		assert_string_equal(grants.org, wanted.org);
		assert_int_equal(grants.grants, wanted.grants);
		assert_int_equal(grants.expires_s, wanted.expires_s);
		assert_int_equal(verify(named, token, NOW, &grants), 0);
		assert_int_equal(verify(f->verifier, token, NOW + 200, &grants), -ETIME);
	}
	assert_int_equal(
		bf_join_sign(token, 20, f->private_pem, &wanted, NOW, why, sizeof(why)), -ENOBUFS);
	assert_int_equal(
		bf_join_sign(token, sizeof(token), f->public_pem, &wanted, NOW, why, sizeof(why)),
		-EINVAL);
	assert_non_null(strstr(why, f->public_pem));
	assert_int_equal(
		bf_join_sign(token, sizeof(token), f->public_jwk, &wanted, NOW, why, sizeof(why)),
		-EINVAL);
	bf_join_verifier_free(named);
}

static void digests_match_their_vectors(void **state)
{
	static const uint8_t abc[BF_SHA1_BYTES] = {0xa9, 0x99, 0x3e, 0x36, 0x47, 0x06, 0x81, 0x6a,
		0xba, 0x3e, 0x25, 0x71, 0x78, 0x50, 0xc2, 0x6c, 0x9c, 0xd0, 0xd8, 0x9d};
	uint8_t out[BF_SHA1_BYTES];
	char text[16];

	(void)state;
	assert_int_equal(bf_sha1(out, bf_bytes_str("abc")), 0);
	assert_memory_equal(out, abc, sizeof(abc));
	bf_base64_encode(text, bf_bytes_str("foob"));
	assert_string_equal(text, "Zm9vYg==");
	bf_base64_encode(text, bf_bytes("\xfb\xff", 2));
	assert_string_equal(text, "+/8=");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(payloads_are_judged),
		cmocka_unit_test(grants_are_read),
		cmocka_unit_test(longest_name_fits),
		cmocka_unit_test(other_algorithms_are_refused),
		cmocka_unit_test(wrong_signatures_are_refused),
		cmocka_unit_test(malformed_tokens_are_refused),
		cmocka_unit_test(kid_chooses_among_named_keys),
		cmocka_unit_test(bad_keys_are_named),
		cmocka_unit_test(signed_tokens_verify),
		cmocka_unit_test(digests_match_their_vectors),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
