#include "core/seed/seed_priv.h"
#include "signaling/auth/rules.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define PATH_BYTES 256

struct check {
	struct bf_seed *seed;
	char path[PATH_BYTES]; /* as "organizations[0].users[2]" */
};

static int refuse(struct check *check, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(struct check *check, const char *key, const char *format, ...)
{
	char said[256];
	va_list args;

	va_start(args, format);
	vsnprintf(said, sizeof(said), format, args);
	va_end(args);
	snprintf(check->seed->why, check->seed->why_size, "%s%s%s: %s", check->path,
		key && check->path[0] ? "." : "", key ? key : "", said);
	return -EINVAL;
}

const char *seed_text(const struct bf_json *object, const char *key, const char *fallback)
{
	struct bf_bytes text;

	return bf_json_get_str(object, key, &text) ? fallback : (const char *)text.data;
}

/* ---- rules with their numbers ---- */

static const char *rule_org_name(const char *text)
{
	return bf_rule_title(text, 200);
}

static const char *rule_full_name(const char *text)
{
	return text[0] ? bf_rule_title(text, 200) : NULL;
}

static const char *rule_channel_name(const char *text)
{
	return bf_rule_title(text, 100);
}

static const char *rule_description(const char *text)
{
	return text[0] ? bf_rule_title(text, SEED_DESCRIPTION_COUNT_MAX) : NULL;
}

/* ---- members ---- */

enum type { TEXT, NUMBER, COUNT, FLAG, LIST };

struct member {
	const char *key;
	enum type type;
	bool is_needed;
	const char *(*rule)(const char *text); /* TEXT; NULL: a name that is looked up */
};

static int check_value(
	struct check *check, const struct bf_json *object, const struct member *member)
{
	struct bf_bytes text;
	int64_t number;
	bool flag;
	const char *wrong;

	switch (member->type) {
	case TEXT:
		if (bf_json_get_str(object, member->key, &text))
			return refuse(check, member->key, "is no text");
		wrong = member->rule ? member->rule((const char *)text.data) : NULL;
		return wrong ? refuse(check, member->key, "%s", wrong) : 0;
	case NUMBER:
	case COUNT:
		if (bf_json_get_int(object, member->key, &number))
			return refuse(check, member->key, "is no whole number");
		if (member->type == COUNT && number < 1)
			return refuse(check, member->key, "is less than 1");
		return 0;
	case FLAG:
		return bf_json_get_bool(object, member->key, &flag)
			       ? refuse(check, member->key, "is neither true nor false")
			       : 0;
	case LIST:
		return bf_json_is_array(bf_json_get(object, member->key))
			       ? 0
			       : refuse(check, member->key, "is no list");
	}
	return 0;
}

static int check_members(struct check *check, const struct bf_json *object,
	const struct member *members, size_t count)
{
	if (!bf_json_is_object(object))
		return refuse(check, NULL, "is no object");
	for (const char *key = bf_json_next_key(object, NULL); key;
		key = bf_json_next_key(object, key)) {
		size_t i = 0;

		while (i < count && strcmp(members[i].key, key) != 0)
			i++;
		if (i == count)
			return refuse(check, key, "is not known there");
	}
	for (size_t i = 0; i < count; i++) {
		bool is_there = bf_json_get(object, members[i].key) != NULL;
		int err = 0;

		if (!is_there && members[i].is_needed)
			return refuse(check, members[i].key, "is missing");
		if (is_there)
			err = check_value(check, object, &members[i]);
		if (err)
			return err;
	}
	return 0;
}

#define MEMBERS(array) array, sizeof(array) / sizeof((array)[0])

/* ---- lists ---- */

typedef int check_item(
	struct check *check, const struct bf_json *item, const struct bf_json *organization);

static int check_list(struct check *check, const struct bf_json *object, const char *key,
	const struct bf_json *organization, check_item *checks)
{
	const struct bf_json *list = bf_json_get(object, key);
	size_t len = strlen(check->path);
	int err = 0;

	for (size_t i = 0; list && i < bf_json_count(list) && !err; i++) {
		snprintf(check->path + len, sizeof(check->path) - len, "%s%s[%zu]", len ? "." : "",
			key, i);
		err = checks(check, bf_json_at(list, i), organization);
		if (!err)
			check->path[len] = '\0';
	}
	return err;
}

/* Whether the organization's list `key` has an item whose `name` is this, before `end` (NULL: anywhere). */
static bool has(const struct bf_json *organization, const char *key, const char *name,
	const char *wanted, const struct bf_json *end)
{
	const struct bf_json *list = bf_json_get(organization, key);

	for (size_t i = 0; list && i < bf_json_count(list) && bf_json_at(list, i) != end; i++)
		if (strcmp(seed_text(bf_json_at(list, i), name, ""), wanted) == 0)
			return true;
	return false;
}

static int check_role(
	struct check *check, const struct bf_json *item, const struct bf_json *organization)
{
	static const struct member members[] = {
		{"name", TEXT, true, bf_rule_role},
		{"description", TEXT, false, rule_description},
		{"permissions", NUMBER, false, NULL},
	};
	int err = check_members(check, item, MEMBERS(members));

	if (err)
		return err;
	return has(organization, "roles", "name", seed_text(item, "name", ""), item)
		       ? refuse(check, "name", "is there twice")
		       : 0;
}

static int check_role_name(
	struct check *check, const struct bf_json *item, const struct bf_json *organization)
{
	struct bf_bytes name;

	if (bf_json_as_str(item, &name))
		return refuse(check, NULL, "is no text");
	return has(organization, "roles", "name", (const char *)name.data, NULL)
		       ? 0
		       : refuse(check, NULL, "there is no role '%.64s'", (const char *)name.data);
}

static int check_user(
	struct check *check, const struct bf_json *item, const struct bf_json *organization)
{
	static const struct member members[] = {
		{"username", TEXT, true, bf_rule_username},
		{"email", TEXT, false, bf_rule_email},
		{"full_name", TEXT, false, rule_full_name},
		{"password", TEXT, false, bf_rule_password},
		{"password_hash", TEXT, false, bf_rule_password_hash},
		{"roles", LIST, false, NULL},
	};
	int err = check_members(check, item, MEMBERS(members));

	if (!err && bf_json_get(item, "password") && bf_json_get(item, "password_hash"))
		err = refuse(check, "password_hash", "there is a password already");
	if (!err)
		err = check_list(check, item, "roles", organization, check_role_name);
	return err;
}

static int check_entry(
	struct check *check, const struct bf_json *item, const struct bf_json *organization)
{
	static const struct member members[] = {
		{"user", TEXT, false, NULL},
		{"role", TEXT, false, NULL},
		{"everyone", FLAG, false, NULL},
		{"allow", NUMBER, false, NULL},
		{"deny", NUMBER, false, NULL},
		{"here", FLAG, false, NULL},
		{"below", FLAG, false, NULL},
	};
	int err = check_members(check, item, MEMBERS(members));
	const char *user, *role;

	if (err)
		return err;
	user = seed_text(item, "user", NULL);
	role = seed_text(item, "role", NULL);
	if ((user != NULL) + (role != NULL) + (bf_json_get(item, "everyone") != NULL) != 1)
		return refuse(check, NULL, "must name one of user, role and everyone");
	if (user && !has(organization, "users", "username", user, NULL))
		return refuse(check, "user", "there is no user '%.64s'", user);
	if (role && !has(organization, "roles", "name", role, NULL))
		return refuse(check, "role", "there is no role '%.64s'", role);
	return 0;
}

static int check_channel(
	struct check *check, const struct bf_json *item, const struct bf_json *organization)
{
	static const struct member members[] = {
		{"name", TEXT, true, rule_channel_name},
		{"parent", TEXT, false, NULL},
		{"description", TEXT, false, rule_description},
		{"position", NUMBER, false, NULL},
		{"participant_count_max", COUNT, false, NULL},
		{"acl", LIST, false, NULL},
	};
	int err = check_members(check, item, MEMBERS(members));
	const char *parent;

	if (err)
		return err;
	if (has(organization, "channels", "name", seed_text(item, "name", ""), item))
		return refuse(check, "name", "is there twice");
	parent = seed_text(item, "parent", NULL);
	if (parent && !has(organization, "channels", "name", parent, item))
		return refuse(check, "parent", "there is no channel '%.100s' above it", parent);
	return check_list(check, item, "acl", organization, check_entry);
}

static int check_organization(
	struct check *check, const struct bf_json *item, const struct bf_json *unused)
{
	static const struct member members[] = {
		{"slug", TEXT, true, bf_rule_slug},
		{"name", TEXT, true, rule_org_name},
		{"roles", LIST, false, NULL},
		{"users", LIST, false, NULL},
		{"channels", LIST, false, NULL},
	};
	int err = check_members(check, item, MEMBERS(members));

	(void)unused;
	if (!err)
		err = check_list(check, item, "roles", item, check_role);
	if (!err)
		err = check_list(check, item, "users", item, check_user);
	if (!err)
		err = check_list(check, item, "channels", item, check_channel);
	return err;
}

int seed_check(struct bf_seed *seed, const struct bf_json *file)
{
	static const struct member members[] = {{"organizations", LIST, true, NULL}};
	struct check check = {.seed = seed};
	int err = check_members(&check, file, MEMBERS(members));

	return err ? err : check_list(&check, file, "organizations", NULL, check_organization);
}
