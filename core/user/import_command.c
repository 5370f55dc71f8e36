#include "core/base/json.h"
#include "core/user/user_command.h"
#include "core/user/user_priv.h"
#include "signaling/auth/rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_BYTES ((size_t)16 << 20)

const char bf_import_help[] =
	"usage: belfry import FILE [org=SLUG] [--config=FILE] [--section.key=value ...]\n"
	"\n"
	"Takes the users of a JSON file, which is not read again: a list of\n"
	"  {\"username\": \"ann\", \"password\": \"...\", \"email\": \"...\", \"full_name\": "
	"\"...\", "
	"\"role\": \"...\"}\n"
	"or {\"users\": [...]}, or names with their passwords: {\"ann\": \"...\"}. In the place of "
	"a\n"
	"password there may be its hash (password_hash: Argon2, or bcrypt). Who comes with a\n"
	"password must change it with the first login. Who is there already is left as they are.\n";

struct import {
	struct user_desk *desk;
	size_t added, left;
};

static const char *text_of(const struct bf_json *object, const char *key, const char *fallback)
{
	struct bf_bytes text;

	return bf_json_get_str(object, key, &text) ? fallback : (const char *)text.data;
}

/* 0: taken, or left. Else it was said what is wrong. */
static int take(struct import *import, struct user_account *account, const char *password)
{
	char hash[BF_PASSWORD_HASH_BYTES], said[256];
	const char *wrong = user_check(account, said, sizeof(said));
	int err;

	if (!wrong && !account->password_hash[0] && !password[0])
		wrong = "there is neither password nor password_hash";
	if (!wrong && account->password_hash[0])
		wrong = bf_rule_password_hash(account->password_hash);
	if (wrong) {
		fprintf(stderr, "belfry: import: user %.64s: %s\n", account->username, wrong);
		return -EINVAL;
	}
	if (!account->password_hash[0]) {
		if (bf_password_hash(password, NULL, hash))
			return -ENOMEM;
		account->password_hash = hash;
		account->must_change = true;
	}
	err = user_add(import->desk, account);
	if (err && err != -EEXIST) {
		user_complain(import->desk, account->username);
		return err;
	}
	import->added += !err;
	import->left += err == -EEXIST;
	return 0;
}

static int take_object(struct import *import, const struct bf_json *object)
{
	struct user_account account = {.username = text_of(object, "username", ""),
		.email = text_of(object, "email", ""),
		.full_name = text_of(object, "full_name", ""),
		.password_hash = text_of(object, "password_hash", ""),
		.role = text_of(object, "role", "viewer")};

	return take(import, &account, text_of(object, "password", ""));
}

static int take_list(struct import *import, const struct bf_json *list)
{
	size_t count = bf_json_count(list);
	int err = 0;

	for (size_t i = 0; i < count && !err; i++) {
		err = take_object(import, bf_json_at(list, i));
		if (isatty(STDERR_FILENO))
			fprintf(stderr, "\r%zu of %zu%s", i + 1, count, i + 1 == count ? "\n" : "");
	}
	return err;
}

/* {"ann": "password"} or {"ann": {"password": ...}} */
static int take_names(struct import *import, struct bf_json *names)
{
	int err = 0;

	for (const char *name = bf_json_next_key(names, NULL); name && !err;
		name = bf_json_next_key(names, name)) {
		const struct bf_json *object = bf_json_get(names, name);
		const char *password = text_of(names, name, NULL);
		struct user_account account = {.username = name,
			.email = password ? "" : text_of(object, "email", ""),
			.full_name = password ? "" : text_of(object, "full_name", ""),
			.password_hash = password ? "" : text_of(object, "password_hash", ""),
			.role = password ? "viewer" : text_of(object, "role", "viewer")};

		err = take(import, &account, password ? password : text_of(object, "password", ""));
	}
	return err;
}

static int read_json(const char *path, struct bf_json **out)
{
	char *text = malloc(FILE_BYTES + 1), why[256];
	FILE *file = fopen(path, "re");
	size_t len = file && text ? fread(text, 1, FILE_BYTES + 1, file) : 0;
	int err = file ? 0 : -errno;

	if (err)
		fprintf(stderr, "belfry: import: %s: %s\n", path, strerror(-err));
	else if (!text)
		err = -ENOMEM;
	else if ((err = bf_json_parse(out, bf_bytes(text, len), FILE_BYTES, why, sizeof(why))))
		fprintf(stderr, "belfry: import: %s: %s\n", path, why);
	if (file)
		fclose(file);
	if (text)
		explicit_bzero(text, FILE_BYTES + 1);
	free(text);
	return err;
}

static int import_json(struct import *import, struct bf_json *json)
{
	if (!bf_json_is_object(json))
		return take_list(import, json);
	if (bf_json_get(json, "users"))
		return take_list(import, bf_json_get(json, "users"));
	return take_names(import, json);
}

int bf_import_command(const struct bf_conf *conf, int argc, char **argv)
{
	struct import import = {.added = 0};
	struct user_desk desk;
	struct bf_json *json;
	const char *org = NULL;
	int err;

	if (argc == 2 && strncmp(argv[1], "org=", 4) == 0)
		org = argv[1] + 4;
	if (argc < 1 || (argc == 2 && !org)) {
		fputs(bf_import_help, stderr);
		return 2;
	}
	if (read_json(argv[0], &json))
		return 1;
	import.desk = &desk;
	err = user_desk_open(&desk, conf, org);
	if (!err)
		err = import_json(&import, json);
	printf("Added: %zu. There already, and left as they are: %zu.\n", import.added,
		import.left);
	user_desk_close(&desk);
	bf_json_free(json);
	return err ? 1 : 0;
}
