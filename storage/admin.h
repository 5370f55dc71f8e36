/* storage/admin.h - what commands do to a database beside, or without, a running server.
 *
 * Owner:   a command.   Thread: main. These calls wait for the disk.
 * Errors:  negative errnos, with `why` for people.
 */
#ifndef BF_STORAGE_ADMIN_H
#define BF_STORAGE_ADMIN_H

#include "core/base/conf.h"
#include "core/base/log.h"

struct bf_db_admin;

/* Opens the database that the configuration means. -ENOENT: there is none, and it is not to be made. */
int bf_db_admin_open(struct bf_db_admin **out, const struct bf_conf *conf, bool may_make, char *why,
	size_t why_size);

/* Accepts NULL. */
void bf_db_admin_close(struct bf_db_admin *admin);

/* Apply what is missing. Returns how many. */
int bf_db_admin_migrate(struct bf_db_admin *admin, char *why, size_t why_size);

/* Take back all that came after `target` (NULL: all), and what is in those tables. Returns how many. */
int bf_db_admin_rollback(struct bf_db_admin *admin, const char *target, char *why, size_t why_size);

/* One line of what there is to say, such as "users" and "4". */
typedef void bf_db_admin_on_line(void *arg, const char *what, const char *said);

/* Each migration: "applied 2026-11-27T06:00:00Z" or "pending". Returns how many are pending. */
int bf_db_admin_migrations(struct bf_db_admin *admin, bf_db_admin_on_line *on_line, void *arg,
	char *why, size_t why_size);

/* Each table and its number of rows; the file's size. */
int bf_db_admin_counts(struct bf_db_admin *admin, bf_db_admin_on_line *on_line, void *arg,
	char *why, size_t why_size);

/* Looks at every page and reference; a line for each thing that is wrong. Returns how many there are. */
int bf_db_admin_check(struct bf_db_admin *admin, bf_db_admin_on_line *on_line, void *arg, char *why,
	size_t why_size);

/* A copy as of one moment in a new file of mode 0600, while others go on reading and writing; then the copy is checked.
 * `on_progress` hears of the pages that are left of all. -EEXIST: the file is there. After an error there is none. */
int bf_db_admin_backup(struct bf_db_admin *admin, const char *path,
	void (*on_progress)(void *arg, int left, int count), void *arg, char *why, size_t why_size);

#endif
