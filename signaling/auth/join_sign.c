#include "signaling/auth/join_token.h"

#include "core/base/id.h"
#include "core/base/json.h"
#include "media/media_msg.h"
#include "signaling/auth/join_key.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct bf_json *make_claims(const struct bf_join_grants *grants, int64_t now_s)
{
	struct bf_json *claims = bf_json_object();
	char id[BF_UUID_TEXT];

	if (!claims)
		return NULL;
	bf_json_put_str(claims, "room", grants->room);
	if (grants->name[0])
		bf_json_put_str(claims, "name", grants->name);
	if (grants->org[0])
		bf_json_put_str(claims, "org", grants->org);
	bf_json_put_bool(claims, "publish", (grants->grants & BF_GRANT_PUBLISH) != 0);
	bf_json_put_bool(claims, "subscribe", (grants->grants & BF_GRANT_SUBSCRIBE) != 0);
	bf_json_put_bool(claims, "data", (grants->grants & BF_GRANT_DATA) != 0);
	bf_json_put_int(claims, "iat", now_s);
	bf_json_put_int(claims, "exp", grants->expires_s);
	bf_json_put_str(claims, "jti", bf_uuid_new(id));
	return claims;
}

static cjose_header_t *make_header(const cjose_jwk_t *key)
{
	cjose_header_t *header = cjose_header_new(NULL);
	const char *kid = cjose_jwk_get_kid(key, NULL);

	if (!header)
		return NULL;
	if (cjose_header_set(header, CJOSE_HDR_ALG, CJOSE_HDR_ALG_ES256, NULL) &&
		cjose_header_set(header, "typ", "JWT", NULL) &&
		(!kid || cjose_header_set(header, CJOSE_HDR_KID, kid, NULL)))
		return header;
	cjose_header_release(header);
	return NULL;
}

/* The compact text of `payload` signed with `key`, to out[out_size]. */
static int sign(char *out, size_t out_size, const cjose_jwk_t *key, const char *payload, size_t len)
{
	cjose_header_t *header = make_header(key);
	cjose_jws_t *jws =
		header ? cjose_jws_sign(key, header, (const uint8_t *)payload, len, NULL) : NULL;
	const char *text;
	int err = -ENOMEM;

	if (jws && cjose_jws_export(jws, &text, NULL)) { /* the text belongs to jws */
		err = strlen(text) < out_size && strlen(text) <= BF_JOIN_TOKEN_MAX ? 0 : -ENOBUFS;
		if (!err)
			memcpy(out, text, strlen(text) + 1);
	}
	cjose_jws_release(jws);
	cjose_header_release(header);
	return err;
}

int bf_join_sign(char *out, size_t out_size, const char *key_path,
	const struct bf_join_grants *grants, int64_t now_s, char *why, size_t why_size)
{
	struct bf_json *claims;
	cjose_jwk_t *key;
	char *payload = NULL;
	size_t len;
	int err = bf_join_key_read(&key, key_path, true, why, why_size);

	if (err)
		return err;
	claims = make_claims(grants, now_s);
	if (claims)
		payload = bf_json_print(claims, &len);
	err = payload ? sign(out, out_size, key, payload, len) : -ENOMEM;
	if (err)
		snprintf(why, why_size, "the token cannot be made: %s", strerror(-err));
	free(payload);
	bf_json_free(claims);
	cjose_jwk_release(key);
	return err;
}
