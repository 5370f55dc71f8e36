#include "core/base/clock.h"
#include "signaling/accounts/accounts_priv.h"
#include "signaling/auth/rules.h"

#include <stdio.h>
#include <string.h>

/* One's own names. An ETag is of what was read, so that nobody overwrites what another device has changed meanwhile. */

#define ETAG_TEXT 24
#define MATCH_MAX 64

struct editing {
	char match[MATCH_MAX]; /* If-Match; "": whatever it is */
	char username_key[KEY_TEXT];
	struct bf_user
		user; /* what is shown afterwards; its texts are the body's, or copies below */
	char username[256], full_name[1024], email[512];
};

static void write_etag(char out[static ETAG_TEXT], int64_t updated_us)
{
	snprintf(out, ETAG_TEXT, "\"%llx\"", (unsigned long long)updated_us);
}

static void reply(struct bf_op *op, const struct bf_user *user)
{
	struct bf_http_exchange *exchange = bf_op_exchange(op);
	struct bf_json *body = bf_json_object();
	char etag[ETAG_TEXT];

	write_etag(etag, user->updated_at);
	if (exchange)
		bf_http_reply_field(exchange, "ETag", etag);
	put_user(body, user);
	bf_op_reply(op, 200, body);
}

static void on_read(struct bf_op *op, const struct bf_db_answer *answer)
{
	struct bf_db_rows rows = answer->steps[0];
	struct bf_user user;

	if (bf_user_next(&rows, &user))
		reply(op, &user);
	else
		bf_op_refuse(op, 404, "not_found", "the account is gone");
}

static void read_own(struct bf_op *op, bf_op_then *then)
{
	struct bf_tx tx;

	bf_tx_begin(&tx, op->caller.org, op->caller.user);
	bf_user_get(&tx, op->caller.user);
	bf_op_ask(op, &tx, then);
}

static void on_profile(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_accounts *accounts = arg;
	struct bf_op *op = bf_op_new(accounts->rest, accounts, exchange, 0);

	(void)request;
	if (op)
		read_own(op, on_read);
}

/* ---- changing ---- */

static void on_edited(struct bf_op *op, const struct bf_db_answer *answer)
{
	const struct editing *editing = op->more;

	if (answer->status == BF_DB_OK)
		reply(op, &editing->user);
	else if (answer->status == BF_DB_EXISTS)
		bf_op_refuse(op, 409, "exists", "that name is taken");
	else
		bf_op_refuse(op, 404, "not_found", "the account is gone");
}

/* What the body names, or what it was, in memory of our own: the answer is lent. */
static struct bf_bytes keep(
	struct bf_op *op, const char *member, struct bf_bytes was, char *out, size_t size)
{
	if (bf_op_has(op, member))
		return bf_bytes_str(bf_op_text(op, member));
	if (!was.data)
		return was;
	snprintf(out, size, "%.*s", (int)was.len, (const char *)was.data);
	return bf_bytes_str(out);
}

static void on_current(struct bf_op *op, const struct bf_db_answer *answer)
{
	struct editing *editing = op->more;
	struct bf_user *user = &editing->user;
	struct bf_db_rows rows = answer->steps[0];
	char etag[ETAG_TEXT];
	struct bf_tx tx;

	if (!bf_user_next(&rows, user)) {
		bf_op_refuse(op, 404, "not_found", "the account is gone");
		return;
	}
	write_etag(etag, user->updated_at);
	if (editing->match[0] && strcmp(editing->match, "*") != 0 &&
		strcmp(editing->match, etag) != 0) {
		bf_op_refuse(op, 412, "changed", "it was changed meanwhile: read it again");
		return;
	}
	bf_tx_begin(&tx, op->caller.org, op->caller.user);
	user->email = keep(op, "", user->email, editing->email, sizeof(editing->email));
	user->username =
		keep(op, "username", user->username, editing->username, sizeof(editing->username));
	user->full_name = keep(
		op, "full_name", user->full_name, editing->full_name, sizeof(editing->full_name));
	bf_rule_key((const char *)user->username.data, editing->username_key);
	user->username_key = bf_bytes_str(editing->username_key);
	user->updated_at = bf_clock_wall_us();
	bf_user_update(&tx, user);
	bf_op_ask_or(op, &tx, on_edited);
}

static void on_profile_put(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_accounts *accounts = arg;
	struct bf_op *op =
		bf_op_read(accounts->rest, accounts, exchange, request, sizeof(struct editing));
	struct bf_bytes match = bf_http_field(request, "If-Match");
	struct editing *editing;

	if (!op)
		return;
	editing = op->more;
	if (match.len >= MATCH_MAX) {
		bf_op_refuse(op, 412, "changed", "If-Match is none of ours");
		return;
	}
	snprintf(editing->match, MATCH_MAX, "%.*s", (int)match.len,
		match.data ? (const char *)match.data : "");
	read_own(op, on_current);
}

/* ---- routes ---- */

static const char *rule_full_name(const char *text)
{
	return text[0] ? bf_rule_title(text, 200) : NULL;
}

static const struct bf_field fields[] = {
	{"username", BF_FIELD_TEXT, .rule = bf_rule_username},
	{"full_name", BF_FIELD_TEXT, .rule = rule_full_name},
	{NULL},
};

/* clang-format off */
const struct bf_http_route profile_routes[] = {
	{"GET", "/api/users/profile", on_profile, "One's own account", BF_HTTP_SIGNED_IN},
	{"PUT", "/api/users/profile", on_profile_put, "Change one's names; If-Match with the ETag of before", BF_HTTP_SIGNED_IN,
		.request = fields},
};
/* clang-format on */
const size_t profile_route_count = sizeof(profile_routes) / sizeof(profile_routes[0]);
