/* media/rtp/ext.h - RTP header extensions: which URI is which, find one, write a block of them.
 *
 * Owner:   views borrow the packet.   Thread: any.   Never allocates.
 * Source:  RFC 8285 (one- and two-byte forms), RFC 9143 (mid), RFC 8852 (rid, repaired rid), RFC 6464 (audio
 *          level), 3GPP TS 26.114 (video orientation), the WebRTC project's abs-send-time, transport-cc and playout delay,
 *          the AV1 RTP specification (dependency descriptor).
 */
#ifndef BF_MEDIA_RTP_EXT_H
#define BF_MEDIA_RTP_EXT_H

#include "media/rtp/rtp.h"

enum bf_ext {
	BF_EXT_MID,
	BF_EXT_RID,
	BF_EXT_RRID, /* repaired-rtp-stream-id */
	BF_EXT_ABS_SEND_TIME,
	BF_EXT_TWCC, /* transport-wide sequence number */
	BF_EXT_AUDIO_LEVEL,
	BF_EXT_ORIENTATION, /* urn:3gpp:video-orientation */
	BF_EXT_PLAYOUT_DELAY,
	BF_EXT_DEPENDENCY_DESCRIPTOR,
	BF_EXT_COUNT,
};

/* "urn:ietf:params:rtp-hdrext:sdes:mid" ... */
const char *bf_ext_uri(enum bf_ext ext);

/* BF_EXT_COUNT if we do not know it. */
enum bf_ext bf_ext_from_uri(struct bf_bytes uri);

/* Negotiated ids of one m-section; 0: not negotiated. 1..14 fit the one-byte form, 1..255 the two-byte one. */
struct bf_ext_map {
	uint8_t id[BF_EXT_COUNT];
};

/* All known extensions of one packet, found in one pass. Absent ones have data NULL (an empty but present one
 * has len 0 and data set). Elements that run over the block end the pass: what was found before counts. */
struct bf_ext_values {
	struct bf_bytes value[BF_EXT_COUNT];
};
void bf_ext_parse(
	struct bf_ext_values *out, const struct bf_rtp *rtp, const struct bf_ext_map *map);

/* Write the elements whose value has data and whose id in `map` is not 0, as extension data for
 * bf_rtp_write_header (which pads). Chooses the one-byte form if every id is <= 14 and every length 1..16,
 * and returns the profile to put into rtp->ext_profile; 0 if there was nothing to write. */
uint16_t bf_ext_write(
	struct bf_wr *wr, const struct bf_ext_values *values, const struct bf_ext_map *map);

/* RFC 6464: level in -dBov (0 loud .. 127 silent) and the voice flag. False when absent or malformed. */
bool bf_ext_audio_level(const struct bf_ext_values *values, uint8_t *level_dbov, bool *is_voice);

/* Transport-wide sequence number. False when absent or malformed. */
bool bf_ext_twcc_seq(const struct bf_ext_values *values, uint16_t *seq);

#endif
