/* media/media_msg.h - what the control thread and the media workers tell each other. Plain structs, no functions.
 *
 * Owner:   a message belongs to the receiver once it is posted (core/base/msg.h). Texts are in the flexible array at the
 *          end, NUL-terminated, their length beside them.
 * Rule:    one participant lives on one worker, whichever others of its room live on: requests about it go there, and what is said
 *          about it comes from there. Speakers are told of by one worker of the room. Requests of one participant are
 *          handled in the order posted; each request with a `request_id` other than 0 is answered by exactly one
 *          BF_MEDIA_SDP, BF_MEDIA_DONE or BF_MEDIA_ERROR with that id.
 */
#ifndef BF_MEDIA_MEDIA_MSG_H
#define BF_MEDIA_MEDIA_MSG_H

#include "core/base/msg.h"

#include <stdbool.h>

#define BF_MEDIA_TRACKS_MAX   64 /* tracks in one message, sections of one description */
#define BF_MEDIA_MID_TEXT     33
#define BF_MEDIA_SPEAKERS_MAX 8

enum bf_media_kind {
	/* control to worker */
	BF_MEDIA_JOIN = 1,
	BF_MEDIA_LEAVE,
	BF_MEDIA_OFFER,
	BF_MEDIA_ANSWER,
	BF_MEDIA_CANDIDATE,
	BF_MEDIA_RESTART,
	BF_MEDIA_TRACK_CONTROL,
	BF_MEDIA_STOP, /* the worker says goodbye to every peer and ends its loop */
	/* worker to control */
	BF_MEDIA_SDP = 64,
	BF_MEDIA_DONE,
	BF_MEDIA_ERROR,
	BF_MEDIA_TRACK,
	BF_MEDIA_SPEAKERS,
	BF_MEDIA_PC_STATE,
	BF_MEDIA_LAYER,
};

enum bf_pc {
	BF_PC_PUBLISH,
	BF_PC_SUBSCRIBE,
	BF_PC_COUNT,
};

enum bf_source {
	BF_SOURCE_UNKNOWN,
	BF_SOURCE_MICROPHONE,
	BF_SOURCE_CAMERA,
	BF_SOURCE_SCREEN,
	BF_SOURCE_SCREEN_AUDIO,
};

enum bf_grant {
	BF_GRANT_PUBLISH = 1,
	BF_GRANT_SUBSCRIBE = 2,
	BF_GRANT_DATA = 4,
};

/* A participant comes into a room; the room comes into being on the worker with the first one there, and knows what is published on
 * others before the join is answered. A participant whose subscribe connection is
 * server-offered (`auto_subscribe`) gets BF_MEDIA_SDP offers by itself whenever there is something to receive. */
struct bf_media_join {
	struct bf_msg msg;
	uint64_t request_id;
	uint64_t room_id;
	uint64_t participant_id;
	uint64_t org_id; /* whose room it is; 0: of the default organization */
	uint32_t grants;
	bool auto_subscribe;
};

struct bf_media_leave {
	struct bf_msg msg;
	uint64_t room_id;
	uint64_t participant_id;
};

struct bf_media_mid_source {
	char mid[BF_MEDIA_MID_TEXT];
	uint8_t source; /* enum bf_source */
};

/* The client offers: publish, or (WHEP) subscribe. Answered by BF_MEDIA_SDP with is_offer false. */
struct bf_media_offer {
	struct bf_msg msg;
	uint64_t request_id;
	uint64_t room_id;
	uint64_t participant_id;
	uint8_t pc;		      /* enum bf_pc */
	uint64_t play_participant_id; /* WHEP: whom to play; 0: the active speaker */
	uint32_t source_count;
	struct bf_media_mid_source sources[BF_MEDIA_TRACKS_MAX];
	uint32_t sdp_len;
	char sdp[];
};

/* The client's answer to the newest server offer. */
struct bf_media_answer {
	struct bf_msg msg;
	uint64_t request_id;
	uint64_t room_id;
	uint64_t participant_id;
	uint32_t sdp_len;
	char sdp[];
};

/* A candidate line of the peer's. ICE-lite only checks that it is well formed; .local names are fine. */
struct bf_media_candidate {
	struct bf_msg msg;
	uint64_t request_id;
	uint64_t room_id;
	uint64_t participant_id;
	uint8_t pc;
	uint32_t text_len; /* 0: end of candidates */
	char text[];
};

/* New ICE credentials on our side. Subscribe (server-offered): an offer follows. With `remote_ufrag` (WHIP and WHEP PATCH)
 * the answer is BF_MEDIA_SDP whose sdp is a trickle fragment. */
struct bf_media_restart {
	struct bf_msg msg;
	uint64_t request_id;
	uint64_t room_id;
	uint64_t participant_id;
	uint8_t pc;
	char remote_ufrag[257]; /* "" : none */
	char remote_pwd[257];
};

enum bf_track_control {
	BF_TRACK_MUTE,	/* value 0/1; own track */
	BF_TRACK_LAYER, /* value 0..2, or -1 for auto; a track received */
	BF_TRACK_PAUSE, /* value 0/1; a track received */
};

struct bf_media_track_control {
	struct bf_msg msg;
	uint64_t request_id;
	uint64_t room_id;
	uint64_t participant_id;
	uint64_t track_id;
	uint8_t control;
	int8_t value;
};

struct bf_media_stop {
	struct bf_msg msg;
};

struct bf_media_sdp_track {
	char mid[BF_MEDIA_MID_TEXT];
	uint64_t track_id;
	uint64_t participant_id; /* who publishes it */
	uint8_t is_video;
	uint8_t source;
};

struct bf_media_sdp {
	struct bf_msg msg;
	uint64_t request_id; /* 0: an offer of the server's own accord */
	uint64_t room_id;
	uint64_t participant_id;
	uint8_t pc;
	bool is_offer;
	uint32_t track_count;
	struct bf_media_sdp_track tracks[BF_MEDIA_TRACKS_MAX];
	uint32_t sdp_len;
	char sdp[];
};

struct bf_media_done {
	struct bf_msg msg;
	uint64_t request_id;
	uint64_t room_id;
	uint64_t participant_id;
};

/* A request failed; nothing has changed. `code` is one of the codes of signaling/PROTOCOL.md. */
struct bf_media_error {
	struct bf_msg msg;
	uint64_t request_id;
	uint64_t room_id;
	uint64_t participant_id;
	bool is_everywhere; /* another worker would say the same: a join is not to be tried there */
	char code[32];
	char cause[256];
};

enum bf_track_event {
	BF_TRACK_PUBLISHED,
	BF_TRACK_UNPUBLISHED,
	BF_TRACK_MUTED, /* `muted` says which way */
	/* to the subscriber `participant_id` only: */
	BF_TRACK_UNSUPPORTED, /* its answer refused the track */
	BF_TRACK_SUSPENDED, /* the worker cannot keep up and has stopped sending it; `muted` says which way */
};

/* To everyone in the room but the publisher, unless said otherwise. */
struct bf_media_track {
	struct bf_msg msg;
	uint64_t room_id;
	uint64_t participant_id;
	uint64_t track_id;
	uint8_t event;
	uint8_t is_video;
	uint8_t source;
	uint8_t layer_count;
	bool muted;
	char codec[8];
};

struct bf_media_speakers {
	struct bf_msg msg;
	uint64_t room_id;
	uint64_t dominant_id; /* 0: nobody */
	uint32_t speaking_count;
	uint64_t speaking[BF_MEDIA_SPEAKERS_MAX];
};

enum bf_pc_state {
	BF_PC_CONNECTED,
	BF_PC_DISCONNECTED, /* consent ran out; may come back */
	BF_PC_FAILED,	    /* DTLS failed or nobody came back in time */
	BF_PC_CLOSED,	    /* the peer said goodbye */
};

struct bf_media_pc_state {
	struct bf_msg msg;
	uint64_t room_id;
	uint64_t participant_id;
	uint8_t pc;
	uint8_t state;
	char cause[128];
};

/* To the subscriber `participant_id`: the layer of `track_id` that now arrives. */
struct bf_media_layer {
	struct bf_msg msg;
	uint64_t room_id;
	uint64_t participant_id;
	uint64_t track_id;
	uint8_t layer;
};

/* The way into the workers, wired by main.c. */
struct bf_media_port {
	void *arg;
	unsigned worker_count;
	/* 0 and `msg` is taken, or -ENOBUFS: the worker is busy, say so to the client. Control thread. */
	int (*post)(void *arg, unsigned worker, struct bf_msg *msg);
	/* How busy the worker is, in thousandths of the last second. NULL: nobody measures. */
	unsigned (*load)(void *arg, unsigned worker);
};

#endif
