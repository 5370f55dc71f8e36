/* storage/pg/migrate.h - brings a PostgreSQL database to the tables of this version.
 *
 * All that is missing is applied in one transaction, under an advisory lock: of two who start at once, one migrates and the other waits
 * and finds it done.
 * Thread: any that may wait: it has a connection of its own.
 */
#ifndef BF_STORAGE_PG_MIGRATE_H
#define BF_STORAGE_PG_MIGRATE_H

#include "storage/migration.h"

#include <stdint.h>

/* Returns how many were applied; -ENOTCONN: nobody answers at `url` within `connect_us`; -EINVAL: what was applied does not fit `known`, or a
 * file is wrong; -EIO. `why` says which and why. After an error nothing has changed. */
int bf_pg_migrate(const char *url, int64_t connect_us, const struct bf_migration *known,
	size_t known_count, char *why, size_t why_size);

#endif
