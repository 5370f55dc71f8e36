#include "signaling/auth/join_token.h"

#include "core/base/id.h"
#include "core/base/json.h"
#include "media/media_msg.h"
#include "signaling/auth/join_key.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define SKEW_S		30
#define SIGNATURE_BYTES 64 /* r and s of P-256 */
#define NAME_CHARS_MAX	64
#define KID_MAX		128

struct bf_join_verifier {
	/* owned */
	cjose_jwk_t *keys[BF_JOIN_KEYS];
	/* state */
	unsigned key_count;
};

int bf_join_verifier_new(struct bf_join_verifier **out, char *const *key_paths, unsigned key_count,
	char *why, size_t why_size)
{
	struct bf_join_verifier *verifier;

	if (key_count == 0 || key_count > BF_JOIN_KEYS) {
		snprintf(why, why_size, "%u join keys: 1 to %d are possible", key_count,
			BF_JOIN_KEYS);
		return -EINVAL;
	}
	verifier = calloc(1, sizeof(*verifier));
	if (!verifier)
		return -ENOMEM;
	for (unsigned i = 0; i < key_count; i++) {
		int err = bf_join_key_read(&verifier->keys[i], key_paths[i], false, why, why_size);

		if (err) {
			bf_join_verifier_free(verifier);
			return err;
		}
		verifier->key_count++;
	}
	*out = verifier;
	return 0;
}

void bf_join_verifier_free(struct bf_join_verifier *verifier)
{
	if (!verifier)
		return;
	for (unsigned i = 0; i < verifier->key_count; i++)
		cjose_jwk_release(verifier->keys[i]);
	free(verifier);
}

/* ---- header and signature ---- */

/* Base64url's letters and dots: what a token is made of, and also the name of a room or an organization. */
static bool is_dotted(struct bf_bytes text)
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

	if (!is_dotted(token))
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
	uint8_t bytes[BF_JOIN_TOKEN_MAX];
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

/* What the header says is checked before any key is touched; it never chooses the algorithm. `kid` is "" when absent. */
static int check_header(
	const struct bf_json *header, char kid[static KID_MAX + 1], const char **why)
{
	struct bf_bytes value;

	*why = "the token is not signed with ES256";
	if (bf_json_get_str(header, "alg", &value) < 0 || !bf_bytes_is(value, "ES256"))
		return -EACCES;
	*why = "the token has critical extensions"; /* RFC 7515 section 4.1.11: all are unknown here */
	if (bf_json_get(header, "crit") || bf_json_get(header, "b64"))
		return -EACCES;
	*why = "the token's type is not JWT";
	if (bf_json_get(header, "typ") &&
		(bf_json_get_str(header, "typ", &value) < 0 ||
			(!bf_bytes_is(value, "JWT") && !bf_bytes_is(value, "jwt"))))
		return -EACCES;
	kid[0] = '\0';
	if (!bf_json_get(header, "kid"))
		return 0;
	*why = "the token's kid is not a short string";
	if (bf_json_get_str(header, "kid", &value) < 0 || value.len == 0 || value.len > KID_MAX)
		return -EACCES;
	memcpy(kid, value.data, value.len);
	kid[value.len] = '\0';
	return 0;
}

/* A key that has a name is only tried for tokens that name it, or none. */
static bool is_candidate(const cjose_jwk_t *key, const char *kid)
{
	const char *key_kid = cjose_jwk_get_kid(key, NULL);

	return kid[0] == '\0' || !key_kid || strcmp(key_kid, kid) == 0;
}

static int check_signature(const struct bf_join_verifier *verifier, struct bf_bytes token,
	const char *kid, const char **why)
{
	unsigned tried = 0;
	bool is_good = false;

	for (unsigned i = 0; i < verifier->key_count && !is_good; i++) {
		cjose_jws_t *jws;

		if (!is_candidate(verifier->keys[i], kid))
			continue;
		tried++;
		/* Imported for each key: a failed verification leaves the object unusable. */
		jws = cjose_jws_import((const char *)token.data, token.len, NULL);
		is_good = jws && cjose_jws_verify(jws, verifier->keys[i], NULL);
		cjose_jws_release(jws);
	}
	*why = tried ? "the token's signature is wrong" : "no key has the token's kid";
	return is_good ? 0 : -EACCES;
}

/* ---- claims ---- */

/* 0 also when absent, with *out as it was; -EINVAL for another type. */
static int optional_int(const struct bf_json *claims, const char *name, int64_t *out)
{
	return bf_json_get(claims, name) ? bf_json_get_int(claims, name, out) : 0;
}

static int optional_str(const struct bf_json *claims, const char *name, struct bf_bytes *out)
{
	return bf_json_get(claims, name) ? bf_json_get_str(claims, name, out) : 0;
}

/* Claims about rights default to true. */
static int grant(const struct bf_json *claims, const char *name, uint32_t bit, uint32_t *grants)
{
	bool value = true;

	if (bf_json_get(claims, name) && bf_json_get_bool(claims, name, &value) < 0)
		return -EINVAL;
	*grants |= value ? bit : 0;
	return 0;
}

/* Of a room or an organization. */
static bool is_word(struct bf_bytes text)
{
	return is_dotted(text) && text.len > 0 && text.len < BF_ROOM_TEXT;
}

/* 1 to 64 characters; that they are UTF-8 the JSON parser has seen to. */
static bool is_name(struct bf_bytes text)
{
	size_t chars = 0;

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];

		if (c < 0x20 || c == 0x7f ||
			(c == 0xc2 && i + 1 < text.len && text.data[i + 1] < 0xa0))
			return false; /* also the control characters U+0080 to U+009F */
		chars += (c & 0xc0) != 0x80;
	}
	return chars > 0 && chars <= NAME_CHARS_MAX;
}

static int read_text_claims(
	const struct bf_json *claims, struct bf_join_grants *out, const char **why)
{
	struct bf_bytes room, name = {NULL, 0}, org = {NULL, 0}, ignored;

	*why = "the claim room is missing or not the name of a room";
	if (bf_json_get_str(claims, "room", &room) < 0 ||
		!(is_word(room) || bf_bytes_is(room, "*")))
		return -EINVAL;
	memcpy(out->room, room.data, room.len);
	*why = "the claim name is not a display name";
	if (optional_str(claims, "name", &name) < 0 || (name.data && !is_name(name)))
		return -EINVAL;
	if (name.data)
		memcpy(out->name, name.data, name.len);
	*why = "the claim org is not the name of an organization";
	if (optional_str(claims, "org", &org) < 0 || (org.data && !is_word(org)))
		return -EINVAL;
	if (org.data)
		memcpy(out->org, org.data, org.len);
	*why = "the claim iss or jti is not a string";
	if (optional_str(claims, "iss", &ignored) < 0 || optional_str(claims, "jti", &ignored) < 0)
		return -EINVAL;
	return 0;
}

static int read_claims(const struct bf_json *claims, struct bf_join_grants *out,
	int64_t *not_before_s, const char **why)
{
	int64_t issued_s = 0;
	int err = read_text_claims(claims, out, why);

	if (err)
		return err;
	*why = "the claim publish, subscribe or data is not a boolean";
	if (grant(claims, "publish", BF_GRANT_PUBLISH, &out->grants) < 0 ||
		grant(claims, "subscribe", BF_GRANT_SUBSCRIBE, &out->grants) < 0 ||
		grant(claims, "data", BF_GRANT_DATA, &out->grants) < 0)
		return -EINVAL;
	*why = "the claim exp is missing or not an integer";
	if (bf_json_get_int(claims, "exp", &out->expires_s) < 0)
		return -EINVAL;
	*why = "the claim nbf or iat is not an integer";
	*not_before_s = INT64_MIN;
	if (optional_int(claims, "nbf", not_before_s) < 0 ||
		optional_int(claims, "iat", &issued_s) < 0)
		return -EINVAL;
	return 0;
}

static int check_payload(
	struct bf_bytes payload, struct bf_join_grants *out, int64_t now_s, const char **why)
{
	struct bf_join_grants grants = {.grants = 0};
	struct bf_json *claims = decode_object(payload);
	int64_t not_before_s;
	int err;

	*why = "the token's payload is not a JSON object";
	if (!claims)
		return -EBADMSG;
	err = read_claims(claims, &grants, &not_before_s, why);
	bf_json_free(claims);
	if (err)
		return err;
	*why = "the token has expired";
	if (grants.expires_s <= now_s - SKEW_S)
		return -ETIME;
	*why = "the token is not valid yet";
	if (not_before_s > now_s + SKEW_S)
		return -ETIME;
	*out = grants;
	*why = "";
	return 0;
}

int bf_join_verify(struct bf_join_grants *out, const struct bf_join_verifier *verifier,
	struct bf_bytes token, int64_t now_s, const char **why)
{
	uint8_t signature[SIGNATURE_BYTES + 4];
	char kid[KID_MAX + 1];
	struct bf_json *header;
	struct parts parts;
	int err;

	*why = "this is not a token";
	if (token.len == 0 || token.len > BF_JOIN_TOKEN_MAX || !split(token, &parts))
		return -EBADMSG;
	header = decode_object(parts.header);
	if (!header)
		return -EBADMSG;
	err = check_header(header, kid, why);
	bf_json_free(header);
	if (err)
		return err;
	*why = "the token's signature is wrong";
	if (bf_base64url_decode(signature, sizeof(signature), parts.signature) != SIGNATURE_BYTES)
		return -EACCES;
	err = check_signature(verifier, token, kid, why);
	if (err)
		return err;
	return check_payload(parts.payload, out, now_s, why);
}
