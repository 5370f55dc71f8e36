/* core/db_backup.h - backups of the database as files: made, sealed, looked through, restored, and the old ones removed.
 *
 * Thread: main, of a command. Waits for disk and network; says what it does on standard output.
 * Source: README.md, "Backups"
 */
#ifndef BF_CORE_DB_BACKUP_H
#define BF_CORE_DB_BACKUP_H

#include "core/base/conf.h"
#include "storage/admin.h"

struct bf_backup {
	const struct bf_conf *conf;
	const struct bf_db_admin_ops *ops;
	struct bf_db_admin *admin;
	char *why;
	size_t why_size;
};

/* One line about what is in a backup, such as "users" and "4". */
typedef bf_db_admin_on_line bf_backup_on_line;

/* Makes one at `path`, sealed if backup.key_file is set. */
int bf_backup_make(struct bf_backup *backup, const char *path);

/* Reads one as a restore would. Returns 0, or 1: nothing could be made to restore it into, so that only its directory was read. */
int bf_backup_verify(
	struct bf_backup *backup, const char *path, bf_backup_on_line *on_line, void *arg);

int bf_backup_restore(struct bf_backup *backup, const char *path);

/* What the schedule does: one more in backup.folder, named by the time; it is verified; then all but the backup.keep newest go. */
int bf_backup_scheduled(struct bf_backup *backup, int64_t wall_us);

#endif
