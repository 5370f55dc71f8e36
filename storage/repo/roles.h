/* storage/repo/roles.h - tables roles and user_roles: what those who have a role may do.
 *
 * Thread: any; steps for a transaction (storage/repo/tx.h).
 */
#ifndef BF_STORAGE_REPO_ROLES_H
#define BF_STORAGE_REPO_ROLES_H

#include "storage/repo/table.h"
#include "storage/repo/tx.h"

#define BF_ROLE_COLUMNS(FIRST, NEXT) \
	FIRST(UUID, org_id)          \
	NEXT(UUID, id)               \
	NEXT(TEXT, name)             \
	NEXT(TEXT, description)      \
	NEXT(INT, permissions)       \
	NEXT(BOOL, is_builtin)       \
	NEXT(TIME, created_at)       \
	NEXT(TIME, updated_at)

struct bf_role {
	BF_TABLE_FIELDS(BF_ROLE_COLUMNS)
};

/* The next row of a step that brings roles. False: there are no more. */
bool bf_role_next(struct bf_db_rows *rows, struct bf_role *row);

/* One of this name that is there already stays as it is. */
void bf_role_add_missing(struct bf_tx *tx, const struct bf_role *role);

/* BF_DB_EXISTS: roles_org_id_name_key. */
void bf_role_add(struct bf_tx *tx, const struct bf_role *role);
void bf_role_get(struct bf_tx *tx, struct bf_uuid id);
void bf_role_find(struct bf_tx *tx, struct bf_bytes name);
void bf_role_list(struct bf_tx *tx); /* by name; at most BF_PAGE_ROW_COUNT_MAX */

/* One: name, description and permissions; not of a builtin role. */
void bf_role_update(struct bf_tx *tx, const struct bf_role *role);

/* One, and takes it from all who have it; not a builtin role. */
void bf_role_remove(struct bf_tx *tx, struct bf_uuid id);

/* Who has it has it once. BF_DB_NO_PARENT: there is no such user or role in this organization. */
void bf_user_role_grant(struct bf_tx *tx, struct bf_uuid user_id, struct bf_uuid role_id,
	struct bf_uuid granted_by, int64_t now_us);

/* One: the role of this name, which the user does not have yet. */
void bf_user_role_grant_named(struct bf_tx *tx, struct bf_uuid user_id, struct bf_bytes role_name,
	struct bf_uuid granted_by, int64_t now_us);

/* One. */
void bf_user_role_revoke(struct bf_tx *tx, struct bf_uuid user_id, struct bf_uuid role_id);

/* A user's roles, by name. */
void bf_role_list_of_user(struct bf_tx *tx, struct bf_uuid user_id);

/* Brings one number: how many users that are not disabled have it. */
void bf_role_user_count(struct bf_tx *tx, struct bf_uuid role_id);

/* Before and after a change that may take the role admin from somebody: if nobody who is not disabled had it then, all is undone with
 * BF_DB_UNEXPECTED in the second step. Of two such changes at a time one waits for the other. */
void bf_role_lock_admins(struct bf_tx *tx);
void bf_role_need_admin(struct bf_tx *tx);

#endif
