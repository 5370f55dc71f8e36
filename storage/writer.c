#include "storage/writer.h"

#include "core/base/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define TELEMETRY_BYTES_MAX ((size_t)16 << 20)
#define REPLAY_BYTES_MAX    ((size_t)4 << 20)
#define BEHIND_COUNT	    (16 * BF_DB_BATCH_COUNT_MAX)
#define RETRY_US	    BF_SEC(1) /* after a failure that is not the rows' fault */

/* ---- queues ---- */

static void queue_init(struct bf_db_queue *queue)
{
	*queue = (struct bf_db_queue){0};
	bf_list_init(&queue->rows);
}

static void queue_put(struct bf_db_queue *queue, struct bf_db_row *row)
{
	bf_list_append(&queue->rows, &row->node);
	queue->count++;
	queue->bytes += row->len;
}

static struct bf_db_row *queue_first(const struct bf_db_queue *queue)
{
	struct bf_list *node = bf_list_first(&queue->rows);

	return node ? BF_CONTAINER(node, struct bf_db_row, node) : NULL;
}

static struct bf_db_row *queue_take(struct bf_db_queue *queue)
{
	struct bf_db_row *row = queue_first(queue);

	if (!row)
		return NULL;
	bf_list_remove(&row->node);
	queue->count--;
	queue->bytes -= row->len;
	return row;
}

/* All of `from` before what is in `to`, in order. */
static void queue_put_back(struct bf_db_queue *to, struct bf_db_queue *from)
{
	struct bf_db_row *row;

	while ((row = queue_take(to)) != NULL)
		queue_put(from, row);
	while ((row = queue_take(from)) != NULL)
		queue_put(to, row);
}

static void settle(struct bf_db_writer *writer, struct bf_db_row *row, enum bf_db_status status)
{
	bf_db_gate_done(writer->conf.gate, &row->asker, status, &row->msg);
}

static void settle_all(
	struct bf_db_writer *writer, struct bf_db_queue *queue, enum bf_db_status status)
{
	struct bf_db_row *row;

	while ((row = queue_take(queue)) != NULL)
		settle(writer, row, status);
}

static int64_t now_us(const struct bf_db_writer *writer)
{
	return bf_loop_now_us(writer->conf.loop);
}

/* After a failure. Not from when the turn began: an engine that waited for a lock may have used up all of it. */
static void wait_a_little(struct bf_db_writer *writer)
{
	writer->retry_us = bf_clock_mono_us() + RETRY_US;
}

static void complain(
	struct bf_db_writer *writer, const char *event, const char *stream, const char *why)
{
	uint32_t suppressed;

	if (bf_log_limit_allows(&writer->log_limit, bf_clock_mono_us(), 5, &suppressed))
		BF_LOG(writer->conf.log, BF_LOG_ERROR, event, BF_STR("stream", stream),
			BF_STR("why", why), BF_UINT("suppressed", suppressed));
}

/* ---- into the spool ---- */

/* An acknowledgement apart from the row, whose bytes the engine still reads. Without memory it comes with the batch's outcome. */
static void settle_in_flight(struct bf_db_writer *writer, struct bf_db_row *row)
{
	struct bf_msg *done = bf_msg_new(BF_DB_MSG_DONE, sizeof(struct bf_db_row));

	if (!done)
		return;
	bf_db_gate_done(writer->conf.gate, &row->asker, BF_DB_OK, done);
	row->asker.call = 0;
}

/* All but the first `skip`; as many as go are safe when it returns, and *count says how many. */
static int spool_rows(
	struct bf_db_writer *writer, const struct bf_db_queue *queue, size_t skip, size_t *count)
{
	int64_t wall_us = bf_clock_wall_us();
	int err = 0, sync_err;

	*count = 0;
	BF_LIST_EACH(row, &queue->rows, struct bf_db_row, node) {
		if (err)
			break;
		if (skip > 0) {
			skip--;
			continue;
		}
		err = bf_spool_add(writer->conf.spool, row->stream->id, wall_us,
			bf_bytes(row->bytes, row->len));
		*count += !err;
	}
	sync_err = bf_spool_sync(writer->conf.spool);
	if (!sync_err)
		return err;
	*count = 0;
	return sync_err;
}

/* What is in flight may not arrive. Once all of it is in the spool, its outcome does not matter. */
static int spool_flight(struct bf_db_writer *writer, size_t *count)
{
	int err = spool_rows(writer, &writer->in_flight, writer->flight_spooled, count);
	size_t place = 0;

	BF_LIST_EACH(row, &writer->in_flight.rows, struct bf_db_row, node) {
		if (place >= writer->flight_spooled && place < writer->flight_spooled + *count)
			settle_in_flight(writer, row);
		place++;
	}
	writer->flight_spooled += *count;
	if (writer->flight_spooled == writer->in_flight.count)
		writer->source = BF_DB_SOURCE_SPOOLED;
	return err;
}

/* Durable rows are safe once they are here: those in flight before those that wait, so that the order stays. */
static void flush_to_spool(struct bf_db_writer *writer)
{
	size_t count = 0, queued = 0;
	struct bf_db_row *row;
	int err = 0;

	writer->is_spooling = true;
	if (writer->source == BF_DB_SOURCE_DURABLE)
		err = spool_flight(writer, &count);
	if (!err)
		err = spool_rows(writer, &writer->durable, 0, &queued);
	bf_metric_add(writer->spooled, (int64_t)(count + queued));
	for (; queued > 0; queued--) {
		row = queue_take(&writer->durable);
		settle(writer, row, BF_DB_OK);
	}
	writer->is_spool_full = err != 0;
	if (!err)
		return;
	row = queue_first(&writer->durable);
	complain(writer, "the spool takes no rows", row ? row->stream->name : "",
		strerrordesc_np(-err));
	bf_metric_add(writer->busy, (int64_t)writer->durable.count);
	settle_all(writer, &writer->durable, BF_DB_BUSY);
}

/* ---- batches ---- */

/* Give the engine what is left of the picked rows, or the first part of it. */
static void write_part(struct bf_db_writer *writer, size_t count)
{
	writer->part_count = count;
	writer->batch.row_count = count;
	memcpy(writer->batch.rows, &writer->picked[writer->done_count],
		count * sizeof(writer->batch.rows[0]));
	writer->conf.ops->write(writer->conf.engine, &writer->batch);
}

static void begin(struct bf_db_writer *writer, enum bf_db_source source, size_t count)
{
	writer->source = source;
	writer->picked_count = count;
	writer->done_count = 0;
	writer->flight_spooled = 0;
	writer->batch.is_durable = source != BF_DB_SOURCE_TELEMETRY;
	write_part(writer, count);
}

static void begin_from_queue(
	struct bf_db_writer *writer, struct bf_db_queue *queue, enum bf_db_source source)
{
	size_t count = 0;

	for (; count < BF_DB_BATCH_COUNT_MAX && queue->count > 0; count++) {
		struct bf_db_row *row = queue_take(queue);

		writer->picked[count] = (struct bf_db_batch_row){
			.stream = row->stream, .bytes = bf_bytes(row->bytes, row->len)};
		queue_put(&writer->in_flight, row);
	}
	begin(writer, source, count);
}

static const struct bf_db_stream *find_stream(const struct bf_db_writer *writer, uint16_t id)
{
	for (size_t i = 0; i < writer->conf.stream_count; i++)
		if (writer->conf.streams[i]->id == id)
			return writer->conf.streams[i];
	return NULL;
}

/* The oldest record was acknowledged and will never be taken: keep it where people can look at it. False: it could not be kept, so it
 * must stay where it is. */
static bool set_aside(
	struct bf_db_writer *writer, uint16_t stream, struct bf_bytes bytes, const char *why)
{
	const struct bf_db_stream *known = find_stream(writer, stream);
	int err = bf_spool_add(writer->conf.refused, stream, bf_clock_wall_us(), bytes);

	if (!err)
		err = bf_spool_sync(writer->conf.refused);
	complain(writer,
		err ? "a refused row cannot be set aside" : "a row was refused and is set aside",
		known ? known->name : "unknown", err ? strerrordesc_np(-err) : why);
	if (err)
		return false;
	bf_metric_add(writer->refused, 1);
	return bf_spool_consume(writer->conf.spool, 1) == 0;
}

/* A batch of the oldest records; or none of them can be one, or there are none, which ends the spooling. */
static void begin_from_spool(struct bf_db_writer *writer)
{
	struct bf_spool_record records[BF_DB_BATCH_COUNT_MAX];
	int found =
		bf_spool_peek(writer->conf.spool, records, BF_DB_BATCH_COUNT_MAX, REPLAY_BYTES_MAX);
	size_t count = 0;

	static_assert(BF_DB_BATCH_COUNT_MAX <= BF_SPOOL_PEEK_MAX, "");
	if (found < 0) {
		complain(writer, "the spool cannot be read", "", strerrordesc_np(-found));
		wait_a_little(writer);
		return;
	}
	for (; count < (size_t)found; count++) {
		const struct bf_db_stream *stream = find_stream(writer, records[count].stream);

		if (!stream)
			break;
		writer->picked[count] =
			(struct bf_db_batch_row){.stream = stream, .bytes = records[count].bytes};
	}
	if (count > 0) {
		begin(writer, BF_DB_SOURCE_SPOOL, count);
	} else if (found > 0) {
		if (!set_aside(writer, records[0].stream, records[0].bytes,
			    "its stream is unknown to this version"))
			wait_a_little(writer);
		writer->pump_again = true;
	} else {
		writer->is_spooling = false;
		BF_LOG(writer->conf.log, BF_LOG_INFO, "the spool is empty again");
	}
}

/* ---- what comes next ---- */

static int64_t due_us(const struct bf_db_writer *writer, const struct bf_db_queue *queue)
{
	const struct bf_db_row *first = queue_first(queue);

	if (!first)
		return INT64_MAX;
	if (queue->count >= BF_DB_BATCH_COUNT_MAX || writer->finish_us)
		return 0;
	return first->asked_us + BF_DB_GATHER_US;
}

static bool is_behind(const struct bf_db_writer *writer)
{
	const struct bf_db_row *first = queue_first(&writer->durable);

	return first && (writer->source != BF_DB_SOURCE_NONE || !writer->is_told) &&
	       (writer->durable.count >= BEHIND_COUNT ||
		       first->asked_us + BF_DB_BEHIND_US <= now_us(writer));
}

/* Whether durable rows go there without asking the database first. */
static bool goes_to_spool(const struct bf_db_writer *writer)
{
	return writer->is_spooling || (!writer->is_up && writer->is_told);
}

static bool can_write(const struct bf_db_writer *writer)
{
	return writer->is_up && writer->source == BF_DB_SOURCE_NONE &&
	       writer->retry_us <= now_us(writer);
}

/* One batch, if there is one and it is time. */
static void begin_next(struct bf_db_writer *writer)
{
	if (!can_write(writer))
		return;
	if (writer->is_spooling) {
		begin_from_spool(writer);
		if (writer->is_spooling)
			return;
	}
	if (due_us(writer, &writer->durable) <= now_us(writer))
		begin_from_queue(writer, &writer->durable, BF_DB_SOURCE_DURABLE);
	else if (due_us(writer, &writer->telemetry) <= now_us(writer))
		begin_from_queue(writer, &writer->telemetry, BF_DB_SOURCE_TELEMETRY);
}

static void start_spooling(struct bf_db_writer *writer)
{
	BF_LOG(writer->conf.log, BF_LOG_WARN, "rows go to the spool",
		BF_STR("why", writer->is_up ? "the database is behind or failing"
					    : "the database is away"));
	flush_to_spool(writer);
}

static void arm(struct bf_db_writer *writer)
{
	int64_t at_us = INT64_MAX;
	int64_t durable_us = due_us(writer, &writer->durable);
	int64_t telemetry_us = due_us(writer, &writer->telemetry);

	if (goes_to_spool(writer))
		at_us = durable_us;
	else if ((writer->source != BF_DB_SOURCE_NONE || !writer->is_told) &&
		 queue_first(&writer->durable))
		at_us = queue_first(&writer->durable)->asked_us + BF_DB_BEHIND_US;
	if (writer->is_up && writer->source == BF_DB_SOURCE_NONE) {
		int64_t next_us = durable_us < telemetry_us ? durable_us : telemetry_us;

		if (writer->is_spooling)
			next_us = 0;
		if (next_us < writer->retry_us)
			next_us = writer->retry_us;
		at_us = next_us < at_us ? next_us : at_us;
	}
	if (writer->finish_us && writer->finish_us < at_us)
		at_us = writer->finish_us;
	bf_timer_arm(&writer->timer, at_us);
}

/* All that is to be brought to safety is. */
static void finish_if_done(struct bf_db_writer *writer)
{
	bool is_late = (writer->is_told && !writer->is_up) || writer->retry_us > now_us(writer) ||
		       now_us(writer) >= writer->finish_us;

	if (!writer->finish_us)
		return;
	if (is_late) {
		if (writer->durable.count > 0 || writer->source == BF_DB_SOURCE_DURABLE)
			flush_to_spool(writer);
		bf_metric_add(writer->dropped, (int64_t)writer->telemetry.count);
		settle_all(writer, &writer->telemetry, BF_DB_AWAY);
	} else if (writer->durable.count > 0 || writer->telemetry.count > 0 ||
		   writer->source != BF_DB_SOURCE_NONE || writer->is_spooling) {
		return;
	}
	writer->finish_us = 0;
	writer->is_finished = true;
	bf_timer_disarm(&writer->timer);
	writer->conf.on_finished(writer->conf.arg);
}

static void pump(struct bf_db_writer *writer)
{
	if (writer->is_pumping) { /* an engine that answers at once calls back from inside */
		writer->pump_again = true;
		return;
	}
	if (writer->is_finished)
		return;
	writer->is_pumping = true;
	do {
		writer->pump_again = false;
		if (goes_to_spool(writer)) {
			if (due_us(writer, &writer->durable) <= now_us(writer)) {
				if (writer->is_spooling)
					flush_to_spool(writer);
				else
					start_spooling(writer);
			}
		} else if (is_behind(writer)) {
			start_spooling(writer);
		}
		begin_next(writer);
	} while (writer->pump_again && can_write(writer));
	writer->is_pumping = false;
	bf_metric_set(writer->waiting[0], (int64_t)writer->durable.count);
	bf_metric_set(writer->waiting[1], (int64_t)writer->telemetry.count);
	arm(writer);
	finish_if_done(writer);
}

static void on_timer(void *arg)
{
	pump(arg);
}

/* ---- outcomes ---- */

static bool is_fault_of_rows(enum bf_db_status status)
{
	return status == BF_DB_EXISTS || status == BF_DB_NO_PARENT || status == BF_DB_INVALID;
}

static void settle_first_in_flight(struct bf_db_writer *writer, enum bf_db_status status)
{
	settle(writer, queue_take(&writer->in_flight), status);
	writer->flight_spooled -= writer->flight_spooled > 0;
}

/* `count` rows from the first that is not settled have been written. */
static void on_part_written(struct bf_db_writer *writer, size_t count)
{
	if (writer->source == BF_DB_SOURCE_SPOOL) {
		if (bf_spool_consume(writer->conf.spool, count))
			complain(writer, "the spool's cursor cannot be kept", "",
				"rows may be written again, which changes nothing");
		bf_metric_add(writer->replayed, (int64_t)count);
	} else {
		for (size_t i = 0; i < count; i++)
			settle_first_in_flight(writer, BF_DB_OK);
	}
	bf_metric_add(writer->written[writer->batch.is_durable ? 0 : 1], (int64_t)count);
}

/* The one row that the database does not take. False: it must wait. */
static bool on_row_refused(struct bf_db_writer *writer, const struct bf_db_outcome *outcome)
{
	const struct bf_db_batch_row *row = &writer->picked[writer->done_count];

	if (writer->source == BF_DB_SOURCE_SPOOL)
		return set_aside(writer, row->stream->id, row->bytes, outcome->why);
	complain(writer, "a row was refused", row->stream->name, outcome->why);
	bf_metric_add(writer->refused, 1);
	settle_first_in_flight(writer, outcome->status);
	return true;
}

/* No fault of the rows: those that are not written go where they are safe, and all wait a little. */
static void on_failure(struct bf_db_writer *writer, const struct bf_db_outcome *outcome)
{
	if (writer->is_up)
		wait_a_little(writer);
	complain(writer, "a batch was not written", writer->picked[writer->done_count].stream->name,
		outcome->why);
	switch (writer->source) {
	case BF_DB_SOURCE_DURABLE:
		while (writer->flight_spooled > 0)
			settle_first_in_flight(writer, BF_DB_OK);
		queue_put_back(&writer->durable, &writer->in_flight);
		writer->source = BF_DB_SOURCE_NONE;
		start_spooling(writer);
		break;
	case BF_DB_SOURCE_TELEMETRY:
		queue_put_back(&writer->telemetry, &writer->in_flight);
		break;
	default:
		break;
	}
	writer->source = BF_DB_SOURCE_NONE;
}

void bf_db_writer_on_written(struct bf_db_writer *writer, const struct bf_db_outcome *outcome)
{
	size_t left;

	assert(writer->source != BF_DB_SOURCE_NONE);
	if (writer->is_finished) { /* the engine closes */
		settle_all(writer, &writer->in_flight, outcome->status);
		writer->source = BF_DB_SOURCE_NONE;
		return;
	}
	if (writer->source == BF_DB_SOURCE_SPOOLED) {
		settle_all(writer, &writer->in_flight, BF_DB_OK);
		writer->source = BF_DB_SOURCE_NONE;
		if (outcome->status != BF_DB_OK && !is_fault_of_rows(outcome->status))
			wait_a_little(writer);
		pump(writer);
		return;
	}
	if (outcome->status != BF_DB_OK && !is_fault_of_rows(outcome->status)) {
		on_failure(writer, outcome);
		pump(writer);
		return;
	}
	if (outcome->status != BF_DB_OK && writer->part_count > 1) {
		write_part(writer, writer->part_count / 2);
		return;
	}
	if (outcome->status == BF_DB_OK) {
		on_part_written(writer, writer->part_count);
	} else if (!on_row_refused(writer, outcome)) {
		on_failure(writer, outcome);
		pump(writer);
		return;
	}
	writer->done_count += writer->part_count;
	left = writer->picked_count - writer->done_count;
	if (left > 0) {
		write_part(writer, left);
		return;
	}
	writer->source = BF_DB_SOURCE_NONE;
	pump(writer);
}

void bf_db_writer_on_state(struct bf_db_writer *writer, bool is_up)
{
	writer->is_up = is_up;
	writer->is_told = true;
	writer->retry_us = 0;
	pump(writer);
}

/* ---- in and out ---- */

void bf_db_writer_add(struct bf_db_writer *writer, struct bf_db_row *row)
{
	struct bf_db_queue *telemetry = &writer->telemetry, *queue;
	bool row_is_durable = row->stream->is_durable;

	if (row_is_durable) {
		queue_put(&writer->durable, row);
	} else {
		queue_put(telemetry, row);
		while (telemetry->count > BF_DB_TELEMETRY_COUNT_MAX ||
			telemetry->bytes > TELEMETRY_BYTES_MAX) {
			settle(writer, queue_take(telemetry), BF_DB_BUSY);
			bf_metric_add(writer->dropped, 1);
		}
	}
	/* A queue that is not empty has its timer; a full batch need not wait for it. */
	queue = row_is_durable ? &writer->durable : telemetry;
	if (queue->count == 1 || queue->count % BF_DB_BATCH_COUNT_MAX == 0)
		pump(writer);
}

void bf_db_writer_finish(struct bf_db_writer *writer, int64_t time_us)
{
	writer->finish_us = now_us(writer) + time_us;
	pump(writer);
}

static struct bf_metric *counter(
	struct bf_db_writer *writer, const char *name, const char *labels, const char *help)
{
	return bf_metric_new(writer->conf.metrics, BF_METRIC_COUNTER, name, labels, help);
}

static bool make_metrics(struct bf_db_writer *writer)
{
	static const char *const classes[] = {"class=\"durable\"", "class=\"telemetry\""};

	for (int i = 0; i < 2; i++) {
		writer->written[i] = counter(writer, "belfry_db_rows_written_total", classes[i],
			"appended rows that the database has");
		writer->waiting[i] = bf_metric_new(writer->conf.metrics, BF_METRIC_GAUGE,
			"belfry_db_rows_waiting", classes[i], "appended rows in memory");
		if (!writer->written[i] || !writer->waiting[i])
			return false;
	}
	writer->spooled = counter(
		writer, "belfry_db_rows_spooled_total", NULL, "rows that went to the spool");
	writer->replayed = counter(writer, "belfry_db_rows_replayed_total", NULL,
		"rows that came from the spool into the database");
	writer->refused = counter(writer, "belfry_db_rows_refused_total", NULL,
		"rows that the database does not take");
	writer->dropped = counter(writer, "belfry_db_telemetry_dropped_total", NULL,
		"telemetry rows for which there was no room");
	writer->busy = counter(writer, "belfry_db_rows_busy_total", NULL,
		"durable rows answered busy because the spool was full");
	return writer->spooled && writer->replayed && writer->refused && writer->dropped &&
	       writer->busy;
}

int bf_db_writer_init(struct bf_db_writer *writer, const struct bf_db_writer_conf *conf)
{
	memset(writer, 0, sizeof(*writer));
	writer->conf = *conf;
	queue_init(&writer->durable);
	queue_init(&writer->telemetry);
	queue_init(&writer->in_flight);
	/* What an earlier run left comes first. */
	writer->is_spooling = conf->spool && bf_spool_status(conf->spool).records > 0;
	bf_timer_init(&writer->timer, conf->loop, on_timer, writer);
	return make_metrics(writer) ? 0 : -ENOMEM;
}

void bf_db_writer_deinit(struct bf_db_writer *writer)
{
	settle_all(writer, &writer->durable,
		BF_DB_CLOSED); /* only if the loop broke, or it never ran */
	settle_all(writer, &writer->telemetry, BF_DB_CLOSED);
	settle_all(writer, &writer->in_flight, BF_DB_CLOSED);
	bf_timer_disarm(&writer->timer);
}
