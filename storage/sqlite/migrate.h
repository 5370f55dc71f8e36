/* storage/sqlite/migrate.h - brings a SQLite file to the tables of this version.
 *
 * All that is missing is applied in one transaction, which also is the lock: of two who start at once, one migrates and the other
 * finds it done.
 * Thread: the connection's.
 */
#ifndef BF_STORAGE_SQLITE_MIGRATE_H
#define BF_STORAGE_SQLITE_MIGRATE_H

#include "storage/migration.h"
#include "storage/sqlite/conn.h"

/* Returns how many were applied; -EINVAL: what was applied does not fit `known`, or a file is wrong, or some are missing and `may_apply` is
 * not set; -EIO; -EBUSY. `why` says which and why. After an error nothing has changed. */
int bf_sqlite_migrate(struct bf_sqlite *conn, const struct bf_migration *known, size_t known_count,
	bool may_apply, char *why, size_t why_size);

/* Take back, from the last one on, all that came after `target` (NULL: all). Returns how many; errors as above, and -ENOENT: `target` was
 * never applied. */
int bf_sqlite_rollback(struct bf_sqlite *conn, const struct bf_migration *known, size_t known_count,
	const char *target, char *why, size_t why_size);

#endif
