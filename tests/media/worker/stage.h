/* tests/media/worker/stage.h - real media workers, their events, and participants that use them.
 *
 * One worker, unless a test asks for more, or the environment does: BELFRY_MEDIA_WORKERS=3 runs any of these tests with three, where
 * participants go to one after the other. BELFRY_MEDIA_IO (unless the test says which by itself), BELFRY_MEDIA_SRTP_ENGINE and
 * BELFRY_MEDIA_GSO count as for the server, and what is not in force fails the test. tests/variants.cmake has them.
 * A test that fails leaves its stage behind; the next stage_open clears it away.
 */
#ifndef BF_TESTS_MEDIA_WORKER_STAGE_H
#define BF_TESTS_MEDIA_WORKER_STAGE_H

#include "media/worker.h"
#include "tests/media/worker/peer.h"

#include <pthread.h>

#define STAGE_ROOM    0x100
#define STAGE_WORKERS 4
#define STAGE_PLACES  1024 /* participants of one test */

/* What a worker is given to call us by. */
struct stage_end {
	struct stage_queue *queue;
	struct bf_worker **workers;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool is_held, is_waiting; /* at its next event; it has come to that */
};

struct stage {
	struct bf_conf *conf;
	struct bf_log *log;
	struct bf_metrics *metrics;
	struct bf_sctp_stack *sctp;
	struct bf_pipe **pipes;
	struct bf_worker **workers; /* STAGE_WORKERS, NULL those that there are not */
	struct stage_end *ends;	    /* of each; not in here, for they outlive a test that fails */
	unsigned worker_count;
	struct {
		uint64_t participant_id;
		unsigned worker;
	} places[STAGE_PLACES];
	unsigned place_count, next_place;
	struct stage_queue *queue; /* events in the order they came */
	uint64_t next_request_id;
	int64_t published_us; /* all workers have published since; it may be read for a moment */
};

void stage_open(struct stage *stage, enum bf_io io);
void stage_open_many(struct stage *stage, enum bf_io io, unsigned worker_count);

/* With more settings: "--media.pipe-kib=64". */
void stage_open_with(struct stage *stage, enum bf_io io, unsigned worker_count, const char *flag);

/* Where a participant lives, before it joins; otherwise the workers take turns. */
void stage_place(struct stage *stage, uint64_t participant_id, unsigned worker);
void stage_close(struct stage *stage);

/* Make that worker's thread stand still, as one that does not get a processor, and go on. */
void stage_hold(struct stage *stage, unsigned worker);
void stage_release(struct stage *stage, unsigned worker);

/* The next event of that kind; others on the way are thrown away. NULL after `wait_ms`. The caller frees it. */
struct bf_msg *stage_wait(struct stage *stage, enum bf_media_kind kind, int wait_ms);

/* The next event of that kind for that participant (0: whoever); others stay for later. NULL after `wait_ms`. */
void *stage_take(
	struct stage *stage, enum bf_media_kind kind, uint64_t participant_id, int wait_ms);
void *stage_get(struct stage *stage, enum bf_media_kind kind,
	uint64_t participant_id); /* there must be one */
void stage_drop(struct stage *stage, enum bf_media_kind kind,
	uint64_t participant_id);	/* the same, and free it */
void stage_forget(struct stage *stage); /* all that wait */

#define STAGE_ALL (BF_GRANT_PUBLISH | BF_GRANT_SUBSCRIBE | BF_GRANT_DATA)
void stage_join(struct stage *stage, uint64_t participant_id, uint32_t grants);
void stage_join_as(
	struct stage *stage, uint64_t participant_id, uint32_t grants, bool auto_subscribe);
void stage_post_join(struct stage *stage, uint64_t participant_id, uint32_t grants,
	bool auto_subscribe); /* the answer is the caller's to wait for */
void stage_post_leave(struct stage *stage, uint64_t participant_id);
void stage_leave(struct stage *stage, uint64_t participant_id);

/* Post an offer; the answer comes as BF_MEDIA_SDP or BF_MEDIA_ERROR. */
void stage_offer(struct stage *stage, uint64_t participant_id, const char *sdp);
void stage_offer_as(struct stage *stage, uint64_t participant_id, enum bf_pc pc, uint64_t play_id,
	const char *sdp);
void stage_answer(struct stage *stage, uint64_t participant_id, const char *sdp);
void stage_control(
	struct stage *stage, uint64_t participant_id, uint64_t track_id, int control, int value);

/* ICE restart; `remote_ufrag` may be "". The answer comes as BF_MEDIA_DONE, BF_MEDIA_SDP or BF_MEDIA_ERROR. */
void stage_restart(
	struct stage *stage, uint64_t participant_id, enum bf_pc pc, const char *remote_ufrag);

/* Offer these sections and take the answer, which the caller frees. */
void stage_publish(struct stage *stage, struct peer *peer, uint64_t participant_id,
	const struct peer_section *sections, size_t count, struct bf_media_sdp **answer);

/* Answer a server's offer with all of it. */
void stage_accept(
	struct stage *stage, struct peer *peer, uint64_t participant_id, const char *offer);

/* A participant that publishes audio and video, connected, and receives nothing. Returns its ids of the tracks. */
struct stage_tracks {
	uint64_t audio, video;
};
struct stage_tracks stage_publisher(
	struct stage *stage, struct peer *peer, uint64_t participant_id, bool is_simulcast);

/* A participant that receives what there is (at least one track), connected. */
struct stage_received {
	uint32_t audio_ssrc, video_ssrc, video_rtx_ssrc;
};
struct stage_received stage_subscriber(
	struct stage *stage, struct peer *peer, uint64_t participant_id);

/* With several workers: until each has heard what the others had to say about what happened so far. The functions above wait by themselves;
 * who connects or speaks by other means calls it. */
void stage_settle(struct stage *stage);

/* The value of a drop counter, or of a series, once all workers have published it (each second); several are read at once, one after the
 * other. What is of worker="0" is the sum of all workers'. */
int64_t stage_drops(struct stage *stage, const char *reason);
int64_t stage_metric(struct stage *stage, const char *series);

#endif
