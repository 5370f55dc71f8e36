#include "signaling/accounts/accounts.h"

#include "core/base/clock.h"
#include "core/seal/box.h"
#include "signaling/accounts/accounts_priv.h"
#include "signaling/auth/join_key.h"
#include "signaling/auth/join_token.h"
#include "signaling/auth/rules.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the key ---- */

/* Of before a change of keys: its tokens are good until they end. */
static int open_previous_key(struct bf_accounts *accounts, char *why, size_t why_size)
{
	struct bf_jws_keys *keys = &accounts->issuer.keys;
	char path[PATH_MAX];
	int err;

	snprintf(
		path, sizeof(path), "%s/access.previous.pub", accounts->rest->conf->storage.folder);
	if (access(path, F_OK))
		return 0;
	err = bf_join_key_read(&keys->list[1], path, false, why, why_size);
	keys->count += !err;
	return err;
}

/* Where nobody has given one it is made with the first start. */
static int open_keys(struct bf_accounts *accounts, char *why, size_t why_size)
{
	const char *folder = accounts->rest->conf->storage.folder;
	char private_path[PATH_MAX], public_path[PATH_MAX], seal_path[PATH_MAX];
	int err = 0;

	snprintf(private_path, sizeof(private_path), "%s/access.key", folder);
	snprintf(public_path, sizeof(public_path), "%s/access.pub", folder);
	(void)mkdir(folder, 0700);
	if (access(private_path, F_OK))
		err = bf_join_keygen(private_path, public_path, why, why_size);
	if (!err)
		err = bf_join_key_read(
			&accounts->issuer.keys.list[0], private_path, true, why, why_size);
	accounts->issuer.keys.count = err ? 0 : 1;
	if (!err)
		err = open_previous_key(accounts, why, why_size);
	for (unsigned i = 0; i < accounts->issuer.keys.count && !err; i++)
		err = bf_jws_name(&accounts->issuer.keys, i);
	if (err)
		return err;
	accounts->mfa_issuer = accounts->issuer; /* the same keys, lent */
	accounts->mfa_issuer.audience = "belfry second factor";
	snprintf(seal_path, sizeof(seal_path), "%s/secrets.key", folder);
	return bf_box_key(accounts->seal_key, seal_path, why, why_size);
}

/* ---- life ---- */

/* Names and passwords, from people who are not known yet. */
#define CREDENTIALS_MAX 16384

static void on_keys(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_accounts *accounts = arg;
	struct bf_json *set = bf_jws_public_set(&accounts->issuer.keys);

	(void)request;
	if (set)
		bf_http_reply_json(exchange, 200, set);
	else
		bf_http_reply_problem(exchange, 503, "unavailable", "out of memory");
}

static const char *rule_password(const char *text)
{
	return bf_rule_password_chosen(text, false);
}

static const char *rule_full_name(const char *text)
{
	return text[0] ? bf_rule_title(text, 200) : NULL;
}

static const struct bf_field account[] = {
	{"email", BF_FIELD_TEXT, .is_required = true, .rule = bf_rule_email},
	{"username", BF_FIELD_TEXT, .is_required = true, .rule = bf_rule_username},
	{"password", BF_FIELD_TEXT, .is_required = true, .rule = rule_password},
	{"full_name", BF_FIELD_TEXT, .rule = rule_full_name},
	{NULL},
};

static const struct bf_field credentials[] = {
	{"login", BF_FIELD_TEXT, .max = KEY_TEXT - 1, .text = "a username or an e-mail address"},
	{"username", BF_FIELD_TEXT, .max = KEY_TEXT - 1, .text = "the same"},
	{"email", BF_FIELD_TEXT, .max = KEY_TEXT - 1, .text = "the same"},
	{"password", BF_FIELD_TEXT, .is_required = true, .max = BF_OP_PASSWORD_BYTES - 1},
	{NULL},
};

static const struct bf_field refresh_token[] = {
	{"refresh_token", BF_FIELD_TEXT, .is_required = true},
	{NULL},
};

static const struct bf_field passwords[] = {
	{"current_password", BF_FIELD_TEXT, .is_required = true, .max = BF_OP_PASSWORD_BYTES - 1},
	{"new_password", BF_FIELD_TEXT, .is_required = true, .rule = rule_password},
	{NULL},
};

/* clang-format off */
static const struct bf_http_route routes[] = {
	{"POST", "/api/auth/register", on_register, "Make an account", BF_HTTP_PUBLIC,
		.rate = BF_HTTP_RATE_AUTH, .body_max = CREDENTIALS_MAX, .request = account},
	{"POST", "/api/auth/login", on_login, "Sign in", BF_HTTP_PUBLIC,
		.rate = BF_HTTP_RATE_AUTH, .body_max = CREDENTIALS_MAX, .request = credentials},
	{"POST", "/api/auth/refresh", on_refresh, "Exchange a refresh token", BF_HTTP_PUBLIC,
		.body_max = CREDENTIALS_MAX, .request = refresh_token},
	{"POST", "/api/auth/logout", on_logout, "Sign out", BF_HTTP_SIGNED_IN},
	{"GET", "/api/auth/me", on_me, "One's account and permissions", BF_HTTP_SIGNED_IN},
	{"POST", "/api/auth/change-password", on_change_password, "Change one's password", BF_HTTP_SIGNED_IN,
		.rate = BF_HTTP_RATE_AUTH, .body_max = CREDENTIALS_MAX, .request = passwords},
	{"GET", "/.well-known/jwks.json", on_keys, "The keys that access tokens are signed with", BF_HTTP_PUBLIC,
		.rate = BF_HTTP_RATE_EXEMPT},
	{"GET", "/api/users/sessions", on_sessions, "One's devices", BF_HTTP_SIGNED_IN},
	{"DELETE", "/api/users/sessions/{session}", on_session_delete, "Sign a device out", BF_HTTP_SIGNED_IN},
};
/* clang-format on */

static int add_routes(struct bf_accounts *accounts)
{
	const struct {
		const struct bf_http_route *routes;
		size_t count;
	} tables[] = {{routes, sizeof(routes) / sizeof(routes[0])},
		{profile_routes, profile_route_count}, {mfa_routes, mfa_route_count},
		{key_routes, key_route_count}, {people_routes, people_route_count},
		{role_routes, role_route_count}};
	int err = 0;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && !err; i++)
		err = bf_http_server_add(
			accounts->rest->http, tables[i].routes, tables[i].count, accounts);
	return err;
}

int bf_accounts_new(struct bf_accounts **out, struct bf_rest *rest, char *why, size_t why_size)
{
	struct bf_accounts *accounts = calloc(1, sizeof(*accounts));
	const char *url = rest->conf->http.public_url;
	int err;

	if (!accounts)
		return -ENOMEM;
	accounts->rest = rest;
	accounts->issuer.issuer = url[0] ? url : "belfry";
	accounts->issuer.audience = "belfry";
	bf_list_init(&accounts->recent);
	bf_list_init(&accounts->graces);
	first_init(accounts);
	err = bf_map_init(&accounts->sessions, 64, BF_ACCOUNTS_SESSIONS_MAX);
	if (!err)
		err = bf_gcra_init(&accounts->key_rates, BF_ACCOUNTS_KEYS_MAX);
	if (!err)
		err = open_keys(accounts, why, why_size);
	if (!err)
		err = add_routes(accounts);
	if (err) {
		bf_accounts_free(accounts);
		return err;
	}
	bf_http_server_set_guard(rest->http, guard, accounts);
	first_begin(accounts);
	*out = accounts;
	return 0;
}

void bf_accounts_free(struct bf_accounts *accounts)
{
	if (!accounts)
		return;
	first_end(accounts);
	guard_deinit(accounts);
	refresh_deinit(accounts);
	bf_gcra_deinit(&accounts->key_rates);
	bf_map_deinit(&accounts->sessions);
	bf_jws_keys_deinit(&accounts->issuer.keys);
	explicit_bzero(accounts->seal_key, sizeof(accounts->seal_key));
	free(accounts);
}
