/* storage/repo/tx.h - a transaction, put together from the repositories' steps and then asked.
 *
 *   struct bf_tx tx;
 *   bf_tx_begin(&tx, org, user);
 *   bf_user_add(&tx, &user);
 *   bf_user_role_grant(&tx, ...);
 *   call = bf_tx_ask(&tx, client, on_answer, arg);
 *
 *   on_answer: bf_user_next(&rows, &user) with a copy of answer->steps[0], when answer->status is BF_DB_OK
 *
 * A step of a tenant's table gets the tenant as its first parameter from here: no caller can leave it out, on either engine. Steps
 * that look across tenants (a login does not know its organization yet) need bf_tx_begin_system.
 * Where a step says "one": it changes exactly one row, or all is undone with BF_DB_UNEXPECTED.
 * Owner:   the caller, on its stack; the values lend until bf_tx_ask.   Thread: any.
 * Limits:  BF_DB_STEP_COUNT_MAX steps, BF_TX_VALUE_COUNT_MAX parameters in all: constants of the calling code, asserted.
 */
#ifndef BF_STORAGE_REPO_TX_H
#define BF_STORAGE_REPO_TX_H

#include "storage/db.h"

#define BF_TX_VALUE_COUNT_MAX 160

struct bf_tx {
	struct bf_db_scope scope;
	size_t step_count, value_count;
	struct bf_db_step steps[BF_DB_STEP_COUNT_MAX];
	struct bf_db_value values[BF_TX_VALUE_COUNT_MAX];
};

/* For a tenant; `user` may be zero: nobody in particular. */
void bf_tx_begin(struct bf_tx *tx, struct bf_uuid org, struct bf_uuid user);

/* For the server's own work. */
void bf_tx_begin_system(struct bf_tx *tx);

/* As bf_db_ask. */
int64_t bf_tx_ask(
	struct bf_tx *tx, struct bf_db_client *client, bf_db_on_answer *on_answer, void *arg);

/* For repositories: add a step. `params` are as many as the statement has letters; of a tenant's statement the first is left out. */
void bf_tx_add(struct bf_tx *tx, const struct bf_db_statement *statement,
	const struct bf_db_value *params, int64_t expected);

/* For repositories: a list goes on after (after_us, after_id), both zero at the beginning, with at most `row_count`. */
struct bf_page {
	int64_t after_us;
	struct bf_uuid after_id;
	int64_t row_count;
};

#define BF_PAGE_ROW_COUNT_MAX 500

/* `row_count` within 1 and BF_PAGE_ROW_COUNT_MAX. */
int64_t bf_page_rows(const struct bf_page *page);

#endif
