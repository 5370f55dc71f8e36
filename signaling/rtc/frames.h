/* signaling/rtc/frames.h - the `data` of what the server sends, one function per type that is more than a word.
 *
 * Owner:   the caller owns what is returned.   Thread: control.   Source: signaling/PROTOCOL.md.
 */
#ifndef BF_SIGNALING_RTC_FRAMES_H
#define BF_SIGNALING_RTC_FRAMES_H

#include "core/base/json.h"
#include "signaling/rtc/registry.h"

const char *bf_rtc_pc_name(unsigned pc);
const char *bf_rtc_source_name(unsigned source);

/* participant:joined, and one element of room:joined: with the tracks known now. */
struct bf_json *bf_rtc_frame_participant(const struct bf_rtc_participant *participant);

/* room:joined for `self`: the others it may know of. */
struct bf_json *bf_rtc_frame_joined(const struct bf_rtc_participant *self);
struct bf_json *bf_rtc_frame_left(uint64_t participant_id, const char *reason);
struct bf_json *bf_rtc_frame_published(uint64_t participant_id, const struct bf_rtc_track *track);
struct bf_json *bf_rtc_frame_unpublished(uint64_t participant_id, uint64_t track_id);
struct bf_json *bf_rtc_frame_muted(uint64_t participant_id, uint64_t track_id, bool muted);

/* webrtc_offer and webrtc_answer. */
struct bf_json *bf_rtc_frame_sdp(const struct bf_media_sdp *sdp);
struct bf_json *bf_rtc_frame_speakers(const struct bf_media_speakers *speakers);
struct bf_json *bf_rtc_frame_error(const char *code, const char *cause, struct bf_bytes ref);

#endif
