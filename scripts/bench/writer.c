/* scripts/bench/writer.c - makes the server that it is linked into write rows without pause, to see what media pays for that.
 *
 * belfry-with-writer is belfry with this beside it: where main.c opens the database (the linker's --wrap leads here), a thread begins to append
 * durable rows, as many as the writer takes. Its calls are of rooms called "bench-writer-N".
 */
#include "core/base/clock.h"
#include "core/loop/thread.h"
#include "storage/db.h"
#include "storage/repo/calls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ROOMS 1000

struct writer {
	struct bf_db *db;
	struct bf_loop *loop;
	struct bf_db_client *client;
	size_t waiting; /* for their acknowledgement */
};

int __real_bf_db_open(
	struct bf_db **out, const struct bf_db_conf *conf, char *why, size_t why_size);
int __wrap_bf_db_open(
	struct bf_db **out, const struct bf_db_conf *conf, char *why, size_t why_size);

static void on_done(void *arg, enum bf_db_status status)
{
	struct writer *writer = arg;

	(void)status;
	writer->waiting--;
}

static int start(void *arg)
{
	struct writer *writer = arg;
	int err = bf_loop_new(&writer->loop, BF_IO_EPOLL);

	return err ? err : bf_db_client_new(&writer->client, writer->db, writer->loop);
}

static int append(struct writer *writer, size_t i)
{
	char room[32];
	struct bf_db_value values[5] = {bf_db_uuid(bf_uuid_make()), bf_db_text("default"),
		bf_db_null(), bf_db_time(bf_clock_wall_us())};

	snprintf(room, sizeof(room), "bench-writer-%zu", i % ROOMS);
	values[2] = bf_db_text(room);
	return bf_db_append(writer->client, &bf_call_sessions_stream, values, on_done, writer);
}

static void run(void *arg)
{
	struct writer *writer = arg;

	for (size_t i = 0;; i++) {
		int err = append(writer, i);

		writer->waiting += !err;
		if (err == -ECANCELED)
			break;
		/* a few thousand on their way keep the writer busy; more only fill its queue */
		while (writer->waiting >= 2048 || err)
			if ((err = bf_loop_turn(writer->loop, BF_MS(10))) != 0)
				return;
	}
}

int __wrap_bf_db_open(struct bf_db **out, const struct bf_db_conf *conf, char *why, size_t why_size)
{
	int err = __real_bf_db_open(out, conf, why, why_size);
	struct writer *writer = calloc(1, sizeof(*writer));
	struct bf_thread *thread;

	if (!err && writer) {
		writer->db = *out;
		err = bf_thread_start(&thread, "bench-writer", start, run, writer);
	}
	return err;
}
