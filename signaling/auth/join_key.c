#include "signaling/auth/join_key.h"

#include "core/base/id.h"
#include "core/base/json.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COORDINATE_BYTES 32

static int complain(char *why, size_t why_size, const char *path, const char *what)
{
	snprintf(why, why_size, "%s: %s", path, what);
	return -EINVAL;
}

/* The whole file, NUL-terminated; its length or a negative errno. */
static int read_file(
	const char *path, char text[static BF_JOIN_KEY_FILE + 1], char *why, size_t why_size)
{
	FILE *file = fopen(path, "re");
	int err = errno;
	size_t len;

	if (!file) {
		snprintf(why, why_size, "%s: %s", path, strerror(err));
		return err == EACCES ? -EACCES : -ENOENT;
	}
	len = fread(text, 1, BF_JOIN_KEY_FILE + 1, file);
	err = ferror(file) ? -EIO : 0;
	fclose(file);
	if (err || len > BF_JOIN_KEY_FILE)
		return complain(
			why, why_size, path, err ? "cannot be read" : "is too long for a key");
	text[len] = '\0';
	return (int)len;
}

/* ---- PEM ---- */

/* One of the key's numbers, as 32 bytes in network order. */
static bool number_of(const EVP_PKEY *key, const char *name, uint8_t out[static COORDINATE_BYTES])
{
	BIGNUM *number = NULL;
	bool is_ok = EVP_PKEY_get_bn_param(key, name, &number) == 1 &&
		     BN_bn2binpad(number, out, COORDINATE_BYTES) == COORDINATE_BYTES;

	BN_clear_free(number);
	return is_ok;
}

static bool is_p256(const EVP_PKEY *key)
{
	char group[32];
	size_t len;

	return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
	       EVP_PKEY_get_group_name(key, group, sizeof(group), &len) == 1 &&
	       strcmp(group, "prime256v1") == 0;
}

static cjose_jwk_t *jwk_of(const EVP_PKEY *key, bool is_private)
{
	uint8_t x[COORDINATE_BYTES], y[COORDINATE_BYTES], d[COORDINATE_BYTES];
	cjose_jwk_ec_keyspec spec = {
		.crv = CJOSE_JWK_EC_P_256, .x = x, .xlen = sizeof(x), .y = y, .ylen = sizeof(y)};
	cjose_jwk_t *jwk = NULL;

	if (!number_of(key, OSSL_PKEY_PARAM_EC_PUB_X, x) ||
		!number_of(key, OSSL_PKEY_PARAM_EC_PUB_Y, y))
		return NULL;
	if (!is_private || number_of(key, OSSL_PKEY_PARAM_PRIV_KEY, d)) {
		spec.d = is_private ? d : NULL;
		spec.dlen = is_private ? sizeof(d) : 0;
		jwk = cjose_jwk_create_EC_spec(&spec, NULL);
	}
	OPENSSL_cleanse(d, sizeof(d));
	return jwk;
}

/* No passphrase is asked for on a terminal: an encrypted key is refused. */
static int no_passphrase(char *buf, int size, int rwflag, void *arg)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)arg;
	return -1;
}

static int read_pem(
	cjose_jwk_t **out, const char *text, size_t len, bool is_private, const char **what)
{
	BIO *bio = BIO_new_mem_buf(text, (int)len);
	EVP_PKEY *key;

	if (!bio)
		return -ENOMEM;
	key = is_private ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL)
			 : PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	ERR_clear_error();
	*what = is_private ? "holds no private key in PEM" : "holds no public key in PEM";
	if (!key)
		return -EINVAL;
	*what = "is not a key on the curve P-256";
	*out = is_p256(key) ? jwk_of(key, is_private) : NULL;
	EVP_PKEY_free(key);
	return *out ? 0 : -EINVAL;
}

/* ---- JWK ---- */

static bool is_member(const struct bf_json *json, const char *key, const char *wanted)
{
	struct bf_bytes value;

	return bf_json_get_str(json, key, &value) == 0 && bf_bytes_is(value, wanted);
}

/* A number of P-256 is 32 bytes, unpadded (RFC 7518 section 6.2). cjose ends the process where it finds padding. */
static bool is_number(const struct bf_json *json, const char *key)
{
	uint8_t number[COORDINATE_BYTES];
	struct bf_bytes text;
	bool is_ok = bf_json_get_str(json, key, &text) == 0 && !memchr(text.data, '=', text.len) &&
		     bf_base64url_decode(number, sizeof(number), text) == COORDINATE_BYTES;

	OPENSSL_cleanse(number, sizeof(number));
	return is_ok;
}

/* What the key may be used for, and that its numbers can be read. */
static const char *check_jwk(const struct bf_json *json, bool is_private)
{
	bool has_d = bf_json_get(json, "d") != NULL;

	if (!is_member(json, "kty", "EC") || !is_member(json, "crv", "P-256"))
		return "is not a JWK of kty EC and crv P-256";
	if (bf_json_get(json, "alg") && !is_member(json, "alg", "ES256"))
		return "is a key for another algorithm than ES256";
	if (bf_json_get(json, "use") && !is_member(json, "use", "sig"))
		return "is a key for another use than sig";
	if (has_d != is_private)
		return is_private ? "holds no private key"
				  : "holds a private key; configure the public one";
	if (!is_number(json, "x") || !is_number(json, "y") || (has_d && !is_number(json, "d")))
		return "holds no numbers of 32 bytes in base64url without padding";
	return NULL;
}

static int read_jwk(
	cjose_jwk_t **out, const char *text, size_t len, bool is_private, const char **what)
{
	struct bf_json *json;

	*what = "is not a JSON object";
	if (bf_json_parse(&json, bf_bytes(text, len), BF_JOIN_KEY_FILE, NULL, 0) < 0)
		return -EINVAL;
	*what = check_jwk(json, is_private);
	bf_json_free(json);
	if (*what)
		return -EINVAL;
	*what = "holds no valid point of P-256";
	*out = cjose_jwk_import(text, len, NULL);
	ERR_clear_error();
	return *out ? 0 : -EINVAL;
}

int bf_join_key_read(
	cjose_jwk_t **out, const char *path, bool is_private, char *why, size_t why_size)
{
	char text[BF_JOIN_KEY_FILE + 1];
	const char *what = NULL;
	int err, len = read_file(path, text, why, why_size);
	size_t start;

	if (len < 0)
		return len;
	start = strspn(text, " \t\r\n");
	if (text[start] == '{')
		err = read_jwk(out, text + start, strlen(text + start), is_private, &what);
	else if (!is_private && strstr(text, "PRIVATE KEY-----"))
		err = complain(
			why, why_size, path, "holds a private key; configure the public one");
	else
		err = read_pem(out, text, (size_t)len, is_private, &what);
	OPENSSL_cleanse(text, sizeof(text));
	if (err && what)
		complain(why, why_size, path, what);
	else if (err == -ENOMEM)
		snprintf(why, why_size, "%s: no memory", path);
	return err;
}
