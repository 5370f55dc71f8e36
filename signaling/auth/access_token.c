#include "signaling/auth/access_token.h"

#include <errno.h>

#define TYP "at+jwt"

static void put_uuid(struct bf_json *claims, const char *name, struct bf_uuid uuid)
{
	char text[BF_UUID_TEXT];

	bf_json_put_str(claims, name, bf_uuid_format(uuid, text));
}

int bf_access_issue(
	char *out, const struct bf_access_issuer *issuer, struct bf_access *access, int64_t now_s)
{
	struct bf_json *claims = bf_json_object();
	char id[BF_UUID_TEXT];
	int err;

	access->expires_s = now_s + BF_ACCESS_TOKEN_S;
	bf_json_put_str(claims, "iss", issuer->issuer);
	bf_json_put_str(claims, "aud", issuer->audience);
	put_uuid(claims, "sub", access->user);
	put_uuid(claims, "org", access->org);
	put_uuid(claims, "sid", access->session);
	bf_json_put_int(claims, "perms", (int64_t)access->permissions);
	bf_json_put_int(claims, "iat", now_s);
	bf_json_put_int(claims, "exp", access->expires_s);
	bf_json_put_str(claims, "jti", bf_uuid_new(id));
	err = bf_jws_seal(out, BF_JWS_TOKEN_MAX + 1, &issuer->keys, TYP, claims);
	bf_json_free(claims);
	return err;
}

static bool is_text(const struct bf_json *claims, const char *name, const char *wanted)
{
	struct bf_bytes text;

	return bf_json_get_str(claims, name, &text) == 0 && bf_bytes_is(text, wanted);
}

static int read_uuid(const struct bf_json *claims, const char *name, struct bf_uuid *out)
{
	struct bf_bytes text;

	return bf_json_get_str(claims, name, &text) ? -EINVAL : bf_uuid_parse(out, text);
}

static int read_claims(struct bf_access *out, const struct bf_json *claims,
	const struct bf_access_issuer *issuer, int64_t now_s, const char **why)
{
	int64_t permissions;

	*why = "the token was issued by somebody else";
	if (!is_text(claims, "iss", issuer->issuer))
		return -EACCES;
	*why = "the token is for somebody else";
	if (!is_text(claims, "aud", issuer->audience))
		return -EACCES;
	*why = "the claim sub, org or sid is missing or no UUID";
	if (read_uuid(claims, "sub", &out->user) || read_uuid(claims, "org", &out->org) ||
		read_uuid(claims, "sid", &out->session))
		return -EINVAL;
	*why = "the claim perms is missing or no integer";
	if (bf_json_get_int(claims, "perms", &permissions))
		return -EINVAL;
	out->permissions = (uint64_t)permissions;
	return bf_jws_check_times(claims, now_s, &out->expires_s, why);
}

int bf_access_verify(struct bf_access *out, const struct bf_access_issuer *issuer,
	struct bf_bytes token, int64_t now_s, const char **why)
{
	struct bf_access access;
	struct bf_json *claims;
	int err = bf_jws_open(&claims, &issuer->keys, token, TYP, why);

	if (err)
		return err;
	err = read_claims(&access, claims, issuer, now_s, why);
	bf_json_free(claims);
	if (err)
		return err;
	*out = access;
	*why = "";
	return 0;
}
