#include "core/base/clock.h"
#include "core/base/rand.h"
#include "signaling/accounts/accounts_priv.h"
#include "signaling/auth/digest.h"
#include "signaling/auth/rules.h"
#include "storage/repo/roles.h"
#include "storage/repo/sessions.h"
#include "storage/repo/users.h"

#include <stdio.h>
#include <stdlib.h>

#define CANDIDATES_MAX BF_OP_HASHES_MAX /* of one name or address in several organizations */
#define FREE_TRIES     5 /* then the account is locked: 30 s, and twice as long each time */
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
	bool is_disabled, must_change, needs_rehash;
};

struct login {
	char key[KEY_TEXT];
	char ip[BF_ADDR_TEXT], agent[AGENT_TEXT];
	struct candidate candidates[CANDIDATES_MAX];
	size_t candidate_count;
	struct signing signing;
	bool must_change;
	char new_hash
		[BF_OP_HASH_TEXT]; /* of the password, as hashes are made today; "": it has one */
};

/* ---- a session ---- */

static void on_signed_in(struct bf_op *op, const struct bf_db_answer *answer)
{
	const struct login *login = op->more;
	struct bf_json *body;

	if (answer->status != BF_DB_OK) {
		bf_op_refuse(op, 401, "unauthorized", "name or password are wrong");
		return;
	}
	body = bf_json_object();
	if (put_tokens(op->owner, body, &login->signing,
		    permissions_of(answer->steps[answer->row_steps - 1]))) {
		bf_json_free(body);
		bf_op_refuse(op, 503, "unavailable", "out of memory");
		return;
	}
	bf_json_put_bool(body, "must_change_password", login->must_change);
	bf_op_reply(op, 200, body);
}

/* The last step brings the user's roles. */
static void make_session(struct bf_op *op)
{
	struct login *login = op->more;
	struct signing *signing = &login->signing;
	int64_t now_us = bf_clock_wall_us();
	uint8_t digest[HASH_BYTES];
	struct bf_session session = {.id = bf_uuid_make(),
		.user_id = signing->user,
		.refresh_family = bf_uuid_make(),
		.refresh_hash = {digest, sizeof(digest)},
		.ip = bf_bytes_str(login->ip),
		.user_agent = bf_bytes_str(login->agent),
		.created_at = now_us,
		.last_seen_at = now_us,
		.expires_at = now_us + REFRESH_US};
	struct bf_tx tx;

	signing->session = session.id;
	signing->family = session.refresh_family;
	bf_rand_bytes(signing->secret, sizeof(signing->secret));
	bf_sha256(digest, bf_bytes(signing->secret, sizeof(signing->secret)));
	bf_tx_begin(&tx, signing->org, signing->user);
	bf_session_add(&tx, &session);
	bf_user_logged_in(&tx, signing->user, now_us);
	if (login->new_hash[0])
		bf_user_set_password(&tx, signing->user, bf_bytes_str(login->new_hash),
			login->must_change, now_us);
	bf_role_list_of_user(&tx, signing->user);
	bf_op_ask_or(op, &tx, on_signed_in);
}

/* ---- login ---- */

static void on_failure_noted(struct bf_op *op, const struct bf_db_answer *answer)
{
	(void)answer;
	bf_op_refuse(op, 401, "unauthorized", "name or password are wrong");
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
static void note_failure(struct bf_op *op)
{
	struct login *login = op->more;
	const struct candidate *first = &login->candidates[0];
	int64_t locked_us = lock_us(first->failed_count + 1);
	struct bf_tx tx;

	if (login->candidate_count != 1) { /* of several nobody can say who was meant */
		bf_op_refuse(op, 401, "unauthorized", "name or password are wrong");
		return;
	}
	bf_tx_begin(&tx, first->org, first->user);
	bf_user_login_failed(&tx, first->user, locked_us ? bf_clock_wall_us() + locked_us : 0);
	bf_op_ask_or(op, &tx, on_failure_noted);
}

/* Without a hash of today it is as good a login. */
static void on_rehashed(struct bf_op *op, int result, const char *hash)
{
	struct login *login = op->more;

	if (result == 0)
		snprintf(login->new_hash, sizeof(login->new_hash), "%s", hash);
	make_session(op);
}

static void on_verified(struct bf_op *op, int result, const char *hash)
{
	struct login *login = op->more;
	const struct candidate *found = &login->candidates[result > 0 ? result : 0];

	(void)hash;
	if (result < 0 || (size_t)result >= login->candidate_count) {
		note_failure(op);
		return;
	}
	if (found->is_disabled) {
		bf_op_refuse(op, 403, "disabled", "this account is disabled");
		return;
	}
	login->signing = (struct signing){.user = found->user, .org = found->org};
	login->must_change = found->must_change;
	if (found->needs_rehash)
		bf_op_hash(op, bf_op_text(op, "password"), on_rehashed);
	else
		make_session(op);
}

static void refuse_locked(struct bf_op *op, int64_t left_us)
{
	struct bf_http_exchange *exchange = bf_op_exchange(op);
	char seconds[24];

	snprintf(seconds, sizeof(seconds), "%lld", (long long)(left_us / 1000000 + 1));
	if (exchange)
		bf_http_reply_field(exchange, "Retry-After", seconds);
	bf_op_refuse(op, 429, "locked", "too many wrong passwords: try again later");
}

static void take_candidate(
	struct login *login, char hash[static BF_OP_HASH_TEXT], const struct bf_user *user)
{
	struct candidate *candidate = &login->candidates[login->candidate_count++];

	*candidate = (struct candidate){.user = user->id,
		.org = user->org_id,
		.failed_count = user->failed_login_count,
		.is_disabled = user->disabled_at != 0,
		.must_change = user->must_change_password};
	/* who has no password is found, and never let in */
	snprintf(hash, BF_OP_HASH_TEXT, "%.*s",
		user->password_hash.data ? (int)user->password_hash.len : (int)strlen(nobody),
		user->password_hash.data ? (const char *)user->password_hash.data : nobody);
	candidate->needs_rehash = bf_password_needs_rehash(hash, &bf_password_cost_default);
}

static void on_users(struct bf_op *op, const struct bf_db_answer *answer)
{
	struct login *login = op->more;
	char hashes[CANDIDATES_MAX][BF_OP_HASH_TEXT];
	int64_t now_us = bf_clock_wall_us(), locked_us = 0;
	struct bf_db_rows rows = answer->steps[0];
	struct bf_user user;

	snprintf(hashes[0], sizeof(hashes[0]), "%s", nobody);
	while (login->candidate_count < CANDIDATES_MAX && bf_user_next(&rows, &user)) {
		take_candidate(login, hashes[login->candidate_count], &user);
		locked_us = user.locked_until;
	}
	if (login->candidate_count == 1 && locked_us > now_us)
		refuse_locked(op, locked_us - now_us);
	else
		bf_op_verify(op, bf_op_text(op, "password"), hashes,
			login->candidate_count ? login->candidate_count : 1, on_verified);
}

static const char *login_name(const struct bf_op *op)
{
	static const char *const keys[] = {"login", "email", "username"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (bf_op_text(op, keys[i])[0])
			return bf_op_text(op, keys[i]);
	return "";
}

static void note_device(
	struct bf_op *op, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_bytes agent = bf_http_field(request, "User-Agent");
	struct bf_addr remote = bf_http_exchange_remote(exchange);
	struct login *login = op->more;

	bf_addr_format_ip(&remote, login->ip);
	if (agent.len > 0 && agent.len < AGENT_TEXT)
		snprintf(login->agent, sizeof(login->agent), "%.*s", (int)agent.len,
			(const char *)agent.data);
	if (bf_rule_title(login->agent, AGENT_TEXT)) /* bytes of any kind may come */
		login->agent[0] = '\0';
}

void on_login(void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_accounts *accounts = arg;
	struct bf_op *op =
		bf_op_read(accounts->rest, accounts, exchange, request, sizeof(struct login));
	const char *name;
	struct login *login;
	struct bf_tx tx;

	if (!op)
		return;
	note_device(op, exchange, request);
	login = op->more;
	name = login_name(op);
	if (!name[0] || !bf_op_text(op, "password")[0] || strlen(name) >= KEY_TEXT ||
		strlen(bf_op_text(op, "password")) >= BF_OP_PASSWORD_BYTES) {
		bf_op_refuse(op, 422, "invalid", "login and password are needed");
		return;
	}
	bf_rule_key(name, login->key);
	if (!bf_http_exchange_count_name(exchange, bf_bytes_str(login->key))) {
		bf_op_free(op);
		return;
	}
	bf_tx_begin_system(&tx);
	if (strchr(name, '@'))
		bf_user_find_by_email(&tx, bf_bytes_str(login->key));
	else
		bf_user_find_by_username(&tx, bf_bytes_str(login->key));
	bf_op_ask(op, &tx, on_users);
}
