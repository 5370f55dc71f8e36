#include "tests/media/worker/stage.h"

#include "core/base/clock.h"
#include "core/base/list.h"

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
	struct stage *stage = arg;

	(void)worker;
	if (stage->worker)
		bf_worker_wake(stage->worker);
}

void stage_open(struct stage *stage, enum bf_io io)
{
	static const char *const flags[] = {"--media.udp-port=0", "--media.workers=1", "--media.cache-mib=8"};
	struct bf_addr loopback;
	char why[512] = "";

	memset(stage, 0, sizeof(*stage));
	stage->queue = calloc(1, sizeof(*stage->queue));
	pthread_mutex_init(&stage->queue->lock, NULL);
	pthread_cond_init(&stage->queue->changed, NULL);
	bf_list_init(&stage->queue->items);
	assert_int_equal(bf_conf_new(&stage->conf), 0);
	assert_int_equal(bf_conf_load(stage->conf, NULL, (char *[]){NULL}, 3,
				 (char *const *)(uintptr_t)flags, why, sizeof(why)),
		0);
	assert_int_equal(bf_log_new(&stage->log, STDERR_FILENO, BF_LOG_LOGFMT, BF_LOG_WARN), 0);
	assert_int_equal(bf_metrics_new(&stage->metrics), 0);
	assert_int_equal(bf_sctp_stack_new(&stage->sctp, 1, wake, stage), 0);
	assert_int_equal(bf_addr_parse_ip(&loopback, "127.0.0.1", 0), 0);
	if (bf_worker_start(&stage->worker,
		    &(struct bf_worker_conf){.io = io,
			    .conf = stage->conf,
			    .log = stage->log,
			    .metrics = stage->metrics,
			    .sctp = stage->sctp,
			    .srtp = bf_srtp_engine_libsrtp2(),
			    .candidate_ips = &loopback,
			    .candidate_ip_count = 1,
			    .arg = stage->queue,
			    .post = on_event},
		    why, sizeof(why)))
		fail_msg("%s", why);
}

void stage_close(struct stage *stage)
{
	bf_worker_stop(stage->worker);
	bf_worker_free(stage->worker);
	bf_sctp_stack_free(stage->sctp);
	BF_LIST_EACH(item, &stage->queue->items, struct queued, node) {
		bf_msg_free(item->msg);
		free(item);
	}
	free(stage->queue);
	bf_metrics_free(stage->metrics);
	bf_log_free(stage->log);
	bf_conf_free(stage->conf);
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

struct bf_msg *stage_wait(struct stage *stage, enum bf_media_kind kind, int wait_ms)
{
	struct stage_queue *queue = stage->queue;
	struct timespec until;
	struct bf_msg *msg = NULL;
	int err = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += wait_ms / 1000 + 1;
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

static void post(struct stage *stage, void *msg)
{
	assert_non_null(msg);
	assert_int_equal(bf_worker_post(stage->worker, msg), 0);
}

void stage_join(struct stage *stage, uint64_t participant_id, uint32_t grants)
{
	struct bf_media_join *join = bf_msg_new(BF_MEDIA_JOIN, sizeof(*join));
	struct bf_msg *done;

	join->request_id = ++stage->next_request_id;
	join->room_id = STAGE_ROOM;
	join->participant_id = participant_id;
	join->grants = grants;
	join->auto_subscribe = true;
	post(stage, join);
	done = stage_wait(stage, BF_MEDIA_DONE, 2000);
	assert_non_null(done);
	bf_msg_free(done);
}

void stage_leave(struct stage *stage, uint64_t participant_id)
{
	struct bf_media_leave *leave = bf_msg_new(BF_MEDIA_LEAVE, sizeof(*leave));

	leave->room_id = STAGE_ROOM;
	leave->participant_id = participant_id;
	post(stage, leave);
}

void stage_offer(struct stage *stage, uint64_t participant_id, const char *sdp)
{
	size_t len = strlen(sdp);
	struct bf_media_offer *offer = bf_msg_new(BF_MEDIA_OFFER, sizeof(*offer) + len + 1);

	offer->request_id = ++stage->next_request_id;
	offer->room_id = STAGE_ROOM;
	offer->participant_id = participant_id;
	offer->pc = BF_PC_PUBLISH;
	offer->sdp_len = (uint32_t)len;
	memcpy(offer->sdp, sdp, len + 1);
	post(stage, offer);
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
	post(stage, answer);
}

void stage_control(struct stage *stage, uint64_t participant_id, uint64_t track_id, int control, int value)
{
	struct bf_media_track_control *msg = bf_msg_new(BF_MEDIA_TRACK_CONTROL, sizeof(*msg));
	struct bf_msg *done;

	msg->request_id = ++stage->next_request_id;
	msg->room_id = STAGE_ROOM;
	msg->participant_id = participant_id;
	msg->track_id = track_id;
	msg->control = (uint8_t)control;
	msg->value = (int8_t)value;
	post(stage, msg);
	done = stage_wait(stage, BF_MEDIA_DONE, 2000);
	assert_non_null(done);
	bf_msg_free(done);
}

struct stage_tracks stage_publisher(
	struct stage *stage, struct peer *peer, uint64_t participant_id, bool is_simulcast)
{
	struct stage_tracks tracks = {0};
	struct bf_media_sdp *answer;
	char sdp[PEER_SDP_MAX];

	stage_join(stage, participant_id, BF_GRANT_PUBLISH | BF_GRANT_SUBSCRIBE | BF_GRANT_DATA);
	peer_open(peer, BF_SRTP_AEAD_AES_128_GCM);
	peer_offer(peer, is_simulcast, sdp);
	stage_offer(stage, participant_id, sdp);
	answer = (struct bf_media_sdp *)stage_wait(stage, BF_MEDIA_SDP, 2000);
	assert_non_null(answer);
	assert_int_equal(answer->track_count, 2);
	for (unsigned i = 0; i < answer->track_count; i++)
		*(answer->tracks[i].is_video ? &tracks.video : &tracks.audio) = answer->tracks[i].track_id;
	peer_set_remote(peer, answer->sdp);
	bf_msg_free(&answer->msg);
	peer_connect(peer);
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

struct stage_received stage_subscriber(struct stage *stage, struct peer *peer, uint64_t participant_id)
{
	struct stage_received received;
	struct bf_media_sdp *offer;
	char sdp[PEER_SDP_MAX];
	struct bf_msg *done;

	stage_join(stage, participant_id, BF_GRANT_SUBSCRIBE);
	offer = (struct bf_media_sdp *)stage_wait(stage, BF_MEDIA_SDP, 2000);
	assert_non_null(offer);
	assert_true(offer->is_offer);
	peer_open(peer, BF_SRTP_AEAD_AES_128_GCM);
	peer_set_remote(peer, offer->sdp);
	peer_answer(peer, offer->sdp, sdp);
	received = read_ssrcs(offer->sdp);
	bf_msg_free(&offer->msg);
	stage_answer(stage, participant_id, sdp);
	done = stage_wait(stage, BF_MEDIA_DONE, 2000);
	assert_non_null(done);
	bf_msg_free(done);
	peer_connect(peer);
	return received;
}

int64_t stage_metric(struct stage *stage, const char *series)
{
	char *text, *at;
	size_t len;
	int64_t value = -1;

	usleep(1100 * 1000); /* the worker publishes once a second */
	assert_int_equal(bf_metrics_print(stage->metrics, &text, &len), 0);
	at = strstr(text, series);
	if (at)
		value = strtoll(at + strlen(series), NULL, 10);
	free(text);
	return value;
}

int64_t stage_drops(struct stage *stage, const char *reason)
{
	char series[128];

	snprintf(series, sizeof(series), "belfry_packets_dropped_total{worker=\"0\",reason=\"%s\"} ", reason);
	return stage_metric(stage, series);
}
