#include "tests/media/worker/stage.h"

#include "core/base/clock.h"
#include "core/base/list.h"
#include "core/loop/pipe.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct queued {
	struct bf_list node;
	struct bf_msg *msg;
};

struct stage_queue {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct bf_list items;
};

static int on_event(void *arg, struct bf_msg *msg)
{
	struct stage_queue *queue = arg;
	struct queued *item = malloc(sizeof(*item));

	item->msg = msg;
	pthread_mutex_lock(&queue->lock);
	bf_list_append(&queue->items, &item->node);
	pthread_cond_signal(&queue->changed);
	pthread_mutex_unlock(&queue->lock);
	return 0;
}

static void wake(void *arg, unsigned worker)
{
	struct bf_worker **workers = arg;

	if (worker < STAGE_WORKERS &&
		workers[worker]) /* the last queue is the peers', who look by themselves */
		bf_worker_wake(workers[worker]);
}

static enum bf_io choose_io(enum bf_io io)
{
	const char *name = getenv("BELFRY_MEDIA_IO");

	if (io != BF_IO_AUTO || !name || strcmp(name, "auto") == 0)
		return io;
	if (strcmp(name, bf_io_name(BF_IO_URING)) == 0)
		return BF_IO_URING;
	assert_string_equal(name, bf_io_name(BF_IO_EPOLL));
	return BF_IO_EPOLL;
}

/* BELFRY_MEDIA_SRTP_ENGINE as for the server itself; the peers of the tests are libsrtp2 in any case. */
static enum bf_srtp_engine_kind srtp_engine(void)
{
	enum bf_srtp_engine_kind kind = BF_SRTP_ENGINE_AUTO;
	const char *name = getenv("BELFRY_MEDIA_SRTP_ENGINE");

	if (name && bf_srtp_engine_kind_from_name(&kind, bf_bytes_str(name)))
		fail_msg("no SRTP engine is called %s", name);
	return kind;
}

static int post_event(void *arg, struct bf_msg *msg)
{
	struct stage_end *end = arg;
	int err = on_event(end->queue, msg);

	pthread_mutex_lock(&end->lock);
	end->is_waiting = end->is_held;
	pthread_cond_broadcast(&end->changed);
	while (end->is_held)
		pthread_cond_wait(&end->changed, &end->lock);
	end->is_waiting = false;
	pthread_mutex_unlock(&end->lock);
	return err;
}

static int post_peer(void *arg, unsigned worker, struct bf_msg *msg)
{
	return bf_worker_post(((struct stage_end *)arg)->workers[worker], msg);
}

/* A variant that is not in force would prove nothing. */
static void expect_variant(const struct bf_worker *worker, enum bf_io io)
{
	const char *engine = getenv("BELFRY_MEDIA_SRTP_ENGINE");
	enum bf_io wanted = choose_io(io);

	if (wanted != BF_IO_AUTO)
		assert_int_equal(bf_worker_io(worker), wanted);
	if (engine && strcmp(engine, "auto") != 0)
		assert_string_equal(bf_worker_srtp(worker), engine);
}

static void start_worker(struct stage *stage, enum bf_io io, unsigned idx)
{
	struct bf_addr loopback;
	char why[512] = "";

	assert_int_equal(bf_addr_parse_ip(&loopback, "127.0.0.1", 0), 0);
	stage->ends[idx].queue = stage->queue;
	stage->ends[idx].workers = stage->workers;
	pthread_mutex_init(&stage->ends[idx].lock, NULL);
	pthread_cond_init(&stage->ends[idx].changed, NULL);
	if (bf_worker_start(&stage->workers[idx],
		    &(struct bf_worker_conf){.idx = idx,
			    .io = choose_io(io),
			    .conf = stage->conf,
			    .log = stage->log,
			    .metrics = stage->metrics,
			    .sctp = stage->sctp,
			    .srtp = srtp_engine(),
			    .candidate_ips = &loopback,
			    .candidate_ip_count = 1,
			    .arg = &stage->ends[idx],
			    .post = post_event,
			    .worker_count = stage->worker_count,
			    .pipes = stage->pipes,
			    .post_peer = post_peer},
		    why, sizeof(why)))
		fail_msg("%s", why);
	expect_variant(stage->workers[idx], io);
}

/* What is open, for a test that fails does not close it. */
static struct stage left_open;

static void clear_left_open(void)
{
	struct stage left = left_open;

	if (!left.workers)
		return;
	print_message("the test before left a stage open\n");
	stage_close(&left);
}

void stage_open_with(struct stage *stage, enum bf_io io, unsigned worker_count, const char *flag)
{
	const char *const flags[] = {"--media.udp-port=0", "--media.cache-mib=8",
		"--media.pin=off", /* others run here as well */
		flag};
	static char no_trains[] = "BELFRY_MEDIA_GSO=off";
	bool has_trains = strcmp(getenv("BELFRY_MEDIA_GSO") ?: "auto", "off") != 0;
	char why[512] = "";

	clear_left_open();
	memset(stage, 0, sizeof(*stage));
	stage->workers = calloc(STAGE_WORKERS, sizeof(struct bf_worker *));
	stage->ends = calloc(STAGE_WORKERS, sizeof(*stage->ends));
	stage->queue = calloc(1, sizeof(*stage->queue));
	pthread_mutex_init(&stage->queue->lock, NULL);
	pthread_cond_init(&stage->queue->changed, NULL);
	bf_list_init(&stage->queue->items);
	assert_in_range(worker_count, 1, STAGE_WORKERS);
	stage->worker_count = worker_count;
	assert_int_equal(bf_conf_new(&stage->conf), 0);
	assert_int_equal(
		bf_conf_load(stage->conf, NULL, (char *[]){has_trains ? NULL : no_trains, NULL},
			flag ? 4 : 3, (char *const *)(uintptr_t)flags, why, sizeof(why)),
		0);
	assert_int_equal(bf_log_new(&stage->log, STDERR_FILENO, BF_LOG_LOGFMT, BF_LOG_WARN), 0);
	assert_int_equal(bf_metrics_new(&stage->metrics), 0);
	assert_int_equal(
		bf_sctp_stack_new(&stage->sctp, worker_count + 1, wake, stage->workers), 0);
	assert_int_equal(bf_pipe_grid_new(&stage->pipes, worker_count), 0);
	left_open = *stage;
	for (unsigned i = 0; i < worker_count; i++)
		start_worker(stage, io, i);
}

void stage_open_many(struct stage *stage, enum bf_io io, unsigned worker_count)
{
	stage_open_with(stage, io, worker_count, NULL);
}

void stage_open(struct stage *stage, enum bf_io io)
{
	const char *count = getenv("BELFRY_MEDIA_WORKERS");

	stage_open_many(stage, io, count ? (unsigned)strtoul(count, NULL, 10) : 1);
}

static void let_go(struct stage_end *end)
{
	pthread_mutex_lock(&end->lock);
	end->is_held = false;
	pthread_cond_broadcast(&end->changed);
	pthread_mutex_unlock(&end->lock);
}

void stage_close(struct stage *stage)
{
	left_open.workers = NULL;
	for (unsigned i = 0; i < stage->worker_count; i++)
		let_go(&stage->ends[i]);
	for (unsigned i = 0; i < stage->worker_count; i++)
		if (stage->workers[i])
			bf_worker_stop(stage->workers[i]);
	for (unsigned i = 0; i < stage->worker_count; i++)
		if (stage->workers[i])
			bf_worker_free(stage->workers[i]);
	bf_pipe_grid_free(stage->pipes, stage->worker_count);
	bf_sctp_stack_free(stage->sctp);
	BF_LIST_EACH(item, &stage->queue->items, struct queued, node) {
		bf_msg_free(item->msg);
		free(item);
	}
	free(stage->queue);
	free(stage->ends);
	free(stage->workers);
	bf_metrics_free(stage->metrics);
	bf_log_free(stage->log);
	bf_conf_free(stage->conf);
}

static unsigned *place_of(struct stage *stage, uint64_t participant_id)
{
	unsigned i = 0;

	while (i < stage->place_count && stage->places[i].participant_id != participant_id)
		i++;
	if (i < stage->place_count)
		return &stage->places[i].worker;
	assert_true(i < STAGE_PLACES);
	stage->place_count++;
	stage->places[i].participant_id = participant_id;
	stage->places[i].worker = stage->next_place++ % stage->worker_count;
	return &stage->places[i].worker;
}

void stage_place(struct stage *stage, uint64_t participant_id, unsigned worker)
{
	assert_true(worker < stage->worker_count);
	*place_of(stage, participant_id) = worker;
}

static struct bf_msg *take(struct stage_queue *queue)
{
	struct bf_list *first = bf_list_first(&queue->items);
	struct queued *item;
	struct bf_msg *msg;

	if (!first)
		return NULL;
	item = BF_CONTAINER(first, struct queued, node);
	bf_list_remove(first);
	msg = item->msg;
	free(item);
	return msg;
}

static struct timespec deadline(int wait_ms)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += wait_ms / 1000;
	until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	return until;
}

struct bf_msg *stage_wait(struct stage *stage, enum bf_media_kind kind, int wait_ms)
{
	struct stage_queue *queue = stage->queue;
	struct timespec until;
	struct bf_msg *msg = NULL;
	int err = 0;

	until = deadline(wait_ms);
	pthread_mutex_lock(&queue->lock);
	while (!err) {
		while ((msg = take(queue)) && msg->kind != kind)
			bf_msg_free(msg);
		if (msg)
			break;
		err = pthread_cond_timedwait(&queue->changed, &queue->lock, &until);
	}
	pthread_mutex_unlock(&queue->lock);
	return msg;
}

/* All events but BF_MEDIA_SPEAKERS name a participant. */
static uint64_t participant_of(const struct bf_msg *msg)
{
	switch (msg->kind) {
	case BF_MEDIA_SDP:
		return ((const struct bf_media_sdp *)msg)->participant_id;
	case BF_MEDIA_DONE:
		return ((const struct bf_media_done *)msg)->participant_id;
	case BF_MEDIA_ERROR:
		return ((const struct bf_media_error *)msg)->participant_id;
	case BF_MEDIA_TRACK:
		return ((const struct bf_media_track *)msg)->participant_id;
	case BF_MEDIA_PC_STATE:
		return ((const struct bf_media_pc_state *)msg)->participant_id;
	case BF_MEDIA_LAYER:
		return ((const struct bf_media_layer *)msg)->participant_id;
	default:
		return 0;
	}
}

static struct bf_msg *take_of(struct stage_queue *queue, uint16_t kind, uint64_t participant_id)
{
	BF_LIST_EACH(item, &queue->items, struct queued, node) {
		struct bf_msg *msg = item->msg;
		if (msg->kind != kind || (participant_id && participant_of(msg) != participant_id))
			continue;
		bf_list_remove(&item->node);
		free(item);
		return msg;
	}
	return NULL;
}

void *stage_take(struct stage *stage, enum bf_media_kind kind, uint64_t participant_id, int wait_ms)
{
	struct stage_queue *queue = stage->queue;
	struct timespec until = deadline(wait_ms);
	struct bf_msg *msg;
	int err = 0;

	pthread_mutex_lock(&queue->lock);
	while (!(msg = take_of(queue, (uint16_t)kind, participant_id)) && !err)
		err = pthread_cond_timedwait(&queue->changed, &queue->lock, &until);
	pthread_mutex_unlock(&queue->lock);
	return msg;
}

void *stage_get(struct stage *stage, enum bf_media_kind kind, uint64_t participant_id)
{
	void *msg = stage_take(stage, kind, participant_id, 10000);

	if (!msg) {
		struct bf_media_error *error = stage_take(stage, BF_MEDIA_ERROR, participant_id, 0);
		fail_msg("no event %d for %llx; %s: %s", kind, (unsigned long long)participant_id,
			error ? error->code : "no error", error ? error->cause : "");
	}
	return msg;
}

void stage_drop(struct stage *stage, enum bf_media_kind kind, uint64_t participant_id)
{
	bf_msg_free(stage_get(stage, kind, participant_id));
}

void stage_forget(struct stage *stage)
{
	struct bf_msg *msg;

	pthread_mutex_lock(&stage->queue->lock);
	while ((msg = take(stage->queue)))
		bf_msg_free(msg);
	pthread_mutex_unlock(&stage->queue->lock);
}

/* To the participant's worker. */
static void post(struct stage *stage, uint64_t participant_id, void *msg)
{
	unsigned worker = *place_of(stage, participant_id);

	assert_non_null(msg);
	assert_int_equal(bf_worker_post(stage->workers[worker], msg), 0);
}

#define NOBODY UINT64_MAX

/* A request of nobody's is refused when its turn comes, which is after all that waited before. */
static void post_nobodys(struct stage *stage, unsigned worker)
{
	struct bf_media_candidate *msg = bf_msg_new(BF_MEDIA_CANDIDATE, sizeof(*msg) + 1);

	assert_non_null(msg);
	msg->request_id = ++stage->next_request_id;
	msg->room_id = STAGE_ROOM;
	msg->participant_id = NOBODY;
	assert_int_equal(bf_worker_post(stage->workers[worker], &msg->msg), 0);
}

void stage_hold(struct stage *stage, unsigned worker)
{
	struct stage_end *end = &stage->ends[worker];

	pthread_mutex_lock(&end->lock);
	end->is_held = true;
	post_nobodys(stage, worker); /* so that it has something to tell us of, if nothing else */
	while (!end->is_waiting)
		pthread_cond_wait(&end->changed, &end->lock);
	pthread_mutex_unlock(&end->lock);
}

void stage_release(struct stage *stage, unsigned worker)
{
	let_go(&stage->ends[worker]);
	stage_drop(stage, BF_MEDIA_ERROR, NOBODY);
}

void stage_settle(struct stage *stage)
{
	/* what one says to another leaves with the end of its turn; the answer may make a third speak */
	for (int round = 0; round < 3 && stage->worker_count > 1; round++) {
		usleep(2000);
		for (unsigned i = 0; i < stage->worker_count; i++) {
			post_nobodys(stage, i);
			stage_drop(stage, BF_MEDIA_ERROR, NOBODY);
		}
	}
}

void stage_join(struct stage *stage, uint64_t participant_id, uint32_t grants)
{
	stage_join_as(stage, participant_id, grants, true);
}

void stage_post_join(
	struct stage *stage, uint64_t participant_id, uint32_t grants, bool auto_subscribe)
{
	struct bf_media_join *join = bf_msg_new(BF_MEDIA_JOIN, sizeof(*join));

	join->request_id = ++stage->next_request_id;
	join->room_id = STAGE_ROOM;
	join->participant_id = participant_id;
	join->grants = grants;
	join->auto_subscribe = auto_subscribe;
	post(stage, participant_id, join);
}

void stage_join_as(
	struct stage *stage, uint64_t participant_id, uint32_t grants, bool auto_subscribe)
{
	stage_post_join(stage, participant_id, grants, auto_subscribe);
	stage_drop(stage, BF_MEDIA_DONE, participant_id);
	stage_settle(stage);
}

void stage_post_leave(struct stage *stage, uint64_t participant_id)
{
	struct bf_media_leave *leave = bf_msg_new(BF_MEDIA_LEAVE, sizeof(*leave));

	leave->room_id = STAGE_ROOM;
	leave->participant_id = participant_id;
	post(stage, participant_id, leave);
}

void stage_leave(struct stage *stage, uint64_t participant_id)
{
	stage_post_leave(stage, participant_id);
	stage_settle(stage);
}

void stage_offer(struct stage *stage, uint64_t participant_id, const char *sdp)
{
	stage_offer_as(stage, participant_id, BF_PC_PUBLISH, 0, sdp);
}

void stage_offer_as(struct stage *stage, uint64_t participant_id, enum bf_pc pc, uint64_t play_id,
	const char *sdp)
{
	size_t len = strlen(sdp);
	struct bf_media_offer *offer = bf_msg_new(BF_MEDIA_OFFER, sizeof(*offer) + len + 1);

	offer->request_id = ++stage->next_request_id;
	offer->room_id = STAGE_ROOM;
	offer->participant_id = participant_id;
	offer->pc = (uint8_t)pc;
	offer->play_participant_id = play_id;
	offer->sdp_len = (uint32_t)len;
	memcpy(offer->sdp, sdp, len + 1);
	post(stage, participant_id, offer);
}

void stage_answer(struct stage *stage, uint64_t participant_id, const char *sdp)
{
	size_t len = strlen(sdp);
	struct bf_media_answer *answer = bf_msg_new(BF_MEDIA_ANSWER, sizeof(*answer) + len + 1);

	answer->request_id = ++stage->next_request_id;
	answer->room_id = STAGE_ROOM;
	answer->participant_id = participant_id;
	answer->sdp_len = (uint32_t)len;
	memcpy(answer->sdp, sdp, len + 1);
	post(stage, participant_id, answer);
}

void stage_control(
	struct stage *stage, uint64_t participant_id, uint64_t track_id, int control, int value)
{
	struct bf_media_track_control *msg = bf_msg_new(BF_MEDIA_TRACK_CONTROL, sizeof(*msg));

	msg->request_id = ++stage->next_request_id;
	msg->room_id = STAGE_ROOM;
	msg->participant_id = participant_id;
	msg->track_id = track_id;
	msg->control = (uint8_t)control;
	msg->value = (int8_t)value;
	post(stage, participant_id, msg);
	stage_drop(stage, BF_MEDIA_DONE, participant_id);
	stage_settle(stage);
}

void stage_restart(
	struct stage *stage, uint64_t participant_id, enum bf_pc pc, const char *remote_ufrag)
{
	struct bf_media_restart *msg = bf_msg_new(BF_MEDIA_RESTART, sizeof(*msg));

	msg->request_id = ++stage->next_request_id;
	msg->room_id = STAGE_ROOM;
	msg->participant_id = participant_id;
	msg->pc = (uint8_t)pc;
	snprintf(msg->remote_ufrag, sizeof(msg->remote_ufrag), "%s", remote_ufrag);
	post(stage, participant_id, msg);
}

void stage_publish(struct stage *stage, struct peer *peer, uint64_t participant_id,
	const struct peer_section *sections, size_t count, struct bf_media_sdp **answer)
{
	char sdp[PEER_SDP_MAX];

	peer_describe(peer, sections, count, "actpass", sdp);
	stage_offer(stage, participant_id, sdp);
	*answer = stage_get(stage, BF_MEDIA_SDP, participant_id);
	assert_false((*answer)->is_offer);
}

struct stage_tracks stage_publisher(
	struct stage *stage, struct peer *peer, uint64_t participant_id, bool is_simulcast)
{
	struct stage_tracks tracks = {0};
	struct bf_media_sdp *answer;
	char sdp[PEER_SDP_MAX];

	stage_join_as(stage, participant_id, STAGE_ALL, false);
	peer_open(peer, BF_SRTP_AEAD_AES_128_GCM);
	peer_offer(peer, is_simulcast, sdp);
	stage_offer(stage, participant_id, sdp);
	answer = stage_get(stage, BF_MEDIA_SDP, participant_id);
	assert_int_equal(answer->track_count, 2);
	for (unsigned i = 0; i < answer->track_count; i++)
		*(answer->tracks[i].is_video ? &tracks.video : &tracks.audio) =
			answer->tracks[i].track_id;
	peer_set_remote(peer, answer->sdp);
	bf_msg_free(&answer->msg);
	peer_connect(peer);
	stage_drop(stage, BF_MEDIA_PC_STATE, participant_id);
	stage_settle(stage);
	return tracks;
}

static struct stage_received read_ssrcs(const char *sdp)
{
	struct stage_received received = {0};
	const char *video = strstr(sdp, "m=video");
	const char *audio = strstr(sdp, "a=ssrc:");
	const char *pair = strstr(sdp, "a=ssrc-group:FID ");

	if (audio && (!video || audio < video))
		received.audio_ssrc = (uint32_t)strtoul(audio + 7, NULL, 10);
	if (pair) {
		char *end;
		received.video_ssrc = (uint32_t)strtoul(pair + 17, &end, 10);
		received.video_rtx_ssrc = (uint32_t)strtoul(end, NULL, 10);
	}
	return received;
}

void stage_accept(
	struct stage *stage, struct peer *peer, uint64_t participant_id, const char *offer)
{
	char sdp[PEER_SDP_MAX];

	peer_answer(peer, offer, sdp);
	stage_answer(stage, participant_id, sdp);
	stage_drop(stage, BF_MEDIA_DONE, participant_id);
	stage_settle(stage);
}

struct stage_received stage_subscriber(
	struct stage *stage, struct peer *peer, uint64_t participant_id)
{
	struct stage_received received;
	struct bf_media_sdp *offer;

	stage_join(stage, participant_id, STAGE_ALL);
	offer = stage_get(stage, BF_MEDIA_SDP, participant_id);
	assert_true(offer->is_offer);
	peer_open(peer, BF_SRTP_AEAD_AES_128_GCM);
	peer_set_remote(peer, offer->sdp);
	received = read_ssrcs(offer->sdp);
	stage_accept(stage, peer, participant_id, offer->sdp);
	bf_msg_free(&offer->msg);
	peer_connect(peer);
	stage_drop(stage, BF_MEDIA_PC_STATE, participant_id);
	stage_settle(stage);
	return received;
}

/* The sum of all workers' series, if it is one of worker 0. */
static int64_t sum(const char *text, const char *series, unsigned worker_count)
{
	const char *label = strstr(series, "worker=\"0\"");
	int64_t value = -1;

	for (unsigned i = 0; i < (label ? worker_count : 1); i++) {
		char name[256];
		const char *at;

		snprintf(name, sizeof(name), "%s", series);
		if (label)
			name[label - series + 8] = (char)('0' + i);
		at = strstr(text, name);
		if (at)
			value = (value < 0 ? 0 : value) + strtoll(at + strlen(name), NULL, 10);
	}
	return value;
}

/* Whether each worker has published all it counted until `us`: its beat is the last of what it publishes. */
static bool have_published(struct stage *stage, int64_t us)
{
	bool have = true;
	char *text;
	size_t len;

	assert_int_equal(bf_metrics_print(stage->metrics, &text, &len), 0);
	for (unsigned i = 0; i < stage->worker_count; i++) {
		char series[64];

		snprintf(series, sizeof(series), "belfry_worker_beat_us{worker=\"%u\"} ", i);
		have = have && sum(text, series, 1) > us;
	}
	free(text);
	return have;
}

int64_t stage_metric(struct stage *stage, const char *series)
{
	int64_t now_us = bf_clock_mono_us(), value;
	char *text;
	size_t len;

	if (now_us - stage->published_us > BF_MS(500)) {
		for (int i = 0; !have_published(stage, now_us); i++) {
			assert_true(i < 1000); /* ten seconds */
			usleep(10 * 1000);
		}
		stage->published_us = bf_clock_mono_us();
	}
	assert_int_equal(bf_metrics_print(stage->metrics, &text, &len), 0);
	value = sum(text, series, stage->worker_count);
	free(text);
	return value;
}

int64_t stage_drops(struct stage *stage, const char *reason)
{
	char series[128];

	snprintf(series, sizeof(series),
		"belfry_packets_dropped_total{worker=\"0\",reason=\"%s\"} ", reason);
	return stage_metric(stage, series);
}
