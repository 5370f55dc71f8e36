/* core/desk/desk.h - the database for a command: opened, asked, and waited for.
 *
 * It may be open beside a running server: appends, and the spool they need, are the server's alone.
 * Owner:   the command, on its stack.   Thread: main. Waits for the database.
 * Errors:  negative errnos, with `why`.
 */
#ifndef BF_CORE_DESK_DESK_H
#define BF_CORE_DESK_DESK_H

#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/metrics.h"
#include "core/loop/loop.h"
#include "storage/repo/tx.h"

struct bf_desk {
	/* given */
	char *why;
	size_t why_size;
	/* owned */
	struct bf_metrics *metrics;
	struct bf_loop *loop;
	struct bf_db *db;
	struct bf_db_client *client;
};

/* As the server opens it, which migrates it first where storage.migrate says so. After an error bf_desk_close is still to be called. */
int bf_desk_open(struct bf_desk *desk, const struct bf_conf *conf, struct bf_log *log, char *why,
	size_t why_size);
void bf_desk_close(struct bf_desk *desk);

/* Asks, and turns until it is answered: then on_answer, which may be NULL, has seen the answer if that is BF_DB_OK. -EEXIST: a row is there
 * already, and `why` names the constraint; -ENOENT: a row that must be is not; -EIO: all else that is not BF_DB_OK. */
int bf_desk_ask(struct bf_desk *desk, struct bf_tx *tx, bf_db_on_answer *on_answer, void *arg);

#endif
