/* media/room/room_priv.h - what the files of this folder share.
 *
 *   organization ── room ── participant ──┬─ conn[publish]   ── track ── stream (one a simulcast layer) ─┐ packets
 *                                         └─ conn[subscribe] ── sub ◄─────────────────────────────────────┘
 *
 * A track lists its subs; a sub points at the track that feeds it now, or at none. A participant of another worker has no
 * connections here, and its tracks are mirrors (peer_priv.h).
 */
#ifndef BF_MEDIA_ROOM_ROOM_PRIV_H
#define BF_MEDIA_ROOM_ROOM_PRIV_H

#include "core/base/list.h"
#include "core/base/map.h"
#include "media/cc/budget.h"
#include "media/cc/fair.h"
#include "media/cc/overload.h"
#include "media/cc/pacer.h"
#include "media/cc/twcc.h"
#include "media/room/cache.h"
#include "media/room/keyframe.h"
#include "media/room/peer_msg.h"
#include "media/room/rewrite.h"
#include "media/room/room.h"
#include "media/room/speaker.h"
#include "media/rtp/nack.h"
#include "media/rtp/rtp_stats.h"
#include "media/sdp/sdp.h"

#define BF_CONN_SSRCS	  64	  /* incoming SSRCs one connection may use */
#define BF_CONN_RETIRED	  256	  /* of those used before, how many the decryption still knows */
#define BF_CONN_SECTIONS  40	  /* that we offer: as much as fits into 64 KiB of text, each way */
#define BF_CONN_PTS	  12	  /* distinct codec settings we offer on one connection */
#define BF_REPORT_US	  1000000 /* SR and RR, as RFC 3550 section 6.2 allows at these rates */
#define BF_LAYER_ALIVE_US 2000000 /* a layer without packets for this long counts as switched off */
#define BF_NACK_RTT_US \
	100000 /* publishers' round trips are not known to us: ask again after this */
#define BF_RESEND_GUARD_US    20000 /* the same packet is not sent again within this time */
#define BF_RESEND_GUARD_COUNT 64    /* packets of a subscription of which that is known */
#define BF_BURST	      32    /* packets of a stream that go to its subscribers together */
#define BF_PENDING	      512   /* that wait for their turn: a keyframe of 600 kB */
#define BF_PACE_OVERHEAD      18    /* SRTP's tag, and RTX's number */
/* How long the first packets of a video frame wait for the last one. Senders let a frame go within a fraction of this; what
 * is gained is one train to each subscriber instead of several. */
#define BF_GATHER_US 1000

struct bf_participant;
struct bf_track;
struct bf_sub;
struct bf_mirror;
struct bf_mirror_slot;
struct bf_member;
struct bf_peer_link;

/* One incoming RTP stream. */
struct bf_stream {
	struct bf_track *track;
	uint32_t uid;  /* unique on the worker; names the source to bf_rewrite */
	uint32_t ssrc; /* 0: not bound yet */
	uint32_t rtx_ssrc;
	uint8_t layer;
	char rid[BF_TRACK_RID];
	uint64_t area; /* pixels of the last keyframe that told; 0: unknown */
	uint64_t counted_bytes,
		second_bytes; /* byte count of the last second's end, and in that second */
	struct bf_seq seq;
	struct bf_nack nack;
	struct bf_rtp_stats stats;
	struct bf_cache cache;
	struct bf_keyframe keyframe;
	uint8_t fir_count;	/* command number of the next FIR (RFC 5104 section 4.3.1.1) */
	int64_t last_packet_us; /* 0: none yet */
	uint64_t sr_ntp;	/* last sender report, 0: none yet */
	uint32_t sr_timestamp;
	int64_t sr_at_us;
	/* waiting to be forwarded: numbers in the cache, their low halves (turn.c) */
	struct bf_list pending_node; /* rooms->pending, while there are any */
	uint16_t pending[BF_PENDING];
	unsigned pending_count;
	int64_t pending_until_us; /* when those behind the burst go, complete or not */
	uint64_t passed;	  /* the highest number that has had its turn, or needed none */
	bool is_broken;		  /* some were dropped */
	/* a burst on its way to the subscribers, one after the other: the first of those that wait */
	unsigned due_count;	 /* 0: none is on its way */
	struct bf_list *due_at;	 /* who gets it next: in track->subs, or its head */
	struct bf_list due_node; /* room->due: video that waits for its turn */
	int64_t due_cost;	 /* of the part that is next, in rooms->fair */
	uint32_t due_made;	 /* copies so far */
	uint32_t taker_count;	 /* subscriptions that took the burst before */
};

/* What a participant publishes. */
struct bf_track {
	struct bf_list node; /* participant->tracks */
	struct bf_participant *participant;
	uint64_t id;
	char mid[BF_SDP_MID_MAX + 1];
	bool is_video;
	bool is_muted;
	bool is_over_budget; /* packets are left out */
	uint8_t source;
	struct bf_sdp_format format; /* fmtp points into fmtp_text */
	char fmtp_text[BF_TRACK_FMTP];
	uint8_t rtx_pt; /* 0: none */
	struct bf_ext_map exts;
	struct bf_sdp_ssrc_pair declared[BF_SDP_SSRCS]; /* SSRCs the description names */
	unsigned declared_count;
	unsigned layer_count;
	struct bf_stream streams[BF_TRACK_LAYERS]; /* in the order of the description's rids */
	uint8_t ranks
		[BF_TRACK_LAYERS]; /* the streams from the lowest layer up: clients list their rids either way */
	unsigned disorder_count; /* seconds in which the order looked wrong */
	struct bf_list subs;
	struct bf_list feeds;		 /* what other workers get of it: struct bf_feed */
	struct bf_peer_track_state told; /* what they know of it */
	struct bf_mirror *mirror;	 /* of a track that another worker receives; NULL: we do */
};

/* When a packet was last sent again. */
struct bf_resend_guard {
	uint16_t seq;
	bool is_set;
	uint32_t at_ms;
};

/* One outgoing stream to one participant. */
struct bf_sub {
	struct bf_list track_node; /* track->subs */
	struct bf_list conn_node;  /* conn->subs */
	const struct bf_transport_out *out;
	struct bf_conn *conn;
	struct bf_track *track; /* NULL: nothing to send now */
	uint8_t mirror_layers;	/* of a mirror: what this one needs of it, a bit for each layer */
	bool is_video;
	bool is_active;		/* the peer's description takes it */
	bool is_refused;	/* it did not; the user has been told */
	bool has_exts;		/* `exts` is settled */
	bool is_paused;		/* by its user */
	bool is_shed;		/* by us, for we cannot keep up */
	int section_idx;	/* -1: of a player, who offered */
	int8_t wanted;		/* layer asked for, -1: the highest */
	int8_t target, current; /* indexes of streams; current -1: waiting for a keyframe */
	uint8_t epoch;		/* another value makes the same stream a new source */
	uint8_t pt, rtx_pt;
	uint32_t ssrc, rtx_ssrc;
	struct bf_ext_map exts;
	uint16_t rtx_seq;
	uint32_t packet_count, byte_count;
	struct bf_rewrite rewrite;
	/* what single packets do not need */
	struct bf_sdp_format format;			      /* negotiated; fmtp not kept */
	struct bf_resend_guard resent[BF_RESEND_GUARD_COUNT]; /* by outgoing seq; video */
	struct bf_keyframe_quota quota;
	uint32_t sr_lsr; /* of our last sender report */
	int64_t sr_at_us;
	struct bf_rewrite_slot slots[];
};

/* A codec setting and the payload types we gave it on this connection (RFC 8843 section 9.1: one meaning in the whole bundle). */
struct bf_conn_pt {
	enum bf_codec codec;
	char fmtp[BF_TRACK_FMTP];
	uint8_t pt, rtx_pt;
};

struct bf_section {
	char mid[BF_SDP_MID_MAX + 1];
	enum bf_sdp_kind kind;
	struct bf_sub *sub; /* subscribe */
	bool is_offered;    /* `sub` is part of the offer that waits for its answer, */
	uint8_t pt, rtx_pt; /* with these payload types */
};

struct bf_ssrc_entry {
	uint32_t ssrc;
	bool is_rtx;
	struct bf_stream *stream;
};

struct bf_conn {
	struct bf_participant *participant;
	enum bf_pc pc;
	struct bf_transport *transport;
	uint32_t transport_id;
	uint64_t session_id, session_version;
	char tag_mid[BF_SDP_MID_MAX + 1]; /* of the section whose transport the bundle uses */
	enum bf_sdp_kind tag_kind;
	uint32_t next_ssrc; /* ours come one after the other: none is used twice under one key */
	uint32_t feedback_ssrc; /* our SSRC in RTCP about what we receive */
	struct bf_timer timer;	/* reports and feedback */
	int64_t report_due_us;
	bool is_connected;
	/* publish; NULL on one that subscribes */
	struct bf_ssrc_entry *ssrcs; /* BF_CONN_SSRCS */
	unsigned ssrc_count;
	uint32_t *retired; /* a ring of BF_CONN_RETIRED; 0: free */
	unsigned retired_idx;
	struct bf_twcc *twcc;
	bool has_twcc;
	uint64_t refused_messages; /* of those that SCTP counts, how many we have counted */
	/* subscribe */
	struct bf_pacer pacer;
	struct bf_list subs;
	struct bf_section *sections; /* BF_CONN_SECTIONS, once we offer; NULL where the peer does */
	unsigned section_count;
	unsigned offered_count; /* sections of the newest offer */
	bool is_short;		/* tracks wait for a section */
	struct bf_conn_pt *pts; /* BF_CONN_PTS, as the sections */
	unsigned pt_count;
	bool is_client_offered; /* WHEP */
	bool is_offer_pending;	/* our offer waits for its answer */
	bool needs_offer;
	struct bf_timer offer_timer;
};

struct bf_participant_key {
	uint64_t room_id, participant_id;
};

struct bf_participant {
	struct bf_list node;	     /* room->participants */
	struct bf_map_node map_node; /* rooms->participants, unless it is remote */
	struct bf_participant_key key;
	uint64_t id;
	struct bf_room *room;
	bool is_receiver; /* may subscribe, and counts in the room (org.c) */
	bool is_remote;	  /* lives on `worker`; here are only its tracks */
	bool is_doubtful;
	uint16_t worker;
	uint32_t grants;
	bool auto_subscribe;
	struct bf_list tracks;
	struct bf_conn *conns[BF_PC_COUNT];
	/* WHEP: whom it plays */
	bool is_player;
	uint64_t play_id; /* 0: the active speaker */
};

/* Whose rooms they are. Is there while it has one. */
struct bf_org {
	struct bf_map_node map_node;
	uint64_t id; /* 0: the default one */
	unsigned room_count;
	struct bf_fair_org fair;
	struct bf_budget budget;
};

struct bf_room {
	struct bf_map_node map_node;
	uint64_t id;
	struct bf_rooms *rooms;
	struct bf_org *org;
	struct bf_fair_room fair;
	struct bf_list due; /* streams, whose next part is an item of `fair` */
	struct bf_budget budget;
	bool is_limited;				/* it or its organization has a budget */
	unsigned receiver_count, remote_receiver_count; /* participants that may subscribe */
	int64_t over_logged_us;				/* 0: never */
	struct bf_list participants;
	unsigned participant_count; /* ours */
	/* who speaks (leader.c) */
	bool is_leader;
	struct bf_speaker speaker;
	struct bf_timer speaker_timer;
	struct bf_speaker_change
		speakers; /* as told last; its dominant one is whom players watch */
	/* other workers (member.c) */
	uint32_t life;
	uint32_t last_ask;
	bool is_opening;
	int64_t opened_us;
	struct bf_timer peer_timer;
	struct bf_msg **held; /* requests that wait */
	size_t held_count, held_room;
	struct bf_member *members; /* by worker */
};

struct bf_rooms {
	struct bf_rooms_conf conf;
	struct bf_map rooms, orgs;
	struct bf_map participants; /* of this worker, by room and id: a room may have thousands */
	struct bf_sdp *parsed;	    /* scratch: the peer's description */
	struct bf_sdp_media *written; /* scratch: BF_SDP_MEDIA sections of ours */
	char *text;		      /* scratch: BF_SDP_TEXT_MAX bytes */
	struct bf_rooms_counters counters;
	uint32_t next_stream_uid;
	struct bf_list pending; /* streams with packets to forward */
	struct bf_fair fair;	/* of them those with a burst of video on its way */
	struct bf_loop_hook forward_hook;
	struct bf_timer gather_timer;
	struct bf_pacers pacers;
	struct bf_timer pace_timer;
	struct bf_overload overload;
	/* other workers: peer.c, feed.c, mirror.c */
	uint32_t last_life;
	struct bf_peer_link *links; /* by worker */
	struct bf_timer queue_timer;
	struct bf_loop_hook commit_hook;
	struct bf_list refused_feeds;
	struct bf_timer refused_timer;
	struct bf_mirror_slot *mirrors;
	unsigned mirror_slot_count, mirror_slot_next;
	struct bf_list changed_mirrors;
	struct bf_loop_hook mirror_hook;
};

/* room.c */
struct bf_room *bf_rooms_find(struct bf_rooms *rooms, uint64_t room_id);
void bf_room_close_if_empty(struct bf_room *room);
struct bf_participant *bf_room_find(struct bf_room *room, uint64_t participant_id);
struct bf_participant *bf_room_find_ours(
	struct bf_room *room, uint64_t participant_id); /* who lives here */
bool bf_room_post(
	struct bf_rooms *rooms, void *msg); /* takes it; false: it is NULL, for want of memory */
void bf_room_post_done(
	struct bf_rooms *rooms, uint64_t request_id, uint64_t room_id, uint64_t participant_id);
void bf_room_post_error(struct bf_rooms *rooms, uint64_t request_id, uint64_t room_id,
	uint64_t participant_id, const char *code, const char *cause);
void bf_room_post_track(const struct bf_track *track, enum bf_track_event event);
void bf_room_post_to_subscriber(const struct bf_sub *sub, enum bf_track_event event, bool is_on);
/* False: there was no memory for it. */
bool bf_room_post_sdp(struct bf_conn *conn, uint64_t request_id, bool is_offer,
	const struct bf_media_sdp_track *tracks, unsigned track_count, const char *sdp,
	size_t sdp_len);

/* 1 to 2^24 - 1, so that it fits into bf_rewrite's source beside an epoch. */
static inline uint32_t bf_room_stream_uid(struct bf_rooms *rooms)
{
	rooms->next_stream_uid = rooms->next_stream_uid % 0xffffff + 1;
	return rooms->next_stream_uid;
}

/* conn.c */
int bf_conn_new(struct bf_conn **out, struct bf_participant *participant, enum bf_pc pc);
void bf_conn_free(struct bf_conn *conn);
int bf_conn_prepare_offers(struct bf_conn *conn); /* sections and payload types of ours. -ENOMEM */
void bf_conn_wake(struct bf_conn *conn, int64_t at_us); /* run feedback no later than that */
uint32_t bf_conn_ssrc(struct bf_conn *conn);		/* one not used on this connection before */
static inline struct bf_rooms *bf_conn_rooms(const struct bf_conn *conn)
{
	return conn->participant->room->rooms;
}

/* negotiate.c: shared by publish.c, subscribe.c, play.c */
const struct bf_sdp_media *bf_negotiate_transport_section(const struct bf_sdp *sdp);
int bf_negotiate_parse(
	struct bf_rooms *rooms, const char *text, size_t len, char *why, size_t why_size);
int bf_negotiate_remote(
	struct bf_conn *conn, const struct bf_sdp_media *section, char *why, size_t why_size);
enum bf_sdp_setup bf_negotiate_our_setup(const struct bf_sdp_media *section);
void bf_negotiate_reject(struct bf_sdp_media *out, const struct bf_sdp_media *offered);
bool bf_negotiate_is_live(const struct bf_rooms *rooms, unsigned media_count);
size_t bf_negotiate_write_fragment(struct bf_conn *conn);
int bf_negotiate_write(struct bf_conn *conn, enum bf_sdp_setup setup, unsigned media_count);

/* publish.c */
void bf_publish_on_offer(struct bf_participant *participant, const struct bf_media_offer *msg);
void bf_track_end(struct bf_track *track); /* tells everyone, frees */
void bf_track_init_streams(struct bf_track *track, unsigned layer_count);
void bf_track_drop(struct bf_track *track); /* out of all lists; the caller frees what is its own */
struct bf_track *bf_track_find(struct bf_room *room, uint64_t track_id);
struct bf_track *bf_track_by_mid(struct bf_participant *participant, const char *mid);

/* subscribe.c */
void bf_subscribe_track(struct bf_participant *subscriber, struct bf_track *track);
void bf_subscribe_everything(struct bf_participant *subscriber);
void bf_subscribe_on_answer(struct bf_participant *participant, const struct bf_media_answer *msg);
void bf_subscribe_request_offer(struct bf_conn *conn);
struct bf_sub *bf_sub_new(struct bf_conn *conn, bool is_video);
void bf_sub_free(struct bf_sub *sub);
void bf_sub_attach(struct bf_sub *sub, struct bf_track *track);
void bf_sub_detach(struct bf_sub *sub);
void bf_sub_interrupt(struct bf_sub
		*sub); /* what is missed from here on is no loss; video goes on with a keyframe */
struct bf_sub *bf_sub_find(struct bf_participant *participant, uint64_t track_id);

/* play.c */
void bf_play_on_offer(struct bf_participant *participant, const struct bf_media_offer *msg);
void bf_play_update(struct bf_room *room); /* tracks or the speaker changed */

/* leader.c */
void bf_leader_on_level(
	struct bf_room *room, uint64_t participant_id, uint8_t level_dbov, int64_t now_us);
void bf_leader_on_left(struct bf_room *room, uint64_t participant_id);

/* member.c */
void bf_member_tell_joined(const struct bf_participant *participant);
void bf_member_tell_left(const struct bf_participant *participant);

/* feed.c: a track of ours, for other workers */
void bf_feed_packet(const struct bf_stream *stream, const struct bf_media_packet *packet);
void bf_feed_skip(const struct bf_stream *stream, uint64_t ext_seq);
void bf_feed_report(const struct bf_stream *stream);
void bf_feed_tell_state(struct bf_track *track); /* if it has changed */

/* mirror.c: a track of another worker's; the first two do nothing for ours */
void bf_mirror_on_sub(struct bf_sub *sub); /* it may need something else now */
void bf_mirror_leave(struct bf_sub *sub);  /* it needs nothing of its track any more */
bool bf_mirror_is_alive(const struct bf_stream *stream);
void bf_mirror_want_keyframe(struct bf_stream *stream, int64_t now_us);

/* receive.c */
void bf_stream_start_anew(struct bf_stream *stream); /* another source of packets feeds it */
void bf_receive_forget(struct bf_conn *conn, const struct bf_track *track); /* its SSRCs */

/* layer.c */
void bf_layer_rank(struct bf_track *track);	 /* after a picture told its size */
void bf_layer_on_second(struct bf_track *track); /* once a second */
uint8_t bf_layer_of(const struct bf_track *track, int8_t stream_idx); /* 0: the lowest */
bool bf_layer_is_alive(const struct bf_stream *stream, int64_t now_us);
void bf_layer_update(struct bf_sub *sub); /* choose the target anew */
void bf_layer_update_track(struct bf_track *track);
void bf_layer_want_keyframe(struct bf_sub *sub);
void bf_layer_ask(struct bf_stream *stream, int64_t now_us); /* whoever sends it, for a keyframe */

/* shed.c */
void bf_shed_update(struct bf_sub *sub); /* paused or not, as the level has it */

/* org.c */
/* Whether it is one of those that the room's budget is for. Not any more before it goes. */
void bf_org_set_receiver(struct bf_participant *participant, bool is_receiver);
int bf_org_enter(struct bf_room *room, uint64_t org_id); /* a new room; -ENOMEM, -ENOBUFS */
void bf_org_leave(struct bf_room *room);
/* Why the budgets let nobody more in; NULL: they do, and it is counted. */
const char *bf_org_refuse_join(struct bf_room *room, const struct bf_media_join *join);
/* Whether so many copies of a packet of the track may be made. If not, that is counted, and a picture goes on later with a
 * keyframe. Asked before any of them is made, if the room is limited. */
bool bf_org_allows(
	struct bf_track *track, uint32_t copy_count, size_t packet_bytes, int64_t now_us);

/* turn.c: when packets go, and whose first */
void bf_forward_init(struct bf_rooms *rooms);
void bf_forward_deinit(struct bf_rooms *rooms);
void bf_forward_stream_init(struct bf_stream *stream);
/* Keep a packet for NACKs, and send it to the subscribers at the end of the turn, or with the rest of its frame. */
void bf_forward_packet(struct bf_stream *stream, const struct bf_media_packet *packet);
void bf_forward_flush(struct bf_stream *stream);  /* what waits goes now */
void bf_forward_forget(struct bf_stream *stream); /* what waits does not go */
void bf_forward_step_over(struct bf_sub *sub);	  /* it leaves its track */

/* pace.c */
struct bf_template;
/* Whether the packet that has the number `seq` may go now. If not, it goes later by itself, or is lost for good. */
bool bf_pace_admit(struct bf_sub *sub, const struct bf_template *template, bool is_again,
	uint16_t seq, int64_t now_us);
/* What waited and may go now; about so many packets, the others later. Returns how many. */
uint32_t bf_pace_run(struct bf_rooms *rooms, uint32_t count_max, int64_t now_us);

/* resend.c */
/* Send what has the number `seq`, if it is still held: once more (`is_again`), or for the first time. */
void bf_resend_packet(struct bf_sub *sub, const struct bf_outbox_aim *aim, uint16_t seq,
	bool is_again, int64_t now_us);
void bf_resend_on_nack(struct bf_sub *sub, const uint16_t *seqs, size_t count, int64_t now_us);

/* emit.c: a packet's header, as far as it is the same for all subscribers with the same extension ids */
struct bf_template {
	const struct bf_media_packet *packet;
	uint16_t header_len;
	uint16_t front_len;		  /* bytes of payload that are rewritten */
	uint8_t bytes[BF_RTP_HEADER_MAX]; /* the header */
};
struct bf_emit {
	uint8_t pt;
	uint16_t seq;
	uint32_t timestamp, ssrc;
	uint16_t picture_id;
	uint8_t tl0picidx;
	bool is_rtx; /* RFC 4588: `rtx_of` goes before the payload */
	uint16_t rtx_of;
};
void bf_template_make(struct bf_template *out, const struct bf_media_packet *packet,
	const struct bf_ext_map *exts);
void bf_emit(struct bf_outbox *outbox, const struct bf_outbox_aim *aim,
	const struct bf_template *template, const struct bf_emit *emit);

/* forward.c: packets of one stream to one subscription after the other */
struct bf_burst {
	struct bf_stream *stream;
	int64_t now_us;
	int64_t arrived_us; /* the first of them */
	uint64_t passed;    /* the highest number that has gone before */
	size_t count;
	const struct bf_media_packet *packets[BF_BURST];
	/* headers for subscribers whose extension ids are `exts` */
	bool has_templates;
	struct bf_ext_map exts;
	struct bf_template templates[BF_BURST];
};
/* Nothing in it yet. */
void bf_burst_begin(struct bf_burst *burst, struct bf_stream *stream, int64_t now_us);
void bf_burst_add(struct bf_burst *burst, const struct bf_media_packet *packet);
/* How many subscriptions are going to take the stream's packets; a keyframe lets some in. */
uint32_t bf_forward_count_takers(const struct bf_stream *stream, bool is_keyframe);
/* From one in the track's list on, until about so many copies are made, or the list ends. Returns how many were made, with something for
 * those that were looked at in vain. */
uint32_t bf_forward_burst(struct bf_burst *burst, struct bf_list **at, uint32_t copy_count);
/* A packet is left out on purpose: numbers close up behind it. */
void bf_forward_skip(struct bf_stream *stream, uint64_t ext_seq);

static inline uint32_t bf_sub_source(const struct bf_sub *sub, const struct bf_stream *stream)
{
	return stream->uid << 8 | sub->epoch;
}

/* feedback.c */
int64_t bf_feedback_run(struct bf_conn *conn, int64_t now_us); /* returns when next */
enum bf_drop bf_feedback_on_rtcp(struct bf_conn *conn, struct bf_bytes packet, int64_t now_us);

/* data.c */
void bf_data_count_refused(struct bf_conn *conn);
void bf_data_on_message(struct bf_participant *sender, const struct bf_sctp_channel *channel,
	bool is_text, struct bf_bytes data);

#endif
