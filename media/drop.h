/* media/drop.h - why a packet was thrown away. Every drop has a name and a counter.
 *
 * Thread: constants only.
 */
#ifndef BF_MEDIA_DROP_H
#define BF_MEDIA_DROP_H

enum bf_drop {
	BF_DROP_NONE,
	BF_DROP_EMPTY,	       /* no bytes */
	BF_DROP_UNKNOWN_PROTO, /* first byte is none of RFC 7983's ranges */
	BF_DROP_UNKNOWN_ADDR,  /* not STUN, and no validated 5-tuple */
	BF_DROP_STUN_MALFORMED,
	BF_DROP_STUN_UNKNOWN, /* no transport has that user name */
	BF_DROP_STUN_AUTH,    /* MESSAGE-INTEGRITY does not fit */
	BF_DROP_DTLS,	      /* refused record, or DTLS where none is expected */
	BF_DROP_NO_KEYS,      /* SRTP before the handshake is over */
	BF_DROP_RTP_MALFORMED,
	BF_DROP_RTCP_MALFORMED,
	BF_DROP_AUTH,	      /* SRTP authentication failed */
	BF_DROP_REPLAY,	      /* SRTP index seen before, or too old */
	BF_DROP_SSRC_UNKNOWN, /* no track takes this SSRC, mid or rid */
	BF_DROP_SSRC_LIMIT,   /* table of SSRCs full */
	BF_DROP_PT_UNKNOWN,   /* payload type not negotiated */
	BF_DROP_LATE,	      /* older than every window */
	BF_DROP_TX_FULL,      /* no room in the tx slab */
	BF_DROP_SCTP,	      /* refused SCTP packet */
	BF_DROP_PATH_LIMIT,   /* table of 5-tuples full */
	BF_DROP_TURN_FULL,    /* too many packets of the stream wait for their turn */
	BF_DROP_COUNT,
};

/* "srtp_auth", for metrics and logs. */
const char *bf_drop_name(enum bf_drop drop);

#endif
