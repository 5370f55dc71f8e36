#include "signaling/auth/join_token.h"

#include "core/base/id.h"
#include "core/base/json.h"
#include "media/media_msg.h"
#include "signaling/auth/join_key.h"
#include "signaling/auth/jws.h"

#include <errno.h>
#include <stdio.h>

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

int bf_join_sign(char *out, size_t out_size, const char *key_path,
	const struct bf_join_grants *grants, int64_t now_s, char *why, size_t why_size)
{
	struct bf_jws_keys keys = {.count = 1};
	struct bf_json *claims;
	int err = bf_join_key_read(&keys.list[0], key_path, true, why, why_size);

	if (err)
		return err;
	claims = make_claims(grants, now_s);
	err = claims ? bf_jws_seal(out, out_size, &keys, "JWT", claims) : -ENOMEM;
	if (err)
		snprintf(why, why_size, "the token cannot be made: %s", strerror(-err));
	bf_json_free(claims);
	bf_jws_keys_deinit(&keys);
	return err;
}
