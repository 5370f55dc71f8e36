/* storage/repo/sessions.h - table sessions: a login on a device, with the refresh token that keeps it.
 *
 * A refresh token is kept as its SHA-256 only. With each use it is exchanged for another, in the same row: one that is used twice is in
 * no row any more, and its family tells that it was stolen.
 * Thread: any; steps for a transaction (storage/repo/tx.h).
 */
#ifndef BF_STORAGE_REPO_SESSIONS_H
#define BF_STORAGE_REPO_SESSIONS_H

#include "storage/repo/table.h"
#include "storage/repo/tx.h"

#define BF_SESSION_COLUMNS(FIRST, NEXT) \
	FIRST(UUID, org_id)             \
	NEXT(UUID, id)                  \
	NEXT(UUID, user_id)             \
	NEXT(UUID, refresh_family)      \
	NEXT(BYTES, refresh_hash)       \
	NEXT(TEXT, ip)                  \
	NEXT(TEXT, user_agent)          \
	NEXT(TIME_OR_NULL, mfa_at)      \
	NEXT(TIME, created_at)          \
	NEXT(TIME, last_seen_at)        \
	NEXT(TIME, expires_at)          \
	NEXT(TIME_OR_NULL, revoked_at)

struct bf_session {
	BF_TABLE_FIELDS(BF_SESSION_COLUMNS)
};

/* The next row of a step that brings sessions. False: there are no more. */
bool bf_session_next(struct bf_db_rows *rows, struct bf_session *row);

/* A refresh token does not say whose it is: the server's own work. */
void bf_session_find(struct bf_tx *tx, struct bf_bytes refresh_hash);
void bf_session_find_family(struct bf_tx *tx, struct bf_uuid family);

/* All that ended before `before_us` are forgotten. The server's own work. */
void bf_session_purge(struct bf_tx *tx, int64_t before_us);

void bf_session_add(struct bf_tx *tx, const struct bf_session *session);
void bf_session_get(struct bf_tx *tx, struct bf_uuid id);

/* Those of a user that are not revoked and not over at `now_us`, the newest last. */
void bf_session_list(struct bf_tx *tx, struct bf_uuid user_id, int64_t now_us);

/* One: exchange the refresh token, if it still is `old_hash` and the session not revoked. */
void bf_session_rotate(struct bf_tx *tx, struct bf_uuid id, struct bf_bytes old_hash,
	struct bf_bytes new_hash, int64_t now_us, int64_t expires_us);

/* One: a second factor was shown. */
void bf_session_set_mfa(struct bf_tx *tx, struct bf_uuid id, int64_t now_us);

/* One, unless it is revoked already. */
void bf_session_revoke(struct bf_tx *tx, struct bf_uuid id, int64_t now_us);

/* The same, if it is this user's. */
void bf_session_revoke_own(
	struct bf_tx *tx, struct bf_uuid user_id, struct bf_uuid id, int64_t now_us);

/* All of a family; all of a user, but for `except` (zero: none). */
void bf_session_revoke_family(struct bf_tx *tx, struct bf_uuid family, int64_t now_us);
void bf_session_revoke_of_user(
	struct bf_tx *tx, struct bf_uuid user_id, struct bf_uuid except, int64_t now_us);

#endif
