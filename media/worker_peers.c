/* A worker among others: the processor it has for itself, the pipes it reads, and how busy it is, so that new participants go where
 * there is room. */
#include "core/base/clock.h"
#include "core/loop/pipe.h"
#include "media/worker_priv.h"

#include <errno.h>
#include <stdio.h>

static bool is_alone(const struct bf_worker *worker)
{
	return worker->conf.worker_count <= 1;
}

/* ---- the processor ---- */

void bf_worker_pin(struct bf_worker *worker)
{
	int cpu;

	if (strcmp(worker->conf.conf->media.pin, "off") == 0)
		return;
	cpu = bf_thread_pin(worker->conf.idx,
		is_alone(worker) ? worker->conf.idx + 1 : worker->conf.worker_count);
	if (cpu >= 0)
		BF_LOG(worker->conf.log, BF_LOG_INFO, "media worker has its own processor",
			BF_UINT("worker", worker->conf.idx), BF_INT("cpu", cpu));
	else if (cpu == -ENOSPC)
		BF_LOG(worker->conf.log, BF_LOG_INFO,
			"media worker shares processors: there are more workers than those",
			BF_UINT("worker", worker->conf.idx));
	else
		BF_LOG(worker->conf.log, BF_LOG_WARN,
			"media worker cannot be kept on one processor",
			BF_UINT("worker", worker->conf.idx), BF_ERRNO("cause", cpu));
}

/* ---- records of others ---- */

static void on_records(void *arg, struct bf_pipe *pipe)
{
	struct bf_worker *worker = arg;
	struct bf_bytes record;

	while (worker->rooms && (record = bf_pipe_next(pipe)).data)
		bf_rooms_on_record(worker->rooms, record);
}

static struct bf_pipe *pipe_from(const struct bf_worker *worker, unsigned from)
{
	return worker->conf.pipes[from * worker->conf.worker_count + worker->conf.idx];
}

void bf_worker_peers_start(struct bf_worker *worker)
{
	for (unsigned i = 0; !is_alone(worker) && i < worker->conf.worker_count; i++)
		if (i != worker->conf.idx)
			bf_pipe_attach(pipe_from(worker, i), worker->loop, on_records, worker);
}

void bf_worker_peers_stop(struct bf_worker *worker)
{
	for (unsigned i = 0; !is_alone(worker) && i < worker->conf.worker_count; i++)
		if (i != worker->conf.idx)
			bf_pipe_detach(pipe_from(worker, i));
}

static int post_peer(void *arg, unsigned to, struct bf_msg *msg)
{
	struct bf_worker *worker = arg;

	return worker->conf.post_peer(worker->conf.arg, to, msg);
}

void bf_worker_peers_configure(struct bf_worker *worker, struct bf_rooms_conf *conf)
{
	if (is_alone(worker))
		return;
	conf->worker = worker->conf.idx;
	conf->worker_count = worker->conf.worker_count;
	conf->pipes = worker->conf.pipes + worker->conf.idx * worker->conf.worker_count;
	conf->pipe_bytes = worker->plan.pipe_bytes;
	conf->post_peer = post_peer;
}

/* ---- metrics ---- */

static const struct {
	enum bf_metric_kind kind;
	const char *name, *help;
} values[BF_WORKER_PEER_METRICS] = {
	{BF_METRIC_GAUGE, "belfry_worker_busy_permille",
		"how much of the last second the worker's thread used its processor"},
	{BF_METRIC_COUNTER, "belfry_loop_turns_total", "turns of the worker's loop"},
	{BF_METRIC_COUNTER, "belfry_loop_wakes_total", "wake-ups of other threads' loops"},
	{BF_METRIC_COUNTER, "belfry_feed_records_total",
		"packets and reports passed on to other workers of a room"},
	{BF_METRIC_COUNTER, "belfry_feed_refused_total",
		"packets for another worker that had to wait: the pipe was full"},
	{BF_METRIC_COUNTER, "belfry_feed_lost_total",
		"packets for another worker that waited too long"},
	{BF_METRIC_COUNTER, "belfry_mirror_records_total",
		"packets and reports received from other workers of a room"},
	{BF_METRIC_COUNTER, "belfry_peer_messages_lost_total",
		"messages to other workers for which there was no room; they are repeated"},
};

void bf_worker_peers_register(struct bf_worker *worker)
{
	char labels[32];

	snprintf(labels, sizeof(labels), "worker=\"%u\"", worker->conf.idx);
	for (size_t i = 0; i < BF_WORKER_PEER_METRICS; i++)
		worker->metrics.peers[i] = bf_metric_new(worker->conf.metrics, values[i].kind,
			values[i].name, labels, values[i].help);
}

/* CPU time of this thread since the last report, in thousandths of that time; 0 for the first. */
static unsigned measure_load(struct bf_worker *worker)
{
	int64_t now_us = bf_loop_now_us(worker->loop), cpu_ns = bf_clock_thread_ns();
	int64_t passed_us = now_us - worker->reported_us;
	int64_t used_ns = cpu_ns - worker->reported_cpu_ns;
	bool is_first = worker->reported_us == 0;

	worker->reported_us = now_us;
	worker->reported_cpu_ns = cpu_ns;
	if (is_first || passed_us <= 0)
		return 0;
	return used_ns >= passed_us * 1000 ? 1000 : (unsigned)(used_ns / passed_us);
}

void bf_worker_peers_report(struct bf_worker *worker)
{
	const struct bf_loop_counters *loop = bf_loop_counters(worker->loop);
	const struct bf_rooms_counters *rooms = bf_rooms_counters(worker->rooms);
	/* in the order of `values` */
	const uint64_t now[BF_WORKER_PEER_METRICS] = {measure_load(worker), loop->turns,
		loop->wakes, rooms->feed_records, rooms->feed_refused, rooms->feed_lost,
		rooms->mirror_records, rooms->peer_messages_lost};

	for (size_t i = 0; i < BF_WORKER_PEER_METRICS; i++)
		bf_metric_set(worker->metrics.peers[i], (int64_t)now[i]);
}

unsigned bf_worker_load(const struct bf_worker *worker)
{
	return (unsigned)bf_metric_get(worker->metrics.peers[0]);
}
