#include "core/base/clock.h"
#include "signaling/accounts/accounts_priv.h"
#include "signaling/auth/guesses.h"
#include "signaling/auth/rules.h"
#include "storage/repo/organizations.h"
#include "storage/repo/roles.h"

#include <stdio.h>
#include <string.h>

struct registration {
	char email_key[KEY_TEXT], username_key[KEY_TEXT];
	struct bf_uuid user;
};

static void on_registered(struct bf_op *op, const struct bf_db_answer *answer)
{
	const struct registration *registration = op->more;
	char id[BF_UUID_TEXT];
	struct bf_json *body;

	if (answer->status == BF_DB_EXISTS) {
		bf_op_refuse(op, 409, "exists", "that name or address is taken");
		return;
	}
	if (answer->status != BF_DB_OK) {
		bf_op_refuse(op, 503, "unavailable", "accounts cannot be made yet: try again");
		return;
	}
	body = bf_json_object();
	bf_json_put_str(body, "id", bf_uuid_format(registration->user, id));
	bf_json_put_str(body, "email", bf_op_text(op, "email"));
	bf_json_put_str(body, "username", bf_op_text(op, "username"));
	bf_json_put_str(body, "full_name", bf_op_text(op, "full_name"));
	bf_json_put_str(body, "role", "viewer");
	bf_op_reply(op, 201, body);
}

static void on_hashed(struct bf_op *op, int result, const char *hash)
{
	struct registration *registration = op->more;
	int64_t now_us = bf_clock_wall_us();
	const struct bf_user user = {.id = registration->user = bf_uuid_make(),
		.email = bf_bytes_str(bf_op_text(op, "email")),
		.email_key = bf_bytes_str(registration->email_key),
		.username = bf_bytes_str(bf_op_text(op, "username")),
		.username_key = bf_bytes_str(registration->username_key),
		.full_name = bf_bytes_str(bf_op_text(op, "full_name")),
		.password_hash = bf_bytes_str(hash),
		.created_at = now_us,
		.updated_at = now_us};
	struct bf_tx tx;

	if (result) {
		bf_op_refuse(op, 503, "unavailable", "out of memory");
		return;
	}
	bf_tx_begin(&tx, BF_DEFAULT_ORG, user.id);
	bf_user_add(&tx, &user);
	bf_user_role_grant_named(
		&tx, user.id, bf_bytes_str("viewer"), (struct bf_uuid){{0}}, now_us);
	bf_op_ask_or(op, &tx, on_registered);
}

static bool may_register(const struct bf_accounts *accounts)
{
	const char *how = accounts->rest->conf->accounts.registration;

	if (strcmp(how, "auto") == 0)
		return strcmp(accounts->rest->conf->server.profile, "production") != 0;
	return strcmp(how, "open") == 0;
}

/* The other rules of the password are its field's. */
static bool refuse_own_name(struct bf_op *op)
{
	const char *const own[] = {bf_op_text(op, "username"), bf_op_text(op, "email"),
		bf_op_text(op, "full_name"), NULL};
	const char *why = bf_guessed_why(bf_op_text(op, "password"), own);
	char detail[96];

	if (!why)
		return false;
	snprintf(detail, sizeof(detail), "password %s", why);
	bf_op_refuse(op, 422, "invalid", detail);
	return true;
}

void on_register(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_accounts *accounts = arg;
	struct registration *registration;
	struct bf_op *op;

	if (!may_register(accounts)) {
		bf_http_reply_problem(
			exchange, 403, "closed", "accounts are made by an admin here");
		return;
	}
	op = bf_op_read(accounts->rest, accounts, exchange, request, sizeof(*registration));
	if (!op)
		return;
	if (refuse_own_name(op))
		return;
	registration = op->more;
	bf_rule_key(bf_op_text(op, "email"), registration->email_key);
	bf_rule_key(bf_op_text(op, "username"), registration->username_key);
	bf_op_hash(op, bf_op_text(op, "password"), on_hashed);
}
