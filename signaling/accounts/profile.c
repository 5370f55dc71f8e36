#include "core/base/clock.h"
#include "signaling/accounts/accounts_priv.h"
#include "signaling/auth/permission.h"
#include "signaling/auth/rules.h"
#include "signaling/rest/shape.h"
#include "storage/repo/roles.h"
#include "storage/repo/sessions.h"

#include <stdio.h>
#include <string.h>

/* ---- what bodies show ---- */

void put_user(struct bf_json *body, const struct bf_user *user)
{
	bf_shape_uuid(body, "id", user->id);
	bf_shape_uuid(body, "org_id", user->org_id);
	bf_shape_text(body, "email", user->email);
	bf_json_put_bytes(body, "username", user->username);
	bf_json_put_bytes(body, "full_name", user->full_name);
	bf_json_put_bool(body, "must_change_password", user->must_change_password);
	bf_shape_time(body, "email_verified_at", user->email_verified_at);
	bf_shape_time(body, "last_login_at", user->last_login_at);
	bf_shape_time(body, "created_at", user->created_at);
}

struct bf_json *permission_names(uint64_t held)
{
	struct bf_json *names = bf_json_array();

	for (size_t i = 0; i < BF_PERMISSION_COUNT; i++)
		if (held & BF_PERMIT(i))
			bf_json_push_str(names, bf_permissions[i].name);
	return names;
}

/* ---- looking ---- */

static void on_account(struct bf_op *op, const struct bf_db_answer *answer)
{
	struct bf_db_rows users = answer->steps[0], roles = answer->steps[1];
	struct bf_json *body, *names;
	struct bf_user user;
	struct bf_role role;

	if (!bf_user_next(&users, &user)) {
		bf_op_refuse(op, 404, "not_found", "the account is gone");
		return;
	}
	body = bf_json_object();
	names = bf_json_array();
	put_user(body, &user);
	while (bf_role_next(&roles, &role))
		push_role_name(names, &role);
	bf_json_put(body, "roles", names);
	bf_json_put(body, "permissions", permission_names(permissions_of(answer->steps[1])));
	bf_op_reply(op, 200, body);
}

void on_me(void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	const struct bf_http_caller *caller = bf_http_exchange_caller(exchange);
	struct bf_accounts *accounts = arg;
	struct bf_op *op = bf_op_new(accounts->rest, accounts, exchange, 0);
	struct bf_tx tx;

	(void)request;
	if (!op)
		return;
	bf_tx_begin(&tx, caller->org, caller->user);
	bf_user_get(&tx, caller->user);
	bf_role_list_of_user(&tx, caller->user);
	bf_op_ask(op, &tx, on_account);
}

/* ---- one's own password ---- */

/* What waits for the hash to compare with. */
static void on_own_user(struct bf_op *op, const struct bf_db_answer *answer)
{
	struct bf_db_rows rows = answer->steps[0];
	char hashes[1][BF_OP_HASH_TEXT];
	struct bf_user user;

	if (!bf_user_next(&rows, &user) || !user.password_hash.data) {
		bf_op_refuse(op, 403, "wrong_password", "this account has no password");
		return;
	}
	snprintf(hashes[0], sizeof(hashes[0]), "%.*s", (int)user.password_hash.len,
		(const char *)user.password_hash.data);
	bf_op_verify(op, bf_op_text(op, op->member), hashes, 1, op->hashed);
}

void verify_own_password(struct bf_op *op, const char *member, bf_op_hashed *next)
{
	struct bf_tx tx;

	op->member = member;
	op->hashed = next;
	bf_tx_begin(&tx, op->caller.org, op->caller.user);
	bf_user_get(&tx, op->caller.user);
	bf_op_ask(op, &tx, on_own_user);
}

/* ---- changing the password ---- */

static void on_password_set(struct bf_op *op, const struct bf_db_answer *answer)
{
	struct bf_accounts *accounts = op->owner;

	if (answer->status != BF_DB_OK) {
		bf_op_refuse(op, 404, "not_found", "the account is gone");
		return;
	}
	guard_forget(accounts, op->caller.session); /* it may do more now */
	bf_op_reply(op, 204, NULL);
}

/* All other devices are signed out: one of them may be why. */
static void on_new_hashed(struct bf_op *op, int result, const char *hash)
{
	const struct bf_http_caller *caller = &op->caller;
	int64_t now_us = bf_clock_wall_us();
	struct bf_tx tx;

	if (result) {
		bf_op_refuse(op, 503, "unavailable", "out of memory");
		return;
	}
	bf_tx_begin(&tx, caller->org, caller->user);
	bf_user_set_password(&tx, caller->user, bf_bytes_str(hash), false, now_us);
	bf_session_revoke_of_user(&tx, caller->user, caller->session, now_us);
	bf_op_ask_or(op, &tx, on_password_set);
}

static void on_current_verified(struct bf_op *op, int result, const char *hash)
{
	(void)hash;
	if (result)
		bf_op_refuse(op, 403, "wrong_password", "current_password is not the password");
	else
		bf_op_hash(op, bf_op_text(op, "new_password"), on_new_hashed);
}

void on_change_password(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_accounts *accounts = arg;
	struct bf_op *op = bf_op_read(accounts->rest, accounts, exchange, request, 0);

	if (!op)
		return;
	if (strcmp(bf_op_text(op, "new_password"), bf_op_text(op, "current_password")) == 0) {
		bf_op_refuse(op, 422, "invalid", "new_password is the one it was");
		return;
	}
	verify_own_password(op, "current_password", on_current_verified);
}
