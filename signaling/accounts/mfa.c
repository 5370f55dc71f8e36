#include "core/base/clock.h"
#include "core/seal/box.h"
#include "signaling/accounts/accounts_priv.h"
#include "signaling/auth/digest.h"
#include "signaling/auth/qr.h"
#include "signaling/auth/recovery.h"
#include "signaling/auth/totp.h"
#include "signaling/rest/shape.h"
#include "storage/repo/roles.h"
#include "storage/repo/second_factors.h"
#include "storage/repo/sessions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The second factor: codes of an app, and on paper for who has lost it. Its secret is sealed with a key that is not in the database. */

#define BETWEEN_S 300 /* from the first factor to the second */
#define BOX_BYTES (BF_TOTP_SECRET_BYTES + BF_BOX_MORE)

static const char wrong[] = "the code is wrong, or was used already";

/* What the database has of somebody's app. False: none. */
static bool read_app(struct bf_authenticator *app, struct bf_db_rows rows)
{
	return bf_authenticator_next(&rows, app);
}

static struct bf_bytes whose(const struct bf_authenticator *app)
{
	return bf_bytes(&app->user_id, sizeof(app->user_id));
}

/* The step of a code that is right and was not used; negative: it is not. */
static int64_t check_code(
	const struct bf_accounts *accounts, const struct bf_authenticator *app, const char *code)
{
	uint8_t secret[BF_TOTP_SECRET_BYTES];
	int64_t step = -EACCES;

	if (app->secret.len == BOX_BYTES &&
		bf_box_open(secret, accounts->seal_key, whose(app), app->secret) == 0 &&
		bf_totp_verify(secret, bf_bytes_str(code), bf_clock_wall_us() / 1000000,
			app->last_step, &step))
		step = -EACCES;
	explicit_bzero(secret, sizeof(secret));
	return step;
}

/* ---- between the first factor and the second ---- */

static void on_app(struct bf_op *op, const struct bf_db_answer *answer)
{
	struct bf_accounts *accounts = op->owner;
	const struct sign_in *sign_in = op->more;
	struct bf_access access = {
		.user = sign_in->signing.user, .org = sign_in->signing.org, .session = {{1}}};
	char token[BF_JWS_TOKEN_MAX + 1];
	struct bf_authenticator app;
	struct bf_json *body;

	if (!read_app(&app, answer->steps[0]) || !app.confirmed_at) {
		sign_in_make_session(op);
		return;
	}
	if (bf_access_issue(token, &accounts->mfa_issuer, &access, bf_clock_wall_us() / 1000000)) {
		bf_op_refuse(op, 503, "unavailable", "out of memory");
		return;
	}
	body = bf_json_object();
	bf_json_put_bool(body, "mfa_required", true);
	bf_json_put_str(body, "mfa_token", token);
	bf_json_put_int(body, "expires_in", BETWEEN_S);
	bf_op_reply(op, 200, body);
}

void mfa_continue(struct bf_op *op)
{
	const struct sign_in *sign_in = op->more;
	struct bf_tx tx;

	bf_tx_begin(&tx, sign_in->signing.org, sign_in->signing.user);
	bf_authenticator_get(&tx, sign_in->signing.user);
	bf_op_ask(op, &tx, on_app);
}

/* ---- the second factor of a login ---- */

/* Steps: the user, the app. */
static void on_user(struct bf_op *op, const struct bf_db_answer *answer)
{
	struct sign_in *sign_in = op->more;
	struct bf_db_rows users = answer->steps[0];
	int64_t now_us = bf_clock_wall_us(), step = -EACCES;
	struct bf_authenticator app;
	struct bf_user user;

	if (!bf_user_next(&users, &user) || user.disabled_at || !read_app(&app, answer->steps[1]) ||
		!app.confirmed_at) {
		bf_op_refuse(op, 401, "unauthorized", wrong);
		return;
	}
	if (user.locked_until > now_us) {
		sign_in_refuse_locked(op, user.locked_until - now_us);
		return;
	}
	sign_in->must_change = user.must_change_password;
	if (!sign_in->has_paper_code)
		step = check_code(op->owner, &app, bf_op_text(op, "code"));
	sign_in->step = step > 0 ? step : 0;
	if (sign_in->step || sign_in->has_paper_code)
		sign_in_make_session(op);
	else
		sign_in_fail(op, user.org_id, user.id, user.failed_login_count);
}

/* A code on paper that is none is a wrong try as well. */
static void take_paper_code(struct bf_op *op)
{
	struct sign_in *sign_in = op->more;
	const char *code = bf_op_text(op, "recovery_code");

	if (!bf_op_has(op, "recovery_code"))
		return;
	sign_in->has_paper_code = true;
	if (bf_recovery_code_hash(sign_in->code_hash, bf_bytes_str(code)))
		memset(sign_in->code_hash, 0, HASH_BYTES);
}

/* The token must be as fresh as a walk to the telephone takes. */
static bool read_token(struct bf_op *op)
{
	struct bf_accounts *accounts = op->owner;
	struct sign_in *sign_in = op->more;
	int64_t now_s = bf_clock_wall_us() / 1000000;
	struct bf_access access;
	const char *why;

	if (bf_access_verify(&access, &accounts->mfa_issuer,
		    bf_bytes_str(bf_op_text(op, "mfa_token")), now_s, &why) ||
		access.expires_s - BF_ACCESS_TOKEN_S + BETWEEN_S < now_s)
		return false;
	sign_in->signing = (struct signing){.user = access.user, .org = access.org};
	return true;
}

static void on_login_mfa(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_accounts *accounts = arg;
	struct bf_op *op =
		bf_op_read(accounts->rest, accounts, exchange, request, sizeof(struct sign_in));
	struct sign_in *sign_in;
	struct bf_tx tx;

	if (!op)
		return;
	sign_in = op->more;
	sign_in->wrong = wrong;
	if (!read_token(op)) {
		bf_op_refuse(op, 401, "unauthorized", "sign in with the password first");
		return;
	}
	if (!bf_http_exchange_count_name(
		    exchange, bf_bytes(&sign_in->signing.user, sizeof(sign_in->signing.user)))) {
		bf_op_free(op);
		return;
	}
	sign_in_note_device(sign_in, exchange, request);
	take_paper_code(op);
	bf_tx_begin(&tx, sign_in->signing.org, sign_in->signing.user);
	bf_user_get(&tx, sign_in->signing.user);
	bf_authenticator_get(&tx, sign_in->signing.user);
	bf_op_ask(op, &tx, on_user);
}

/* ---- setting it up ---- */

struct setup {
	uint8_t secret[BF_TOTP_SECRET_BYTES];
	uint8_t box[BOX_BYTES];
	char account[BF_OP_HASH_TEXT];
};

static struct bf_json *shape_setup(const struct bf_accounts *accounts, const struct setup *setup)
{
	char text[BF_TOTP_SECRET_TEXT], uri[BF_TOTP_URI_BYTES], *svg = NULL;
	const char *issuer = accounts->rest->conf->accounts.totp_issuer;
	struct bf_json *body = NULL;

	if (bf_totp_secret_format(setup->secret, text) == 0 &&
		bf_totp_uri(setup->secret, issuer, setup->account, uri) == 0 &&
		bf_qr_svg(&svg, bf_bytes_str(uri)) == 0) {
		body = bf_json_object();
		bf_json_put_str(body, "secret", text);
		bf_json_put_str(body, "uri", uri);
		bf_json_put_str(body, "svg", svg);
	}
	explicit_bzero(text, sizeof(text));
	explicit_bzero(uri, sizeof(uri));
	free(svg);
	return body;
}

/* Steps: the user, the app as it is now. */
static void on_put(struct bf_op *op, const struct bf_db_answer *answer)
{
	struct setup *setup = op->more;
	struct bf_db_rows users = answer->steps[1];
	struct bf_authenticator app;
	struct bf_json *body;
	struct bf_user user;

	if (!bf_user_next(&users, &user) || !read_app(&app, answer->steps[2]) || app.confirmed_at) {
		bf_op_refuse(op, 409, "enabled", "it is set up already: disable it first");
		return;
	}
	snprintf(setup->account, sizeof(setup->account), "%.*s", (int)user.username.len,
		(const char *)user.username.data);
	body = shape_setup(op->owner, setup);
	explicit_bzero(setup->secret, sizeof(setup->secret));
	if (body)
		bf_op_reply(op, 200, body);
	else
		bf_op_refuse(op, 503, "unavailable", "out of memory");
}

static void on_setup(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_accounts *accounts = arg;
	struct bf_op *op = bf_op_new(accounts->rest, accounts, exchange, sizeof(struct setup));
	struct bf_authenticator app;
	struct setup *setup;
	struct bf_tx tx;

	(void)request;
	if (!op)
		return;
	setup = op->more;
	app = (struct bf_authenticator){.user_id = op->caller.user,
		.secret = {setup->box, sizeof(setup->box)},
		.created_at = bf_clock_wall_us()};
	bf_totp_secret_make(setup->secret);
	if (bf_box_seal(setup->box, accounts->seal_key, whose(&app),
		    bf_bytes(setup->secret, sizeof(setup->secret)))) {
		bf_op_refuse(op, 503, "unavailable", "out of memory");
		return;
	}
	bf_tx_begin(&tx, op->caller.org, op->caller.user);
	bf_authenticator_put(&tx, &app);
	bf_user_get(&tx, op->caller.user);
	bf_authenticator_get(&tx, op->caller.user);
	bf_op_ask(op, &tx, on_put);
}

/* ---- a code of one who is signed in: to confirm the app, to show it again, to end it ---- */

struct showing {
	void (*apply)(struct bf_op *op, const struct bf_authenticator *app, int64_t step);
	char codes[BF_RECOVERY_CODE_COUNT][BF_RECOVERY_CODE_TEXT];
	bool makes_codes;
};

static void on_shown(struct bf_op *op, const struct bf_db_answer *answer)
{
	struct showing *showing = op->more;
	struct bf_json *body, *list;

	if (answer->status != BF_DB_OK) {
		bf_op_refuse(op, 403, "wrong_code", wrong);
		return;
	}
	guard_forget(op->owner, op->caller.session);
	if (!showing->makes_codes) {
		bf_op_reply(op, 204, NULL);
		return;
	}
	body = bf_json_object();
	list = bf_json_array();
	for (size_t i = 0; i < BF_RECOVERY_CODE_COUNT; i++)
		bf_json_push_str(list, showing->codes[i]);
	bf_json_put(body, "recovery_codes", list);
	explicit_bzero(showing->codes, sizeof(showing->codes));
	bf_op_reply(op, 200, body);
}

static void add_codes(struct bf_tx *tx, struct bf_op *op, uint8_t (*hashes)[HASH_BYTES])
{
	struct showing *showing = op->more;

	showing->makes_codes = true;
	bf_recovery_code_clear(tx, op->caller.user);
	for (size_t i = 0; i < BF_RECOVERY_CODE_COUNT; i++) {
		bf_recovery_code_make(showing->codes[i]);
		(void)bf_recovery_code_hash(hashes[i], bf_bytes_str(showing->codes[i]));
		bf_recovery_code_add(tx, bf_uuid_make(), op->caller.user,
			bf_bytes(hashes[i], HASH_BYTES), bf_clock_wall_us());
	}
}

static void begin_use(struct bf_tx *tx, struct bf_op *op, int64_t step)
{
	int64_t now_us = bf_clock_wall_us();

	bf_tx_begin(tx, op->caller.org, op->caller.user);
	bf_authenticator_use(tx, op->caller.user, step, now_us);
	bf_session_set_mfa(tx, op->caller.session, now_us);
}

/* The first time it confirms the app; codes on paper go with that, or are made anew. */
static void apply_verify(struct bf_op *op, const struct bf_authenticator *app, int64_t step)
{
	uint8_t hashes[BF_RECOVERY_CODE_COUNT][HASH_BYTES];
	bool wants_codes = false;
	struct bf_tx tx;

	(void)bf_json_get_bool(op->body, "new_recovery_codes", &wants_codes);
	begin_use(&tx, op, step);
	if (!app->confirmed_at || wants_codes)
		add_codes(&tx, op, hashes);
	bf_op_ask_or(op, &tx, on_shown);
}

static void apply_disable(struct bf_op *op, const struct bf_authenticator *app, int64_t step)
{
	struct bf_tx tx;

	(void)app;
	begin_use(&tx, op, step);
	bf_authenticator_remove(&tx, op->caller.user);
	bf_op_ask_or(op, &tx, on_shown);
}

/* Steps: the user, the app. */
static void on_own_app(struct bf_op *op, const struct bf_db_answer *answer)
{
	struct showing *showing = op->more;
	struct bf_authenticator app;
	int64_t step;

	if (!read_app(&app, answer->steps[0])) {
		bf_op_refuse(op, 409, "not_set_up", "set it up first: POST /api/2fa/setup");
		return;
	}
	step = check_code(op->owner, &app, bf_op_text(op, "code"));
	if (step > 0)
		showing->apply(op, &app, step);
	else
		bf_op_refuse(op, 403, "wrong_code", wrong);
}

static void begin_own_app(struct bf_op *op)
{
	struct bf_tx tx;

	bf_tx_begin(&tx, op->caller.org, op->caller.user);
	bf_authenticator_get(&tx, op->caller.user);
	bf_op_ask(op, &tx, on_own_app);
}

static struct bf_op *read_showing(struct bf_accounts *accounts, struct bf_http_exchange *exchange,
	const struct bf_http_request *request)
{
	struct bf_op *op =
		bf_op_read(accounts->rest, accounts, exchange, request, sizeof(struct showing));

	if (!op)
		return NULL;
	if (bf_http_exchange_count_name(
		    exchange, bf_bytes(&op->caller.user, sizeof(op->caller.user))))
		return op;
	bf_op_free(op);
	return NULL;
}

static void on_verify(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_op *op = read_showing(arg, exchange, request);

	if (!op)
		return;
	((struct showing *)op->more)->apply = apply_verify;
	begin_own_app(op);
}

/* ---- the end of it: with the password, too ---- */

static void on_password_verified(struct bf_op *op, int result, const char *hash)
{
	(void)hash;
	if (result)
		bf_op_refuse(op, 403, "wrong_password", "that is not the password");
	else
		begin_own_app(op);
}

static void on_disable(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_op *op = read_showing(arg, exchange, request);

	if (!op)
		return;
	((struct showing *)op->more)->apply = apply_disable;
	verify_own_password(op, "password", on_password_verified);
}

/* ---- how it stands ---- */

static void on_status_known(struct bf_op *op, const struct bf_db_answer *answer)
{
	struct bf_db_value values[BF_DB_VALUE_COUNT_MAX];
	struct bf_db_rows counts = answer->steps[1];
	struct bf_json *body = bf_json_object();
	struct bf_authenticator app;
	bool is_on = read_app(&app, answer->steps[0]) && app.confirmed_at;

	bf_json_put_bool(body, "enabled", is_on);
	if (is_on)
		bf_json_put_str(body, "method", "totp");
	else
		bf_json_put_null(body, "method");
	bf_json_put_int(body, "recovery_codes_left",
		bf_db_rows_next(&counts, values) ? values[0].as.i64 : 0);
	bf_op_reply(op, 200, body);
}

static void on_status(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_accounts *accounts = arg;
	struct bf_op *op = bf_op_new(accounts->rest, accounts, exchange, 0);
	struct bf_tx tx;

	(void)request;
	if (!op)
		return;
	bf_tx_begin(&tx, op->caller.org, op->caller.user);
	bf_authenticator_get(&tx, op->caller.user);
	bf_recovery_code_count(&tx, op->caller.user);
	bf_op_ask(op, &tx, on_status_known);
}

/* ---- routes ---- */

static const struct bf_field login_fields[] = {
	{"mfa_token", BF_FIELD_TEXT, .is_required = true, .text = "of the login that asked for it"},
	{"code", BF_FIELD_TEXT, .max = 16, .text = "of the app"},
	{"recovery_code", BF_FIELD_TEXT, .max = BF_RECOVERY_TYPED_MAX, .text = "in its place"},
	{NULL},
};

static const struct bf_field verify_fields[] = {
	{"code", BF_FIELD_TEXT, .is_required = true, .max = 16},
	{"new_recovery_codes", BF_FIELD_BOOL, .text = "those of before end"},
	{NULL},
};

static const struct bf_field disable_fields[] = {
	{"password", BF_FIELD_TEXT, .is_required = true, .max = BF_OP_PASSWORD_BYTES - 1},
	{"code", BF_FIELD_TEXT, .is_required = true, .max = 16},
	{NULL},
};

/* clang-format off */
const struct bf_http_route mfa_routes[] = {
	{"POST", "/api/auth/mfa", on_login_mfa, "The second factor of a login", BF_HTTP_PUBLIC,
		.rate = BF_HTTP_RATE_AUTH, .body_max = 16384, .request = login_fields},
	{"POST", "/api/2fa/setup", on_setup, "Begin with an authenticator app: its secret, as a QR code", BF_HTTP_SIGNED_IN},
	{"POST", "/api/2fa/verify", on_verify, "Show a code: the first one turns it on", BF_HTTP_SIGNED_IN, .request = verify_fields},
	{"POST", "/api/2fa/disable", on_disable, "Turn the second factor off", BF_HTTP_SIGNED_IN, .request = disable_fields},
	{"GET", "/api/2fa/status", on_status, "Whether there is a second factor", BF_HTTP_SIGNED_IN},
};
/* clang-format on */
const size_t mfa_route_count = sizeof(mfa_routes) / sizeof(mfa_routes[0]);
