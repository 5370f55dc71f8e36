/* media/room/peer_msg.h - what the workers that serve one room tell each other. Plain structs, no functions.
 *
 * A participant lives on one worker, a room on every worker that has participants of it: its *members*. A track is received by its
 * *origin*; other members have a *mirror* of it, which looks to subscriptions like a track of their own.
 *
 *   control: messages in the inboxes     membership, participants, tracks, wishes, keyframes, speakers, data channels
 *   media:   records in the pipes        packets that a mirror wants, and what belongs between them
 *
 * Owner:   a message: its receiver once it is posted (core/base/msg.h); a record: the pipe (core/loop/pipe.h).
 * Rule:    messages and records of one worker to another keep their order. What is lost for want of memory or room is made up
 *          for: the sender asks anew, which repeats all it has to say about the room (member.c).
 */
#ifndef BF_MEDIA_ROOM_PEER_MSG_H
#define BF_MEDIA_ROOM_PEER_MSG_H

#include "core/base/list.h"
#include "core/base/msg.h"
#include "media/media_msg.h"
#include "media/rtp/ext.h"
#include "media/sctp/sctp.h"
#include "media/sdp/sdp.h"

#define BF_TRACK_LAYERS 3
#define BF_TRACK_FMTP	128
#define BF_TRACK_RID	17
#define BF_PEER_LEVELS	0x80 /* in a mask of layers: the audio levels only */
#define BF_PEER_NO_EXT	0xff /* length of an extension that is not there */

/* Beyond those of enum bf_media_kind. */
enum bf_peer_kind {
	BF_PEER_HELLO = 256,
	BF_PEER_AWAY,
	BF_PEER_COMPLETE,
	BF_PEER_BYE,
	BF_PEER_JOINED,
	BF_PEER_LEFT,
	BF_PEER_TRACK,
	BF_PEER_TRACK_END,
	BF_PEER_TRACK_STATE,
	BF_PEER_WANT,
	BF_PEER_KEYFRAME,
	BF_PEER_SPEAKERS,
	BF_PEER_DATA,
	BF_PEER_DATA_TAKEN,
	BF_PEER_KIND_END,
};

/* A worker that opens a room, closes it and opens it again begins another *life* of it: what was on its way to, or from, an earlier
 * one is void. */
struct bf_peer_msg {
	struct bf_msg msg;
	struct bf_list node; /* the sender's, until it is posted */
	uint16_t from;	     /* a worker */
	uint32_t from_life;
	uint32_t to_life; /* 0: not known to the sender */
	uint64_t room_id;
};

/* BF_PEER_HELLO     I have this room; what do you have? (also: I may have missed to tell you something)
 *   BF_PEER_AWAY      the answer: nothing, and I am not in it
 *   BF_PEER_COMPLETE  the answer's end: that was all I have; I am in it as well. Unasked (`ask` 0): the end of what a
 *                     HELLO began with
 * BF_PEER_BYE       my last participant has left
 * They have one size, so that one can become another where no memory is to be had. */
struct bf_peer_hello {
	struct bf_peer_msg peer;
	uint32_t ask; /* a number of the asker's, which the answer repeats */
};

/* BF_PEER_JOINED, BF_PEER_LEFT (with all its tracks). */
struct bf_peer_participant {
	struct bf_peer_msg peer;
	uint64_t participant_id;
	bool is_receiver;
};

/* What changes about a track. */
struct bf_peer_track_state {
	bool is_muted;
	uint8_t alive; /* a bit for each layer that sends */
	uint8_t ranks[BF_TRACK_LAYERS];
};

/* BF_PEER_TRACK: a track began, or is told of again. */
struct bf_peer_track {
	struct bf_peer_msg peer;
	uint64_t participant_id;
	uint64_t track_id;
	bool is_video;
	uint8_t source;
	uint8_t layer_count;
	struct bf_sdp_format format; /* its fmtp is in fmtp_text */
	char fmtp_text[BF_TRACK_FMTP];
	char rids[BF_TRACK_LAYERS][BF_TRACK_RID];
	struct bf_peer_track_state state;
};

struct bf_peer_track_change {
	struct bf_peer_msg peer;
	uint64_t track_id;
	struct bf_peer_track_state state; /* of BF_PEER_TRACK_STATE */
};

/* To the origin: which layers the mirror wants from now on, and what to call it in records. */
struct bf_peer_want {
	struct bf_peer_msg peer;
	uint64_t track_id;
	uint32_t handle;
	uint8_t layers; /* a bit each, and BF_PEER_LEVELS; 0: nothing */
};

/* To the origin: subscribers of the mirror need a keyframe. */
struct bf_peer_keyframe {
	struct bf_peer_msg peer;
	uint64_t track_id;
	uint8_t layer;
};

/* From the worker that watches the speakers of the room. */
struct bf_peer_speakers {
	struct bf_peer_msg peer;
	uint64_t dominant_id;
	uint32_t speaking_count;
	uint64_t speaking[BF_MEDIA_SPEAKERS_MAX];
};

/* A data channel message, with its sender's id in place. */
struct bf_peer_data {
	struct bf_peer_msg peer;
	uint64_t receiver_id;		/* 0: everybody */
	struct bf_sctp_channel channel; /* its texts are in `bytes`, before the message */
	bool is_text;
	uint32_t label_len, protocol_len, data_len;
	uint8_t bytes[];
};

/* How many bytes of BF_PEER_DATA have been worked off: the sender may have so many more on their way. About no room. */
struct bf_peer_data_taken {
	struct bf_peer_msg peer;
	uint64_t bytes;
};

/* ---- records ---- */

enum bf_peer_record_kind {
	BF_PEER_PACKET = 1,
	BF_PEER_SKIP, /* a number that nothing is sent for: padding, or what cannot be had any more */
	BF_PEER_REPORT, /* a sender report came */
	BF_PEER_LEVEL,	/* of a packet that the mirror does not want */
};

struct bf_peer_record {
	uint32_t handle;     /* the mirror's */
	uint32_t stream_uid; /* the origin's: another one is another sequence of numbers */
	uint8_t kind;
	uint8_t layer;
};

/* Behind it stand the values of extensions, in the order of enum bf_ext, and the payload. */
struct bf_peer_packet {
	struct bf_peer_record record;
	bool marker;
	uint8_t ext_lens[BF_EXT_COUNT]; /* BF_PEER_NO_EXT: not there */
	uint16_t payload_len;
	uint32_t timestamp;
	uint64_t ext_seq;
	int64_t at_us; /* when the origin got it */
	struct bf_payload info;
	uint8_t bytes[];
};

struct bf_peer_skip {
	struct bf_peer_record record;
	uint64_t ext_seq;
};

struct bf_peer_report {
	struct bf_peer_record record;
	uint32_t timestamp;
	uint64_t ntp;
	int64_t at_us;
};

struct bf_peer_level {
	struct bf_peer_record record;
	uint8_t level_dbov;
	int64_t at_us;
};

#endif
