#include "core/token_command.h"

#include "core/base/clock.h"
#include "media/media_msg.h"
#include "signaling/auth/join_token.h"
#include "signaling/rtc/schema.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TTL_DEFAULT_S 3600
#define TTL_MAX_S     315360000 /* ten years: a token cannot be called back, only its key can */

const char bf_token_help[] =
	"usage: belfry token keygen FILE\n"
	"       belfry token sign FILE room=NAME [name=NAME] [org=NAME] [publish=no] "
	"[subscribe=no] [data=no] [ttl=SECONDS]\n"
	"\n"
	"keygen  makes a key pair: the private half in FILE, for whoever signs tokens, and the\n"
	"        public half in FILE.pub, for the server's rtc.join_keys. Never writes over a "
	"file.\n"
	"sign    prints a join token signed with the private key in FILE (PEM or JWK, P-256).\n"
	"        room=* lets its bearer into any room; name= fixes the display name; org= says "
	"whose\n"
	"        the rooms are: each organization has rooms and budgets of its own; what is not\n"
	"        taken away with =no is granted; ttl is how long it lets in, 3600 by default.\n";

static int keygen(const char *private_path)
{
	char public_path[PATH_MAX];
	char why[PATH_MAX + 128] = "";
	int len = snprintf(public_path, sizeof(public_path), "%s.pub", private_path);

	if (len >= (int)sizeof(public_path)) {
		fputs("belfry: token keygen: the file's name is too long\n", stderr);
		return 1;
	}
	/* Looked at before, so that no lonely private key is left behind. */
	if (access(public_path, F_OK) == 0)
		snprintf(why, sizeof(why), "%s: %s", public_path, strerror(EEXIST));
	else if (bf_join_keygen(private_path, public_path, why, sizeof(why)) == 0) {
		printf("private key: %s\npublic key:  %s (set rtc.join_keys to this one)\n",
			private_path, public_path);
		return 0;
	}
	fprintf(stderr, "belfry: %s\n", why);
	return 1;
}

/* Each of these takes what stands behind `key=` and answers NULL, or what it should have been. */

static const char *set_room(struct bf_join_grants *grants, const char *text)
{
	if (strcmp(text, "*") != 0 && !bf_rtc_is_room_name(bf_bytes_str(text)))
		return "1 to 64 characters of A-Z a-z 0-9 . _ -, or * for any room";
	snprintf(grants->room, sizeof(grants->room), "%s", text);
	return NULL;
}

static const char *set_name(struct bf_join_grants *grants, const char *text)
{
	if (!bf_rtc_is_display_name(bf_bytes_str(text)))
		return "1 to 64 characters of UTF-8, none of them a control character";
	snprintf(grants->name, sizeof(grants->name), "%s", text);
	return NULL;
}

static const char *set_org(struct bf_join_grants *grants, const char *text)
{
	if (!bf_rtc_is_room_name(bf_bytes_str(text)))
		return "1 to 64 characters of A-Z a-z 0-9 . _ -";
	snprintf(grants->org, sizeof(grants->org), "%s", text);
	return NULL;
}

static const char *set_ttl(struct bf_join_grants *grants, const char *text)
{
	size_t len = strlen(text);
	long value = strspn(text, "0123456789") == len && len <= 9 ? strtol(text, NULL, 10) : 0;

	if (value < 1 || value > TTL_MAX_S)
		return "seconds, 1 to 315360000";
	grants->expires_s = value;
	return NULL;
}

static const char *set_right(struct bf_join_grants *grants, const char *text, uint32_t bit)
{
	bool is_yes = strcmp(text, "yes") == 0 || strcmp(text, "true") == 0;

	if (!is_yes && strcmp(text, "no") != 0 && strcmp(text, "false") != 0)
		return "yes or no";
	grants->grants = is_yes ? grants->grants | bit : grants->grants & ~bit;
	return NULL;
}

static const char *set_publish(struct bf_join_grants *grants, const char *text)
{
	return set_right(grants, text, BF_GRANT_PUBLISH);
}

static const char *set_subscribe(struct bf_join_grants *grants, const char *text)
{
	return set_right(grants, text, BF_GRANT_SUBSCRIBE);
}

static const char *set_data(struct bf_join_grants *grants, const char *text)
{
	return set_right(grants, text, BF_GRANT_DATA);
}

static const struct word {
	const char *key;
	const char *(*set)(struct bf_join_grants *grants, const char *text);
} words[] = {
	{"room", set_room},
	{"name", set_name},
	{"org", set_org},
	{"publish", set_publish},
	{"subscribe", set_subscribe},
	{"data", set_data},
	{"ttl", set_ttl},
};

static int refuse_word(const char *given, size_t key_len)
{
	char key[32];
	const char *meant = NULL;

	snprintf(key, sizeof(key), "%.*s", (int)key_len, given);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && !meant; i++)
		if (bf_conf_resembles(key, words[i].key))
			meant = words[i].key;
	fprintf(stderr, "belfry: token sign: unknown '%s'", given);
	if (meant)
		fprintf(stderr, " (did you mean %s=?)", meant);
	fputs("; `belfry token --help` shows all\n", stderr);
	return -EINVAL;
}

static int set_grant(struct bf_join_grants *grants, const char *given)
{
	size_t key_len = strcspn(given, "=");

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const char *wanted;

		if (given[key_len] != '=' || strlen(words[i].key) != key_len ||
			strncmp(given, words[i].key, key_len) != 0)
			continue;
		wanted = words[i].set(grants, given + key_len + 1);
		if (!wanted)
			return 0;
		fprintf(stderr, "belfry: token sign: %s= wants %s\n", words[i].key, wanted);
		return -EINVAL;
	}
	return refuse_word(given, key_len);
}

static int sign(const char *key_path, char **given, int given_count)
{
	struct bf_join_grants grants = {
		.grants = BF_GRANT_PUBLISH | BF_GRANT_SUBSCRIBE | BF_GRANT_DATA,
		.expires_s = TTL_DEFAULT_S};
	int64_t now_s = bf_clock_wall_us() / 1000000;
	char token[BF_JOIN_TOKEN_MAX + 1];
	char why[PATH_MAX + 128] = "";

	for (int i = 0; i < given_count; i++)
		if (set_grant(&grants, given[i]))
			return 2;
	if (!grants.room[0]) {
		fputs("belfry: token sign wants room=NAME, or room=* for any\n", stderr);
		return 2;
	}
	grants.expires_s += now_s;
	if (bf_join_sign(token, sizeof(token), key_path, &grants, now_s, why, sizeof(why))) {
		fprintf(stderr, "belfry: %s\n", why);
		return 1;
	}
	puts(token);
	return 0;
}

int bf_token_command(const struct bf_conf *conf, int argc, char **argv)
{
	(void)conf;
	if (argc == 2 && strcmp(argv[0], "keygen") == 0 && argv[1][0])
		return keygen(argv[1]);
	if (argc >= 2 && strcmp(argv[0], "sign") == 0)
		return sign(argv[1], argv + 2, argc - 2);
	fputs(bf_token_help, stderr);
	return 2;
}
