/* storage/admin.h - what commands do to a database beside, or without, a running server; on either engine.
 *
 * Owner:   a command.   Thread: main. These calls wait for disk and network.
 * Errors:  negative errnos, with `why` for people.
 */
#ifndef BF_STORAGE_ADMIN_H
#define BF_STORAGE_ADMIN_H

#include "core/base/conf.h"
#include "core/base/log.h"

struct bf_db_admin; /* of one engine */

/* One line of what there is to say, such as "users" and "4". */
typedef void bf_db_admin_on_line(void *arg, const char *what, const char *said);

/* `left` of `count` pages, or tables, are still to be done. */
typedef void bf_db_admin_on_progress(void *arg, int left, int count);

struct bf_db_admin_ops {
	const char *name;
	const char *backup_suffix; /* of files of backups, as ".db" */

	/* Opens the database that the configuration means. -ENOENT: there is none, and it is not to be made; -ENOTCONN: nobody lets us in.
	 * Conf and log stay until close. */
	int (*open)(struct bf_db_admin **out, const struct bf_conf *conf, struct bf_log *log,
		bool may_make, char *why, size_t why_size);
	void (*close)(struct bf_db_admin *admin); /* accepts NULL */

	/* Apply what is missing. Returns how many. */
	int (*migrate)(struct bf_db_admin *admin, char *why, size_t why_size);

	/* Take back all that came after `target` (NULL: all), and what is in those tables. Returns how many. */
	int (*rollback)(struct bf_db_admin *admin, const char *target, char *why, size_t why_size);

	/* Each migration: "applied 2026-11-27T06:00:00Z" or "pending". Returns how many are pending. */
	int (*migrations)(struct bf_db_admin *admin, bf_db_admin_on_line *on_line, void *arg,
		char *why, size_t why_size);

	/* Each table and its number of rows; the size. */
	int (*counts)(struct bf_db_admin *admin, bf_db_admin_on_line *on_line, void *arg, char *why,
		size_t why_size);

	/* Looks for what is damaged or was left undone; a line for each thing that is wrong. Returns how many there are. */
	int (*check)(struct bf_db_admin *admin, bf_db_admin_on_line *on_line, void *arg, char *why,
		size_t why_size);

	/* A copy as of one moment in a new file of mode 0600, while others go on reading and writing. -EEXIST: the file is there. After an
	 * error there is none. */
	int (*backup)(struct bf_db_admin *admin, const char *path,
		bf_db_admin_on_progress *on_progress, void *arg, char *why, size_t why_size);

	/* Reads a backup as a restore would, into something that is thrown away; the lines of `counts` for it. -EINVAL: it is none, or it is
	 * damaged. Returns 0, or 1: only its directory could be read, since nothing could be made to restore it into. */
	int (*verify)(struct bf_db_admin *admin, const char *path, bf_db_admin_on_line *on_line,
		void *arg, char *why, size_t why_size);

	/* Puts a backup in the place of all there is, as one transaction. -EINVAL: it is none, it is damaged, or this database has migrations
	 * that the backup does not know. After an error all is as it was. */
	int (*restore)(struct bf_db_admin *admin, const char *path,
		bf_db_admin_on_progress *on_progress, void *arg, char *why, size_t why_size);
};

/* Of the engine that the configuration means. */
const struct bf_db_admin_ops *bf_db_admin_ops(const struct bf_conf *conf);

extern const struct bf_db_admin_ops bf_sqlite_admin; /* storage/sqlite/admin.c */
extern const struct bf_db_admin_ops bf_pg_admin;     /* storage/pg/admin.c */

#endif
