#include "core/base/clock.h"
#include "signaling/accounts/accounts_priv.h"
#include "signaling/auth/api_key.h"
#include "signaling/auth/permission.h"
#include "signaling/auth/rules.h"
#include "signaling/rest/shape.h"
#include "storage/repo/api_keys.h"

#include <string.h>

#define DAY_US	 (INT64_C(86400) * 1000000)
#define DAYS_MAX 3650

/* ---- looking ---- */

static struct bf_json *shape_key(const struct bf_api_key *key)
{
	struct bf_json *body = bf_json_object();

	bf_shape_uuid(body, "id", key->id);
	bf_shape_text(body, "name", key->name);
	bf_shape_text(body, "public_id", key->public_id);
	bf_shape_text(body, "last_four", key->last_four);
	bf_json_put(body, "permissions", permission_names((uint64_t)key->permissions));
	if (key->requests_per_minute)
		bf_json_put_int(body, "requests_per_minute", key->requests_per_minute);
	else
		bf_json_put_null(body, "requests_per_minute");
	bf_shape_time(body, "created_at", key->created_at);
	bf_shape_time(body, "expires_at", key->expires_at);
	bf_shape_time(body, "last_used_at", key->last_used_at);
	bf_shape_time(body, "revoked_at", key->revoked_at);
	return body;
}

static void on_listed(struct bf_op *op, const struct bf_db_answer *answer)
{
	struct bf_json *body = bf_json_object(), *list = bf_json_array();
	struct bf_db_rows rows = answer->steps[0];
	struct bf_api_key key;

	while (bf_api_key_next(&rows, &key))
		bf_json_push(list, shape_key(&key));
	bf_json_put(body, "keys", list);
	bf_op_reply(op, 200, body);
}

static void on_list(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_accounts *accounts = arg;
	struct bf_op *op = bf_op_new(accounts->rest, accounts, exchange, 0);
	struct bf_tx tx;

	(void)request;
	if (!op)
		return;
	bf_tx_begin(&tx, op->caller.org, op->caller.user);
	bf_api_key_list(&tx, op->caller.user);
	bf_op_ask(op, &tx, on_listed);
}

/* ---- making ---- */

struct making {
	struct bf_api_key_parts parts;
	char text[BF_API_KEY_TEXT];
	struct bf_api_key key;
};

static void on_made(struct bf_op *op, const struct bf_db_answer *answer)
{
	struct making *making = op->more;
	struct bf_json *body = shape_key(&making->key);

	(void)answer;
	bf_json_put_str(body, "key", making->text);
	explicit_bzero(making->text, sizeof(making->text));
	bf_op_reply(op, 201, body);
}

static void on_create(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_accounts *accounts = arg;
	struct bf_op *op =
		bf_op_read(accounts->rest, accounts, exchange, request, sizeof(struct making));
	int64_t days = 0, per_minute = 0, now_us = bf_clock_wall_us();
	struct making *making;
	uint64_t permissions;
	struct bf_tx tx;

	if (!op || !read_permissions(op, &permissions))
		return;
	making = op->more;
	(void)bf_json_get_int(op->body, "expires_in_days", &days);
	(void)bf_json_get_int(op->body, "requests_per_minute", &per_minute);
	bf_api_key_make(&making->parts, making->text, BF_API_KEY_LIVE);
	making->key = (struct bf_api_key){.id = bf_uuid_make(),
		.user_id = op->caller.user,
		.name = bf_bytes_str(bf_op_text(op, "name")),
		.public_id = bf_bytes_str(making->parts.public_id),
		.secret_hash = bf_bytes(making->parts.secret_hash, BF_SHA256_BYTES),
		.last_four = bf_bytes_str(making->parts.last_four),
		.permissions = (int64_t)permissions,
		.requests_per_minute = per_minute,
		.created_at = now_us,
		.expires_at = days ? now_us + days * DAY_US : 0};
	bf_tx_begin(&tx, op->caller.org, op->caller.user);
	bf_api_key_add(&tx, &making->key);
	bf_op_ask(op, &tx, on_made);
}

/* ---- revoking ---- */

static void on_revoked(struct bf_op *op, const struct bf_db_answer *answer)
{
	if (answer->status != BF_DB_OK) {
		bf_op_refuse(
			op, 404, "not_found", "there is no such key, or it is revoked already");
		return;
	}
	guard_forget_user(op->owner, op->caller.user);
	bf_op_reply(op, 204, NULL);
}

/* Whose it is, is looked at first: keys of others are for those who look after people. */
static void on_found(struct bf_op *op, const struct bf_db_answer *answer)
{
	struct bf_db_rows rows = answer->steps[0];
	struct bf_api_key key;
	struct bf_tx tx;

	if (!bf_api_key_next(&rows, &key) ||
		(!bf_uuid_equal(key.user_id, op->caller.user) &&
			!bf_permits(op->caller.permissions, BF_PERMIT(BF_USERS_MANAGE)))) {
		bf_op_refuse(op, 404, "not_found", "there is no such key");
		return;
	}
	guard_forget_user(op->owner, key.user_id);
	bf_tx_begin(&tx, op->caller.org, op->caller.user);
	bf_api_key_revoke(&tx, key.id, bf_clock_wall_us());
	bf_op_ask_or(op, &tx, on_revoked);
}

static void on_revoke(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_accounts *accounts = arg;
	struct bf_op *op = bf_op_new(accounts->rest, accounts, exchange, 0);
	struct bf_tx tx;

	if (!op)
		return;
	bf_tx_begin(&tx, op->caller.org, op->caller.user);
	bf_api_key_get(&tx, bf_op_param(request, 0));
	bf_op_ask(op, &tx, on_found);
}

/* ---- routes ---- */

static const char *rule_name(const char *text)
{
	return bf_rule_title(text, 100);
}

static const struct bf_field key_fields[] = {
	{"name", BF_FIELD_TEXT, .is_required = true, .rule = rule_name},
	{"permissions", BF_FIELD_TEXTS, .is_required = true, .max = BF_PERMISSION_COUNT,
		.text = "what the key may do, of what its user may"},
	{"expires_in_days", BF_FIELD_INT, .min = 1, .max = DAYS_MAX, .text = "without it: never"},
	{"requests_per_minute", BF_FIELD_INT, .min = 1, .max = 1000000},
	{NULL},
};

#define MANAGE BF_HTTP_SIGNED_IN, BF_PERMIT(BF_API_KEYS_MANAGE)

/* clang-format off */
const struct bf_http_route key_routes[] = {
	{"GET", "/api/keys", on_list, "One's API keys", MANAGE},
	{"POST", "/api/keys", on_create, "Make an API key, which is shown once", MANAGE, .request = key_fields, .needs_fresh_factor = true},
	{"DELETE", "/api/keys/{key}", on_revoke, "Revoke an API key", MANAGE},
};
/* clang-format on */
const size_t key_route_count = sizeof(key_routes) / sizeof(key_routes[0]);
