/* storage/migration.h - the steps by which the tables come to be as this version needs them.
 *
 * storage/migrations/ENGINE/YYYYMMDDTHHMMSS_name.sql, embedded in the binary in the order of their names. As a whole, such a file is the
 * way up, so that it also runs in sqlite3 or psql; the way down is in its last comment, between a line that begins with "+down" and
 * the comment's end.
 * A database remembers what was applied to it in its table `migrations`, with a checksum: a file that was applied is never changed.
 * Thread: constants, and functions of them.
 */
#ifndef BF_STORAGE_MIGRATION_H
#define BF_STORAGE_MIGRATION_H

#include "core/base/bytes.h"

struct bf_migration {
	const char *name;   /* without ".sql" */
	const char *sha256; /* of the file, in hex */
	const char *sql;    /* the file */
};

/* Both end with a name of NULL, which is not counted. */
extern const struct bf_migration bf_sqlite_migrations[];
extern const size_t bf_sqlite_migration_count;
extern const struct bf_migration bf_pg_migrations[];
extern const size_t bf_pg_migration_count;

/* The statements of the way down; data NULL: there is none, which is a mistake in the file. */
struct bf_bytes bf_migration_down(const struct bf_migration *migration);

/* What a database says was applied. */
struct bf_migration_applied {
	char name[128];
	char sha256[128]; /* as it is there, however long */
};

/* Whether `applied`, in the order of the names, is the beginning of `known`: what is left of it is to be applied. -EINVAL: one was changed, or
 * left out, or only a newer version knows it; `why` says which and what to do. */
int bf_migration_check(const struct bf_migration *known, size_t known_count,
	const struct bf_migration_applied *applied, size_t applied_count, char *why,
	size_t why_size);

/* 0 if none of `pending` is missing; else -EINVAL, for a server that may not apply them (storage.migrate). */
int bf_migration_refuse(size_t pending, char *why, size_t why_size);

#endif
