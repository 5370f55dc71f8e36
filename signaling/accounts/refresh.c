#include "core/base/clock.h"
#include "core/base/rand.h"
#include "signaling/accounts/accounts_priv.h"
#include "signaling/auth/digest.h"
#include "storage/repo/roles.h"
#include "storage/repo/sessions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- tokens ---- */

int put_tokens(struct bf_accounts *accounts, struct bf_json *body, const struct signing *signing,
	uint64_t permissions)
{
	struct bf_access access = {.user = signing->user,
		.org = signing->org,
		.session = signing->session,
		.permissions = permissions};
	uint8_t refresh[sizeof(signing->family) + REFRESH_SECRET_BYTES];
	char text[REFRESH_TEXT], token[BF_JWS_TOKEN_MAX + 1];
	int err = bf_access_issue(token, &accounts->issuer, &access, bf_clock_wall_us() / 1000000);

	if (err)
		return err;
	memcpy(refresh, &signing->family, sizeof(signing->family));
	memcpy(refresh + sizeof(signing->family), signing->secret, REFRESH_SECRET_BYTES);
	(void)bf_base64url_encode(text, sizeof(text), bf_bytes(refresh, sizeof(refresh)));
	bf_json_put_str(body, "token_type", "Bearer");
	bf_json_put_str(body, "access_token", token);
	bf_json_put_int(body, "expires_in", BF_ACCESS_TOKEN_S);
	bf_json_put_str(body, "refresh_token", text);
	explicit_bzero(refresh, sizeof(refresh));
	explicit_bzero(text, sizeof(text));
	return 0;
}

/* ---- an answer that was lost ---- */

#define GRACE_US   BF_SEC(10)
#define GRACES_MAX 4096

/* For a moment after it was exchanged the same token brings the same answer: the first may not have arrived. */
struct grace {
	struct bf_list node;
	uint8_t old_hash[HASH_BYTES];
	struct signing signing;
	int64_t until_us;
};

static void drop(struct bf_accounts *accounts, struct grace *grace)
{
	bf_list_remove(&grace->node);
	accounts->grace_count--;
	explicit_bzero(grace, sizeof(*grace));
	free(grace);
}

/* Of which too many are there, or those that are over. */
static void drop_old(struct bf_accounts *accounts, size_t count_max)
{
	BF_LIST_EACH(grace, &accounts->graces, struct grace, node) {
		if (accounts->grace_count <= count_max && grace->until_us > bf_clock_mono_us())
			return;
		drop(accounts, grace);
	}
}

static void remember(struct bf_accounts *accounts, const struct signing *signing,
	const uint8_t old_hash[HASH_BYTES])
{
	struct grace *grace = calloc(1, sizeof(*grace));

	drop_old(accounts, GRACES_MAX - 1);
	if (!grace)
		return;
	grace->signing = *signing;
	grace->until_us = bf_clock_mono_us() + GRACE_US;
	memcpy(grace->old_hash, old_hash, HASH_BYTES);
	bf_list_append(&accounts->graces, &grace->node);
	accounts->grace_count++;
}

static const struct grace *find_grace(
	struct bf_accounts *accounts, const uint8_t old_hash[HASH_BYTES])
{
	drop_old(accounts, GRACES_MAX);
	BF_LIST_EACH(grace, &accounts->graces, struct grace, node)
		if (memcmp(grace->old_hash, old_hash, HASH_BYTES) == 0)
			return grace;
	return NULL;
}

void refresh_deinit(struct bf_accounts *accounts)
{
	BF_LIST_EACH(grace, &accounts->graces, struct grace, node)
		drop(accounts, grace);
}

/* ---- refresh ---- */

struct refresh {
	struct signing signing;
	uint8_t old_hash[HASH_BYTES];
};

/* The refresh token is base64url of the family's id and the secret. */
static int read_refresh(struct refresh *refresh, const char *text)
{
	uint8_t bytes[sizeof(struct bf_uuid) + REFRESH_SECRET_BYTES + 4];
	int len = bf_base64url_decode(bytes, sizeof(bytes), bf_bytes_str(text));

	if (len != (int)sizeof(struct bf_uuid) + REFRESH_SECRET_BYTES)
		return -EINVAL;
	memcpy(&refresh->signing.family, bytes, sizeof(struct bf_uuid));
	bf_sha256(
		refresh->old_hash, bf_bytes(bytes + sizeof(struct bf_uuid), REFRESH_SECRET_BYTES));
	return 0;
}

static void refuse_refresh(struct bf_op *op)
{
	bf_op_refuse(op, 401, "unauthorized", "this refresh token is not valid: sign in again");
}

static void on_family_ended(struct bf_op *op, const struct bf_db_answer *answer)
{
	(void)answer;
	refuse_refresh(op);
}

/* It was exchanged before: whoever shows it now, or did then, has stolen it. All that came of it ends. */
static void end_family(struct bf_op *op, const struct bf_session *session)
{
	char id[BF_UUID_TEXT];
	struct bf_tx tx;

	BF_LOG(op->rest->log, BF_LOG_WARN, "a refresh token was used twice",
		BF_STR("user", bf_uuid_format(session->user_id, id)));
	guard_forget(op->owner, session->id);
	bf_tx_begin(&tx, session->org_id, session->user_id);
	bf_session_revoke_family(&tx, session->refresh_family, bf_clock_wall_us());
	bf_op_ask(op, &tx, on_family_ended);
}

static void reply(struct bf_op *op, uint64_t permissions)
{
	const struct refresh *refresh = op->more;
	struct bf_json *body = bf_json_object();

	if (put_tokens(op->owner, body, &refresh->signing, permissions) == 0) {
		bf_op_reply(op, 200, body);
		return;
	}
	bf_json_free(body);
	bf_op_refuse(op, 503, "unavailable", "out of memory");
}

static void on_rotated(struct bf_op *op, const struct bf_db_answer *answer)
{
	const struct refresh *refresh = op->more;

	if (answer->status != BF_DB_OK) { /* another was faster with the same token */
		refuse_refresh(op);
		return;
	}
	remember(op->owner, &refresh->signing, refresh->old_hash);
	reply(op, permissions_of(answer->steps[1]));
}

static void on_roles(struct bf_op *op, const struct bf_db_answer *answer)
{
	reply(op, permissions_of(answer->steps[0]));
}

/* Exchanged just now, and the session's token is the one that came of it. */
static bool repeat(struct bf_op *op, const struct bf_session *session)
{
	struct refresh *refresh = op->more;
	const struct grace *grace = find_grace(op->owner, refresh->old_hash);
	uint8_t hash[HASH_BYTES];
	struct bf_tx tx;

	if (!grace)
		return false;
	bf_sha256(hash, bf_bytes(grace->signing.secret, REFRESH_SECRET_BYTES));
	if (!bf_bytes_equal(session->refresh_hash, bf_bytes(hash, sizeof(hash))))
		return false;
	refresh->signing = grace->signing;
	bf_tx_begin(&tx, session->org_id, session->user_id);
	bf_role_list_of_user(&tx, session->user_id);
	bf_op_ask(op, &tx, on_roles);
	return true;
}

static void rotate(struct bf_op *op, const struct bf_session *session)
{
	struct refresh *refresh = op->more;
	struct signing *signing = &refresh->signing;
	int64_t now_us = bf_clock_wall_us();
	uint8_t hash[HASH_BYTES];
	struct bf_tx tx;

	signing->org = session->org_id;
	signing->user = session->user_id;
	signing->session = session->id;
	bf_rand_bytes(signing->secret, sizeof(signing->secret));
	bf_sha256(hash, bf_bytes(signing->secret, sizeof(signing->secret)));
	bf_tx_begin(&tx, signing->org, signing->user);
	bf_session_rotate(&tx, signing->session, bf_bytes(refresh->old_hash, HASH_BYTES),
		bf_bytes(hash, HASH_BYTES), now_us, now_us + REFRESH_US);
	bf_role_list_of_user(&tx, signing->user);
	bf_op_ask_or(op, &tx, on_rotated);
}

/* The family's sessions: one has the token, or had it. */
static void on_family(struct bf_op *op, const struct bf_db_answer *answer)
{
	const struct refresh *refresh = op->more;
	struct bf_db_rows rows = answer->steps[0];
	struct bf_session session;

	if (!bf_session_next(&rows, &session) || session.revoked_at ||
		session.expires_at <= bf_clock_wall_us())
		refuse_refresh(op);
	else if (bf_bytes_equal(session.refresh_hash, bf_bytes(refresh->old_hash, HASH_BYTES)))
		rotate(op, &session);
	else if (!repeat(op, &session))
		end_family(op, &session);
}

void on_refresh(void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_accounts *accounts = arg;
	struct bf_op *op =
		bf_op_read(accounts->rest, accounts, exchange, request, sizeof(struct refresh));
	struct refresh *refresh;
	struct bf_tx tx;

	if (!op)
		return;
	refresh = op->more;
	if (read_refresh(refresh, bf_op_text(op, "refresh_token"))) {
		refuse_refresh(op);
		return;
	}
	bf_tx_begin_system(&tx);
	bf_session_find_family(&tx, refresh->signing.family);
	bf_op_ask(op, &tx, on_family);
}
