/* media/sctp/dcep_priv.h - the two messages by which a data channel is opened.
 *
 * Owner:   views borrow the message.   Thread: any.   Never allocates.
 * Limits:  BF_SCTP_LABEL_MAX bytes of label, and of protocol.
 * Source:  RFC 8832 section 5.
 */
#ifndef BF_MEDIA_SCTP_DCEP_PRIV_H
#define BF_MEDIA_SCTP_DCEP_PRIV_H

#include "media/sctp/sctp.h"

#define DCEP_OPEN_MAX (12 + 2 * BF_SCTP_LABEL_MAX)

enum dcep_kind {
	DCEP_OPEN,
	DCEP_ACK,
};

struct dcep {
	enum dcep_kind kind;
	struct bf_sctp_channel channel; /* of an OPEN; `stream` is 0: SCTP says it */
};

/* -EBADMSG malformed or of an unknown type; -ENOBUFS label or protocol too long. */
int dcep_parse(struct dcep *out, struct bf_bytes message);

/* Whether dcep_write_open can say it: lengths and type. */
bool dcep_can_write(const struct bf_sctp_channel *channel);

/* Returns the length: at most DCEP_OPEN_MAX, which `size` has to allow for, and 1. */
size_t dcep_write_open(uint8_t *out, size_t size, const struct bf_sctp_channel *channel);
size_t dcep_write_ack(uint8_t *out);

#endif
