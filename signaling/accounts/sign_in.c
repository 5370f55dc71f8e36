#include "core/base/clock.h"
#include "core/base/rand.h"
#include "signaling/accounts/accounts_priv.h"
#include "signaling/auth/digest.h"
#include "signaling/auth/rules.h"
#include "storage/repo/roles.h"
#include "storage/repo/second_factors.h"
#include "storage/repo/sessions.h"

#include <stdio.h>
#include <string.h>

#define FREE_TRIES  5 /* then the account is locked: 30 s, and twice as long each time */
#define LOCK_US	    BF_SEC(30)
#define LOCK_MAX_US BF_SEC(900)

void sign_in_note_device(struct sign_in *sign_in, struct bf_http_exchange *exchange,
	const struct bf_http_request *request)
{
	struct bf_bytes agent = bf_http_field(request, "User-Agent");
	struct bf_addr remote = bf_http_exchange_remote(exchange);

	bf_addr_format_ip(&remote, sign_in->ip);
	if (agent.len > 0 && agent.len < AGENT_TEXT)
		snprintf(sign_in->agent, AGENT_TEXT, "%.*s", (int)agent.len,
			(const char *)agent.data);
	if (bf_rule_title(sign_in->agent, AGENT_TEXT)) /* bytes of any kind may come */
		sign_in->agent[0] = '\0';
}

/* ---- the session ---- */

static void on_signed_in(struct bf_op *op, const struct bf_db_answer *answer)
{
	const struct sign_in *sign_in = op->more;
	struct bf_json *body;

	if (answer->status != BF_DB_OK) {
		bf_op_refuse(op, 401, "unauthorized", sign_in->wrong);
		return;
	}
	body = bf_json_object();
	if (put_tokens(op->owner, body, &sign_in->signing,
		    permissions_of(answer->steps[answer->row_steps - 1]))) {
		bf_json_free(body);
		bf_op_refuse(op, 503, "unavailable", "out of memory");
		return;
	}
	bf_json_put_bool(body, "must_change_password", sign_in->must_change);
	bf_op_reply(op, 200, body);
}

static void add_factor(struct bf_tx *tx, const struct sign_in *sign_in, int64_t now_us)
{
	struct bf_uuid user = sign_in->signing.user;

	if (sign_in->step)
		bf_authenticator_use(tx, user, sign_in->step, now_us);
	if (sign_in->has_paper_code)
		bf_recovery_code_use(tx, user, bf_bytes(sign_in->code_hash, HASH_BYTES), now_us);
}

/* The last step brings the user's roles. */
void sign_in_make_session(struct bf_op *op)
{
	struct sign_in *sign_in = op->more;
	struct signing *signing = &sign_in->signing;
	int64_t now_us = bf_clock_wall_us();
	uint8_t digest[HASH_BYTES];
	struct bf_session session = {.id = bf_uuid_make(),
		.user_id = signing->user,
		.refresh_family = bf_uuid_make(),
		.refresh_hash = {digest, sizeof(digest)},
		.ip = bf_bytes_str(sign_in->ip),
		.user_agent = bf_bytes_str(sign_in->agent),
		.mfa_at = sign_in->step || sign_in->has_paper_code ? now_us : 0,
		.created_at = now_us,
		.last_seen_at = now_us,
		.expires_at = now_us + REFRESH_US};
	struct bf_tx tx;

	signing->session = session.id;
	signing->family = session.refresh_family;
	bf_rand_bytes(signing->secret, sizeof(signing->secret));
	bf_sha256(digest, bf_bytes(signing->secret, sizeof(signing->secret)));
	bf_tx_begin(&tx, signing->org, signing->user);
	add_factor(&tx, sign_in, now_us);
	bf_session_add(&tx, &session);
	bf_user_logged_in(&tx, signing->user, now_us);
	if (sign_in->new_hash[0])
		bf_user_set_password(&tx, signing->user, bf_bytes_str(sign_in->new_hash),
			sign_in->must_change, now_us);
	bf_role_list_of_user(&tx, signing->user);
	bf_op_ask_or(op, &tx, on_signed_in);
}

/* ---- wrong tries ---- */

static void on_failure_noted(struct bf_op *op, const struct bf_db_answer *answer)
{
	const struct sign_in *sign_in = op->more;

	(void)answer;
	bf_op_refuse(op, 401, "unauthorized", sign_in->wrong);
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

void sign_in_fail(struct bf_op *op, struct bf_uuid org, struct bf_uuid user, int64_t failed_count)
{
	int64_t locked_us = lock_us(failed_count + 1);
	struct bf_tx tx;

	bf_tx_begin(&tx, org, user);
	bf_user_login_failed(&tx, user, locked_us ? bf_clock_wall_us() + locked_us : 0);
	bf_op_ask_or(op, &tx, on_failure_noted);
}

void sign_in_refuse_locked(struct bf_op *op, int64_t left_us)
{
	struct bf_http_exchange *exchange = bf_op_exchange(op);
	char seconds[24];

	snprintf(seconds, sizeof(seconds), "%lld", (long long)(left_us / 1000000 + 1));
	if (exchange)
		bf_http_reply_field(exchange, "Retry-After", seconds);
	bf_op_refuse(op, 429, "locked", "too many wrong tries: try again later");
}
