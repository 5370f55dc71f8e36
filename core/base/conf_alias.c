/* core/base/conf_alias.c - environment variables under the names that other programs and hosting platforms give them. */
#include "core/base/addr.h"
#include "core/base/conf_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define URL_BYTES 2048

static const char *get(char *const *envp, const char *name)
{
	size_t len = strlen(name);

	for (; envp && *envp; envp++)
		if (strncmp(*envp, name, len) == 0 && (*envp)[len] == '=')
			return *envp + len + 1;
	return "";
}

/* ---- the same value under another name ---- */

static const struct {
	const char *variable, *section, *name;
} aliases[] = {
	{"NODE_ENV", "server", "profile"},
	{"CORS_ORIGIN", "http", "origins"},
	{"RATE_LIMIT_WINDOW_MS", "limits", "window_ms"},
	{"RATE_LIMIT_MAX_REQUESTS", "limits", "anonymous"},
	{"DATABASE_URL", "storage", "url"},
	{"DB_POOL_MIN", "storage", "pool_min"},
	{"DB_POOL_MAX", "storage", "pool_max"},
	{"DB_POOL_IDLE_TIMEOUT", "storage", "idle_ms"},
};

static int apply_alias(struct bf_conf *conf, size_t idx, const char *value, struct conf_why *why)
{
	char reason[CONF_REASON_BYTES];

	for (size_t i = 0; i < conf_key_count; i++) {
		const struct conf_key *key = &conf_keys[i];
		int err;

		if (strcmp(key->section, aliases[idx].section) != 0 ||
			strcmp(key->name, aliases[idx].name) != 0)
			continue;
		err = conf_set(conf, key, value, reason);
		if (err == -EINVAL)
			conf_why_add(why, "%s: %s", aliases[idx].variable, reason);
		return err == -EINVAL ? 0 : err;
	}
	assert(!"an alias of no key");
	return 0;
}

/* ---- storage.url in pieces ---- */

static void put_escaped(struct bf_wr *wr, const char *text)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
	char escaped[4];

	for (; *text; text++) {
		if (strchr(plain, *text)) {
			bf_wr_bytes(wr, bf_bytes(text, 1));
			continue;
		}
		snprintf(escaped, sizeof(escaped), "%%%02X", (unsigned char)*text);
		bf_wr_bytes(wr, bf_bytes(escaped, 3));
	}
}

static void put(struct bf_wr *wr, const char *before, const char *value)
{
	if (!value[0])
		return;
	bf_wr_bytes(wr, bf_bytes_str(before));
	put_escaped(wr, value);
}

/* DB_HOST makes storage.url, with DB_PORT, DB_USER, DB_PASSWORD and DB_NAME; without it they do nothing. */
static int apply_database(struct bf_conf *conf, char *const *envp, struct conf_why *why)
{
	const char *host = get(envp, "DB_HOST");
	char url[URL_BYTES];
	struct bf_wr wr = bf_wr((uint8_t *)url, sizeof(url) - 1);
	char *copy;

	if (!host[0] || get(envp, "DATABASE_URL")[0])
		return 0;
	put(&wr, "postgres://", get(envp, "DB_USER"));
	if (bf_wr_len(&wr) == 0)
		bf_wr_bytes(&wr, bf_bytes_str("postgres://"));
	else
		put(&wr, ":", get(envp, "DB_PASSWORD"));
	put(&wr, bf_wr_len(&wr) > strlen("postgres://") ? "@" : "", host);
	put(&wr, ":", get(envp, "DB_PORT"));
	put(&wr, "/", get(envp, "DB_NAME"));
	if (wr.is_full) {
		conf_why_add(why, "DB_HOST and its like: more than %d bytes", URL_BYTES);
		return 0;
	}
	url[bf_wr_len(&wr)] = '\0';
	copy = strdup(url);
	explicit_bzero(url, sizeof(url));
	if (!copy)
		return -ENOMEM;
	free(conf->storage.url);
	conf->storage.url = copy;
	return 0;
}

int conf_alias_apply(struct bf_conf *conf, char *const *envp, struct conf_why *why)
{
	int err = apply_database(conf, envp, why);

	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]) && !err; i++) {
		const char *value = get(envp, aliases[i].variable);

		if (value[0])
			err = apply_alias(conf, i, value, why);
	}
	return err;
}

/* ---- a part of http.listen ---- */

int conf_alias_apply_port(struct bf_conf *conf, char *const *envp, struct conf_why *why)
{
	const char *text = get(envp, "PORT");
	size_t len = strlen(text);
	struct bf_addr addr;
	char listen[BF_ADDR_TEXT];
	char *copy;

	if (len == 0)
		return 0;
	if (len > 5 || strspn(text, "0123456789") != len || atoi(text) > UINT16_MAX) {
		conf_why_add(why, "PORT: '%.64s' is not a port", text);
		return 0;
	}
	if (bf_addr_parse(&addr, conf->http.listen) < 0) {
		conf_why_add(why, "PORT: http.listen is '%.64s', which is no address and port",
			conf->http.listen);
		return 0;
	}
	addr.port = (uint16_t)atoi(text);
	copy = strdup(bf_addr_format(&addr, listen));
	if (!copy)
		return -ENOMEM;
	free(conf->http.listen);
	conf->http.listen = copy;
	return 0;
}
