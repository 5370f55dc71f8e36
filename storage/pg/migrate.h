/* storage/pg/migrate.h - brings a PostgreSQL database to the tables of this version, and takes it back.
 *
 * All that is missing is applied in one transaction, under an advisory lock: of two who start at once, one migrates and the other waits
 * and finds it done.
 * Thread: any that may wait.   Errors: negative errnos, with the session's `why`. After an error nothing has changed.
 */
#ifndef BF_STORAGE_PG_MIGRATE_H
#define BF_STORAGE_PG_MIGRATE_H

#include "storage/migration.h"
#include "storage/pg/session.h"

/* Returns how many were applied. -EINVAL: what was applied does not fit `known`, or a file is wrong, or some are missing and
 * `may_apply` is not set; -EIO. */
int bf_pg_migrate(struct bf_pg_session *session, const struct bf_migration *known,
	size_t known_count, bool may_apply);

/* Take back all that came after `target` (NULL: all). Returns how many. -ENOENT: `target` was not applied. */
int bf_pg_rollback(struct bf_pg_session *session, const struct bf_migration *known,
	size_t known_count, const char *target);

#endif
