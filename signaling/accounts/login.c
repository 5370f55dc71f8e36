#include "core/base/clock.h"
#include "core/base/rand.h"
#include "signaling/accounts/accounts_priv.h"
#include "signaling/auth/digest.h"
#include "signaling/auth/password.h"
#include "signaling/auth/permission.h"
#include "signaling/auth/rules.h"
#include "storage/repo/organizations.h"
#include "storage/repo/roles.h"
#include "storage/repo/sessions.h"
#include "storage/repo/users.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define CANDIDATES_MAX 4 /* of one name or address in several organizations */
#define HASH_TEXT      256
#define KEY_TEXT       512
#define PASSWORD_TEXT  1100 /* 256 characters of UTF-8 */
#define FREE_TRIES     5    /* then the account is locked: 30 s, and twice as long each time */
#define LOCK_US	       BF_SEC(30)
#define LOCK_MAX_US    BF_SEC(900)
#define AGENT_TEXT     512

/* What no password is the password of: so that a name that nobody has takes as long to refuse. */
static const char nobody[] = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdCEh$"
			     "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/* Who may be meant. */
struct candidate {
	struct bf_uuid user, org;
	int64_t failed_count;
	bool is_disabled;
};

struct login {
	char key[KEY_TEXT];
	char ip[BF_ADDR_TEXT], agent[AGENT_TEXT];
	struct candidate candidates[CANDIDATES_MAX];
	size_t candidate_count;
	struct candidate found;
	struct bf_uuid session, family;
	uint8_t secret[REFRESH_SECRET_BYTES];
	bool is_registration;
};

/* To a worker and back. */
struct hashing {
	struct bf_msg head;
	uint64_t op;
	char password[PASSWORD_TEXT];
	size_t count; /* of hashes to compare with; 0: make one */
	char hashes[CANDIDATES_MAX][HASH_TEXT];
	int result; /* the place of the one that fits; negative: none, or an errno */
};

/* ---- the worker ---- */

static void hash(struct bf_msg *msg)
{
	struct hashing *hashing = (struct hashing *)msg;

	hashing->result = -EACCES;
	for (size_t i = 0; i < hashing->count; i++) {
		if (bf_password_verify(hashing->password, hashing->hashes[i]) == 0) {
			hashing->result = (int)i;
			break;
		}
	}
	if (hashing->count == 0)
		hashing->result = bf_password_hash(hashing->password, NULL, hashing->hashes[0]);
	explicit_bzero(hashing->password, sizeof(hashing->password));
}

static struct hashing *hashing_new(struct op *op)
{
	struct hashing *hashing = bf_msg_new(1, sizeof(*hashing));

	if (!hashing)
		return NULL;
	hashing->op = op->id;
	snprintf(hashing->password, sizeof(hashing->password), "%s", op_text(op, "password"));
	return hashing;
}

static void begin_hashing(struct op *op, struct hashing *hashing)
{
	if (hashing && bf_workers_run(op->accounts->door, hash, &hashing->head) == 0)
		return;
	if (hashing)
		explicit_bzero(hashing->password, sizeof(hashing->password));
	bf_msg_free(&hashing->head);
	op_refuse(op, 503, "unavailable", "too many sign in at once: try again");
}

/* ---- a session ---- */

static void put_tokens(
	struct op *op, struct bf_json *body, const struct login *login, uint64_t permissions)
{
	struct bf_access access = {.user = login->found.user,
		.org = login->found.org,
		.session = login->session,
		.permissions = permissions};
	uint8_t refresh[sizeof(login->family) + REFRESH_SECRET_BYTES];
	char text[REFRESH_TEXT], token[BF_JWS_TOKEN_MAX + 1];

	if (bf_access_issue(token, &op->accounts->issuer, &access, bf_clock_wall_us() / 1000000))
		return; /* without memory: the body lacks it, and shows so */
	memcpy(refresh, &login->family, sizeof(login->family));
	memcpy(refresh + sizeof(login->family), login->secret, REFRESH_SECRET_BYTES);
	(void)bf_base64url_encode(text, sizeof(text), bf_bytes(refresh, sizeof(refresh)));
	bf_json_put_str(body, "token_type", "Bearer");
	bf_json_put_str(body, "access_token", token);
	bf_json_put_int(body, "expires_in", BF_ACCESS_TOKEN_S);
	bf_json_put_str(body, "refresh_token", text);
	explicit_bzero(refresh, sizeof(refresh));
	explicit_bzero(text, sizeof(text));
}

static void on_signed_in(struct op *op, const struct bf_db_answer *answer)
{
	const struct login *login = op->more;
	struct bf_json *body;

	if (answer->status != BF_DB_OK) {
		op_refuse(op, 401, "unauthorized", "name or password are wrong");
		return;
	}
	body = bf_json_object();
	put_tokens(op, body, login, permissions_of(answer->steps[answer->row_steps - 1]));
	op_reply(op, 200, body);
}

/* The last step brings the user's roles. */
static void make_session(struct op *op)
{
	struct login *login = op->more;
	int64_t now_us = bf_clock_wall_us();
	uint8_t digest[HASH_BYTES];
	struct bf_session session = {.id = bf_uuid_make(),
		.user_id = login->found.user,
		.refresh_family = bf_uuid_make(),
		.refresh_hash = {digest, sizeof(digest)},
		.ip = bf_bytes_str(login->ip),
		.user_agent = bf_bytes_str(login->agent),
		.created_at = now_us,
		.last_seen_at = now_us,
		.expires_at = now_us + REFRESH_US};
	struct bf_tx tx;

	login->session = session.id;
	login->family = session.refresh_family;
	bf_rand_bytes(login->secret, sizeof(login->secret));
	bf_sha256(digest, bf_bytes(login->secret, sizeof(login->secret)));
	bf_tx_begin(&tx, login->found.org, login->found.user);
	bf_session_add(&tx, &session);
	bf_user_logged_in(&tx, login->found.user, now_us);
	bf_role_list_of_user(&tx, login->found.user);
	op_ask_or(op, &tx, on_signed_in);
}

/* ---- login ---- */

static void on_failure_noted(struct op *op, const struct bf_db_answer *answer)
{
	(void)answer;
	op_refuse(op, 401, "unauthorized", "name or password are wrong");
}

static int64_t lock_us(int64_t failed_count)
{
	int64_t us = LOCK_US;

	if (failed_count < FREE_TRIES)
		return 0;
	for (int64_t i = FREE_TRIES; i < failed_count && us < LOCK_MAX_US; i++)
		us *= 2;
	return us < LOCK_MAX_US ? us : LOCK_MAX_US;
}

/* Whose password it might have been are counted. */
static void note_failure(struct op *op)
{
	struct login *login = op->more;
	const struct candidate *first = &login->candidates[0];
	int64_t locked_us = lock_us(first->failed_count + 1);
	struct bf_tx tx;

	if (login->candidate_count != 1) { /* of several nobody can say who was meant */
		op_refuse(op, 401, "unauthorized", "name or password are wrong");
		return;
	}
	bf_tx_begin(&tx, first->org, first->user);
	bf_user_login_failed(&tx, first->user, locked_us ? bf_clock_wall_us() + locked_us : 0);
	op_ask_or(op, &tx, on_failure_noted);
}

static void on_verified(struct op *op, int result)
{
	struct login *login = op->more;

	if (result < 0 || (size_t)result >= login->candidate_count) {
		note_failure(op);
		return;
	}
	login->found = login->candidates[result];
	if (login->found.is_disabled)
		op_refuse(op, 403, "disabled", "this account is disabled");
	else
		make_session(op);
}

static void refuse_locked(struct op *op, int64_t left_us)
{
	struct bf_http_exchange *exchange =
		bf_http_exchange_find(op->accounts->conf.http, op->exchange);
	char seconds[24];

	snprintf(seconds, sizeof(seconds), "%lld", (long long)(left_us / 1000000 + 1));
	if (exchange)
		bf_http_reply_field(exchange, "Retry-After", seconds);
	op_refuse(op, 429, "locked", "too many wrong passwords: try again later");
}

static void take_candidate(struct login *login, struct hashing *hashing, const struct bf_user *user)
{
	size_t i = login->candidate_count++;

	login->candidates[i] = (struct candidate){.user = user->id,
		.org = user->org_id,
		.failed_count = user->failed_login_count,
		.is_disabled = user->disabled_at != 0};
	/* who has no password is found, and never let in */
	snprintf(hashing->hashes[i], HASH_TEXT, "%.*s",
		user->password_hash.data ? (int)user->password_hash.len : (int)strlen(nobody),
		user->password_hash.data ? (const char *)user->password_hash.data : nobody);
	hashing->count++;
}

static void on_users(struct op *op, const struct bf_db_answer *answer)
{
	struct login *login = op->more;
	struct hashing *hashing = hashing_new(op);
	int64_t now_us = bf_clock_wall_us(), locked_us = 0;
	struct bf_db_rows rows = answer->steps[0];
	struct bf_user user;

	while (hashing && login->candidate_count < CANDIDATES_MAX && bf_user_next(&rows, &user)) {
		take_candidate(login, hashing, &user);
		locked_us = user.locked_until;
	}
	if (login->candidate_count == 1 && locked_us > now_us) {
		bf_msg_free(&hashing->head);
		refuse_locked(op, locked_us - now_us);
		return;
	}
	if (hashing && hashing->count == 0)
		snprintf(hashing->hashes[hashing->count++], HASH_TEXT, "%s", nobody);
	begin_hashing(op, hashing);
}

static const char *login_name(const struct op *op)
{
	static const char *const keys[] = {"login", "email", "username"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (op_text(op, keys[i])[0])
			return op_text(op, keys[i]);
	return "";
}

static bool begin_login(
	struct op *op, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_bytes agent = bf_http_field(request, "User-Agent");
	struct bf_addr remote = bf_http_exchange_remote(exchange);
	struct login *login = calloc(1, sizeof(*login));

	op->more = login;
	if (!login) {
		op_refuse(op, 503, "unavailable", "out of memory");
		return false;
	}
	bf_addr_format_ip(&remote, login->ip);
	if (agent.len > 0 && agent.len < AGENT_TEXT)
		snprintf(login->agent, sizeof(login->agent), "%.*s", (int)agent.len,
			(const char *)agent.data);
	if (bf_rule_title(login->agent, AGENT_TEXT)) /* bytes of any kind may come */
		login->agent[0] = '\0';
	return true;
}

void on_login(void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	static const char *const known[] = {"login", "email", "username", "password", NULL};
	struct op *op = op_new(arg, exchange);
	const char *name;
	struct login *login;
	struct bf_tx tx;

	if (!op || !op_read_body(op, request, known) || !begin_login(op, exchange, request))
		return;
	login = op->more;
	name = login_name(op);
	if (!name[0] || !op_text(op, "password")[0] || strlen(name) >= KEY_TEXT ||
		strlen(op_text(op, "password")) >= PASSWORD_TEXT) {
		op_refuse(op, 422, "invalid", "login and password are needed");
		return;
	}
	bf_rule_key(name, login->key);
	bf_tx_begin_system(&tx);
	if (strchr(name, '@'))
		bf_user_find_by_email(&tx, bf_bytes_str(login->key));
	else
		bf_user_find_by_username(&tx, bf_bytes_str(login->key));
	op_ask(op, &tx, on_users);
}

/* ---- registration ---- */

struct registration {
	struct login login; /* first: op->more is either */
	char email_key[KEY_TEXT], username_key[KEY_TEXT];
	char hash[BF_PASSWORD_HASH_BYTES];
	struct bf_uuid user;
};

static void on_registered(struct op *op, const struct bf_db_answer *answer)
{
	const struct registration *registration = op->more;
	char id[BF_UUID_TEXT];
	struct bf_json *body;

	if (answer->status == BF_DB_EXISTS) {
		op_refuse(op, 409, "exists", "that name or address is taken");
		return;
	}
	if (answer->status != BF_DB_OK) {
		op_refuse(op, 503, "unavailable", "accounts cannot be made yet: try again");
		return;
	}
	body = bf_json_object();
	bf_json_put_str(body, "id", bf_uuid_format(registration->user, id));
	bf_json_put_str(body, "email", op_text(op, "email"));
	bf_json_put_str(body, "username", op_text(op, "username"));
	bf_json_put_str(body, "full_name", op_text(op, "full_name"));
	bf_json_put_str(body, "role", "viewer");
	op_reply(op, 201, body);
}

static void add_account(struct op *op, const char *hash_text)
{
	struct registration *registration = op->more;
	int64_t now_us = bf_clock_wall_us();
	const struct bf_user user = {.id = registration->user = bf_uuid_make(),
		.email = bf_bytes_str(op_text(op, "email")),
		.email_key = bf_bytes_str(registration->email_key),
		.username = bf_bytes_str(op_text(op, "username")),
		.username_key = bf_bytes_str(registration->username_key),
		.full_name = bf_bytes_str(op_text(op, "full_name")),
		.password_hash = bf_bytes_str(hash_text),
		.created_at = now_us,
		.updated_at = now_us};
	struct bf_tx tx;

	bf_tx_begin(&tx, DEFAULT_ORG, user.id);
	bf_user_add(&tx, &user);
	bf_user_role_grant_named(
		&tx, user.id, bf_bytes_str("viewer"), (struct bf_uuid){{0}}, now_us);
	op_ask_or(op, &tx, on_registered);
}

void login_on_hashed(struct bf_accounts *accounts, struct bf_msg *msg)
{
	struct hashing *hashing = (struct hashing *)msg;
	struct op *op = op_find(accounts, hashing->op);

	if (op && !((struct login *)op->more)->is_registration)
		on_verified(op, hashing->result);
	else if (op && hashing->result == 0)
		add_account(op, hashing->hashes[0]);
	else if (op)
		op_refuse(op, 503, "unavailable", "out of memory");
	bf_msg_free(msg);
}

/* What is wrong with the account that is asked for. */
static const char *check_account(const struct op *op, const char **member)
{
	const char *wrong = NULL, *full_name = op_text(op, "full_name");

	*member = "email";
	wrong = bf_rule_email(op_text(op, "email"));
	if (!wrong) {
		*member = "username";
		wrong = bf_rule_username(op_text(op, "username"));
	}
	if (!wrong) {
		*member = "password";
		wrong = bf_rule_password(op_text(op, "password"));
	}
	if (!wrong && full_name[0]) {
		*member = "full_name";
		wrong = bf_rule_title(full_name, 200);
	}
	return wrong;
}

static bool may_register(const struct bf_accounts *accounts)
{
	const char *how = accounts->conf.conf->accounts.registration;

	if (strcmp(how, "auto") == 0)
		return strcmp(accounts->conf.conf->server.profile, "production") != 0;
	return strcmp(how, "open") == 0;
}

void on_register(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	static const char *const known[] = {"email", "username", "password", "full_name", NULL};
	struct bf_accounts *accounts = arg;
	struct registration *registration;
	const char *wrong, *member;
	char detail[160];
	struct op *op;

	if (!may_register(accounts)) {
		bf_http_reply_problem(
			exchange, 403, "closed", "accounts are made by an admin here");
		return;
	}
	op = op_new(accounts, exchange);
	if (!op || !op_read_body(op, request, known))
		return;
	wrong = check_account(op, &member);
	op->more = registration = calloc(1, sizeof(*registration));
	if (wrong || !registration) {
		snprintf(detail, sizeof(detail), "%s %s", member, wrong ? wrong : "");
		op_refuse(op, wrong ? 422 : 503, wrong ? "invalid" : "unavailable",
			wrong ? detail : "out of memory");
		return;
	}
	registration->login.is_registration = true;
	bf_rule_key(op_text(op, "email"), registration->email_key);
	bf_rule_key(op_text(op, "username"), registration->username_key);
	begin_hashing(op, hashing_new(op));
}
