/* storage/repo/settings.h - tables settings and rate_limits: what can be changed while the server runs, and what it remembers of its
 * limits across a restart.
 *
 * A setting holds for an organization, or, of the server's own, for all that have none of that key.
 * Thread: any; steps for a transaction (storage/repo/tx.h).
 */
#ifndef BF_STORAGE_REPO_SETTINGS_H
#define BF_STORAGE_REPO_SETTINGS_H

#include "storage/repo/table.h"
#include "storage/repo/tx.h"

#define BF_SETTING_COLUMNS(FIRST, NEXT) \
	FIRST(UUID_OR_NULL, org_id)     \
	NEXT(UUID, id)                  \
	NEXT(TEXT, key)                 \
	NEXT(JSON, value)               \
	NEXT(UUID_OR_NULL, updated_by)  \
	NEXT(TIME, updated_at)

struct bf_setting {
	BF_TABLE_FIELDS(BF_SETTING_COLUMNS)
};

/* The next row of a step that brings settings. False: there are no more. */
bool bf_setting_next(struct bf_db_rows *rows, struct bf_setting *row);

/* Of the transaction's organization, or, where it is the server's own work, the server's. */
void bf_setting_get(struct bf_tx *tx, struct bf_bytes key);
void bf_setting_list(struct bf_tx *tx); /* by key; at most BF_PAGE_ROW_COUNT_MAX */

/* Makes it, or changes value, updated_by and updated_at of what is there. */
void bf_setting_put(struct bf_tx *tx, const struct bf_setting *setting);
void bf_setting_remove(struct bf_tx *tx, struct bf_bytes key); /* one */

#define BF_RATE_LIMIT_COLUMNS(FIRST, NEXT) FIRST(TEXT, key) NEXT(INT, level) NEXT(TIME, updated_at)

struct bf_rate_limit {
	BF_TABLE_FIELDS(BF_RATE_LIMIT_COLUMNS)
};

bool bf_rate_limit_next(struct bf_db_rows *rows, struct bf_rate_limit *row);

/* The server's own work. */
void bf_rate_limit_put(struct bf_tx *tx, const struct bf_rate_limit *limit);
void bf_rate_limit_list(struct bf_tx *tx, int64_t since_us); /* the newest first, at most 10000 */
void bf_rate_limit_purge(struct bf_tx *tx, int64_t before_us);

#endif
