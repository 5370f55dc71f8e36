/* tests/media/worker/house.h - rooms without a worker, on a clock made by hand, of which a chosen allocation fails. Several houses are the
 * workers of one server, on one thread: what they say to each other waits until somebody lets it through.
 *
 * Tests that use it are linked with --wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=bf_clock_mono_us.
 */
#ifndef BF_TESTS_MEDIA_WORKER_HOUSE_H
#define BF_TESTS_MEDIA_WORKER_HOUSE_H

#include "core/base/clock.h"
#include "media/room/peer_priv.h"
#include "tests/media/worker/call.h"

#define HOUSE_CONNS 16
#define HOUSE_INBOX 65536

struct house {
	/* of a server: all of its houses, in order */
	struct house *all;
	unsigned idx, count;
	struct bf_pipe **pipes;
	struct bf_sctp_stack *sctp;
	/* its own */
	struct bf_loop *loop;
	int log_fd;
	struct bf_log *log;
	struct bf_dtls_ctx *dtls;
	struct bf_srtp_engine *srtp;
	struct bf_transport_env env;
	struct bf_transit transit;
	struct bf_outbox outbox;
	struct bf_pool cache_pool;
	struct bf_rooms *rooms;
	struct bf_conn *conns[HOUSE_CONNS];
	uint64_t drops[BF_DROP_COUNT];
	char candidates[1][BF_ICE_CANDIDATE_TEXT];
	uint8_t datagram[2048];
	/* from the others */
	struct bf_msg *inbox[HOUSE_INBOX];
	unsigned inbox_head, inbox_count;
	bool is_full; /* takes nothing more in */
	/* what was asked and answered */
	uint64_t asked, answered, refused;
	char offer[PEER_SDP_MAX]; /* the newest one to Bob */
	bool has_offer;
};

/* The allocation after `n` others fails; negative: none. Whether one has failed since. */
void house_fail_at(int n);
bool house_has_failed(void);

/* `houses` are `count` in a row; 1 is a server with one worker. */
void house_open(struct house *houses, unsigned count);
void house_limit_rooms(struct bf_budget_limits limits); /* of those opened from now on */
void house_close(struct house *houses);

/* Requests. Allocations may fail in them unless `house_spare_requests`. */
void house_spare_requests(bool is_spared);
void house_join(struct house *house, uint64_t id, bool auto_subscribe);
void house_join_as(struct house *house, uint64_t id, bool auto_subscribe, uint32_t grants);
void house_offer(struct house *house, uint64_t id, enum bf_pc pc, const char *sdp);
void house_answer(struct house *house, struct peer *bob); /* if there is an offer */
void house_mute(struct house *house, uint64_t id, uint64_t track_id, bool is_muted);
void house_leave(struct house *house, uint64_t id);

/* Time passes in all houses, and they hear each other out. Allocations may fail. */
void house_pass(struct house *houses, int64_t us);

/* ALICE's sections: audio, video, data; the same without video; what a player takes. */
extern const struct peer_section house_published[3], house_stopped[3], house_played[2];

#endif
