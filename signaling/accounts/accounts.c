#include "signaling/accounts/accounts.h"

#include "core/base/clock.h"
#include "signaling/accounts/accounts_priv.h"
#include "signaling/auth/join_key.h"
#include "signaling/auth/join_token.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the key ---- */

/* Where nobody has given one it is made with the first start. */
static int open_key(struct bf_accounts *accounts, char *why, size_t why_size)
{
	const char *folder = accounts->rest->conf->storage.folder;
	char private_path[PATH_MAX], public_path[PATH_MAX];
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
	return err;
}

/* ---- life ---- */

/* Names and passwords, from people who are not known yet. */
#define CREDENTIALS_MAX 16384

static const struct bf_http_route routes[] = {
	{"POST", "/api/auth/register", on_register, "Make an account", BF_HTTP_PUBLIC, 0,
		BF_HTTP_RATE_AUTH, CREDENTIALS_MAX},
	{"POST", "/api/auth/login", on_login, "Sign in", BF_HTTP_PUBLIC, 0, BF_HTTP_RATE_AUTH,
		CREDENTIALS_MAX},
	{"POST", "/api/auth/refresh", on_refresh, "Exchange a refresh token", BF_HTTP_PUBLIC, 0,
		BF_HTTP_RATE_DEFAULT, CREDENTIALS_MAX},
	{"POST", "/api/auth/logout", on_logout, "Sign out", BF_HTTP_SIGNED_IN, 0},
	{"GET", "/api/auth/me", on_me, "One's account and permissions", BF_HTTP_SIGNED_IN, 0},
	{"POST", "/api/auth/change-password", on_change_password, "Change one's password",
		BF_HTTP_SIGNED_IN, 0, BF_HTTP_RATE_AUTH, CREDENTIALS_MAX},
	{"GET", "/api/users/sessions", on_sessions, "One's devices", BF_HTTP_SIGNED_IN, 0},
	{"DELETE", "/api/users/sessions/{session}", on_session_delete, "Sign a device out",
		BF_HTTP_SIGNED_IN, 0},
};

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
		err = open_key(accounts, why, why_size);
	if (!err)
		err = bf_http_server_add(
			rest->http, routes, sizeof(routes) / sizeof(routes[0]), accounts);
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
	bf_map_deinit(&accounts->sessions);
	bf_jws_keys_deinit(&accounts->issuer.keys);
	free(accounts);
}
