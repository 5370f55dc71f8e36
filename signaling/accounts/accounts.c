#include "signaling/accounts/accounts.h"

#include "core/base/clock.h"
#include "signaling/accounts/accounts_priv.h"
#include "signaling/auth/join_key.h"
#include "signaling/auth/join_token.h"
#include "signaling/auth/permission.h"
#include "storage/repo/roles.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- ops ---- */

struct op *op_new(struct bf_accounts *accounts, struct bf_http_exchange *exchange)
{
	struct op *op = accounts->op_count < BF_ACCOUNTS_OPS_MAX ? calloc(1, sizeof(*op)) : NULL;

	if (!op) {
		bf_http_reply_field(exchange, "Retry-After", "1");
		bf_http_reply_problem(exchange, 503, "unavailable", "too much is at work already");
		return NULL;
	}
	op->accounts = accounts;
	op->exchange = bf_http_exchange_id(exchange);
	op->id = ++accounts->op_id;
	bf_list_append(&accounts->ops, &op->node);
	accounts->op_count++;
	return op;
}

void op_free(struct op *op)
{
	if (op->call)
		bf_db_forget(op->accounts->conf.db, op->call);
	bf_list_remove(&op->node);
	op->accounts->op_count--;
	bf_json_free(op->body);
	free(op->more);
	free(op);
}

struct op *op_find(struct bf_accounts *accounts, uint64_t id)
{
	BF_LIST_EACH(op, &accounts->ops, struct op, node)
		if (op->id == id)
			return op;
	return NULL;
}

/* NULL: the client has gone. */
static struct bf_http_exchange *exchange_of(const struct op *op)
{
	return bf_http_exchange_find(op->accounts->conf.http, op->exchange);
}

void op_reply(struct op *op, int status, struct bf_json *body)
{
	struct bf_http_exchange *exchange = exchange_of(op);

	if (exchange && body) {
		bf_http_reply_field(exchange, "Cache-Control", "no-store");
		bf_http_reply_json(exchange, status, body);
	} else if (exchange) {
		bf_http_reply(exchange, status, NULL, bf_bytes(NULL, 0));
		bf_json_free(body);
	} else {
		bf_json_free(body);
	}
	op_free(op);
}

void op_refuse(struct op *op, int status, const char *code, const char *detail)
{
	struct bf_http_exchange *exchange = exchange_of(op);

	if (exchange) {
		if (status == 401)
			bf_http_reply_field(exchange, "WWW-Authenticate", "Bearer");
		if (status == 503)
			bf_http_reply_field(exchange, "Retry-After", "1");
		bf_http_reply_problem(exchange, status, code, detail);
	}
	op_free(op);
}

/* ---- the database ---- */

static void on_answer(void *arg, const struct bf_db_answer *answer)
{
	struct op *op = arg;

	op->call = 0;
	switch (answer->status) {
	case BF_DB_OK:
		op->next(op, answer);
		return;
	case BF_DB_EXISTS:
	case BF_DB_NO_PARENT:
	case BF_DB_INVALID:
	case BF_DB_UNEXPECTED:
		if (op->takes_refusals) {
			op->next(op, answer);
			return;
		}
		__attribute__((fallthrough));
	case BF_DB_FAILED:
		op_refuse(op, 500, "internal", "the server's log tells what went wrong");
		return;
	default:
		op_refuse(op, 503, "unavailable", "the database cannot be reached: try again");
	}
}

static void ask(struct op *op, struct bf_tx *tx, op_then *next, bool takes_refusals)
{
	int64_t call;

	op->next = next;
	op->takes_refusals = takes_refusals;
	call = bf_tx_ask(tx, op->accounts->conf.db, on_answer, op);
	if (call == -EINVAL || call == -EMSGSIZE)
		op_refuse(op, 422, "invalid", "a text is too long, or is none");
	else if (call < 0)
		op_refuse(op, 503, "unavailable", "too much is at work already");
	else
		op->call = call;
}

void op_ask(struct op *op, struct bf_tx *tx, op_then *next)
{
	ask(op, tx, next, false);
}

void op_ask_or(struct op *op, struct bf_tx *tx, op_then *next)
{
	ask(op, tx, next, true);
}

/* ---- bodies ---- */

const char *op_text(const struct op *op, const char *key)
{
	struct bf_bytes text;

	return bf_json_get_str(op->body, key, &text) ? "" : (const char *)text.data;
}

static bool is_known(const char *key, const char *const *known)
{
	for (; *known; known++)
		if (strcmp(*known, key) == 0)
			return true;
	return false;
}

bool op_read_body(struct op *op, const struct bf_http_request *request, const char *const *known)
{
	char why[128], detail[192];
	struct bf_bytes text;

	if (bf_json_parse(&op->body, request->body, 65536, why, sizeof(why))) {
		snprintf(detail, sizeof(detail), "the body is no JSON: %s", why);
		op_refuse(op, 400, "bad_request", detail);
		return false;
	}
	if (!bf_json_is_object(op->body)) {
		op_refuse(op, 400, "bad_request", "the body is no JSON object");
		return false;
	}
	for (const char *key = bf_json_next_key(op->body, NULL); key;
		key = bf_json_next_key(op->body, key)) {
		if (is_known(key, known) && bf_json_get_str(op->body, key, &text) == 0)
			continue;
		snprintf(detail, sizeof(detail), "%.64s: %s", key,
			is_known(key, known) ? "is no text" : "is not known here");
		op_refuse(op, 422, "invalid", detail);
		return false;
	}
	return true;
}

/* ---- the key ---- */

/* Where nobody has given one it is made with the first start. */
static int open_key(struct bf_accounts *accounts, char *why, size_t why_size)
{
	const char *folder = accounts->conf.conf->storage.folder;
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

/* ---- the roles that each organization has ---- */

static void on_roles(void *arg, const struct bf_db_answer *answer)
{
	struct bf_accounts *accounts = arg;

	if (answer->status != BF_DB_OK)
		BF_LOG(accounts->conf.log, BF_LOG_WARN, "roles are not made yet",
			BF_STR("why", answer->why));
}

static void make_roles(struct bf_accounts *accounts)
{
	int64_t now_us = bf_clock_wall_us();
	struct bf_tx tx;

	bf_tx_begin(&tx, DEFAULT_ORG, (struct bf_uuid){{0}});
	for (size_t i = 0; i < bf_builtin_role_count; i++) {
		const struct bf_role role = {.id = bf_uuid_make(),
			.name = bf_bytes_str(bf_builtin_roles[i].name),
			.description = bf_bytes_str(bf_builtin_roles[i].text),
			.permissions = (int64_t)bf_builtin_roles[i].permissions,
			.is_builtin = true,
			.created_at = now_us,
			.updated_at = now_us};

		bf_role_add_missing(&tx, &role);
	}
	(void)bf_tx_ask(&tx, accounts->conf.db, on_roles, accounts);
}

/* ---- life ---- */

static const struct bf_http_route routes[] = {
	{"POST", "/api/auth/register", on_register, "Make an account", BF_HTTP_PUBLIC, 0},
	{"POST", "/api/auth/login", on_login, "Sign in", BF_HTTP_PUBLIC, 0},
	{"POST", "/api/auth/refresh", on_refresh, "Exchange a refresh token", BF_HTTP_PUBLIC, 0},
	{"POST", "/api/auth/logout", on_logout, "Sign out", BF_HTTP_SIGNED_IN, 0},
	{"GET", "/api/auth/me", on_me, "One's account and permissions", BF_HTTP_SIGNED_IN, 0},
	{"GET", "/api/users/sessions", on_sessions, "One's devices", BF_HTTP_SIGNED_IN, 0},
	{"DELETE", "/api/users/sessions/{session}", on_session_delete, "Sign a device out",
		BF_HTTP_SIGNED_IN, 0},
};

static void on_worked(void *arg, struct bf_msg *msg)
{
	login_on_hashed(arg, msg);
}

int bf_accounts_new(
	struct bf_accounts **out, const struct bf_accounts_conf *conf, char *why, size_t why_size)
{
	struct bf_accounts *accounts = calloc(1, sizeof(*accounts));
	int err;

	if (!accounts)
		return -ENOMEM;
	accounts->conf = *conf;
	accounts->issuer.issuer =
		conf->conf->http.public_url[0] ? conf->conf->http.public_url : "belfry";
	accounts->issuer.audience = "belfry";
	bf_list_init(&accounts->ops);
	bf_list_init(&accounts->recent);
	err = bf_map_init(&accounts->sessions, 64, BF_ACCOUNTS_SESSIONS_MAX);
	if (!err)
		err = open_key(accounts, why, why_size);
	if (!err)
		err = bf_workers_door_new(
			&accounts->door, conf->workers, conf->loop, on_worked, accounts);
	if (!err)
		err = bf_http_server_add(
			conf->http, routes, sizeof(routes) / sizeof(routes[0]), accounts);
	if (err) {
		bf_accounts_free(accounts);
		return err;
	}
	bf_http_server_set_guard(conf->http, guard, accounts);
	make_roles(accounts);
	*out = accounts;
	return 0;
}

void bf_accounts_free(struct bf_accounts *accounts)
{
	if (!accounts)
		return;
	bf_workers_door_close(accounts->door);
	BF_LIST_EACH(op, &accounts->ops, struct op, node)
		op_free(op);
	guard_deinit(accounts);
	bf_map_deinit(&accounts->sessions);
	bf_jws_keys_deinit(&accounts->issuer.keys);
	free(accounts);
}
