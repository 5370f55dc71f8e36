#include "media/drop.h"

#include <stddef.h>

static const char *const NAMES[BF_DROP_COUNT] = {
	[BF_DROP_NONE] = "none",
	[BF_DROP_EMPTY] = "empty",
	[BF_DROP_UNKNOWN_PROTO] = "unknown_proto",
	[BF_DROP_UNKNOWN_ADDR] = "unknown_addr",
	[BF_DROP_STUN_MALFORMED] = "stun_malformed",
	[BF_DROP_STUN_UNKNOWN] = "stun_unknown",
	[BF_DROP_STUN_AUTH] = "stun_auth",
	[BF_DROP_DTLS] = "dtls",
	[BF_DROP_NO_KEYS] = "no_keys",
	[BF_DROP_RTP_MALFORMED] = "rtp_malformed",
	[BF_DROP_RTCP_MALFORMED] = "rtcp_malformed",
	[BF_DROP_AUTH] = "srtp_auth",
	[BF_DROP_REPLAY] = "srtp_replay",
	[BF_DROP_SSRC_UNKNOWN] = "ssrc_unknown",
	[BF_DROP_SSRC_LIMIT] = "ssrc_limit",
	[BF_DROP_PT_UNKNOWN] = "pt_unknown",
	[BF_DROP_LATE] = "late",
	[BF_DROP_TX_FULL] = "tx_full",
	[BF_DROP_SCTP] = "sctp",
	[BF_DROP_PATH_LIMIT] = "path_limit",
	[BF_DROP_TURN_FULL] = "turn_full",
};

const char *bf_drop_name(enum bf_drop drop)
{
	const char *name = (unsigned)drop < BF_DROP_COUNT ? NAMES[drop] : NULL;

	return name ? name : "unknown";
}
