/* storage/writer.h - gathers appended rows into batches, and keeps durable ones in the spool while the database cannot take them.
 *
 *   direct:    row -> queue -> batch -> engine -> acknowledged
 *   spooling:  row -> queue -> spool -> acknowledged      spool -> batch -> engine -> consumed
 *
 * A batch leaves after BF_DB_GATHER_US or with BF_DB_BATCH_COUNT_MAX rows. Durable rows go to the spool from when the database is away,
 * when a batch fails for no fault of its rows, or when it is behind: rows have waited BF_DB_BEHIND_US for a batch in flight. From
 * then on all of them do, so that their order stays, until the spool is empty again. Telemetry never touches a disk of ours.
 * A row that the database refuses is found by halving its batch; it alone is answered so. If it came from the spool, it was
 * acknowledged before, so it is set aside in a second spool, "refused", and logged.
 * Owner:   db.c, which embeds it.   Thread: storage.
 * Limits:  the queue of durable rows is emptied into the spool; when that is full, rows are answered BF_DB_BUSY. Telemetry:
 *          BF_DB_TELEMETRY_COUNT_MAX rows and TELEMETRY_BYTES_MAX, then the oldest is dropped.
 */
#ifndef BF_STORAGE_WRITER_H
#define BF_STORAGE_WRITER_H

#include "core/loop/timer.h"
#include "storage/client.h"
#include "storage/engine.h"
#include "storage/spool/spool.h"

#define BF_DB_GATHER_US BF_MS(5)
#define BF_DB_BEHIND_US BF_MS(500)

struct bf_db_queue {
	struct bf_list rows; /* struct bf_db_row */
	size_t count;
	size_t bytes;
};

/* Whose rows the batch in flight holds. */
enum bf_db_source {
	BF_DB_SOURCE_NONE,
	BF_DB_SOURCE_DURABLE,
	BF_DB_SOURCE_SPOOLED, /* durable rows that went to the spool while in flight: they come again, so the outcome does not matter */
	BF_DB_SOURCE_TELEMETRY,
	BF_DB_SOURCE_SPOOL,
};

struct bf_db_writer_conf {
	const struct bf_db_engine_ops *ops;
	struct bf_db_engine *engine;
	struct bf_loop *loop;
	struct bf_log *log;
	struct bf_metrics *metrics;
	struct bf_db_gate *gate;
	struct bf_spool *spool;
	struct bf_spool *refused;
	const struct bf_db_stream *const *streams;
	size_t stream_count;
	void (*on_finished)(void *arg); /* after bf_db_writer_finish */
	void *arg;
};

struct bf_db_writer {
	/* given */
	struct bf_db_writer_conf conf;
	/* owned */
	struct bf_timer timer;
	struct bf_metric *written[2], *spooled, *replayed, *refused, *dropped, *busy, *waiting[2];
	/* state */
	struct bf_db_queue durable, telemetry;
	struct bf_db_queue in_flight; /* rows of the batch that are ours */
	size_t flight_spooled;	      /* as many of the first of those are in the spool, too */
	enum bf_db_source source;
	size_t picked_count; /* rows taken for this batch and those that follow when it is halved */
	size_t done_count;   /* of them, settled */
	size_t part_count;   /* of them, in the batch that is being written */
	struct bf_db_batch_row picked[BF_DB_BATCH_COUNT_MAX];
	struct bf_db_batch batch;
	bool is_up;
	bool is_told; /* by the engine whether it is up; before, it may just be connecting */
	bool is_spooling;
	bool is_spool_full;
	bool is_pumping, pump_again;
	bool is_finished;
	int64_t retry_us;  /* nothing is written before */
	int64_t finish_us; /* 0: not finishing */
	struct bf_log_limit log_limit;
};

/* -ENOMEM. */
int bf_db_writer_init(struct bf_db_writer *writer, const struct bf_db_writer_conf *conf);
void bf_db_writer_deinit(struct bf_db_writer *writer);

/* Takes the row. */
void bf_db_writer_add(struct bf_db_writer *writer, struct bf_db_row *row);

/* From the engine. */
void bf_db_writer_on_written(struct bf_db_writer *writer, const struct bf_db_outcome *outcome);
void bf_db_writer_on_state(struct bf_db_writer *writer, bool is_up);

/* Bring to safety what there is: into the database if that goes within `time_us`, else into the spool; then on_finished. */
void bf_db_writer_finish(struct bf_db_writer *writer, int64_t time_us);

#endif
