#include "core/base/clock.h"
#include "signaling/accounts/accounts_priv.h"
#include "signaling/auth/permission.h"
#include "storage/repo/roles.h"
#include "storage/repo/second_factors.h"
#include "storage/repo/sessions.h"
#include "storage/repo/users.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FACTOR_US BF_SEC(300) /* for so long a second factor that was shown counts */
#define FRESH_US  BF_SEC(1)   /* for so long what the database said of a session counts */

/* A request that waits for what the database says of its session. */
struct checking {
	struct bf_access access;
	const struct bf_http_route *route;
};

/* ---- what is remembered ---- */

struct standing *guard_find(struct bf_accounts *accounts, struct bf_uuid session)
{
	struct bf_map_node *node =
		bf_map_get(&accounts->sessions, bf_bytes(&session, sizeof(session)));

	return node ? BF_CONTAINER(node, struct standing, node) : NULL;
}

static void drop(struct bf_accounts *accounts, struct standing *standing)
{
	bf_map_remove(&accounts->sessions, &standing->node);
	bf_list_remove(&standing->recent);
	free(standing);
}

/* The one that nobody has asked for the longest makes room. */
struct standing *guard_remember(struct bf_accounts *accounts, struct bf_uuid session)
{
	struct standing *standing = guard_find(accounts, session);
	struct bf_list *oldest = bf_list_first(&accounts->recent);

	if (standing) {
		bf_list_remove(&standing->recent);
	} else {
		if (accounts->sessions.entry_count >= BF_ACCOUNTS_SESSIONS_MAX && oldest)
			drop(accounts, BF_CONTAINER(oldest, struct standing, recent));
		standing = calloc(1, sizeof(*standing));
		if (!standing)
			return NULL;
		standing->session = session;
		if (bf_map_put(&accounts->sessions, &standing->node,
			    bf_bytes(&standing->session, sizeof(standing->session)))) {
			free(standing);
			return NULL;
		}
	}
	bf_list_append(&accounts->recent, &standing->recent);
	return standing;
}

void guard_forget(struct bf_accounts *accounts, struct bf_uuid session)
{
	struct standing *standing = guard_find(accounts, session);

	if (standing)
		drop(accounts, standing);
}

void guard_forget_user(struct bf_accounts *accounts, struct bf_uuid user)
{
	BF_LIST_EACH(standing, &accounts->recent, struct standing, recent)
		if (bf_uuid_equal(standing->user, user))
			drop(accounts, standing);
}

void guard_deinit(struct bf_accounts *accounts)
{
	BF_LIST_EACH(standing, &accounts->recent, struct standing, recent)
		drop(accounts, standing);
}

bool guard_is_fresh(struct bf_accounts *accounts, const struct standing *standing)
{
	return standing->checked_us + FRESH_US > bf_clock_mono_us() ||
	       !bf_db_state(accounts->rest->database).is_up;
}

/* ---- deciding ---- */

void guard_refuse(struct bf_http_exchange *exchange, const char *detail)
{
	bf_http_reply_field(exchange, "WWW-Authenticate", "Bearer error=\"invalid_token\"");
	bf_http_reply_problem(exchange, 401, "unauthorized", detail);
}

/* With a password that must be changed one may change it, see whose it is, and leave. */
static bool is_of_auth(const struct bf_http_route *route)
{
	return strncmp(route->path, "/api/auth/", 10) == 0;
}

static bool is_fresh_factor(const struct standing *standing)
{
	return !standing->has_mfa || standing->mfa_us + FACTOR_US > bf_clock_wall_us();
}

static void decide(struct bf_http_exchange *exchange, const struct standing *standing,
	const struct bf_access *access, const struct bf_http_route *route)
{
	const struct bf_http_caller caller = {
		access->user, access->org, access->session, standing ? standing->permissions : 0};

	if (!standing || !standing->is_good)
		guard_refuse(exchange, "the session is over: sign in again");
	else if (standing->must_change && !is_of_auth(route))
		bf_http_reply_problem(exchange, 403, "password_change_required",
			"change the password first: POST /api/auth/change-password");
	else if (!bf_permits(standing->permissions, route->permissions))
		bf_http_reply_problem(exchange, 403, "forbidden", "your roles do not allow that");
	else if (route->needs_fresh_factor && !is_fresh_factor(standing))
		bf_http_reply_problem(exchange, 403, "mfa_required",
			"show a code of your second factor first: POST /api/2fa/verify");
	else
		bf_http_exchange_admit(exchange, &caller);
}

uint64_t permissions_of(struct bf_db_rows rows)
{
	struct bf_role role;
	uint64_t sum = 0;

	while (bf_role_next(&rows, &role))
		sum |= (uint64_t)role.permissions;
	return sum;
}

/* Steps: the session, its user, the user's roles, the user's app. */
static void take_standing(struct standing *standing, const struct bf_db_answer *answer)
{
	struct bf_db_rows sessions = answer->steps[0], users = answer->steps[1];
	struct bf_db_rows apps = answer->steps[3];
	int64_t now_us = bf_clock_wall_us();
	struct bf_authenticator app;
	struct bf_session session;
	struct bf_user user;

	standing->checked_us = bf_clock_mono_us();
	standing->is_good = bf_session_next(&sessions, &session) && !session.revoked_at &&
			    session.expires_at > now_us && bf_user_next(&users, &user) &&
			    !user.disabled_at;
	standing->must_change = standing->is_good && user.must_change_password;
	standing->permissions = permissions_of(answer->steps[2]);
	standing->has_mfa = bf_authenticator_next(&apps, &app) && app.confirmed_at;
	standing->mfa_us = standing->is_good ? session.mfa_at : 0;
}

static void on_checked(struct bf_op *op, const struct bf_db_answer *answer)
{
	struct bf_accounts *accounts = op->owner;
	const struct checking checking = *(const struct checking *)op->more;
	struct bf_http_exchange *exchange =
		bf_http_exchange_find(accounts->rest->http, op->exchange);
	struct standing *standing = guard_remember(accounts, checking.access.session);

	if (standing) {
		standing->user = checking.access.user;
		take_standing(standing, answer);
	}
	bf_op_free(op);
	if (exchange)
		decide(exchange, standing, &checking.access, checking.route);
}

static void check(struct bf_accounts *accounts, struct bf_http_exchange *exchange,
	const struct bf_access *access, const struct bf_http_route *route)
{
	struct bf_op *op = bf_op_new(accounts->rest, accounts, exchange, sizeof(struct checking));
	struct bf_tx tx;

	if (!op)
		return;
	*(struct checking *)op->more = (struct checking){*access, route};
	bf_tx_begin(&tx, access->org, access->user);
	bf_session_get(&tx, access->session);
	bf_user_get(&tx, access->user);
	bf_role_list_of_user(&tx, access->user);
	bf_authenticator_get(&tx, access->user);
	bf_op_ask(op, &tx, on_checked);
}

/* ---- the request ---- */

/* "Bearer TOKEN" */
static bool read_bearer(const struct bf_http_request *request, struct bf_bytes *out)
{
	struct bf_bytes value = bf_http_field(request, "Authorization");

	if (value.len <= 7 || strncasecmp((const char *)value.data, "Bearer ", 7) != 0)
		return false;
	*out = bf_bytes(value.data + 7, value.len - 7);
	return true;
}

/* In a field of its own, or in the place of a token. */
static bool read_key(const struct bf_http_request *request, struct bf_bytes *out)
{
	*out = bf_http_field(request, "X-API-Key");
	return out->data ||
	       (read_bearer(request, out) && out->len > 3 && memcmp(out->data, "bf_", 3) == 0);
}

void guard(void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request,
	const struct bf_http_route *route)
{
	struct bf_accounts *accounts = arg;
	struct standing *standing;
	struct bf_access access;
	struct bf_bytes token;
	const char *why;

	if (read_key(request, &token)) {
		guard_key(accounts, exchange, token, route);
		return;
	}
	if (!read_bearer(request, &token)) {
		bf_http_reply_field(exchange, "WWW-Authenticate", "Bearer");
		bf_http_reply_problem(exchange, 401, "unauthorized", "sign in first");
		return;
	}
	if (bf_access_verify(
		    &access, &accounts->issuer, token, bf_clock_wall_us() / 1000000, &why)) {
		guard_refuse(exchange, why);
		return;
	}
	standing = guard_find(accounts, access.session);
	if (standing && guard_is_fresh(accounts, standing))
		decide(exchange, standing, &access, route);
	else
		check(accounts, exchange, &access, route);
}
