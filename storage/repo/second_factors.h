/* storage/repo/second_factors.h - tables authenticators and recovery_codes: what somebody shows beside a password.
 *
 * An authenticator's secret is sealed by the caller; of a recovery code there is the SHA-256 only.
 * Thread: any; steps for a transaction (storage/repo/tx.h).
 */
#ifndef BF_STORAGE_REPO_SECOND_FACTORS_H
#define BF_STORAGE_REPO_SECOND_FACTORS_H

#include "storage/repo/table.h"
#include "storage/repo/tx.h"

#define BF_AUTHENTICATOR_COLUMNS(FIRST, NEXT) \
	FIRST(UUID, org_id)                   \
	NEXT(UUID, user_id)                   \
	NEXT(BYTES, secret)                   \
	NEXT(INT, last_step)                  \
	NEXT(TIME_OR_NULL, confirmed_at)      \
	NEXT(TIME, created_at)

struct bf_authenticator {
	BF_TABLE_FIELDS(BF_AUTHENTICATOR_COLUMNS)
};

/* The next row of a step that brings authenticators. False: there are no more. */
bool bf_authenticator_next(struct bf_db_rows *rows, struct bf_authenticator *row);

/* In the place of one that is not confirmed; one that is stays as it is: then no row changes. */
void bf_authenticator_put(struct bf_tx *tx, const struct bf_authenticator *authenticator);
void bf_authenticator_get(struct bf_tx *tx, struct bf_uuid user_id);

/* One: its code of `step` is used, and none of that or an earlier step any more. `confirmed_us` is kept if it is the first. */
void bf_authenticator_use(
	struct bf_tx *tx, struct bf_uuid user_id, int64_t step, int64_t confirmed_us);
void bf_authenticator_remove(struct bf_tx *tx, struct bf_uuid user_id); /* and all codes on paper */

void bf_recovery_code_add(struct bf_tx *tx, struct bf_uuid id, struct bf_uuid user_id,
	struct bf_bytes code_hash, int64_t now_us);

/* One: it was not used yet. */
void bf_recovery_code_use(
	struct bf_tx *tx, struct bf_uuid user_id, struct bf_bytes code_hash, int64_t now_us);
void bf_recovery_code_clear(struct bf_tx *tx, struct bf_uuid user_id);
void bf_recovery_code_count(
	struct bf_tx *tx, struct bf_uuid user_id); /* brings how many are left */

#endif
