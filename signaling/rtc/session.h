/* signaling/rtc/session.h - one client's session: envelopes, numbered frames, what to replay, what was seen before.
 *
 * A session outlives its sockets. Every frame it sends has the next `seq` and is kept, so that a client that comes back
 * says how far it got and is sent the rest.
 * Owner:   the hub (signaling/rtc/hub.h).   Thread: control.   No I/O: a socket is a struct bf_rtc_sink.
 * Limits:  the newest BF_RTC_REPLAY_FRAMES frames and BF_RTC_REPLAY_BYTES bytes are kept, older ones are forgotten (a client
 *          that needs them cannot resume); the newest BF_RTC_SEEN request ids are remembered; BF_RTC_RATE messages a second
 *          after a burst of BF_RTC_BURST.
 */
#ifndef BF_SIGNALING_RTC_SESSION_H
#define BF_SIGNALING_RTC_SESSION_H

#include "core/base/json.h"
#include "core/base/list.h"
#include "core/base/map.h"

#define BF_RTC_MESSAGE_MAX   65536
#define BF_RTC_REPLAY_FRAMES 1024
#define BF_RTC_REPLAY_BYTES  (1024 * 1024)
#define BF_RTC_SEEN	     256
#define BF_RTC_RATE	     50
#define BF_RTC_BURST	     100
#define BF_RTC_ID_MAX	     64	 /* characters */
#define BF_RTC_ID_TEXT	     257 /* 64 characters of at most 4 bytes and the NUL */
#define BF_RTC_TOKEN_BYTES   24	 /* 192 random bits: guessing one is out of the question */
#define BF_RTC_TOKEN_TEXT    34

struct bf_rtc_participant;
struct bf_rtc_session;

/* A socket, as a session sees it. */
struct bf_rtc_sink {
	void *arg;
	/* One text frame. What fails here also ends in bf_rtc_hub_lost. */
	int (*send)(void *arg, struct bf_bytes text);
	void (*close)(void *arg, int code, const char *reason);
	/* What comes in on this socket is `session`'s from now on; NULL: nobody's. */
	void (*bind)(void *arg, struct bf_rtc_session *session);
};

/* A frame from a client, taken apart. Views borrow `json`. */
struct bf_rtc_envelope {
	struct bf_json *json; /* owned; NULL when the text is no object */
	struct bf_bytes type;
	struct bf_bytes id;	    /* data NULL when there was none worth repeating */
	const struct bf_json *data; /* NULL when absent */
};

/* 0, or -EBADMSG with `why`; either way deinit it. After an error `id` is set if it could be made out. */
int bf_rtc_envelope_init(
	struct bf_rtc_envelope *envelope, struct bf_bytes text, char *why, size_t why_size);
void bf_rtc_envelope_deinit(struct bf_rtc_envelope *envelope);

struct bf_rtc_frame {
	char *text;
	size_t len;
};

/* The newest frames, as a ring that grows by doubling. */
struct bf_rtc_replay {
	/* owned */
	struct bf_rtc_frame *frames;
	/* state */
	size_t slot_count;
	size_t frame_count;
	size_t size_bytes;
	uint64_t next_seq; /* of the frame put next */
};

enum bf_rtc_session_state {
	BF_RTC_SESSION_OPEN,	/* in no room */
	BF_RTC_SESSION_JOINING, /* the worker has been asked */
	BF_RTC_SESSION_JOINED,
};

struct bf_rtc_session {
	/* given */
	struct bf_rtc_sink sink; /* all NULL while no socket is attached */
	/* owned */
	struct bf_rtc_replay replay;
	/* state */
	struct bf_map_node by_token;
	struct bf_list in_all;
	struct bf_list in_lost; /* without a socket, oldest first */
	int64_t lost_until_us;	/* when it ends if nobody comes back */
	uint64_t id;
	char token[BF_RTC_TOKEN_TEXT];
	enum bf_rtc_session_state state;
	struct bf_rtc_participant *participant; /* NULL when open */
	uint64_t seen[BF_RTC_SEEN];
	size_t seen_count; /* over the session's life */
	uint64_t seen_seed[2];
	int64_t bucket_at_us;
	int64_t bucket_us; /* credit in microseconds: one message costs 1 s / BF_RTC_RATE */
};

/* -ENOMEM. */
int bf_rtc_session_new(struct bf_rtc_session **out, int64_t now_us);
void bf_rtc_session_free(struct bf_rtc_session *session);

static inline bool bf_rtc_session_is_attached(const struct bf_rtc_session *session)
{
	return session->sink.send != NULL;
}

void bf_rtc_session_attach(struct bf_rtc_session *session, const struct bf_rtc_sink *sink);
void bf_rtc_session_detach(struct bf_rtc_session *session);

/* Whether one more message may be served now; takes it from the bucket if so. */
bool bf_rtc_session_spend(struct bf_rtc_session *session, int64_t now_us);

/* Note a request id. false: it is among the last BF_RTC_SEEN ones already. */
bool bf_rtc_session_note(struct bf_rtc_session *session, struct bf_bytes id);

/* Send and keep one frame. `id` has data NULL when the frame answers nothing; `data` is the text of an object; without it
 * (there was no memory to print it) or memory the socket is closed (1011): the client comes back, finds frames missing and joins
 * anew. */
void bf_rtc_session_send(struct bf_rtc_session *session, int64_t wall_us, const char *type,
	struct bf_bytes id, struct bf_bytes data);

/* The same without a seq, and not kept: for what belongs to the socket and not to the session. */
void bf_rtc_session_send_unnumbered(struct bf_rtc_session *session, int64_t wall_us,
	const char *type, struct bf_bytes id, struct bf_bytes data);

/* How many frames follow `last_seq`; -ENOENT when some of them are gone or `last_seq` was never reached. */
int bf_rtc_session_missed(const struct bf_rtc_session *session, int64_t last_seq);

/* Send the frames after `last_seq` again, as they were. */
void bf_rtc_session_replay(struct bf_rtc_session *session, int64_t last_seq);

#endif
