/* How much a worker has to do: how long packets take, and how busy the thread is. */
#include "core/base/clock.h"
#include "media/worker_priv.h"

/* Since the last call, of 1000: the time in which the thread did not wait for something to do, or else its CPU time, for some of that
 * the kernel spends while it waits. -1 if no time has passed. Unlike CPU time alone this is 1000 too when the thread has more to
 * do than others leave it of its processor. */
static int take_busy_permille(struct bf_worker *worker, int64_t now_us)
{
	int64_t cpu_us = bf_clock_thread_ns() / 1000;
	int64_t waited_us = (int64_t)bf_loop_counters(worker->loop)->waited_us;
	int64_t elapsed_us = now_us - worker->load.at_us;
	int64_t busy_us = elapsed_us - (waited_us - worker->load.waited_us);

	if (cpu_us - worker->load.cpu_us > busy_us)
		busy_us = cpu_us - worker->load.cpu_us;
	if (busy_us > elapsed_us)
		busy_us = elapsed_us;
	worker->load.at_us = now_us;
	worker->load.cpu_us = cpu_us;
	worker->load.waited_us = waited_us;
	return elapsed_us > 0 ? (int)(busy_us * 1000 / elapsed_us) : -1;
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
