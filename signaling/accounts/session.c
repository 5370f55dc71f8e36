#include "core/base/clock.h"
#include "core/base/rand.h"
#include "signaling/accounts/accounts_priv.h"
#include "signaling/auth/digest.h"
#include "signaling/auth/permission.h"
#include "storage/repo/roles.h"
#include "storage/repo/sessions.h"
#include "storage/repo/users.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- refresh ---- */

struct refresh {
	struct bf_uuid family, org, user, session;
	uint8_t old_hash[HASH_BYTES], secret[REFRESH_SECRET_BYTES];
};

/* The refresh token is base64url of the family's id and the secret. */
static int read_refresh(struct refresh *refresh, const char *text)
{
	uint8_t bytes[sizeof(refresh->family) + REFRESH_SECRET_BYTES + 4];
	int len = bf_base64url_decode(bytes, sizeof(bytes), bf_bytes_str(text));

	if (len != (int)sizeof(refresh->family) + REFRESH_SECRET_BYTES)
		return -EINVAL;
	memcpy(&refresh->family, bytes, sizeof(refresh->family));
	bf_sha256(
		refresh->old_hash, bf_bytes(bytes + sizeof(refresh->family), REFRESH_SECRET_BYTES));
	return 0;
}

static void refuse_refresh(struct op *op)
{
	op_refuse(op, 401, "unauthorized", "this refresh token is not valid: sign in again");
}

static void on_family_ended(struct op *op, const struct bf_db_answer *answer)
{
	(void)answer;
	refuse_refresh(op);
}

/* It was exchanged before: whoever shows it now, or did then, has stolen it. All that came of it ends. */
static void end_family(struct op *op, const struct bf_session *session)
{
	char id[BF_UUID_TEXT];
	struct bf_tx tx;

	BF_LOG(op->accounts->conf.log, BF_LOG_WARN, "a refresh token was used twice",
		BF_STR("user", bf_uuid_format(session->user_id, id)));
	guard_forget(op->accounts, session->id);
	bf_tx_begin(&tx, session->org_id, session->user_id);
	bf_session_revoke_family(&tx, session->refresh_family, bf_clock_wall_us());
	op_ask(op, &tx, on_family_ended);
}

static void on_rotated(struct op *op, const struct bf_db_answer *answer)
{
	const struct refresh *refresh = op->more;
	struct bf_access access = {
		.user = refresh->user, .org = refresh->org, .session = refresh->session};
	uint8_t bytes[sizeof(refresh->family) + REFRESH_SECRET_BYTES];
	char text[REFRESH_TEXT], token[BF_JWS_TOKEN_MAX + 1];
	struct bf_json *body;

	if (answer->status != BF_DB_OK) { /* another was faster with the same token */
		refuse_refresh(op);
		return;
	}
	access.permissions = permissions_of(answer->steps[1]);
	if (bf_access_issue(token, &op->accounts->issuer, &access, bf_clock_wall_us() / 1000000)) {
		op_refuse(op, 503, "unavailable", "out of memory");
		return;
	}
	memcpy(bytes, &refresh->family, sizeof(refresh->family));
	memcpy(bytes + sizeof(refresh->family), refresh->secret, REFRESH_SECRET_BYTES);
	(void)bf_base64url_encode(text, sizeof(text), bf_bytes(bytes, sizeof(bytes)));
	body = bf_json_object();
	bf_json_put_str(body, "token_type", "Bearer");
	bf_json_put_str(body, "access_token", token);
	bf_json_put_int(body, "expires_in", BF_ACCESS_TOKEN_S);
	bf_json_put_str(body, "refresh_token", text);
	op_reply(op, 200, body);
}

static void rotate(struct op *op, const struct bf_session *session)
{
	struct refresh *refresh = op->more;
	int64_t now_us = bf_clock_wall_us();
	uint8_t hash[HASH_BYTES];
	struct bf_tx tx;

	refresh->org = session->org_id;
	refresh->user = session->user_id;
	refresh->session = session->id;
	bf_rand_bytes(refresh->secret, sizeof(refresh->secret));
	bf_sha256(hash, bf_bytes(refresh->secret, sizeof(refresh->secret)));
	bf_tx_begin(&tx, refresh->org, refresh->user);
	bf_session_rotate(&tx, refresh->session, bf_bytes(refresh->old_hash, HASH_BYTES),
		bf_bytes(hash, HASH_BYTES), now_us, now_us + REFRESH_US);
	bf_role_list_of_user(&tx, refresh->user);
	op_ask_or(op, &tx, on_rotated);
}

/* The family's sessions: one has the token, or had it. */
static void on_family(struct op *op, const struct bf_db_answer *answer)
{
	const struct refresh *refresh = op->more;
	struct bf_db_rows rows = answer->steps[0];
	struct bf_session session;

	if (!bf_session_next(&rows, &session) || session.revoked_at ||
		session.expires_at <= bf_clock_wall_us())
		refuse_refresh(op);
	else if (bf_bytes_equal(session.refresh_hash, bf_bytes(refresh->old_hash, HASH_BYTES)))
		rotate(op, &session);
	else
		end_family(op, &session);
}

void on_refresh(void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	static const char *const known[] = {"refresh_token", NULL};
	struct op *op = op_new(arg, exchange);
	struct refresh *refresh;
	struct bf_tx tx;

	if (!op || !op_read_body(op, request, known))
		return;
	op->more = refresh = calloc(1, sizeof(*refresh));
	if (!refresh || read_refresh(refresh, op_text(op, "refresh_token"))) {
		refuse_refresh(op);
		return;
	}
	bf_tx_begin_system(&tx);
	bf_session_find_family(&tx, refresh->family);
	op_ask(op, &tx, on_family);
}

/* ---- signing out ---- */

static void on_revoked(struct op *op, const struct bf_db_answer *answer)
{
	if (answer->status == BF_DB_OK)
		op_reply(op, 204, NULL);
	else
		op_refuse(op, 404, "not_found", "there is no such session");
}

static void revoke(
	struct bf_accounts *accounts, struct bf_http_exchange *exchange, struct bf_uuid session)
{
	const struct bf_http_caller *caller = bf_http_exchange_caller(exchange);
	struct op *op = op_new(accounts, exchange);
	struct bf_tx tx;

	if (!op)
		return;
	guard_forget(accounts, session);
	bf_tx_begin(&tx, caller->org, caller->user);
	bf_session_revoke_own(&tx, caller->user, session, bf_clock_wall_us());
	op_ask_or(op, &tx, on_revoked);
}

void on_logout(void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	(void)request;
	revoke(arg, exchange, bf_http_exchange_caller(exchange)->session);
}

void on_session_delete(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_uuid session;

	if (bf_uuid_parse(&session, request->params[0]))
		bf_http_reply_problem(exchange, 404, "not_found", "there is no such session");
	else
		revoke(arg, exchange, session);
}

/* ---- looking ---- */

static void put_time(struct bf_json *json, const char *name, int64_t wall_us)
{
	char text[BF_CLOCK_TEXT];

	if (wall_us)
		bf_json_put_str(json, name, bf_clock_format(wall_us, text));
	else
		bf_json_put_null(json, name);
}

static void put_uuid(struct bf_json *json, const char *name, struct bf_uuid uuid)
{
	char text[BF_UUID_TEXT];

	bf_json_put_str(json, name, bf_uuid_format(uuid, text));
}

static void put_user(struct bf_json *body, const struct bf_user *user)
{
	put_uuid(body, "id", user->id);
	put_uuid(body, "org_id", user->org_id);
	if (user->email.data)
		bf_json_put_bytes(body, "email", user->email);
	else
		bf_json_put_null(body, "email");
	bf_json_put_bytes(body, "username", user->username);
	bf_json_put_bytes(body, "full_name", user->full_name);
	bf_json_put_bool(body, "must_change_password", user->must_change_password);
	put_time(body, "email_verified_at", user->email_verified_at);
	put_time(body, "last_login_at", user->last_login_at);
	put_time(body, "created_at", user->created_at);
}

static struct bf_json *permission_names(uint64_t held)
{
	struct bf_json *names = bf_json_array();

	for (size_t i = 0; i < BF_PERMISSION_COUNT; i++)
		if (held & BF_PERMIT(i))
			bf_json_push_str(names, bf_permissions[i].name);
	return names;
}

static void on_account(struct op *op, const struct bf_db_answer *answer)
{
	struct bf_db_rows users = answer->steps[0], roles = answer->steps[1];
	struct bf_json *body, *names;
	struct bf_user user;
	struct bf_role role;

	if (!bf_user_next(&users, &user)) {
		op_refuse(op, 404, "not_found", "the account is gone");
		return;
	}
	body = bf_json_object();
	names = bf_json_array();
	put_user(body, &user);
	while (bf_role_next(&roles, &role)) {
		char name[80];

		snprintf(name, sizeof(name), "%.*s", (int)role.name.len,
			(const char *)role.name.data);
		bf_json_push_str(names, name);
	}
	bf_json_put(body, "roles", names);
	bf_json_put(body, "permissions", permission_names(permissions_of(answer->steps[1])));
	op_reply(op, 200, body);
}

void on_me(void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	const struct bf_http_caller *caller = bf_http_exchange_caller(exchange);
	struct op *op = op_new(arg, exchange);
	struct bf_tx tx;

	(void)request;
	if (!op)
		return;
	bf_tx_begin(&tx, caller->org, caller->user);
	bf_user_get(&tx, caller->user);
	bf_role_list_of_user(&tx, caller->user);
	op_ask(op, &tx, on_account);
}

static void on_session_list(struct op *op, const struct bf_db_answer *answer)
{
	const struct bf_uuid *own = op->more;
	struct bf_json *body = bf_json_object(), *list = bf_json_array();
	struct bf_db_rows rows = answer->steps[0];
	struct bf_session session;

	while (bf_session_next(&rows, &session)) {
		struct bf_json *item = bf_json_object();

		put_uuid(item, "id", session.id);
		bf_json_put_bool(item, "is_current", bf_uuid_equal(session.id, *own));
		bf_json_put_bytes(item, "ip", session.ip);
		bf_json_put_bytes(item, "user_agent", session.user_agent);
		put_time(item, "created_at", session.created_at);
		put_time(item, "last_seen_at", session.last_seen_at);
		put_time(item, "expires_at", session.expires_at);
		bf_json_push(list, item);
	}
	bf_json_put(body, "sessions", list);
	op_reply(op, 200, body);
}

void on_sessions(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	const struct bf_http_caller *caller = bf_http_exchange_caller(exchange);
	struct op *op = op_new(arg, exchange);
	struct bf_uuid *own;
	struct bf_tx tx;

	(void)request;
	if (!op)
		return;
	op->more = own = malloc(sizeof(*own));
	if (!own) {
		op_refuse(op, 503, "unavailable", "out of memory");
		return;
	}
	*own = caller->session;
	bf_tx_begin(&tx, caller->org, caller->user);
	bf_session_list(&tx, caller->user, bf_clock_wall_us());
	op_ask(op, &tx, on_session_list);
}
