/* storage/repo/users.h - table users: who may log in.
 *
 * *_key are what must be unique and what is searched for: the caller's case-folded form of the name beside it.
 * Thread: any; steps for a transaction (storage/repo/tx.h).
 */
#ifndef BF_STORAGE_REPO_USERS_H
#define BF_STORAGE_REPO_USERS_H

#include "storage/repo/table.h"
#include "storage/repo/tx.h"

#define BF_USER_COLUMNS(FIRST, NEXT)          \
	FIRST(UUID, org_id)                   \
	NEXT(UUID, id)                        \
	NEXT(TEXT_OR_NULL, email)             \
	NEXT(TEXT_OR_NULL, email_key)         \
	NEXT(TEXT, username)                  \
	NEXT(TEXT, username_key)              \
	NEXT(TEXT, full_name)                 \
	NEXT(TEXT_OR_NULL, password_hash)     \
	NEXT(BOOL, must_change_password)      \
	NEXT(TIME_OR_NULL, email_verified_at) \
	NEXT(TIME_OR_NULL, last_login_at)     \
	NEXT(INT, failed_login_count)         \
	NEXT(TIME_OR_NULL, locked_until)      \
	NEXT(JSON, metadata)                  \
	NEXT(TIME, created_at)                \
	NEXT(TIME, updated_at)                \
	NEXT(TIME_OR_NULL, disabled_at)

struct bf_user {
	BF_TABLE_FIELDS(BF_USER_COLUMNS)
};

/* The next row of a step that brings users. False: there are no more. */
bool bf_user_next(struct bf_db_rows *rows, struct bf_user *row);

/* Logins do not know the organization yet: the server's own work, which brings at most one user of each. At most 16. */
void bf_user_find_by_email(struct bf_tx *tx, struct bf_bytes email_key);
void bf_user_find_by_username(struct bf_tx *tx, struct bf_bytes username_key);

/* Brings 1 if there is anybody anywhere, else 0. The server's own work. */
void bf_user_any(struct bf_tx *tx);

/* BF_DB_EXISTS: users_org_id_email_key_key, users_org_id_username_key_key. */
void bf_user_add(struct bf_tx *tx, const struct bf_user *user);
void bf_user_get(struct bf_tx *tx, struct bf_uuid id);
void bf_user_list(struct bf_tx *tx, const struct bf_page *page); /* by created_at */
void bf_user_count(struct bf_tx *tx);				 /* brings one number */

/* One: username, full_name and metadata. */
void bf_user_update(struct bf_tx *tx, const struct bf_user *user);

/* One; `verified_us` 0: not yet. An `email` whose data is NULL: none. */
void bf_user_set_email(struct bf_tx *tx, struct bf_uuid id, struct bf_bytes email,
	struct bf_bytes email_key, int64_t verified_us, int64_t now_us);

/* One; also unlocks. */
void bf_user_set_password(struct bf_tx *tx, struct bf_uuid id, struct bf_bytes password_hash,
	bool must_change, int64_t now_us);

/* One: a login that went well, which ends the count of those that did not. */
void bf_user_logged_in(struct bf_tx *tx, struct bf_uuid id, int64_t now_us);

/* One: a login that did not; `locked_us` 0: leave locked_until as it is. */
void bf_user_login_failed(struct bf_tx *tx, struct bf_uuid id, int64_t locked_us);

/* One: those that did not go well are forgotten. */
void bf_user_unlock(struct bf_tx *tx, struct bf_uuid id, int64_t now_us);

/* One. `disabled_us` 0: enabled. */
void bf_user_disable(struct bf_tx *tx, struct bf_uuid id, int64_t disabled_us, int64_t now_us);

/* One, with all that is its alone. */
void bf_user_remove(struct bf_tx *tx, struct bf_uuid id);

#endif
