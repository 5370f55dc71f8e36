#include "storage/job.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct bf_db_job *bf_db_job_new(
	const struct bf_db_scope *scope, const struct bf_db_step *steps, size_t step_count)
{
	struct bf_db_job *job;
	size_t len = 0;
	struct bf_wr wr;

	for (size_t i = 0; i < step_count; i++)
		len += bf_db_row_len(steps[i].statement->params, steps[i].params);
	job = bf_msg_new(BF_DB_MSG_JOB, sizeof(*job) + len);
	if (!job)
		return NULL;
	bf_list_init(&job->node);
	job->scope = *scope;
	job->step_count = step_count;
	wr = bf_wr(job->bytes, len);
	for (size_t i = 0; i < step_count; i++) {
		const uint8_t *at = wr.at;

		bf_db_row_write(&wr, steps[i].statement->params, steps[i].params);
		job->steps[i] = (struct bf_db_job_step){.statement = steps[i].statement,
			.expected = steps[i].expected,
			.params = bf_bytes(at, (size_t)(wr.at - at))};
	}
	assert(!wr.is_full);
	return job;
}

struct bf_db_row *bf_db_row_new(const struct bf_db_stream *stream, const struct bf_db_value *values)
{
	size_t len = bf_db_row_len(stream->types, values);
	struct bf_db_row *row = bf_msg_new(BF_DB_MSG_ROW, sizeof(*row) + len);
	struct bf_wr wr;

	if (!row)
		return NULL;
	bf_list_init(&row->node);
	row->stream = stream;
	row->len = len;
	wr = bf_wr(row->bytes, len);
	bf_db_row_write(&wr, stream->types, values);
	assert(!wr.is_full);
	return row;
}

/* ---- replies ---- */

static int grow(struct bf_db_reply_writer *writer, size_t more)
{
	size_t need = (writer->reply ? writer->reply->len : 0) + more, size = 256;
	struct bf_db_reply *reply;

	if (writer->reply && need <= writer->size)
		return 0;
	if (need > BF_DB_REPLY_BYTES_MAX)
		return -EMSGSIZE;
	while (size < need)
		size *= 2;
	reply = realloc(writer->reply, sizeof(*reply) + size);
	if (!reply)
		return -ENOMEM;
	reply->msg.size = (uint32_t)(sizeof(*reply) + size);
	writer->reply = reply;
	writer->size = size;
	return 0;
}

int bf_db_reply_begin(struct bf_db_reply_writer *writer)
{
	struct bf_db_reply *reply;
	int err;

	*writer = (struct bf_db_reply_writer){0};
	err = grow(writer, 0);
	if (err)
		return err;
	reply = writer->reply;
	memset(reply, 0, sizeof(*reply));
	reply->msg.kind = BF_DB_MSG_REPLY;
	reply->msg.size = (uint32_t)(sizeof(*reply) + writer->size);
	return 0;
}

void bf_db_reply_step(struct bf_db_reply_writer *writer, const char *types)
{
	struct bf_db_reply *reply = writer->reply;

	assert(reply->step_count < BF_DB_STEP_COUNT_MAX);
	reply->steps[reply->step_count++] =
		(struct bf_db_reply_step){.types = types, .at = reply->len};
}

int bf_db_reply_row(struct bf_db_reply_writer *writer, const struct bf_db_value *values)
{
	const char *types = writer->reply->steps[writer->reply->step_count - 1].types;
	size_t len = bf_db_row_len(types, values);
	struct bf_db_reply_step *step;
	struct bf_wr wr;
	int err = grow(writer, 4 + len);

	if (err)
		return err;
	step = &writer->reply->steps[writer->reply->step_count - 1];
	wr = bf_wr(writer->reply->bytes + writer->reply->len, 4 + len);
	bf_wr_u32(&wr, (uint32_t)len);
	bf_db_row_write(&wr, types, values);
	assert(!wr.is_full);
	writer->reply->len += 4 + len;
	step->len += 4 + len;
	step->row_count++;
	return 0;
}

void bf_db_reply_changed(struct bf_db_reply_writer *writer, int64_t changed_count)
{
	writer->reply->steps[writer->reply->step_count - 1].changed_count = changed_count;
}

void bf_db_reply_fail(struct bf_db_reply_writer *writer, enum bf_db_status status, size_t step_idx,
	const char *why, const char *constraint)
{
	struct bf_db_reply *reply = writer->reply;

	reply->status = status;
	reply->step_idx = step_idx;
	reply->step_count = 0;
	reply->len = 0;
	snprintf(reply->why, sizeof(reply->why), "%s", why);
	snprintf(reply->constraint, sizeof(reply->constraint), "%s", constraint ? constraint : "");
}

bool bf_db_reply_is_expected(struct bf_db_reply_writer *writer, int64_t expected)
{
	size_t idx = writer->reply->step_count - 1;
	const struct bf_db_reply_step *step = &writer->reply->steps[idx];
	int64_t found = step->types[0] ? (int64_t)step->row_count : step->changed_count;
	char why[96];

	if (expected == BF_DB_ANY || found == expected)
		return true;
	snprintf(why, sizeof(why), "%lld rows where %lld were expected", (long long)found,
		(long long)expected);
	bf_db_reply_fail(writer, BF_DB_UNEXPECTED, idx, why, NULL);
	return false;
}
