/* media/cc/twcc.h - arrival times of one transport's packets, reported as transport-cc feedback.
 *
 * Owner:   one receiving transport, which embeds it.   Thread: its worker.
 * Limits:  remembers BF_TWCC_WINDOW packets; a report covers at most BF_TWCC_REPORT of them and fits in
 *          one datagram. Never allocates.
 * Source:  draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1.
 */
#ifndef BF_MEDIA_CC_TWCC_H
#define BF_MEDIA_CC_TWCC_H

#include "core/base/bytes.h"

#define BF_TWCC_WINDOW 2048
#define BF_TWCC_REPORT 512

/* Feedback every 100 ms, as browsers do; 50 when busy gains nothing. */
#define BF_TWCC_INTERVAL_US 100000

struct bf_twcc {
	/* given */
	uint32_t sender_ssrc;
	/* state */
	int64_t arrival_us[BF_TWCC_WINDOW]; /* by ext_seq; 0: not received */
	uint64_t next_ext_seq;		    /* first not yet reported */
	uint64_t highest_ext_seq;
	int64_t due_us;
	uint32_t media_ssrc;
	uint8_t feedback_count;
	bool is_started;
};

void bf_twcc_init(struct bf_twcc *twcc, uint32_t sender_ssrc);

/* A packet of `media_ssrc` with transport-wide sequence number `seq` arrived. */
void bf_twcc_on_packet(struct bf_twcc *twcc, uint16_t seq, uint32_t media_ssrc, int64_t now_us);

/* Append one feedback packet if it is due. Returns whether one was written; call again until false. */
bool bf_twcc_poll(struct bf_twcc *twcc, int64_t now_us, struct bf_wr *wr);

/* INT64_MAX if nothing is waiting to be reported. */
int64_t bf_twcc_deadline_us(const struct bf_twcc *twcc);

/* Reading feedback (about what we sent): calls nothing, fills arrays. Returns the number of packets covered, at
 * most `count`, or -EBADMSG (the arrays may then hold anything). arrival_us[i] is relative to the report's
 * reference time, or -1 if lost; it is a multiple of 250, negative when a packet overtook the first one. */
int bf_twcc_parse(struct bf_bytes body, uint16_t *base_seq, int64_t *arrival_us, size_t count);

/* Reference time of a report that bf_twcc_parse took: wraps after BF_TWCC_REFERENCE_WRAP_US (12.4 days). */
#define BF_TWCC_REFERENCE_WRAP_US (INT64_C(64000) << 24)
int64_t bf_twcc_reference_us(struct bf_bytes body);

#endif
