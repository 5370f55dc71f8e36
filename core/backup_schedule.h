/* core/backup_schedule.h - makes a backup every backup.every_hours, by `belfry db backup --scheduled` in a process of its own.
 *
 * A process, so that a backup of any size takes no memory and no time of the server's, at a lower priority, and can be ended. When the next
 * one is due is read from the files: a restart changes nothing.
 * Owner:   main.c.   Thread: that of the loop.
 */
#ifndef BF_CORE_BACKUP_SCHEDULE_H
#define BF_CORE_BACKUP_SCHEDULE_H

#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/metrics.h"
#include "core/loop/loop.h"

struct bf_backup_schedule;

/* Where backup.folder is empty nothing will ever be done. -ENOMEM. */
int bf_backup_schedule_new(struct bf_backup_schedule **out, const struct bf_conf *conf,
	struct bf_log *log, struct bf_metrics *metrics, struct bf_loop *loop);

/* Ends one that is being made. Accepts NULL. */
void bf_backup_schedule_free(struct bf_backup_schedule *schedule);

#endif
