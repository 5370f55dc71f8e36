/* tests/signaling/rtc/fixture.h - a hub between fake sockets, fake workers, fake HTTP exchanges and a fake clock.
 *
 * Nothing answers by itself: a test says what clients send and what workers answer, and looks at what came out, in order.
 */
#ifndef BF_TESTS_SIGNALING_RTC_FIXTURE_H
#define BF_TESTS_SIGNALING_RTC_FIXTURE_H

#include "core/base/json.h"
#include "signaling/rtc/hub.h"
#include "signaling/rtc/whip.h"

#define FAKE_FRAMES  4096
#define FAKE_POSTS   1024
#define FAKE_REPLIES 64
#define FAKE_TEXT    256
#define WORKERS	     3
#define ROOM_MAX     4

struct fake_socket {
	struct bf_rtc_session *session;
	struct bf_json *frames[FAKE_FRAMES];
	size_t frame_count, read_count;
	int close_code;	 /* 0: open */
	int send_result; /* what send answers */
};

struct fake_post {
	unsigned worker;
	struct bf_msg *msg;
};

struct fake_reply {
	uint64_t exchange_id;
	int status;
	char code[64], content_type[64];
	char body[FAKE_TEXT];
	char location[FAKE_TEXT], etag[FAKE_TEXT], link[2 * FAKE_TEXT], authenticate[FAKE_TEXT];
	unsigned link_count;
};

struct fixture {
	struct bf_rtc_hub hub;
	struct bf_log *log;
	struct bf_metrics *metrics;
	int null_fd;
	int64_t now_us;
	/* workers */
	struct fake_post posts[FAKE_POSTS];
	size_t post_count, post_read_count;
	bool is_busy;	      /* the workers' inboxes are full */
	unsigned busy_after;  /* this many posts go through first */
	unsigned full_worker; /* only this one's inbox, counted from 1; 0: none */
	/* HTTP */
	struct fake_reply replies[FAKE_REPLIES];
	size_t reply_count;
	uint64_t gone_exchange_id; /* its client has gone */
	/* presence, as "+socket Ada demo 1;-socket ..." */
	char presence[2 * FAKE_TEXT];
	unsigned next_id;
};

#define START_US INT64_C(1000000000)
#define WALL_US	 INT64_C(1795946400000000)

void fixture_init(struct fixture *f, bool with_tokens);
void fixture_deinit(struct fixture *f);

/* For cmocka: *state is a struct fixture; open mode, or with tokens. */
int fixture_set_up(void **state);
int fixture_set_up_tokens(void **state);
int fixture_tear_down(void **state);

/* Let time pass, as the loop would: whatever is due is done. */
void fixture_pass(struct fixture *f, int64_t us);

/* ---- clients ---- */

/* A new socket and session; its connection_established is the first unread frame. */
struct fake_socket *socket_open(struct fixture *f);
void socket_free(struct fixture *f, struct fake_socket *socket);
void socket_lose(struct fixture *f, struct fake_socket *socket);

void say_raw(struct fixture *f, struct fake_socket *socket, const char *text);
/* With an id of its own, which is returned. `data` is JSON. */
const char *say(struct fixture *f, struct fake_socket *socket, const char *type, const char *data);

/* The next unread frame, which must be there. */
const struct bf_json *hear(struct fake_socket *socket, const char *type);
void hear_nothing(const struct fake_socket *socket);
void hear_all(struct fake_socket *socket); /* skip */
/* The next unread frame is the error `code` about request `id` (NULL: none in particular). */
void hear_error(struct fake_socket *socket, const char *code, const char *id);

const struct bf_json *data_of(const struct bf_json *frame);
void assert_member(const struct bf_json *object, const char *name, const char *value);
void assert_member_id(const struct bf_json *object, const char *name, uint64_t id);
int64_t member_int(const struct bf_json *object, const char *name);
uint64_t member_id(const struct bf_json *object, const char *name);
const char *member_str(const struct bf_json *object, const char *name);

/* ---- workers ---- */

/* The next unread message to a worker, which must be of that kind. */
void *take_post(struct fixture *f, enum bf_media_kind kind);
void no_post(const struct fixture *f);

void worker_done(struct fixture *f, uint64_t request_id);
void worker_refuse_everywhere(struct fixture *f, uint64_t request_id, const char *code);
void worker_error(struct fixture *f, uint64_t request_id, const char *code);
void worker_answer(struct fixture *f, uint64_t request_id, const char *sdp);
void worker_offer(struct fixture *f, uint64_t room_id, uint64_t participant_id, const char *sdp);
void worker_track(struct fixture *f, enum bf_track_event event, uint64_t room_id,
	uint64_t participant_id, uint64_t track_id);
void worker_pc(
	struct fixture *f, uint64_t room_id, uint64_t participant_id, enum bf_pc_state state);

struct joined {
	uint64_t room_id, participant_id;
};

/* The whole of joining; frames up to room:joined and the post are read. */
struct joined join(
	struct fixture *f, struct fake_socket *socket, const char *room, const char *name);

/* ---- HTTP ---- */

const struct fake_reply *last_reply(const struct fixture *f);

#endif
