#include "core/base/clock.h"
#include "signaling/accounts/accounts_priv.h"
#include "signaling/auth/permission.h"
#include "signaling/auth/rules.h"
#include "signaling/rest/page.h"
#include "signaling/rest/shape.h"
#include "storage/repo/roles.h"
#include "storage/repo/sessions.h"

#include <stdio.h>
#include <string.h>

/* Accounts as whoever has users:manage looks after them. Nobody gives, or takes from others, what they may not do themselves; the
 * organization keeps an admin. */

#define ROLES_MAX 8 /* of a user */

/* ---- looking ---- */

static struct bf_json *shape_person(const struct bf_user *user)
{
	struct bf_json *body = bf_json_object();

	put_user(body, user);
	bf_shape_time(body, "disabled_at", user->disabled_at);
	bf_shape_time(body, "locked_until", user->locked_until);
	return body;
}

struct listing {
	struct bf_page page;
};

static void on_listed(struct bf_op *op, const struct bf_db_answer *answer)
{
	const struct listing *listing = op->more;
	struct bf_json *body = bf_json_object(), *list = bf_json_array();
	struct bf_db_rows rows = answer->steps[0];
	size_t count = 0, limit = (size_t)listing->page.row_count - 1;
	struct bf_user user, last = {.created_at = 0};

	while (count < limit && bf_user_next(&rows, &user)) {
		bf_json_push(list, shape_person(&user));
		last = user;
		count++;
	}
	bf_json_put(body, "users", list);
	bf_page_put_next(body, !bf_user_next(&rows, &user), last.created_at, last.id);
	bf_op_reply(op, 200, body);
}

static void on_list(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_accounts *accounts = arg;
	struct bf_op *op = bf_op_new(accounts->rest, accounts, exchange, sizeof(struct listing));
	struct listing *listing;
	struct bf_tx tx;
	const char *why;

	if (!op)
		return;
	listing = op->more;
	if (bf_page_read(&listing->page, request, &why)) {
		bf_op_refuse(op, 400, "bad_request", why);
		return;
	}
	bf_tx_begin(&tx, op->caller.org, op->caller.user);
	bf_user_list(&tx, &listing->page);
	bf_op_ask(op, &tx, on_listed);
}

/* ---- a change of one account ---- */

struct change {
	struct bf_uuid user;
	void (*apply)(struct bf_op *op);
	/* what the database says of it */
	bool is_admin;
	struct bf_uuid held[ROLES_MAX];
	size_t held_count;
	size_t admin_step; /* that fails when there is none left; 0: it is not asked */
};

static void refuse_missing(struct bf_op *op)
{
	bf_op_refuse(op, 404, "not_found", "there is no such user");
}

static void on_changed(struct bf_op *op, const struct bf_db_answer *answer)
{
	const struct change *change = op->more;

	if (answer->status == BF_DB_OK) {
		guard_forget_user(op->owner, change->user);
		bf_op_reply(op, 204, NULL);
	} else if (answer->status == BF_DB_UNEXPECTED && change->admin_step > 0 &&
		   answer->step_idx == change->admin_step) {
		bf_op_refuse(op, 409, "last_admin", "an organization keeps an admin");
	} else if (answer->status == BF_DB_EXISTS) {
		bf_op_refuse(op, 409, "exists", "that name or address is taken");
	} else {
		bf_op_refuse(op, 404, "not_found", "there is no such user or role");
	}
}

/* Begin the transaction, and end it: the role admin may have gone in between. */
static void begin_change(struct bf_op *op, struct bf_tx *tx)
{
	const struct change *change = op->more;

	bf_tx_begin(tx, op->caller.org, op->caller.user);
	if (change->is_admin)
		bf_role_lock_admins(tx);
}

static void end_change(struct bf_op *op, struct bf_tx *tx)
{
	struct change *change = op->more;

	if (change->is_admin) {
		change->admin_step = tx->step_count;
		bf_role_need_admin(tx);
	}
	bf_op_ask_or(op, tx, on_changed);
}

/* Steps: the user, the roles held. */
static void on_target(struct bf_op *op, const struct bf_db_answer *answer)
{
	struct change *change = op->more;
	struct bf_db_rows users = answer->steps[0], roles = answer->steps[1];
	struct bf_user user;
	struct bf_role role;

	if (!bf_user_next(&users, &user)) {
		refuse_missing(op);
		return;
	}
	if (!bf_permits(op->caller.permissions, permissions_of(roles))) {
		bf_op_refuse(op, 403, "forbidden", "they may do what you may not");
		return;
	}
	while (change->held_count < ROLES_MAX && bf_role_next(&roles, &role)) {
		change->held[change->held_count++] = role.id;
		change->is_admin |= bf_bytes_is(role.name, "admin");
	}
	change->apply(op);
}

static void begin_target(
	struct bf_op *op, const struct bf_http_request *request, void (*apply)(struct bf_op *op))
{
	struct change *change = op->more;
	struct bf_tx tx;

	change->user = bf_op_param(request, 0);
	change->apply = apply;
	bf_tx_begin(&tx, op->caller.org, op->caller.user);
	bf_user_get(&tx, change->user);
	bf_role_list_of_user(&tx, change->user);
	bf_op_ask(op, &tx, on_target);
}

/* What nobody does to themselves: they would be gone in the middle of it. */
static bool refuse_own(struct bf_op *op, const struct bf_http_request *request)
{
	if (!bf_uuid_equal(bf_op_param(request, 0), op->caller.user))
		return false;
	bf_op_refuse(op, 409, "own_account", "that is your own account");
	return true;
}

static struct bf_op *read_change(struct bf_accounts *accounts, struct bf_http_exchange *exchange,
	const struct bf_http_request *request)
{
	return bf_op_read(accounts->rest, accounts, exchange, request, sizeof(struct change));
}

/* ---- one account ---- */

static void on_shown(struct bf_op *op, const struct bf_db_answer *answer)
{
	struct bf_db_rows users = answer->steps[0], roles = answer->steps[1];
	struct bf_json *body, *names;
	struct bf_user user;
	struct bf_role role;

	if (!bf_user_next(&users, &user)) {
		refuse_missing(op);
		return;
	}
	body = shape_person(&user);
	names = bf_json_array();
	while (bf_role_next(&roles, &role))
		push_role_name(names, &role);
	bf_json_put(body, "roles", names);
	bf_op_reply(op, 200, body);
}

static void on_show(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_accounts *accounts = arg;
	struct bf_op *op = bf_op_new(accounts->rest, accounts, exchange, 0);
	struct bf_tx tx;

	if (!op)
		return;
	bf_tx_begin(&tx, op->caller.org, op->caller.user);
	bf_user_get(&tx, bf_op_param(request, 0));
	bf_role_list_of_user(&tx, bf_op_param(request, 0));
	bf_op_ask(op, &tx, on_shown);
}

/* ---- state ---- */

static void apply_state(struct bf_op *op)
{
	struct change *change = op->more;
	int64_t now_us = bf_clock_wall_us();
	bool is_disabled = false;
	struct bf_tx tx;

	(void)bf_json_get_bool(op->body, "disabled", &is_disabled);
	begin_change(op, &tx);
	bf_user_disable(&tx, change->user, is_disabled ? now_us : 0, now_us);
	if (is_disabled)
		bf_session_revoke_of_user(&tx, change->user, (struct bf_uuid){{0}}, now_us);
	change->is_admin &= is_disabled;
	end_change(op, &tx);
}

static void on_state(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_op *op = read_change(arg, exchange, request);

	if (op && !refuse_own(op, request))
		begin_target(op, request, apply_state);
}

static void apply_unlock(struct bf_op *op)
{
	struct change *change = op->more;
	struct bf_tx tx;

	change->is_admin = false;
	begin_change(op, &tx);
	bf_user_unlock(&tx, change->user, bf_clock_wall_us());
	end_change(op, &tx);
}

static void on_unlock(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_accounts *accounts = arg;
	struct bf_op *op = bf_op_new(accounts->rest, accounts, exchange, sizeof(struct change));

	if (op)
		begin_target(op, request, apply_unlock);
}

/* ---- removal ---- */

static void apply_removal(struct bf_op *op)
{
	struct change *change = op->more;
	struct bf_tx tx;

	begin_change(op, &tx);
	bf_user_remove(&tx, change->user);
	end_change(op, &tx);
}

static void on_remove(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_accounts *accounts = arg;
	struct bf_op *op = bf_op_new(accounts->rest, accounts, exchange, sizeof(struct change));

	if (op && !refuse_own(op, request))
		begin_target(op, request, apply_removal);
}

/* ---- password ---- */

static void on_hashed(struct bf_op *op, int result, const char *hash)
{
	struct change *change = op->more;
	int64_t now_us = bf_clock_wall_us();
	struct bf_tx tx;

	if (result) {
		bf_op_refuse(op, 503, "unavailable", "out of memory");
		return;
	}
	change->is_admin = false;
	begin_change(op, &tx);
	bf_user_set_password(&tx, change->user, bf_bytes_str(hash), true, now_us);
	bf_session_revoke_of_user(&tx, change->user, (struct bf_uuid){{0}}, now_us);
	end_change(op, &tx);
}

static void apply_password(struct bf_op *op)
{
	bf_op_hash(op, bf_op_text(op, "password"), on_hashed);
}

static void on_password(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_op *op = read_change(arg, exchange, request);

	if (op && !refuse_own(op, request))
		begin_target(op, request, apply_password);
}

/* ---- roles ---- */

/* The roles that the body names, of all there are. False: it was refused. */
static bool find_roles(struct bf_op *op, const struct bf_db_answer *answer,
	struct bf_uuid found[ROLES_MAX], size_t *count, bool *has_admin)
{
	const struct bf_json *names = bf_json_get(op->body, "roles");

	for (size_t i = 0; i < bf_json_count(names); i++) {
		struct bf_db_rows rows = answer->steps[0];
		bool is_there = false;
		struct bf_bytes name;
		struct bf_role role;

		(void)bf_json_as_str(bf_json_at(names, i), &name);
		while (!is_there && bf_role_next(&rows, &role))
			is_there = bf_bytes_equal(role.name, name);
		if (!is_there) {
			bf_op_refuse(op, 422, "invalid", "roles names one that does not exist");
			return false;
		}
		if (!bf_permits(op->caller.permissions, (uint64_t)role.permissions)) {
			bf_op_refuse(op, 403, "forbidden", "that role may do what you may not");
			return false;
		}
		found[(*count)++] = role.id;
		*has_admin |= bf_bytes_is(role.name, "admin");
	}
	return true;
}

static void on_all_roles(struct bf_op *op, const struct bf_db_answer *answer)
{
	struct change *change = op->more;
	struct bf_uuid wanted[ROLES_MAX];
	bool has_admin = false;
	size_t count = 0;
	struct bf_tx tx;

	if (!find_roles(op, answer, wanted, &count, &has_admin))
		return;
	change->is_admin &= !has_admin;
	begin_change(op, &tx);
	for (size_t i = 0; i < change->held_count; i++)
		bf_user_role_revoke(&tx, change->user, change->held[i]);
	for (size_t i = 0; i < count; i++)
		bf_user_role_grant(
			&tx, change->user, wanted[i], op->caller.user, bf_clock_wall_us());
	end_change(op, &tx);
}

static void apply_roles(struct bf_op *op)
{
	struct bf_tx tx;

	bf_tx_begin(&tx, op->caller.org, op->caller.user);
	bf_role_list(&tx);
	bf_op_ask(op, &tx, on_all_roles);
}

static void on_roles(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_op *op = read_change(arg, exchange, request);

	if (op)
		begin_target(op, request, apply_roles);
}

/* ---- routes ---- */

static const char *rule_password(const char *text)
{
	return bf_rule_password_chosen(text, false);
}

static const struct bf_field state[] = {
	{"disabled", BF_FIELD_BOOL, .is_required = true},
	{NULL},
};

static const struct bf_field password[] = {
	{"password", BF_FIELD_TEXT, .is_required = true, .rule = rule_password,
		.text = "to be changed with the first login"},
	{NULL},
};

static const struct bf_field roles[] = {
	{"roles", BF_FIELD_TEXTS, .is_required = true, .max = ROLES_MAX, .rule = bf_rule_role,
		.text = "all that the user has from now on"},
	{NULL},
};

#define MANAGE BF_HTTP_SIGNED_IN, BF_PERMIT(BF_USERS_MANAGE)
#define USER   "/api/users/admin/users/{user}"

/* clang-format off */
const struct bf_http_route people_routes[] = {
	{"GET", "/api/users/admin/users", on_list, "Accounts, in pages", MANAGE},
	{"GET", USER, on_show, "One account", MANAGE},
	{"DELETE", USER, on_remove, "Remove an account", MANAGE, .needs_fresh_factor = true},
	{"PUT", USER "/role", on_roles, "Give roles, and take all others", MANAGE, .request = roles, .needs_fresh_factor = true},
	{"PUT", USER "/state", on_state, "Disable or enable an account", MANAGE, .request = state, .needs_fresh_factor = true},
	{"PUT", USER "/password", on_password, "Give another password", MANAGE, .request = password, .needs_fresh_factor = true},
	{"POST", USER "/unlock", on_unlock, "Let somebody try again who was locked out", MANAGE},
};
/* clang-format on */
const size_t people_route_count = sizeof(people_routes) / sizeof(people_routes[0]);
