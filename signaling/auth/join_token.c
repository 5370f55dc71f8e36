#include "signaling/auth/join_token.h"

#include "core/base/json.h"
#include "media/media_msg.h"
#include "signaling/auth/join_key.h"
#include "signaling/auth/jws.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_CHARS_MAX 64

struct bf_join_verifier {
	struct bf_jws_keys keys;
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
		int err = bf_join_key_read(
			&verifier->keys.list[i], key_paths[i], false, why, why_size);

		if (err) {
			bf_join_verifier_free(verifier);
			return err;
		}
		verifier->keys.count++;
	}
	*out = verifier;
	return 0;
}

void bf_join_verifier_free(struct bf_join_verifier *verifier)
{
	if (!verifier)
		return;
	bf_jws_keys_deinit(&verifier->keys);
	free(verifier);
}

/* ---- claims ---- */

/* 0 also when absent, with *out as it was; -EINVAL for another type. */
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
	return bf_jws_is_dotted(text) && text.len > 0 && text.len < BF_ROOM_TEXT;
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

static int read_claims(
	const struct bf_json *claims, struct bf_join_grants *out, int64_t now_s, const char **why)
{
	int err = read_text_claims(claims, out, why);

	if (err)
		return err;
	*why = "the claim publish, subscribe or data is not a boolean";
	if (grant(claims, "publish", BF_GRANT_PUBLISH, &out->grants) < 0 ||
		grant(claims, "subscribe", BF_GRANT_SUBSCRIBE, &out->grants) < 0 ||
		grant(claims, "data", BF_GRANT_DATA, &out->grants) < 0)
		return -EINVAL;
	return bf_jws_check_times(claims, now_s, &out->expires_s, why);
}

int bf_join_verify(struct bf_join_grants *out, const struct bf_join_verifier *verifier,
	struct bf_bytes token, int64_t now_s, const char **why)
{
	struct bf_join_grants grants = {.grants = 0};
	struct bf_json *claims;
	int err = bf_jws_open(&claims, &verifier->keys, token, "JWT", why);

	if (err)
		return err;
	err = read_claims(claims, &grants, now_s, why);
	bf_json_free(claims);
	if (err)
		return err;
	*out = grants;
	*why = "";
	return 0;
}
