#include "storage/pg/target.h"

#include <assert.h>
#include <errno.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A socket's folder, or an address that never leaves the machine. */
static bool is_local(const char *host, size_t len)
{
	static const char *const local[] = {"", "localhost", "127.0.0.1", "::1"};

	if (len > 0 && (host[0] == '/' || host[0] == '@'))
		return true;
	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
		if (strlen(local[i]) == len && strncmp(host, local[i], len) == 0)
			return true;
	return false;
}

static bool are_local(const char *hosts)
{
	while (hosts) {
		size_t len = strcspn(hosts, ",");

		if (!is_local(hosts, len))
			return false;
		hosts = hosts[len] ? hosts + len + 1 : NULL;
	}
	return true;
}

static const char *value_of(const PQconninfoOption *options, const char *keyword)
{
	for (; options->keyword; options++)
		if (strcmp(options->keyword, keyword) == 0)
			return options->val && options->val[0] ? options->val : NULL;
	return NULL;
}

static void add(struct bf_pg_target *target, size_t *count, const char *key, const char *value)
{
	target->keys[*count] = key;
	target->values[(*count)++] = value;
}

/* Once more, after the URL's own, so that they can be turned. */
static void add_lists(struct bf_pg_target *target, size_t *count, const PQconninfoOption *options)
{
	static const char *const names[BF_PG_TARGET_LISTS] = {"host", "hostaddr", "port"};

	for (size_t i = 0; i < BF_PG_TARGET_LISTS; i++) {
		const char *list = value_of(options, names[i]);

		if (list && strlen(list) >= BF_PG_TARGET_LIST_BYTES)
			return;
	}
	for (size_t i = 0; i < BF_PG_TARGET_LISTS; i++) {
		const char *list = value_of(options, names[i]);

		if (!list || !strchr(list, ','))
			continue;
		snprintf(target->lists[i], BF_PG_TARGET_LIST_BYTES, "%s", list);
		add(target, count, names[i], target->lists[i]);
	}
}

void bf_pg_target_turn(struct bf_pg_target *target)
{
	for (size_t i = 0; i < BF_PG_TARGET_LISTS; i++) {
		char *list = target->lists[i], first[BF_PG_TARGET_LIST_BYTES];
		size_t first_len = strcspn(list, ","), rest_len;

		if (!list[first_len])
			continue;
		rest_len = strlen(list) - first_len - 1;
		memcpy(first, list, first_len);
		memmove(list, list + first_len + 1, rest_len);
		list[rest_len] = ',';
		memcpy(list + rest_len + 1, first, first_len);
	}
	target->turn_count++;
}

int bf_pg_target(struct bf_pg_target *out, const char *url, const char *timeout_s, char *why,
	size_t why_size)
{
	char *message = NULL;
	PQconninfoOption *options = PQconninfoParse(url, &message);
	size_t count = 0;
	bool is_remote;

	if (!options) {
		/* libpq repeats what it cannot read, which may be a password */
		snprintf(why, why_size, "storage.url is no URL that libpq understands");
		PQfreemem(message);
		return message ? -EINVAL : -ENOMEM;
	}
	is_remote = !are_local(value_of(options, "hostaddr")) ||
		    (!value_of(options, "hostaddr") && !are_local(value_of(options, "host")));
	*out = (struct bf_pg_target){.keys = {NULL}};
	add(out, &count, "dbname", url);
	if (is_remote && !value_of(options, "sslmode") && !getenv("PGSSLMODE"))
		add(out, &count, "sslmode", "verify-full");
	if (!value_of(options, "application_name"))
		add(out, &count, "application_name", "belfry");
	if (!value_of(options, "target_session_attrs"))
		add(out, &count, "target_session_attrs", "read-write");
	add_lists(out, &count, options);
	if (timeout_s)
		add(out, &count, "connect_timeout", timeout_s);
	PQconninfoFree(options);
	return 0;
}

/* What stands later counts more, to libpq. */
void bf_pg_target_database(struct bf_pg_target *target, const char *database)
{
	size_t count = 0;

	while (target->keys[count])
		count++;
	assert(count + 1 < BF_PG_TARGET_KEYS);
	add(target, &count, "dbname", database);
}

int bf_pg_target_part(const char *url, const char *keyword, char *out, size_t size)
{
	PQconninfoOption *options = PQconninfoParse(url, NULL);
	const char *value = options ? value_of(options, keyword) : NULL;
	int err = options ? 0 : -EINVAL;

	if (!err && snprintf(out, size, "%s", value ? value : "") >= (int)size)
		err = -EMSGSIZE;
	PQconninfoFree(options);
	return err;
}
