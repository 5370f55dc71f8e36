/* media/sctp/packet_priv.h - what an SCTP packet must look like before usrsctp may see it.
 *
 * Thread: any.   Never allocates.
 * Source:  RFC 9260 section 3; RFC 8261 section 6 (no address parameters, no multi-homing over DTLS).
 */
#ifndef BF_MEDIA_SCTP_PACKET_PRIV_H
#define BF_MEDIA_SCTP_PACKET_PRIV_H

#include "core/base/bytes.h"

/* False for a packet whose chunks do not add up, that names an address (INIT, INIT ACK), or that holds a chunk of an extension
 * we do not speak (ASCONF, AUTH, PKTDROP, NR-SACK), or that has other ports. */
bool packet_is_wanted(struct bf_bytes packet, uint16_t source_port, uint16_t destination_port);

#endif
