/* storage/repo/organizations.h - table organizations: the tenants.
 *
 * Thread: any; steps for a transaction (storage/repo/tx.h).
 */
#ifndef BF_STORAGE_REPO_ORGANIZATIONS_H
#define BF_STORAGE_REPO_ORGANIZATIONS_H

#include "storage/repo/table.h"
#include "storage/repo/tx.h"

/* Whose rooms and people those are that nobody gives to an organization: the first migration makes it. */
#define BF_DEFAULT_ORG ((struct bf_uuid){{0, 0, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 1}})

#define BF_ORGANIZATION_COLUMNS(FIRST, NEXT) \
	FIRST(UUID, id)                      \
	NEXT(TEXT, slug)                     \
	NEXT(TEXT, name)                     \
	NEXT(JSON, settings)                 \
	NEXT(TIME, created_at)               \
	NEXT(TIME, updated_at)               \
	NEXT(TIME_OR_NULL, disabled_at)

struct bf_organization {
	BF_TABLE_FIELDS(BF_ORGANIZATION_COLUMNS)
};

/* The next row of a step that brings organizations. False: there are no more. */
bool bf_organization_next(struct bf_db_rows *rows, struct bf_organization *row);

/* The server's own work. BF_DB_EXISTS: organizations_slug_key. */
void bf_organization_add(struct bf_tx *tx, const struct bf_organization *organization);
void bf_organization_find(struct bf_tx *tx, struct bf_bytes slug);
void bf_organization_list(struct bf_tx *tx, const struct bf_page *page); /* by created_at */
void bf_organization_count(struct bf_tx *tx);				 /* brings one number */

/* One. `disabled_us` 0: enabled. */
void bf_organization_disable(
	struct bf_tx *tx, struct bf_uuid id, int64_t disabled_us, int64_t now_us);

/* One, with all that belongs to it. */
void bf_organization_remove(struct bf_tx *tx, struct bf_uuid id);

/* The tenant's own row. */
void bf_organization_get(struct bf_tx *tx);

/* One: name, slug and settings. */
void bf_organization_update(struct bf_tx *tx, const struct bf_organization *organization);

#endif
