#include "tests/core/loop/both.h"

#include "core/base/rand.h"
#include "core/loop/timer.h"

#include <pthread.h>
#include <stdlib.h>

struct probe {
	struct bf_loop *loop;
	struct bf_timer timer;
	struct bf_loop_hook hook;
	struct probe *other;
	int *clock;  /* counts what fired */
	int seen_at; /* its value when this one fired; 0: not yet */
	int count;
	int64_t rearm_us;
	int rearm_count;
};

static void on_timer(void *arg)
{
	struct probe *probe = arg;

	probe->seen_at = ++*probe->clock;
	probe->count++;
	if (probe->count <= probe->rearm_count)
		bf_timer_arm(&probe->timer, bf_loop_now_us(probe->loop) + probe->rearm_us);
}

static void probe_init(struct probe *probe, struct bf_loop *loop, int *clock)
{
	*probe = (struct probe){.loop = loop, .clock = clock};
	bf_timer_init(&probe->timer, loop, on_timer, probe);
}

static void timers_fire_in_order_of_time(void **state)
{
	struct bf_loop *loop = both_loop(state);
	int64_t now_us = bf_loop_now_us(loop);
	struct probe a, b, c;
	int clock = 0;

	probe_init(&a, loop, &clock);
	probe_init(&b, loop, &clock);
	probe_init(&c, loop, &clock);
	bf_timer_arm(&b.timer, now_us + 2000);
	bf_timer_arm(&c.timer, now_us + 3000);
	bf_timer_arm(&a.timer, now_us + 1000);
	TURN_UNTIL(loop, clock == 3);
	assert_int_equal(a.seen_at, 1);
	assert_int_equal(b.seen_at, 2);
	assert_int_equal(c.seen_at, 3);
	assert_true(bf_loop_now_us(loop) >= now_us + 3000);
	assert_false(a.timer.is_armed);
	bf_loop_free(loop);
}

static void a_timer_does_not_fire_early_and_ends_the_wait(void **state)
{
	struct bf_loop *loop = both_loop(state);
	int64_t at_us = bf_clock_mono_us() + 5000;
	struct probe a;
	int clock = 0;

	probe_init(&a, loop, &clock);
	bf_timer_arm(&a.timer, at_us);
	for (int turns = 0; a.count == 0; turns++) {
		assert_true(turns < 10); /* waits, does not poll */
		assert_int_equal(bf_loop_turn(loop, -1), 0);
	}
	assert_true(bf_loop_now_us(loop) >= at_us);
	bf_loop_free(loop);
}

static void a_turn_waits_no_longer_than_told(void **state)
{
	struct bf_loop *loop = both_loop(state);
	int64_t start_us = bf_clock_mono_us();
	struct probe a;
	int clock = 0;

	probe_init(&a, loop, &clock);
	bf_timer_arm(&a.timer, start_us + BF_SEC(3600));
	for (int turns = 0; bf_clock_mono_us() - start_us < 3000; turns++) {
		assert_true(turns < 10); /* a signal may shorten one */
		assert_int_equal(bf_loop_turn(loop, 3000), 0);
	}
	assert_int_equal(bf_loop_turn(loop, 0), 0);
	assert_int_equal(clock, 0);
	bf_timer_disarm(&a.timer);
	bf_loop_free(loop);
}

static void waiting_is_counted_and_working_is_not(void **state)
{
	struct bf_loop *loop = both_loop(state);

	(void)bf_loop_turn(loop, 0);
	assert_int_equal(bf_loop_counters(loop)->waited_us, 0);
	for (int turns = 0; bf_loop_counters(loop)->waited_us < 4000; turns++) {
		assert_true(turns < 10); /* a signal may shorten one */
		assert_int_equal(bf_loop_turn(loop, 5000), 0);
	}
	bf_loop_free(loop);
}

static void a_resting_loop_turns_no_sooner_unless_a_timer_is_due(void **state)
{
	struct bf_loop *loop = both_loop(state);
	struct probe timer;
	int clock = 0;
	int64_t begun_us;

	probe_init(&timer, loop, &clock);
	bf_loop_set_rest(loop, BF_MS(30));
	assert_int_equal(bf_loop_turn(loop, 0), 0); /* who does not want to wait does not rest */
	begun_us = bf_loop_now_us(loop);
	assert_int_equal(bf_loop_turn(loop, 1), 0);
	assert_true(bf_loop_now_us(loop) - begun_us >= BF_MS(30));
	begun_us = bf_loop_now_us(loop);
	bf_timer_arm(&timer.timer, begun_us + BF_MS(5));
	assert_int_equal(bf_loop_turn(loop, BF_SEC(10)), 0);
	assert_int_equal(clock, 1);
	assert_true(bf_loop_now_us(loop) - begun_us < BF_MS(29));
	bf_loop_set_rest(loop, 0);
	begun_us = bf_clock_mono_us();
	assert_int_equal(bf_loop_turn(loop, 1), 0);
	assert_true(bf_loop_now_us(loop) - begun_us < BF_MS(29));
	bf_loop_free(loop);
}

static void a_timer_may_arm_itself_again(void **state)
{
	struct bf_loop *loop = both_loop(state);
	struct probe a;
	int clock = 0;

	probe_init(&a, loop, &clock);
	a.rearm_us = 500;
	a.rearm_count = 3;
	bf_timer_arm(&a.timer, 0);
	TURN_UNTIL(loop, clock == 4);
	bf_loop_free(loop);
}

static void a_passed_time_fires_in_the_same_turn(void **state)
{
	struct bf_loop *loop = both_loop(state);
	struct probe a;
	int clock = 0;

	probe_init(&a, loop, &clock);
	a.rearm_us = -1;
	a.rearm_count = 5;
	bf_timer_arm(&a.timer, bf_loop_now_us(loop));
	assert_int_equal(bf_loop_turn(loop, -1), 0);
	assert_int_equal(clock, 6);
	bf_loop_free(loop);
}

static void a_timer_that_is_always_due_does_not_hold_the_turn(void **state)
{
	struct bf_loop *loop = both_loop(state);
	struct probe a;
	int clock = 0;

	probe_init(&a, loop, &clock);
	a.rearm_count = INT32_MAX;
	bf_timer_arm(&a.timer, 0);
	assert_int_equal(bf_loop_turn(loop, -1), 0);
	assert_int_equal(bf_loop_turn(loop, -1), 0);
	assert_true(clock > 2);
	bf_timer_disarm(&a.timer);
	bf_loop_free(loop);
}

static void a_timer_moves_and_is_disarmed(void **state)
{
	struct bf_loop *loop = both_loop(state);
	struct probe a, b;
	int clock = 0;

	probe_init(&a, loop, &clock);
	probe_init(&b, loop, &clock);
	bf_timer_arm(&a.timer, bf_loop_now_us(loop) + BF_SEC(3600));
	bf_timer_arm(&b.timer, bf_loop_now_us(loop));
	bf_timer_arm(&a.timer, bf_loop_now_us(loop) - 1);
	bf_timer_disarm(&b.timer);
	bf_timer_disarm(&b.timer);
	assert_int_equal(bf_loop_turn(loop, 0), 0);
	assert_int_equal(a.count, 1);
	assert_int_equal(b.count, 0);
	bf_timer_arm(&a.timer, INT64_MAX);
	assert_false(a.timer.is_armed);
	bf_loop_free(loop);
}

#define MANY 900

/* All times lie in the past, so one turn runs them; some are moved or taken out first. */
static void many_timers_keep_their_order(void **state)
{
	struct bf_loop *loop = both_loop(state);
	struct probe *probes = calloc(MANY, sizeof(*probes));
	int64_t *at_us = calloc(MANY, sizeof(*at_us));
	struct bf_prng prng;
	int clock = 0, armed_count = 0;

	bf_prng_init(&prng, 1);
	for (int i = 0; i < MANY; i++)
		probe_init(&probes[i], loop, &clock);
	for (int i = 0; i < 5 * MANY; i++) {
		uint32_t which = bf_prng_below(&prng, MANY);

		at_us[which] = -(int64_t)bf_prng_below(&prng, 100000);
		bf_timer_arm(&probes[which].timer, at_us[which]);
		if (bf_prng_below(&prng, 4) == 0)
			bf_timer_disarm(&probes[bf_prng_below(&prng, MANY)].timer);
	}
	for (int i = 0; i < MANY; i++)
		armed_count += probes[i].timer.is_armed;
	assert_int_equal(bf_loop_turn(loop, 0), 0);
	assert_int_equal(clock, armed_count);
	for (int i = 0; i < MANY; i++)
		for (int k = 0; k < MANY; k++)
			if (probes[i].seen_at && probes[k].seen_at && at_us[i] < at_us[k])
				assert_true(probes[i].seen_at < probes[k].seen_at);
	free(probes);
	free(at_us);
	bf_loop_free(loop);
}

/* --- hooks --- */

static void on_turn_end(void *arg)
{
	struct probe *probe = arg;

	probe->seen_at = ++*probe->clock;
	probe->count++;
	if (probe->other)
		bf_loop_hook_request(probe->loop, &probe->other->hook);
}

static void hooks_run_once_in_order_and_may_request_others(void **state)
{
	struct bf_loop *loop = both_loop(state);
	struct probe a, b, c, d;
	int clock = 0;

	probe_init(&a, loop, &clock);
	probe_init(&b, loop, &clock);
	probe_init(&c, loop, &clock);
	probe_init(&d, loop, &clock);
	bf_loop_hook_init(&a.hook, on_turn_end, &a);
	bf_loop_hook_init(&b.hook, on_turn_end, &b);
	bf_loop_hook_init(&c.hook, on_turn_end, &c);
	bf_loop_hook_init(&d.hook, on_turn_end, &d);
	b.other = &c;
	bf_loop_hook_request(loop, &b.hook);
	bf_loop_hook_request(loop, &d.hook);
	bf_loop_hook_request(loop, &a.hook);
	bf_loop_hook_request(loop, &b.hook);
	bf_loop_hook_cancel(&d.hook);
	bf_loop_hook_cancel(&d.hook);
	assert_int_equal(bf_loop_turn(loop, -1), 0); /* does not wait: there is work */
	assert_int_equal(b.seen_at, 1);
	assert_int_equal(a.seen_at, 2);
	assert_int_equal(c.seen_at, 3);
	assert_int_equal(d.count, 0);
	assert_int_equal(bf_loop_turn(loop, 0), 0);
	assert_int_equal(clock, 3);
	bf_loop_free(loop);
}

static void on_timer_request(void *arg)
{
	struct probe *probe = arg;

	bf_loop_hook_request(probe->loop, &probe->hook);
}

static void hooks_run_after_the_timers_of_their_turn(void **state)
{
	struct bf_loop *loop = both_loop(state);
	struct probe a, b;
	int clock = 0;

	probe_init(&a, loop, &clock);
	probe_init(&b, loop, &clock);
	bf_loop_hook_init(&a.hook, on_turn_end, &a);
	bf_timer_init(&a.timer, loop, on_timer_request, &a);
	bf_timer_arm(&a.timer, -2);
	bf_timer_arm(&b.timer, -1);
	assert_int_equal(bf_loop_turn(loop, -1), 0);
	assert_int_equal(b.seen_at, 1);
	assert_int_equal(a.seen_at, 2);
	bf_loop_free(loop);
}

/* --- running --- */

static void on_timer_stop(void *arg)
{
	struct probe *probe = arg;

	probe->count++;
	bf_loop_stop(probe->loop);
}

static void *run_thread(void *arg)
{
	return (void *)(intptr_t)bf_loop_run(arg);
}

static void a_loop_runs_on_another_thread_than_made_it(void **state)
{
	struct bf_loop *loop = both_loop(state);
	pthread_t thread;
	struct probe a;
	void *result;
	int clock = 0;

	probe_init(&a, loop, &clock);
	bf_timer_init(&a.timer, loop, on_timer_stop, &a);
	bf_timer_arm(&a.timer, bf_loop_now_us(loop) + 1000);
	assert_int_equal(pthread_create(&thread, NULL, run_thread, loop), 0);
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_int_equal((intptr_t)result, 0);
	assert_int_equal(a.count, 1);
	bf_loop_free(loop);
}

static void a_stopped_loop_may_run_again(void **state)
{
	struct bf_loop *loop = both_loop(state);
	struct probe a;
	int clock = 0;

	probe_init(&a, loop, &clock);
	bf_timer_init(&a.timer, loop, on_timer_stop, &a);
	for (int i = 1; i <= 2; i++) {
		bf_timer_arm(&a.timer, 0);
		assert_int_equal(bf_loop_run(loop), 0);
		assert_int_equal(a.count, i);
	}
	bf_loop_free(loop);
}

static void the_backend_is_the_one_asked_for(void **state)
{
	struct bf_loop *loop = both_loop(state);

	assert_int_equal(bf_loop_io(loop), *(enum bf_io *)*state);
	assert_string_equal(bf_io_name(bf_loop_io(loop)),
		*(enum bf_io *)*state == BF_IO_URING ? "uring" : "epoll");
	bf_loop_free(loop);
}

static void auto_takes_epoll_only_with_a_reason(void **state)
{
	struct bf_loop *loop;

	(void)state;
	assert_int_equal(bf_loop_new(&loop, BF_IO_AUTO), 0);
	assert_int_equal(bf_loop_io(loop) == BF_IO_EPOLL, bf_loop_io_refusal(loop) < 0);
	assert_int_equal(bf_loop_turn(loop, 0), 0);
	bf_loop_free(loop);
	bf_loop_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BOTH(timers_fire_in_order_of_time),
		ON_BOTH(a_timer_does_not_fire_early_and_ends_the_wait),
		ON_BOTH(a_turn_waits_no_longer_than_told),
		ON_BOTH(waiting_is_counted_and_working_is_not),
		ON_BOTH(a_resting_loop_turns_no_sooner_unless_a_timer_is_due),
		ON_BOTH(a_timer_may_arm_itself_again),
		ON_BOTH(a_passed_time_fires_in_the_same_turn),
		ON_BOTH(a_timer_that_is_always_due_does_not_hold_the_turn),
		ON_BOTH(a_timer_moves_and_is_disarmed),
		ON_BOTH(many_timers_keep_their_order),
		ON_BOTH(hooks_run_once_in_order_and_may_request_others),
		ON_BOTH(hooks_run_after_the_timers_of_their_turn),
		ON_BOTH(a_loop_runs_on_another_thread_than_made_it),
		ON_BOTH(a_stopped_loop_may_run_again),
		ON_BOTH(the_backend_is_the_one_asked_for),
		cmocka_unit_test(auto_takes_epoll_only_with_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
