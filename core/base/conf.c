#include "core/base/conf.h"

#include "core/base/addr.h"
#include "core/base/conf_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int bf_conf_new(struct bf_conf **out)
{
	struct bf_conf *conf = calloc(1, sizeof(*conf));
	char reason[CONF_REASON_BYTES];

	if (!conf)
		return -ENOMEM;
	for (size_t i = 0; i < conf_key_count; i++) {
		int err = conf_set(conf, &conf_keys[i], conf_keys[i].fallback, reason);

		assert(err == 0 || err == -ENOMEM); /* a default must be a valid value */
		if (err) {
			bf_conf_free(conf);
			return err;
		}
	}
	*out = conf;
	return 0;
}

void bf_conf_free(struct bf_conf *conf)
{
	if (!conf)
		return;
	for (size_t i = 0; i < conf_key_count; i++) {
		const struct conf_key *key = &conf_keys[i];

		if (key->type == CONF_STR) {
			free(*conf_str_at(conf, key));
		} else if (key->type == CONF_LIST) {
			unsigned *count;
			char **items = *conf_list_at(conf, key, &count);

			for (unsigned k = 0; k < *count; k++)
				free(items[k]);
			free(items);
		}
	}
	free(conf);
}

/* A configuration of the same values. */
static int copy_conf(struct bf_conf **out, const struct bf_conf *from)
{
	struct bf_conf *conf;
	char reason[CONF_REASON_BYTES];
	unsigned *count;
	int err = bf_conf_new(&conf);

	if (err)
		return err;
	for (size_t i = 0; i < conf_key_count && !err; i++) {
		const struct conf_key *key = &conf_keys[i];

		switch (key->type) {
		case CONF_STR:
			err = conf_set(conf, key, *conf_str_at(from, key), reason);
			break;
		case CONF_UINT:
			*conf_uint_at(conf, key) = *conf_uint_at(from, key);
			break;
		case CONF_BOOL:
			*conf_bool_at(conf, key) = *conf_bool_at(from, key);
			break;
		case CONF_LIST: {
			char **items = *conf_list_at(from, key, &count);

			err = conf_set_list(conf, key, items, *count, reason);
			break;
		}
		}
	}
	if (err) {
		bf_conf_free(conf);
		return err;
	}
	*out = conf;
	return 0;
}

/* ---- environment ---- */

#define VARIABLE_PREFIX "BELFRY_"

static const struct conf_key *key_by_variable(const char *name, size_t len)
{
	char variable[CONF_NAME_BYTES];

	for (size_t i = 0; i < conf_key_count; i++) {
		conf_variable(&conf_keys[i], variable);
		if (strlen(variable) == len && memcmp(variable, name, len) == 0)
			return &conf_keys[i];
	}
	return NULL;
}

static void refuse_variable(const char *name, size_t len, struct conf_why *why)
{
	char given[CONF_NAME_BYTES + 1], variable[CONF_NAME_BYTES], best[CONF_NAME_BYTES] = "";
	size_t best_distance = SIZE_MAX;

	snprintf(given, sizeof(given), "%.*s", (int)len, name);
	for (size_t i = 0; i < conf_key_count; i++) {
		size_t distance = conf_distance(given, conf_variable(&conf_keys[i], variable));

		if (distance < best_distance) {
			best_distance = distance;
			memcpy(best, variable, sizeof(best));
		}
	}
	/* The prefix is common to all: it must not make everything look alike. */
	if (conf_is_near(best_distance, len - strlen(VARIABLE_PREFIX)))
		conf_why_add(why, "unknown variable %s (did you mean %s?)", given, best);
	else
		conf_why_add(why, "unknown variable %s", given);
}

static int apply_variable(struct bf_conf *conf, const char *entry, struct conf_why *why)
{
	const char *equals = strchr(entry, '=');
	const struct conf_key *key;
	char reason[CONF_REASON_BYTES];
	size_t len;
	int err;

	if (strncmp(entry, VARIABLE_PREFIX, strlen(VARIABLE_PREFIX)) != 0 || !equals)
		return 0;
	len = (size_t)(equals - entry);
	key = key_by_variable(entry, len);
	if (!key) {
		refuse_variable(entry, len, why);
		return 0;
	}
	err = conf_set(conf, key, equals + 1, reason);
	if (err == -EINVAL) {
		conf_why_add(why, "%.*s: %s", (int)len, entry, reason);
		return 0;
	}
	return err;
}

static int apply_environment(struct bf_conf *conf, char *const *envp, struct conf_why *why)
{
	int err = conf_alias_apply(conf, envp, why);

	for (char *const *at = envp; at && *at && !err; at++)
		err = apply_variable(conf, *at, why);
	/* last, wherever it stood, because it changes a part of BELFRY_HTTP_LISTEN */
	return err ? err : conf_alias_apply_port(conf, envp, why);
}

/* ---- flags ---- */

static const struct conf_key *key_by_path(const char *path)
{
	char known[CONF_NAME_BYTES];

	for (size_t i = 0; i < conf_key_count; i++) {
		if (strcmp(conf_path(&conf_keys[i], known), path) == 0)
			return &conf_keys[i];
	}
	return NULL;
}

static void refuse_flag(const char *path, struct conf_why *why)
{
	char known[CONF_NAME_BYTES], best[CONF_NAME_BYTES] = "";
	size_t best_distance = SIZE_MAX;

	for (size_t i = 0; i < conf_key_count; i++) {
		size_t distance = conf_distance(path, conf_path(&conf_keys[i], known));

		if (distance < best_distance) {
			best_distance = distance;
			memcpy(best, known, sizeof(best));
		}
	}
	if (conf_is_near(best_distance, strlen(path)))
		conf_why_add(why, "unknown flag --%s (did you mean --%s?)", path, best);
	else
		conf_why_add(why, "unknown flag --%s", path);
}

static int apply_flag(struct bf_conf *conf, const char *flag, struct conf_why *why)
{
	const char *equals = strchr(flag, '=');
	const struct conf_key *key;
	char path[CONF_NAME_BYTES + 1], reason[CONF_REASON_BYTES];
	int len = equals ? (int)(equals - flag) : (int)strlen(flag);
	int err;

	if (strncmp(flag, "--", 2) != 0) {
		conf_why_add(why, "'%.64s' is not of the form --section.key=value", flag);
		return 0;
	}
	snprintf(path, sizeof(path), "%.*s", len - 2, flag + 2);
	for (char *at = path; *at; at++) {
		if (*at == '-')
			*at = '_';
	}
	key = key_by_path(path);
	if (!key) {
		refuse_flag(path, why);
		return 0;
	}
	if (!equals) {
		conf_why_add(why, "--%s: needs a value: --%s=...", path, path);
		return 0;
	}
	err = conf_set(conf, key, equals + 1, reason);
	if (err == -EINVAL) {
		conf_why_add(why, "--%s: %s", path, reason);
		return 0;
	}
	return err;
}

int bf_conf_load(struct bf_conf *conf, const char *path, char *const *envp, int argc,
	char *const *argv, char *why, size_t why_size)
{
	struct conf_why wrong;
	struct bf_conf *fresh, old;
	int err;

	conf_why_init(&wrong, why, why_size);
	/* On a copy, so that a configuration that is refused has changed nothing. */
	err = copy_conf(&fresh, conf);
	if (err)
		return err;
	if (path)
		err = conf_file_load(fresh, path, &wrong);
	if (!err || err == -EINVAL) {
		/* After a bad file the rest is looked at too: one start, all complaints. */
		int env_err = apply_environment(fresh, envp, &wrong);

		err = env_err ? env_err : err;
	}
	for (int i = 0; i < argc && (!err || err == -EINVAL); i++) {
		int flag_err = apply_flag(fresh, argv[i], &wrong);

		err = flag_err ? flag_err : err;
	}
	if (!err && wrong.count > 0)
		err = -EINVAL;
	if (!err) {
		old = *conf;
		*conf = *fresh;
		*fresh = old;
	}
	bf_conf_free(fresh);
	return err;
}
