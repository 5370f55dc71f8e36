#include "storage/repo/roles.h"
#include "core/base/clock.h"
#include "signaling/accounts/accounts_priv.h"
#include "signaling/auth/permission.h"
#include "signaling/auth/rules.h"
#include "signaling/rest/shape.h"

#include <stdio.h>

void push_role_name(struct bf_json *names, const struct bf_role *role)
{
	char name[80];

	snprintf(name, sizeof(name), "%.*s", (int)role->name.len, (const char *)role->name.data);
	bf_json_push_str(names, name);
}

/* ---- looking ---- */

static void on_permissions(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_json *body = bf_json_object(), *list = bf_json_array();

	(void)arg;
	(void)request;
	for (size_t i = 0; i < BF_PERMISSION_COUNT; i++) {
		struct bf_json *item = bf_json_object();

		bf_json_put_str(item, "name", bf_permissions[i].name);
		bf_json_put_str(item, "text", bf_permissions[i].text);
		bf_json_put_int(item, "bit", (int64_t)i);
		bf_json_push(list, item);
	}
	bf_json_put(body, "permissions", list);
	bf_http_reply_json(exchange, 200, body);
}

static struct bf_json *shape_role(const struct bf_role *role)
{
	struct bf_json *body = bf_json_object();

	bf_shape_uuid(body, "id", role->id);
	bf_shape_text(body, "name", role->name);
	bf_shape_text(body, "description", role->description);
	bf_json_put(body, "permissions", permission_names((uint64_t)role->permissions));
	bf_json_put_bool(body, "is_builtin", role->is_builtin);
	bf_shape_time(body, "created_at", role->created_at);
	bf_shape_time(body, "updated_at", role->updated_at);
	return body;
}

static void on_listed(struct bf_op *op, const struct bf_db_answer *answer)
{
	struct bf_json *body = bf_json_object(), *list = bf_json_array();
	struct bf_db_rows rows = answer->steps[0];
	struct bf_role role;

	while (bf_role_next(&rows, &role))
		bf_json_push(list, shape_role(&role));
	bf_json_put(body, "roles", list);
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
	bf_role_list(&tx);
	bf_op_ask(op, &tx, on_listed);
}

/* ---- changing ---- */

bool read_permissions(struct bf_op *op, uint64_t *out)
{
	const struct bf_json *names = bf_json_get(op->body, "permissions");

	*out = 0;
	for (size_t i = 0; i < bf_json_count(names); i++) {
		struct bf_bytes name;
		uint64_t bit;

		(void)bf_json_as_str(bf_json_at(names, i), &name);
		bit = bf_permission_of(name);
		if (!bit) {
			bf_op_refuse(
				op, 422, "invalid", "permissions names one that does not exist");
			return false;
		}
		*out |= bit;
	}
	if (bf_permits(op->caller.permissions, *out))
		return true;
	bf_op_refuse(op, 403, "forbidden", "you may not do that yourself");
	return false;
}

struct writing {
	struct bf_role role;
};

static void on_written(struct bf_op *op, const struct bf_db_answer *answer)
{
	const struct writing *writing = op->more;

	if (answer->status == BF_DB_OK)
		bf_op_reply(op, writing->role.created_at ? 201 : 200, shape_role(&writing->role));
	else if (answer->status == BF_DB_EXISTS)
		bf_op_refuse(op, 409, "exists", "there is a role of that name");
	else
		bf_op_refuse(op, 404, "not_found",
			"there is no such role, or it is one that stays as it is");
}

static void on_removed(struct bf_op *op, const struct bf_db_answer *answer)
{
	if (answer->status == BF_DB_OK)
		bf_op_reply(op, 204, NULL);
	else
		bf_op_refuse(op, 409, "builtin", "that role is one that stays");
}

static struct bf_op *begin_writing(struct bf_accounts *accounts, struct bf_http_exchange *exchange,
	const struct bf_http_request *request)
{
	struct bf_op *op =
		bf_op_read(accounts->rest, accounts, exchange, request, sizeof(struct writing));
	struct bf_role *role;
	uint64_t permissions;

	if (!op || !read_permissions(op, &permissions))
		return NULL;
	role = &((struct writing *)op->more)->role;
	role->name = bf_bytes_str(bf_op_text(op, "name"));
	role->description = bf_bytes_str(bf_op_text(op, "description"));
	role->permissions = (int64_t)permissions;
	role->updated_at = bf_clock_wall_us();
	return op;
}

static void on_create(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_op *op = begin_writing(arg, exchange, request);
	struct bf_role *role;
	struct bf_tx tx;

	if (!op)
		return;
	role = &((struct writing *)op->more)->role;
	role->id = bf_uuid_make();
	role->created_at = role->updated_at;
	bf_tx_begin(&tx, op->caller.org, op->caller.user);
	bf_role_add(&tx, role);
	bf_op_ask_or(op, &tx, on_written);
}

/* What it allowed before must be within what whoever asks may do, too. */
static void on_found(struct bf_op *op, const struct bf_db_answer *answer)
{
	struct writing *writing = op->more;
	struct bf_db_rows rows = answer->steps[0];
	struct bf_role before;
	struct bf_tx tx;

	if (!bf_role_next(&rows, &before)) {
		bf_op_refuse(op, 404, "not_found", "there is no such role");
		return;
	}
	if (!bf_permits(op->caller.permissions, (uint64_t)before.permissions)) {
		bf_op_refuse(op, 403, "forbidden", "that role may do what you may not");
		return;
	}
	bf_tx_begin(&tx, op->caller.org, op->caller.user);
	if (op->body) {
		bf_role_update(&tx, &writing->role);
		bf_op_ask_or(op, &tx, on_written);
	} else {
		bf_role_remove(&tx, writing->role.id);
		bf_op_ask_or(op, &tx, on_removed);
	}
}

static void begin_finding(struct bf_op *op, const struct bf_http_request *request)
{
	struct writing *writing = op->more;
	struct bf_tx tx;

	writing->role.id = bf_op_param(request, 0);
	bf_tx_begin(&tx, op->caller.org, op->caller.user);
	bf_role_get(&tx, writing->role.id);
	bf_op_ask(op, &tx, on_found);
}

static void on_update(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_op *op = begin_writing(arg, exchange, request);

	if (op)
		begin_finding(op, request);
}

static void on_remove(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_accounts *accounts = arg;
	struct bf_op *op = bf_op_new(accounts->rest, accounts, exchange, sizeof(struct writing));

	if (op)
		begin_finding(op, request);
}

/* ---- routes ---- */

static const char *rule_description(const char *text)
{
	return text[0] ? bf_rule_title(text, 400) : NULL;
}

static const struct bf_field role_fields[] = {
	{"name", BF_FIELD_TEXT, .is_required = true, .rule = bf_rule_role},
	{"description", BF_FIELD_TEXT, .rule = rule_description},
	{"permissions", BF_FIELD_TEXTS, .is_required = true, .max = BF_PERMISSION_COUNT,
		.text = "names, as GET /api/permissions has them"},
	{NULL},
};

#define MANAGE BF_HTTP_SIGNED_IN, BF_PERMIT(BF_ROLES_MANAGE)

/* clang-format off */
const struct bf_http_route role_routes[] = {
	{"GET", "/api/permissions", on_permissions, "What can be allowed", BF_HTTP_SIGNED_IN},
	{"GET", "/api/roles", on_list, "The organization's roles", BF_HTTP_SIGNED_IN},
	{"POST", "/api/roles", on_create, "Make a role", MANAGE, .request = role_fields, .needs_fresh_factor = true},
	{"PUT", "/api/roles/{role}", on_update, "Change a role", MANAGE, .request = role_fields, .needs_fresh_factor = true},
	{"DELETE", "/api/roles/{role}", on_remove, "Remove a role, from all who have it", MANAGE, .needs_fresh_factor = true},
};
/* clang-format on */
const size_t role_route_count = sizeof(role_routes) / sizeof(role_routes[0]);
