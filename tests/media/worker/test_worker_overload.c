/* A real worker whose packets take too long: who is refused, who is told what, what goes on meanwhile, and that all comes back. What
 * packets take is given; time is put forward. (What is left out in which order is test_worker_shed's.) */
#include "core/base/clock.h"
#include "media/worker_priv.h"
#include "tests/media/worker/call.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define STEPS_MAX  200
#define AUDIO_SSRC 0x1000

/* ---- what workers see ---- */

static _Atomic int64_t ahead_us;
static _Atomic bool is_late;
static const struct bf_transit *_Atomic late_one; /* this one only; NULL: all */

static bool is_late_at(const struct bf_transit *transit)
{
	return is_late && (!late_one || late_one == transit);
}

int64_t __real_bf_clock_mono_us(void);
int64_t __wrap_bf_clock_mono_us(void);
int64_t __wrap_bf_clock_thread_ns(void);
int64_t __wrap_bf_transit_percentile_us(
	const struct bf_transit *transit, enum bf_transit_span span, unsigned permille);
uint64_t __wrap_bf_transit_packet_count(
	const struct bf_transit *transit, enum bf_transit_span span);

int64_t __wrap_bf_clock_mono_us(void)
{
	return __real_bf_clock_mono_us() + ahead_us;
}

/* Who is late works all the time. */
int64_t __wrap_bf_clock_thread_ns(void)
{
	return is_late ? 1000 * __wrap_bf_clock_mono_us() : 0;
}

int64_t __wrap_bf_transit_percentile_us(
	const struct bf_transit *transit, enum bf_transit_span span, unsigned permille)
{
	(void)span;
	(void)permille;
	return is_late_at(transit) ? BF_OVERLOAD_BUDGET_US + 1 : 100;
}

uint64_t __wrap_bf_transit_packet_count(const struct bf_transit *transit, enum bf_transit_span span)
{
	(void)transit;
	(void)span;
	return 1000;
}

/* ---- steps ---- */

static void begin(void)
{
	is_late = false;
	late_one = NULL;
}

/* An interval passes, and each worker has looked at it, or does so soon. */
static void step(struct stage *stage)
{
	ahead_us += BF_OVERLOAD_INTERVAL_US;
	for (unsigned i = 0; i < stage->worker_count; i++) {
		stage_hold(stage, i);
		stage_release(stage, i);
	}
}

/* Those who are inside show that they are still there. */
static void step_call(struct call *call, unsigned i)
{
	step(&call->stage);
	if (i % 16 != 15)
		return;
	peer_check(&call->alice);
	peer_check(&call->bob);
}

/* True if it came in, and it leaves again. */
static bool can_join(struct stage *stage, uint64_t participant_id)
{
	struct bf_media_error *error;
	struct bf_msg *done;

	stage_post_join(stage, participant_id, STAGE_ALL, false);
	for (int i = 0; i < 1000; i++) {
		done = stage_take(stage, BF_MEDIA_DONE, participant_id, 5);
		error = stage_take(stage, BF_MEDIA_ERROR, participant_id, 5);
		if (done || error)
			break;
	}
	if (done) {
		bf_msg_free(done);
		stage_leave(stage, participant_id);
		return true;
	}
	assert_non_null(error);
	assert_string_equal(error->code, "busy");
	assert_non_null(strstr(error->cause, "overloaded"));
	assert_false(error->is_everywhere); /* another worker may have room */
	bf_msg_free(&error->msg);
	return false;
}

/* Whether Bob has been told that his picture is suspended, or is not any more. */
static bool is_told(struct call *call, bool is_suspended)
{
	struct bf_media_track *track;
	bool is_it = false;

	while (!is_it && (track = stage_take(&call->stage, BF_MEDIA_TRACK, BOB, 0))) {
		if (track->event == BF_TRACK_SUSPENDED) {
			assert_int_equal(track->muted, is_suspended);
			assert_true(track->track_id == call->tracks.video);
			is_it = true;
		}
		bf_msg_free(&track->msg);
	}
	return is_it;
}

static void expect_sound(struct call *call, uint16_t seq)
{
	struct bf_rtp rtp;
	uint32_t ignored;

	call_send_audio(&call->alice, AUDIO_SSRC, seq, 20);
	assert_true(call_recv_frame(&call->bob, call->received.audio_ssrc, 5000, &rtp, &ignored));
}

/* ---- tests ---- */

static void overload_refuses_then_suspends_pictures_keeps_sound_and_ends_by_itself(void **state)
{
	static const char level[] = "belfry_overload_level{worker=\"0\"} ";
	struct bf_rtcp rtcp;
	struct call call;
	struct bf_rtp rtp;
	uint32_t counter;
	uint16_t seq = 0;
	unsigned i;

	begin();
	call_open(&call, *(enum bf_io *)*state, false);
	call_expect_frame(&call, true, 0, &seq);
	assert_true(can_join(&call.stage, CAROL));
	is_late = true;
	for (i = 0; can_join(&call.stage, CAROL); i++) {
		assert_true(i < STEPS_MAX);
		step_call(&call, i);
	}
	assert_false(is_told(&call, true)); /* joins first: that hurts nobody inside */
	call_expect_frame(&call, false, 1, &seq);
	for (i = 0; !is_told(&call, true); i++) {
		assert_true(i < STEPS_MAX);
		step_call(&call, i);
		expect_sound(&call, (uint16_t)(100 + i));
	}
	call_send_frame(&call.video, false, 2);
	expect_sound(&call, 1000);
	assert_false(call_recv_frame(&call.bob, call.received.video_ssrc, 100, &rtp, &counter));
	assert_false(can_join(&call.stage, CAROL));
	assert_true(stage_metric(&call.stage, level) >= 5);

	is_late = false;
	for (i = 0; !is_told(&call, false); i++) {
		assert_true(i < STEPS_MAX);
		step_call(&call, i);
		expect_sound(&call, (uint16_t)(2000 + i));
	}
	assert_true(call_recv_rtcp(&call.alice, BF_RTCP_PSFB, BF_PSFB_PLI, 5000, &rtcp));
	call_expect_frame(&call, true, 3, &seq);
	for (i = 0; !can_join(&call.stage, CAROL); i++) {
		assert_true(i < STEPS_MAX);
		step_call(&call, i);
	}
	assert_int_equal(stage_metric(&call.stage, level), 0);
	assert_false(is_told(&call, false));
	call_expect_frame(&call, false, 4, &seq);
	call_close(&call);
}

/* Another worker than the one that cannot keep up takes whom that refuses: the registry asks the next one. */
static void a_worker_that_keeps_up_takes_participants_while_another_refuses(void **state)
{
	struct stage stage;

	begin();
	stage_open_many(&stage, *(enum bf_io *)*state, 2);
	stage_place(&stage, ALICE, 0);
	stage_place(&stage, BOB, 1);
	assert_true(can_join(&stage, BOB));
	late_one = &stage.workers[1]->transit;
	is_late = true;
	for (unsigned i = 0; can_join(&stage, BOB); i++) {
		assert_true(i < STEPS_MAX);
		step(&stage);
	}
	assert_true(can_join(&stage, ALICE));
	is_late = false;
	for (unsigned i = 0; !can_join(&stage, BOB); i++) {
		assert_true(i < STEPS_MAX);
		step(&stage);
	}
	stage_close(&stage);
}

/* All of its time is taken, and packets still leave within the budget. */
static void a_worker_that_is_busy_but_punctual_refuses_nobody(void **state)
{
	struct call call;
	uint16_t seq = 0;

	begin();
	call_open(&call, *(enum bf_io *)*state, false);
	late_one = (const struct bf_transit *)(const void *)&call; /* none of them */
	is_late = true;
	for (unsigned i = 0; i < 40; i++) {
		step_call(&call, i);
		call_expect_frame(&call, i == 0, i, &seq);
	}
	assert_true(can_join(&call.stage, CAROL));
	assert_false(is_told(&call, true));
	call_close(&call);
}

int main(void)
{
	static enum bf_io any = BF_IO_AUTO, epoll = BF_IO_EPOLL;
	const struct CMUnitTest tests[] = {
		ON(any, overload_refuses_then_suspends_pictures_keeps_sound_and_ends_by_itself),
		ON(epoll, overload_refuses_then_suspends_pictures_keeps_sound_and_ends_by_itself),
		ON(any, a_worker_that_keeps_up_takes_participants_while_another_refuses),
		ON(any, a_worker_that_is_busy_but_punctual_refuses_nobody),
	};

	return cmocka_run_group_tests_name("worker_overload", tests, NULL, NULL);
}
