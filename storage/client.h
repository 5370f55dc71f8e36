/* storage/client.h - db.c's side of the clients.
 *
 * Thread: storage, but for bf_db_client_inbox_new's part in db.h.
 */
#ifndef BF_STORAGE_CLIENT_H
#define BF_STORAGE_CLIENT_H

#include "storage/job.h"

#include <stdatomic.h>

struct bf_inbox;

#define BF_DB_CLIENT_COUNT_MAX 16

/* What clients and the storage thread share: the way in, and the ways back. */
struct bf_db_gate {
	struct bf_inbox *inbox; /* the storage thread's */
	_Atomic bool is_closed;
	int64_t query_us; /* storage.query_ms */
	_Atomic unsigned client_count;
	struct bf_inbox *_Atomic clients[BF_DB_CLIENT_COUNT_MAX];
	struct bf_metric
		*refused; /* calls and rows that found the inbox or the client's table full */
};

struct bf_db_gate *bf_db_gate(struct bf_db *db);

/* Post a reply to the call that waits for it; frees it when nobody does. */
void bf_db_gate_reply(
	struct bf_db_gate *gate, const struct bf_db_asker *asker, struct bf_db_reply *reply);

/* The same with nothing but a status. `block` is the job or row itself, which becomes the message. */
void bf_db_gate_done(struct bf_db_gate *gate, const struct bf_db_asker *asker,
	enum bf_db_status status, struct bf_msg *block);

#endif
