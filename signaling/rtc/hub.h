/* signaling/rtc/hub.h - the middle of the house: sessions and WHIP resources on one side, media workers on the other.
 *
 * No I/O and no clock: sockets are sinks, HTTP exchanges are ids, the workers are a port, and time is told. The glue
 * (rtc_io.c, whip_io.c) calls in from the loop and arms one timer by bf_rtc_hub_deadline_us.
 * Owner:   struct bf_rtc embeds one.   Thread: control.
 * Limits:  BF_RTC_SESSIONS_MAX sessions (the one longest without socket and room makes way), BF_RTC_PENDINGS_MAX requests of
 *          one participant at the workers.
 */
#ifndef BF_SIGNALING_RTC_HUB_H
#define BF_SIGNALING_RTC_HUB_H

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/metrics.h"
#include "signaling/rtc/code.h"
#include "signaling/rtc/ice_servers.h"
#include "signaling/rtc/message.h"
#include "signaling/rtc/presence_msg.h"
#include "signaling/rtc/registry.h"
#include "signaling/rtc/session.h"

#define BF_RTC_SESSIONS_MAX   16384
#define BF_RTC_PENDINGS_MAX   256
#define BF_RTC_RESUME_US      BF_SEC(120)
#define BF_RTC_ANSWER_US      BF_SEC(10)
#define BF_RTC_LEAVE_RETRY_US BF_MS(50)
#define BF_RTC_PING_MS	      25000
#define BF_RTC_DATA_MAX	      262144
#define BF_RTC_CLOSE_REPLACED 4001 /* resumed at another socket */

struct bf_rtc_whip_reply;

struct bf_rtc_hub_conf {
	struct bf_log *log;
	struct bf_metrics *metrics;
	const char *version;
	const char *public_url; /* before Location; NULL or empty: relative */
	struct bf_media_port media;
	struct bf_ice_servers ice_servers;
	unsigned room_participant_count_max;
	bool is_round_robin; /* participants of a room go to one worker after the other (registry.h) */
	int64_t resume_us; /* 0: BF_RTC_RESUME_US */
	int64_t answer_us; /* 0: BF_RTC_ANSWER_US */
	/* As bf_join_verify; NULL: open development mode, everybody may do everything. */
	int (*verify)(void *arg, struct bf_join_grants *out, struct bf_bytes token, int64_t now_s,
		const char **why);
	void *verify_arg;
	/* Answer an HTTP exchange; -ENOENT: the client has gone. */
	int (*reply)(void *arg, uint64_t exchange_id, const struct bf_rtc_whip_reply *reply);
	void *reply_arg;
	/* A participant is in a room now, or is not any more. May be NULL. */
	void (*on_presence)(void *arg, const struct bf_rtc_presence *presence, bool is_here);
	void *presence_arg;
};

enum bf_rtc_pending_kind {
	BF_RTC_PENDING_JOIN,
	BF_RTC_PENDING_ANSWER, /* a description of ours is the answer */
	BF_RTC_PENDING_OK,
	BF_RTC_PENDING_WHIP_JOIN,
	BF_RTC_PENDING_WHIP_OFFER,
	BF_RTC_PENDING_WHIP_TRICKLE,
	BF_RTC_PENDING_WHIP_RESTART,
};

/* One request at a worker, until it is answered, too late, or its participant has gone. */
struct bf_rtc_pending {
	struct bf_map_node by_id;
	struct bf_list in_hub; /* oldest first */
	struct bf_list in_participant;
	struct bf_rtc_participant *participant;
	uint64_t request_id;
	int64_t until_us;
	enum bf_rtc_pending_kind kind;
	uint64_t exchange_id; /* of WHIP; 0: none */
	size_t id_len;
	char id[BF_RTC_ID_TEXT]; /* the client's message id */
};

struct bf_rtc_metrics {
	struct bf_metric *rooms, *participants, *sessions, *whip_sessions, *resumes;
	struct bf_metric *messages[BF_RTC_MESSAGE_TYPES + 1]; /* the last: unknown */
	struct bf_metric *errors[BF_RTC_CODE_COUNT];
};

enum bf_rtc_hub_state {
	BF_RTC_HUB_OPEN,
	BF_RTC_HUB_CLOSING, /* nobody comes in any more */
};

struct bf_rtc_hub {
	/* given */
	struct bf_rtc_hub_conf conf;
	/* owned */
	struct bf_rtc_registry registry;
	/* state */
	enum bf_rtc_hub_state state;
	int64_t now_us, wall_us;
	struct bf_map sessions;	     /* by token */
	struct bf_map whip_sessions; /* by token */
	struct bf_map pendings;	     /* by request id */
	struct bf_list all_sessions;
	struct bf_list lost_sessions;
	struct bf_list pending_list;
	struct bf_list leaves; /* that a worker's inbox refused */
	int64_t leave_retry_us;
	uint64_t last_request_id;
	struct bf_rtc_metrics metrics;
};

int bf_rtc_hub_init(struct bf_rtc_hub *hub, const struct bf_rtc_hub_conf *conf);

/* Sessions and resources end without a word to their clients. */
void bf_rtc_hub_deinit(struct bf_rtc_hub *hub);

/* The clocks of what is called next: monotonic, and since 1970. */
void bf_rtc_hub_set_time(struct bf_rtc_hub *hub, int64_t now_us, int64_t wall_us);

/* When bf_rtc_hub_expire has work; INT64_MAX: never. */
int64_t bf_rtc_hub_deadline_us(const struct bf_rtc_hub *hub);
void bf_rtc_hub_expire(struct bf_rtc_hub *hub);

/* ---- sockets ---- */

/* A new socket: a session is made and bound to it, connection_established sent. -EBUSY: full or closing. */
int bf_rtc_hub_open(struct bf_rtc_hub *hub, const struct bf_rtc_sink *sink);

/* One text frame for the session its socket is bound to. The session may be another, or gone, afterwards. */
void bf_rtc_hub_receive(
	struct bf_rtc_hub *hub, struct bf_rtc_session *session, struct bf_bytes text);

/* The session's socket is gone without a word: its client may come back for a while. */
void bf_rtc_hub_lost(struct bf_rtc_hub *hub, struct bf_rtc_session *session);

/* Its client has closed the socket on purpose: the session ends. */
void bf_rtc_hub_left(struct bf_rtc_hub *hub, struct bf_rtc_session *session);

/* server:closing to everybody; all sockets closed, everybody leaves. */
void bf_rtc_hub_close(struct bf_rtc_hub *hub);
bool bf_rtc_hub_is_idle(const struct bf_rtc_hub *hub);

/* ---- workers ---- */

/* Takes `msg`. */
void bf_rtc_hub_on_media(struct bf_rtc_hub *hub, struct bf_msg *msg);

/* ---- inside: for the handlers of messages, events and WHIP ---- */

/* Takes `data`. `id`: what it answers, data NULL if nothing. */
void bf_rtc_hub_send(struct bf_rtc_hub *hub, struct bf_rtc_session *session, const char *type,
	struct bf_bytes id, struct bf_json *data);
void bf_rtc_hub_error(struct bf_rtc_hub *hub, struct bf_rtc_session *session, struct bf_bytes id,
	enum bf_rtc_code code, const char *cause);

/* To all of a room that have been shown, except one (NULL: none). Takes `data`. */
void bf_rtc_hub_broadcast(struct bf_rtc_hub *hub, const struct bf_rtc_room *room,
	const struct bf_rtc_participant *except, const char *type, struct bf_json *data);

/* Let the others know of a participant; once. */
void bf_rtc_hub_show(struct bf_rtc_hub *hub, struct bf_rtc_participant *participant);

/* A participant goes: its requests fail with `code` and `cause`, the others hear `reason`, its worker is told (unless it has
 * never heard of it: `is_known` false). Session and resource stay behind without it, the resource is freed. */
void bf_rtc_hub_end(struct bf_rtc_hub *hub, struct bf_rtc_participant *participant, bool is_known,
	const char *reason, enum bf_rtc_code code, const char *cause);

void bf_rtc_hub_end_session(
	struct bf_rtc_hub *hub, struct bf_rtc_session *session, const char *reason);

/* What a token, or open mode, allows in `room`. 0; else the code to answer is in *code and the sentence in *why. */
int bf_rtc_hub_authorize(const struct bf_rtc_hub *hub, struct bf_join_grants *out,
	struct bf_bytes token, struct bf_bytes room, enum bf_rtc_code *code, const char **why);

/* Register a request; NULL: too many, or no memory (answer busy). */
struct bf_rtc_pending *bf_rtc_hub_expect(struct bf_rtc_hub *hub,
	struct bf_rtc_participant *participant, enum bf_rtc_pending_kind kind);
void bf_rtc_hub_forget(struct bf_rtc_hub *hub, struct bf_rtc_pending *pending);

/* Hand a message to the participant's worker. Takes it also when it fails: -ENOBUFS. */
int bf_rtc_hub_post(
	struct bf_rtc_hub *hub, const struct bf_rtc_participant *participant, struct bf_msg *msg);

/* BF_MEDIA_JOIN for the pending's participant, answered to it. A worker that has no room for the message, or that answers a browser's
 * join with "busy", is passed over once: the participant goes to the least loaded of the others instead. (A WHIP or WHEP client whose
 * worker answers "busy" gets 503 with Retry-After: its offer has gone to the worker with the join.) -ENOBUFS, -ENOMEM. */
int bf_rtc_hub_post_join(struct bf_rtc_hub *hub, struct bf_rtc_pending *pending);
bool bf_rtc_hub_join_elsewhere(struct bf_rtc_hub *hub, struct bf_rtc_pending *pending);

/* Tell whoever waits for `pending` that it came to nothing, and forget it; a join or a WHIP offer that fails ends its
 * participant. */
void bf_rtc_hub_fail(struct bf_rtc_hub *hub, struct bf_rtc_pending *pending, enum bf_rtc_code code,
	const char *cause);

void bf_rtc_hub_refresh_gauges(struct bf_rtc_hub *hub);

#endif
