#include "core/base/clock.h"
#include "signaling/accounts/accounts_priv.h"
#include "signaling/rest/shape.h"
#include "storage/repo/sessions.h"

/* ---- signing out ---- */

static void on_revoked(struct bf_op *op, const struct bf_db_answer *answer)
{
	if (answer->status == BF_DB_OK)
		bf_op_reply(op, 204, NULL);
	else
		bf_op_refuse(op, 404, "not_found", "there is no such session");
}

static void revoke(
	struct bf_accounts *accounts, struct bf_http_exchange *exchange, struct bf_uuid session)
{
	const struct bf_http_caller *caller = bf_http_exchange_caller(exchange);
	struct bf_op *op = bf_op_new(accounts->rest, accounts, exchange, 0);
	struct bf_tx tx;

	if (!op)
		return;
	guard_forget(accounts, session);
	bf_tx_begin(&tx, caller->org, caller->user);
	bf_session_revoke_own(&tx, caller->user, session, bf_clock_wall_us());
	bf_op_ask_or(op, &tx, on_revoked);
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

static void on_session_list(struct bf_op *op, const struct bf_db_answer *answer)
{
	struct bf_json *body = bf_json_object(), *list = bf_json_array();
	struct bf_db_rows rows = answer->steps[0];
	struct bf_session session;

	while (bf_session_next(&rows, &session)) {
		struct bf_json *item = bf_json_object();

		bf_shape_uuid(item, "id", session.id);
		bf_json_put_bool(item, "is_current", bf_uuid_equal(session.id, op->caller.session));
		bf_json_put_bytes(item, "ip", session.ip);
		bf_json_put_bytes(item, "user_agent", session.user_agent);
		bf_shape_time(item, "created_at", session.created_at);
		bf_shape_time(item, "last_seen_at", session.last_seen_at);
		bf_shape_time(item, "expires_at", session.expires_at);
		bf_json_push(list, item);
	}
	bf_json_put(body, "sessions", list);
	bf_op_reply(op, 200, body);
}

void on_sessions(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	const struct bf_http_caller *caller = bf_http_exchange_caller(exchange);
	struct bf_accounts *accounts = arg;
	struct bf_op *op = bf_op_new(accounts->rest, accounts, exchange, 0);
	struct bf_tx tx;

	(void)request;
	if (!op)
		return;
	bf_tx_begin(&tx, caller->org, caller->user);
	bf_session_list(&tx, caller->user, bf_clock_wall_us());
	bf_op_ask(op, &tx, on_session_list);
}
