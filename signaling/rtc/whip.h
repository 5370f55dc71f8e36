/* signaling/rtc/whip.h - WHIP and WHEP: one participant over plain HTTP, as requests and replies without a server.
 *
 * Owner:   the hub.   Thread: control.
 * Rule:    every request is answered exactly once through bf_rtc_hub_conf.reply, at once or when the worker has answered. A
 *          resource goes with its participant; its URL is unguessable, and with join tokens in use it also wants the token
 *          that made it (even if that has run out since) or another one good for the room.
 * Source:  RFC 9725 (WHIP), draft-ietf-wish-whep, RFC 6750, RFC 6585 section 3, RFC 9110 section 13.1.1.
 */
#ifndef BF_SIGNALING_RTC_WHIP_H
#define BF_SIGNALING_RTC_WHIP_H

#include "core/base/bytes.h"
#include "core/base/map.h"

#define BF_RTC_WHIP_SDP_MAX 65536
#define BF_RTC_WHIP_LINKS   20 /* ICE servers named in a reply, */
#define BF_RTC_WHIP_LINKS_MAX \
	4096 /* in so many bytes: clients and proxies bound the head of a response */
#define BF_RTC_WHIP_FIELDS    (BF_RTC_WHIP_LINKS + 4)
#define BF_RTC_WHIP_SESSIONS  65536
#define BF_RTC_WHIP_KEY_TEXT  34
#define BF_RTC_WHIP_ETAG_TEXT 20

struct bf_rtc_hub;
struct bf_rtc_participant;
struct bf_rtc_pending;
struct bf_media_sdp;

struct bf_rtc_whip_request {
	uint64_t exchange_id;
	bool is_whep;
	struct bf_bytes room; /* of a POST to an endpoint */
	struct bf_bytes name; /* data NULL: WHEP of the active speaker */
	struct bf_bytes key;  /* of a resource */
	/* fields; data NULL when absent */
	struct bf_bytes content_type, accept, authorization, if_match;
	struct bf_bytes body;
};

struct bf_rtc_whip_field {
	const char *name;
	const char *value;
};

struct bf_rtc_whip_reply {
	int status;
	/* an error: both set */
	const char *code, *detail;
	/* else, data NULL: no body */
	const char *content_type;
	struct bf_bytes body;
	struct bf_rtc_whip_field fields[BF_RTC_WHIP_FIELDS];
	unsigned field_count;
};

struct bf_rtc_whip_session {
	/* given */
	struct bf_rtc_participant *participant;
	/* owned */
	uint8_t *token; /* that it was made with */
	size_t token_len;
	/* state */
	struct bf_map_node by_key;
	char key[BF_RTC_WHIP_KEY_TEXT];
	char etag[BF_RTC_WHIP_ETAG_TEXT]; /* with its quotes; new with each ICE restart */
	uint64_t offer_exchange_id;	  /* until answered; then 0 */
	bool is_whep;
};

void bf_rtc_whip_post(struct bf_rtc_hub *hub, const struct bf_rtc_whip_request *request);
void bf_rtc_whip_patch(struct bf_rtc_hub *hub, const struct bf_rtc_whip_request *request);
void bf_rtc_whip_delete(struct bf_rtc_hub *hub, const struct bf_rtc_whip_request *request);

/* ---- for the hub ---- */

/* The worker's description: the answer to the offer, or the fragment of a restart. */
void bf_rtc_whip_on_sdp(
	struct bf_rtc_hub *hub, struct bf_rtc_pending *pending, const struct bf_media_sdp *sdp);
/* The worker took a trickled candidate. */
void bf_rtc_whip_on_done(struct bf_rtc_hub *hub, const struct bf_rtc_pending *pending);
void bf_rtc_whip_free(struct bf_rtc_hub *hub, struct bf_rtc_whip_session *session);

/* An error to one exchange. */
void bf_rtc_whip_refuse(struct bf_rtc_hub *hub, uint64_t exchange_id, int status, const char *code,
	const char *detail);

#endif
