/* storage/job.h - what crosses between the asking threads and the storage thread.
 *
 * Owner:   a message moves with its posting (core/loop/inbox.h).   Thread: whoever owns it.
 */
#ifndef BF_STORAGE_JOB_H
#define BF_STORAGE_JOB_H

#include "core/base/list.h"
#include "core/base/msg.h"
#include "storage/db.h"

enum bf_db_msg_kind {
	BF_DB_MSG_JOB = 1,
	BF_DB_MSG_ROW,
	BF_DB_MSG_REPLY,
	BF_DB_MSG_DONE,
	BF_DB_MSG_STOP,
};

/* Who waits: a client, and which of its calls. `call` 0: nobody. */
struct bf_db_asker {
	unsigned client_idx;
	int64_t call;
};

struct bf_db_job_step {
	const struct bf_db_statement *statement;
	int64_t expected;
	struct bf_bytes params; /* a row, in the job's own block */
};

/* A transaction. The block ends with the parameters' bytes. */
struct bf_db_job {
	struct bf_msg msg;
	struct bf_list node;
	struct bf_db_asker asker;
	struct bf_db_scope scope;
	int64_t asked_us;
	int64_t deadline_us;
	unsigned tries; /* that others were in the way of */
	size_t step_count;
	struct bf_db_job_step steps[BF_DB_STEP_COUNT_MAX];
	uint8_t bytes[];
};

/* A row to append; the block ends with it. */
struct bf_db_row {
	struct bf_msg msg;
	struct bf_list node;
	struct bf_db_asker asker;
	const struct bf_db_stream *stream;
	int64_t asked_us;
	size_t len;
	uint8_t bytes[];
};

struct bf_db_reply_step {
	const char *types;
	size_t row_count;
	int64_t changed_count;
	size_t at, len; /* of its rows in the reply's bytes: each a 4-byte length and a row */
};

/* To a call: what an answer is made of. */
struct bf_db_reply {
	struct bf_msg msg;
	int64_t call;
	enum bf_db_status status;
	size_t step_idx;
	char why[256];
	char constraint[BF_DB_NAME_BYTES];
	size_t step_count;
	struct bf_db_reply_step steps[BF_DB_STEP_COUNT_MAX];
	size_t len;
	uint8_t bytes[];
};

/* To a call: a status and nothing else. It takes the block of the job or row that it answers, so that it needs no memory. */
struct bf_db_done {
	struct bf_msg msg;
	int64_t call;
	enum bf_db_status status;
};

/* A job with copies of all it is given. NULL without memory. */
struct bf_db_job *bf_db_job_new(
	const struct bf_db_scope *scope, const struct bf_db_step *steps, size_t step_count);
struct bf_db_row *bf_db_row_new(
	const struct bf_db_stream *stream, const struct bf_db_value *values);

/* A reply as it grows: it moves when it must. */
struct bf_db_reply_writer {
	struct bf_db_reply *reply;
	size_t size; /* of `bytes` */
};

/* -ENOMEM. */
int bf_db_reply_begin(struct bf_db_reply_writer *writer);

/* The next step; rows and changes that follow are its. */
void bf_db_reply_step(struct bf_db_reply_writer *writer, const char *types);

/* -ENOMEM; -EMSGSIZE: over BF_DB_REPLY_BYTES_MAX. */
int bf_db_reply_row(struct bf_db_reply_writer *writer, const struct bf_db_value *values);
void bf_db_reply_changed(struct bf_db_reply_writer *writer, int64_t changed_count);

/* Throw away all rows, and say why. `constraint` may be NULL. */
void bf_db_reply_fail(struct bf_db_reply_writer *writer, enum bf_db_status status, size_t step_idx,
	const char *why, const char *constraint);

/* Whether the last step brought or changed as many rows as `expected`; else the reply has failed so. */
bool bf_db_reply_is_expected(struct bf_db_reply_writer *writer, int64_t expected);

#endif
