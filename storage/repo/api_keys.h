/* storage/repo/api_keys.h - table api_keys: what programs show instead of a login.
 *
 * A key is looked up by its public_id; its secret part is kept as SHA-256 only.
 * Thread: any; steps for a transaction (storage/repo/tx.h).
 */
#ifndef BF_STORAGE_REPO_API_KEYS_H
#define BF_STORAGE_REPO_API_KEYS_H

#include "storage/repo/table.h"
#include "storage/repo/tx.h"

#define BF_API_KEY_COLUMNS(FIRST, NEXT)        \
	FIRST(UUID, org_id)                    \
	NEXT(UUID, id)                         \
	NEXT(UUID, user_id)                    \
	NEXT(TEXT, name)                       \
	NEXT(TEXT, public_id)                  \
	NEXT(BYTES, secret_hash)               \
	NEXT(TEXT, last_four)                  \
	NEXT(INT, permissions)                 \
	NEXT(INT_OR_NULL, requests_per_minute) \
	NEXT(TIME, created_at)                 \
	NEXT(TIME_OR_NULL, expires_at)         \
	NEXT(TIME_OR_NULL, last_used_at)       \
	NEXT(TIME_OR_NULL, revoked_at)

struct bf_api_key {
	BF_TABLE_FIELDS(BF_API_KEY_COLUMNS)
};

/* The next row of a step that brings keys. False: there are no more. */
bool bf_api_key_next(struct bf_db_rows *rows, struct bf_api_key *row);

/* A key does not say whose it is: the server's own work. */
void bf_api_key_find(struct bf_tx *tx, struct bf_bytes public_id);

void bf_api_key_add(struct bf_tx *tx, const struct bf_api_key *key);
void bf_api_key_get(struct bf_tx *tx, struct bf_uuid id);

/* A user's, those revoked too, the newest last; at most BF_PAGE_ROW_COUNT_MAX. */
void bf_api_key_list(struct bf_tx *tx, struct bf_uuid user_id);

/* Used at `now_us`; nothing where it was used later. */
void bf_api_key_used(struct bf_tx *tx, struct bf_uuid id, int64_t now_us);

/* One, unless it is revoked already. */
void bf_api_key_revoke(struct bf_tx *tx, struct bf_uuid id, int64_t now_us);

#endif
