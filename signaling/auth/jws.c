#include "signaling/auth/jws.h"

#include "core/base/id.h"
#include "signaling/auth/digest.h"

#include <cjose/cjose.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#define SIGNATURE_BYTES_MAX 64 /* r and s of P-256 */
#define KID_MAX		    128

void bf_jws_keys_deinit(struct bf_jws_keys *keys)
{
	for (unsigned i = 0; i < keys->count; i++)
		cjose_jwk_release(keys->list[i]);
	keys->count = 0;
}

/* The only one that goes with the key. */
static const char *alg_of(const cjose_jwk_t *key)
{
	return cjose_jwk_get_kty(key, NULL) == CJOSE_JWK_KTY_OCT ? CJOSE_HDR_ALG_HS256
								 : CJOSE_HDR_ALG_ES256;
}

static int signature_bytes(const char *alg)
{
	return strcmp(alg, CJOSE_HDR_ALG_HS256) == 0 ? 32 : 64;
}

/* ---- taking apart ---- */

bool bf_jws_is_dotted(struct bf_bytes text)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];

		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			    c == '.' || c == '_' || c == '-'))
			return false;
	}
	return true;
}

/* The three parts of a compact serialisation. */
struct parts {
	struct bf_bytes header, payload, signature;
};

/* Padding is no part of a token (RFC 7515 section 2), and cjose ends the process where it finds some within a part. */
static bool split(struct bf_bytes token, struct parts *out)
{
	const uint8_t *end = token.data + token.len, *one, *two;

	if (!bf_jws_is_dotted(token))
		return false;
	one = memchr(token.data, '.', token.len);
	if (!one)
		return false;
	two = memchr(one + 1, '.', (size_t)(end - one - 1));
	if (!two || memchr(two + 1, '.', (size_t)(end - two - 1)))
		return false;
	out->header = bf_bytes(token.data, (size_t)(one - token.data));
	out->payload = bf_bytes(one + 1, (size_t)(two - one - 1));
	out->signature = bf_bytes(two + 1, (size_t)(end - two - 1));
	return out->header.len > 0 && out->payload.len > 0;
}

/* Base64url around one JSON object. */
static struct bf_json *decode_object(struct bf_bytes text)
{
	uint8_t bytes[BF_JWS_TOKEN_MAX];
	struct bf_json *json;
	int len = bf_base64url_decode(bytes, sizeof(bytes), text);

	if (len < 0 ||
		bf_json_parse(&json, bf_bytes(bytes, (size_t)len), sizeof(bytes), NULL, 0) < 0)
		return NULL;
	if (!bf_json_is_object(json)) {
		bf_json_free(json);
		return NULL;
	}
	return json;
}

/* ---- the header ---- */

struct header {
	const char *alg;
	char kid[KID_MAX + 1]; /* "" when absent */
};

static int read_alg(const struct bf_json *json, struct header *out)
{
	struct bf_bytes value;

	out->alg = NULL;
	if (bf_json_get_str(json, "alg", &value) < 0)
		return -EACCES;
	if (bf_bytes_is(value, CJOSE_HDR_ALG_ES256))
		out->alg = CJOSE_HDR_ALG_ES256;
	else if (bf_bytes_is(value, CJOSE_HDR_ALG_HS256))
		out->alg = CJOSE_HDR_ALG_HS256;
	return out->alg ? 0 : -EACCES;
}

/* RFC 8725 section 3.11: what was made for one purpose is not taken for another. */
static bool is_typ(const struct bf_json *json, const char *typ)
{
	struct bf_bytes value;

	if (!bf_json_get(json, "typ"))
		return strcmp(typ, "JWT") == 0;
	return bf_json_get_str(json, "typ", &value) == 0 && value.len == strlen(typ) &&
	       strncasecmp((const char *)value.data, typ, value.len) == 0;
}

/* What the header says is checked before any key is touched. */
static int read_header(
	const struct bf_json *json, const char *typ, struct header *out, const char **why)
{
	struct bf_bytes value;

	*why = "the token is not signed with ES256 or HS256";
	if (read_alg(json, out))
		return -EACCES;
	*why = "the token has critical extensions"; /* RFC 7515 section 4.1.11: all are unknown here */
	if (bf_json_get(json, "crit") || bf_json_get(json, "b64"))
		return -EACCES;
	*why = "the token is of another type";
	if (!is_typ(json, typ))
		return -EACCES;
	out->kid[0] = '\0';
	if (!bf_json_get(json, "kid"))
		return 0;
	*why = "the token's kid is not a short string";
	if (bf_json_get_str(json, "kid", &value) < 0 || value.len == 0 || value.len > KID_MAX)
		return -EACCES;
	memcpy(out->kid, value.data, value.len);
	out->kid[value.len] = '\0';
	return 0;
}

/* ---- the signature ---- */

/* A key that has a name is only tried for tokens that name it, or none; and each only for its own algorithm. */
static bool is_candidate(const cjose_jwk_t *key, const struct header *header)
{
	const char *kid = cjose_jwk_get_kid(key, NULL);

	return strcmp(alg_of(key), header->alg) == 0 &&
	       (header->kid[0] == '\0' || !kid || strcmp(kid, header->kid) == 0);
}

static int check_signature(const struct bf_jws_keys *keys, struct bf_bytes token,
	const struct header *header, const char **why)
{
	unsigned tried = 0;
	bool is_good = false;

	for (unsigned i = 0; i < keys->count && !is_good; i++) {
		cjose_jws_t *jws;

		if (!is_candidate(keys->list[i], header))
			continue;
		tried++;
		/* Imported for each key: a failed verification leaves the object unusable. */
		jws = cjose_jws_import((const char *)token.data, token.len, NULL);
		is_good = jws && cjose_jws_verify(jws, keys->list[i], NULL);
		cjose_jws_release(jws);
	}
	*why = tried ? "the token's signature is wrong"
		     : "no key has the token's kid and algorithm";
	return is_good ? 0 : -EACCES;
}

int bf_jws_open(struct bf_json **out, const struct bf_jws_keys *keys, struct bf_bytes token,
	const char *typ, const char **why)
{
	uint8_t signature[SIGNATURE_BYTES_MAX + 4];
	struct header header;
	struct bf_json *json;
	struct parts parts;
	int err;

	*why = "this is not a token";
	if (token.len == 0 || token.len > BF_JWS_TOKEN_MAX || !split(token, &parts))
		return -EBADMSG;
	json = decode_object(parts.header);
	if (!json)
		return -EBADMSG;
	err = read_header(json, typ, &header, why);
	bf_json_free(json);
	if (err)
		return err;
	*why = "the token's signature is wrong";
	if (bf_base64url_decode(signature, sizeof(signature), parts.signature) !=
		signature_bytes(header.alg))
		return -EACCES;
	err = check_signature(keys, token, &header, why);
	if (err)
		return err;
	*why = "the token's payload is not a JSON object";
	*out = decode_object(parts.payload);
	return *out ? 0 : -EBADMSG;
}

/* ---- times ---- */

/* 0 also when absent, with *out as it was; -EINVAL for another type. */
static int optional_int(const struct bf_json *claims, const char *name, int64_t *out)
{
	return bf_json_get(claims, name) ? bf_json_get_int(claims, name, out) : 0;
}

int bf_jws_check_times(
	const struct bf_json *claims, int64_t now_s, int64_t *expires_s, const char **why)
{
	int64_t not_before_s = INT64_MIN, issued_s = 0;

	*why = "the claim exp is missing or not an integer";
	if (bf_json_get_int(claims, "exp", expires_s) < 0)
		return -EINVAL;
	*why = "the claim nbf or iat is not an integer";
	if (optional_int(claims, "nbf", &not_before_s) < 0 ||
		optional_int(claims, "iat", &issued_s) < 0)
		return -EINVAL;
	*why = "the token has expired";
	if (*expires_s <= now_s - BF_JWS_SKEW_S)
		return -ETIME;
	*why = "the token is not valid yet";
	if (not_before_s > now_s + BF_JWS_SKEW_S)
		return -ETIME;
	return 0;
}

/* ---- signing ---- */

static cjose_header_t *make_header(const cjose_jwk_t *key, const char *typ)
{
	cjose_header_t *header = cjose_header_new(NULL);
	const char *kid = cjose_jwk_get_kid(key, NULL);

	if (!header)
		return NULL;
	if (cjose_header_set(header, CJOSE_HDR_ALG, alg_of(key), NULL) &&
		cjose_header_set(header, "typ", typ, NULL) &&
		(!kid || cjose_header_set(header, CJOSE_HDR_KID, kid, NULL)))
		return header;
	cjose_header_release(header);
	return NULL;
}

static int sign(char *out, size_t out_size, const cjose_jwk_t *key, const char *typ,
	struct bf_bytes payload)
{
	cjose_header_t *header = make_header(key, typ);
	cjose_jws_t *jws =
		header ? cjose_jws_sign(key, header, payload.data, payload.len, NULL) : NULL;
	const char *text;
	int err = -ENOMEM;

	if (jws && cjose_jws_export(jws, &text, NULL)) { /* the text belongs to jws */
		err = strlen(text) < out_size && strlen(text) <= BF_JWS_TOKEN_MAX ? 0 : -ENOBUFS;
		if (!err)
			memcpy(out, text, strlen(text) + 1);
	}
	cjose_jws_release(jws);
	cjose_header_release(header);
	return err;
}

int bf_jws_seal(char *out, size_t out_size, const struct bf_jws_keys *keys, const char *typ,
	const struct bf_json *claims)
{
	size_t len;
	char *payload = bf_json_print(claims, &len);
	int err =
		payload ? sign(out, out_size, keys->list[0], typ, bf_bytes(payload, len)) : -ENOMEM;

	free(payload);
	return err;
}

/* ---- keys for others ---- */

static struct bf_json *public_half(const cjose_jwk_t *key)
{
	char *text = cjose_jwk_to_json(key, false, NULL);
	struct bf_json *json = NULL;

	if (text && bf_json_parse(&json, bf_bytes_str(text), BF_JWS_TOKEN_MAX, NULL, 0) == 0) {
		bf_json_put_str(json, "use", "sig");
		bf_json_put_str(json, "alg", alg_of(key));
	}
	cjose_get_dealloc()(text);
	return json;
}

struct bf_json *bf_jws_public_set(const struct bf_jws_keys *keys)
{
	struct bf_json *set = bf_json_object(), *list = bf_json_array();

	for (unsigned i = 0; i < keys->count; i++) {
		struct bf_json *key;

		if (cjose_jwk_get_kty(keys->list[i], NULL) != CJOSE_JWK_KTY_EC)
			continue; /* a secret has no half that others may see */
		key = public_half(keys->list[i]);
		if (key)
			bf_json_push(list, key);
	}
	bf_json_put(set, "keys", list);
	return set;
}

int bf_jws_name(struct bf_jws_keys *keys, unsigned idx)
{
	struct bf_json *half = public_half(keys->list[idx]);
	struct bf_bytes crv, x, y;
	uint8_t digest[BF_SHA256_BYTES];
	char text[512], kid[64];
	int err = -EINVAL, len;

	if (half && bf_json_get_str(half, "crv", &crv) == 0 &&
		bf_json_get_str(half, "x", &x) == 0 && bf_json_get_str(half, "y", &y) == 0) {
		len = snprintf(text, sizeof(text),
			"{\"crv\":\"%.*s\",\"kty\":\"EC\",\"x\":\"%.*s\",\"y\":\"%.*s\"}",
			(int)crv.len, (const char *)crv.data, (int)x.len, (const char *)x.data,
			(int)y.len, (const char *)y.data);
		bf_sha256(digest, bf_bytes(text, (size_t)len));
		len = bf_base64url_encode(kid, sizeof(kid), bf_bytes(digest, sizeof(digest)));
		err = cjose_jwk_set_kid(keys->list[idx], kid, (size_t)len, NULL) ? 0 : -ENOMEM;
	}
	bf_json_free(half);
	return err;
}
