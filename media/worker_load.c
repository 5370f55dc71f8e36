/* How much a worker has to do: how long packets take, and how busy the thread is. */
#include "core/base/clock.h"
#include "media/worker_priv.h"

/* CPU time of this thread since the last call, of 1000; -1 if no time has passed. */
static int take_busy_permille(struct bf_worker *worker, int64_t now_us)
{
	int64_t cpu_ns = bf_clock_thread_ns();
	int64_t elapsed_us = now_us - worker->load_at_us;
	int64_t busy = elapsed_us > 0 ? (cpu_ns - worker->load_cpu_ns) / elapsed_us : -1;

	worker->load_at_us = now_us;
	worker->load_cpu_ns = cpu_ns;
	return (int)(busy > 1000 ? 1000 : busy);
}

static void on_load_timer(void *arg)
{
	struct bf_worker *worker = arg;
	int64_t now_us = bf_loop_now_us(worker->loop);
	struct bf_overload_sample sample;

	if (bf_transit_roll(&worker->transit, now_us)) {
		if (worker->metrics.transit)
			bf_transit_export(&worker->transit, worker->metrics.transit);
		sample.p99_us =
			bf_transit_percentile_us(&worker->transit, BF_TRANSIT_LAST_WINDOW, 990);
		sample.packet_count =
			bf_transit_packet_count(&worker->transit, BF_TRANSIT_LAST_WINDOW);
		sample.busy_permille = take_busy_permille(worker, now_us);
		bf_rooms_on_load(worker->rooms, &sample, now_us);
	}
	bf_timer_arm(&worker->load_timer, bf_transit_deadline_us(&worker->transit));
}

/* The turn's datagrams have left: this hook is requested while they are being sent, and so runs behind that. */
static void on_sent(void *arg)
{
	struct bf_worker *worker = arg;

	bf_outbox_on_sent(worker->outbox, bf_clock_mono_us());
}

void bf_worker_before_flush(void *arg)
{
	struct bf_worker *worker = arg;

	bf_outbox_on_flush(worker->outbox, bf_clock_mono_us());
	bf_loop_hook_request(worker->loop, &worker->sent_hook);
}

void bf_worker_load_init(struct bf_worker *worker)
{
	int64_t now_us = bf_loop_now_us(worker->loop);

	bf_transit_init(&worker->transit, now_us);
	bf_loop_hook_init(&worker->sent_hook, on_sent, worker);
	bf_timer_init(&worker->load_timer, worker->loop, on_load_timer, worker);
	(void)take_busy_permille(worker, now_us);
}

void bf_worker_load_start(struct bf_worker *worker)
{
	bf_timer_arm(&worker->load_timer, bf_transit_deadline_us(&worker->transit));
}

void bf_worker_load_deinit(struct bf_worker *worker)
{
	bf_timer_disarm(&worker->load_timer);
	bf_loop_hook_cancel(&worker->sent_hook);
}
