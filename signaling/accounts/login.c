#include "core/base/clock.h"
#include "signaling/accounts/accounts_priv.h"
#include "signaling/auth/rules.h"
#include "storage/repo/users.h"

#include <stdio.h>
#include <stdlib.h>

#define CANDIDATES_MAX BF_OP_HASHES_MAX /* of one name or address in several organizations */

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
	struct sign_in sign_in; /* first */
	char key[KEY_TEXT];
	struct candidate candidates[CANDIDATES_MAX];
	size_t candidate_count;
};

static const char wrong[] = "name or password are wrong";

/* Whose password it might have been are counted. */
static void note_failure(struct bf_op *op)
{
	struct login *login = op->more;
	const struct candidate *first = &login->candidates[0];

	if (login->candidate_count == 1)
		sign_in_fail(op, first->org, first->user, first->failed_count);
	else /* of several nobody can say who was meant */
		bf_op_refuse(op, 401, "unauthorized", wrong);
}

/* Without a hash of today it is as good a login. */
static void on_rehashed(struct bf_op *op, int result, const char *hash)
{
	struct sign_in *sign_in = op->more;

	if (result == 0)
		snprintf(sign_in->new_hash, sizeof(sign_in->new_hash), "%s", hash);
	mfa_continue(op);
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
	login->sign_in.signing = (struct signing){.user = found->user, .org = found->org};
	login->sign_in.must_change = found->must_change;
	if (found->needs_rehash)
		bf_op_hash(op, bf_op_text(op, "password"), on_rehashed);
	else
		mfa_continue(op);
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
		sign_in_refuse_locked(op, locked_us - now_us);
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
	login = op->more;
	login->sign_in.wrong = wrong;
	sign_in_note_device(&login->sign_in, exchange, request);
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
