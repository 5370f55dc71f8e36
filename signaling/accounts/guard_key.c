#include "core/base/clock.h"
#include "signaling/accounts/accounts_priv.h"
#include "signaling/auth/api_key.h"
#include "signaling/auth/permission.h"
#include "storage/repo/api_keys.h"

#include <stdio.h>
#include <string.h>

#define MINUTE_US    BF_SEC(60)
#define USED_EACH_US BF_SEC(60) /* last_used_at is no more exact */

struct checking {
	struct bf_api_key_parts parts;
	struct bf_uuid standing; /* where it is remembered */
	const struct bf_http_route *route;
	/* what the database says of it */
	struct bf_uuid id, user, org;
	uint64_t permissions;
	unsigned requests_per_minute;
};

/* The public id as bytes. */
static struct bf_uuid place_of(const struct bf_api_key_parts *parts)
{
	struct bf_uuid place = {{0}};

	for (size_t i = 0; i < sizeof(place.bytes); i++) {
		unsigned byte = 0;

		(void)sscanf(parts->public_id + 2 * i, "%2x", &byte);
		place.bytes[i] = (uint8_t)byte;
	}
	return place;
}

/* What is a person's: signing in and out, passwords, keys. */
static bool is_personal(const struct bf_http_route *route)
{
	if (strcmp(route->path, "/api/auth/me") == 0)
		return false;
	return strncmp(route->path, "/api/auth/", 10) == 0 ||
	       strncmp(route->path, "/api/keys", 9) == 0 ||
	       strncmp(route->path, "/api/users/sessions", 19) == 0;
}

/* False: it asks too often, and that was answered. */
static bool charge(struct bf_accounts *accounts, struct bf_http_exchange *exchange,
	const struct standing *standing)
{
	const struct bf_gcra_limit limit = {standing->requests_per_minute, MINUTE_US};
	struct bf_gcra_verdict verdict;
	struct bf_gcra_key key;
	char seconds[24];

	if (limit.count == 0)
		return true;
	memcpy(key.bytes, standing->session.bytes, sizeof(key.bytes));
	verdict = bf_gcra_charge(&accounts->key_rates, &key, &limit, bf_clock_mono_us());
	if (verdict.is_allowed)
		return true;
	snprintf(seconds, sizeof(seconds), "%lld", (long long)(verdict.retry_us / 1000000 + 1));
	bf_http_reply_field(exchange, "Retry-After", seconds);
	bf_http_reply_problem(exchange, 429, "too_many_requests", "this key may not ask so often");
	return false;
}

static void decide(struct bf_accounts *accounts, struct bf_http_exchange *exchange,
	const struct standing *standing, const struct bf_http_route *route)
{
	struct bf_http_caller caller;

	if (!standing || !standing->is_good) {
		guard_refuse(exchange, "this key is not, or no longer, valid");
		return;
	}
	caller = (struct bf_http_caller){
		standing->user, standing->org, {{0}}, standing->permissions};
	if (!charge(accounts, exchange, standing))
		return;
	if (is_personal(route))
		bf_http_reply_problem(
			exchange, 403, "forbidden", "that takes a person who is signed in");
	else if (!bf_permits(standing->permissions, route->permissions))
		bf_http_reply_problem(exchange, 403, "forbidden", "the key does not allow that");
	else
		bf_http_exchange_admit(exchange, &caller);
}

/* A key may do what it was made for, of what its user still may. */
static uint64_t both(uint64_t of_key, uint64_t of_user)
{
	const uint64_t all = BF_PERMIT(BF_ADMIN_FULL);

	if (of_user & all)
		return of_key;
	return of_key & all ? of_user : of_key & of_user;
}

/* Steps: the user, the user's roles. */
static void on_user(struct bf_op *op, const struct bf_db_answer *answer)
{
	struct bf_accounts *accounts = op->owner;
	const struct checking checking = *(const struct checking *)op->more;
	struct bf_http_exchange *exchange = bf_op_exchange(op);
	struct standing *standing = guard_remember(accounts, checking.standing);
	struct bf_db_rows users = answer->steps[0];
	struct bf_user user;

	if (standing) {
		standing->checked_us = bf_clock_mono_us();
		standing->user = checking.user;
		standing->org = checking.org;
		standing->is_good = bf_user_next(&users, &user) && !user.disabled_at;
		standing->must_change = false;
		standing->permissions =
			both(checking.permissions, permissions_of(answer->steps[1]));
		standing->requests_per_minute = checking.requests_per_minute;
		memcpy(standing->key_hash, checking.parts.secret_hash, HASH_BYTES);
	}
	bf_op_free(op);
	if (exchange)
		decide(accounts, exchange, standing, checking.route);
}

static void refuse(struct bf_op *op)
{
	struct bf_http_exchange *exchange = bf_op_exchange(op);

	bf_op_free(op);
	if (exchange)
		guard_refuse(exchange, "this key is not, or no longer, valid");
}

static void on_key(struct bf_op *op, const struct bf_db_answer *answer)
{
	struct checking *checking = op->more;
	struct bf_db_rows rows = answer->steps[0];
	int64_t now_us = bf_clock_wall_us();
	struct bf_api_key key;
	struct bf_tx tx;

	if (!bf_api_key_next(&rows, &key) || !bf_api_key_is(&checking->parts, key.secret_hash) ||
		key.revoked_at || (key.expires_at && key.expires_at <= now_us)) {
		guard_forget(op->owner, checking->standing);
		refuse(op);
		return;
	}
	checking->id = key.id;
	checking->user = key.user_id;
	checking->org = key.org_id;
	checking->permissions = (uint64_t)key.permissions;
	checking->requests_per_minute = (unsigned)key.requests_per_minute;
	bf_tx_begin(&tx, key.org_id, key.user_id);
	bf_user_get(&tx, key.user_id);
	bf_role_list_of_user(&tx, key.user_id);
	if (key.last_used_at + USED_EACH_US < now_us)
		bf_api_key_used(&tx, key.id, now_us);
	bf_op_ask(op, &tx, on_user);
}

void guard_key(struct bf_accounts *accounts, struct bf_http_exchange *exchange, struct bf_bytes key,
	const struct bf_http_route *route)
{
	struct bf_api_key_parts parts;
	struct standing *standing;
	struct checking *checking;
	struct bf_op *op;
	struct bf_tx tx;

	if (bf_api_key_parse(&parts, key)) {
		guard_refuse(exchange, "that is no API key: a letter is wrong or missing");
		return;
	}
	standing = guard_find(accounts, place_of(&parts));
	if (standing && bf_api_key_is(&parts, bf_bytes(standing->key_hash, HASH_BYTES)) &&
		guard_is_fresh(accounts, standing)) {
		decide(accounts, exchange, standing, route);
		return;
	}
	op = bf_op_new(accounts->rest, accounts, exchange, sizeof(*checking));
	if (!op)
		return;
	checking = op->more;
	*checking = (struct checking){.parts = parts, .standing = place_of(&parts), .route = route};
	bf_tx_begin_system(&tx);
	bf_api_key_find(&tx, bf_bytes_str(checking->parts.public_id));
	bf_op_ask(op, &tx, on_key);
}
