/* signaling/rtc/requests.h - the handlers of the table in message.c, and the places of their fields.
 *
 * Thread: control.
 */
#ifndef BF_SIGNALING_RTC_REQUESTS_H
#define BF_SIGNALING_RTC_REQUESTS_H

#include "signaling/rtc/message.h"

enum { BF_RTC_RESUME_TOKEN, BF_RTC_RESUME_LAST_SEQ };
enum { BF_RTC_JOIN_ROOM, BF_RTC_JOIN_NAME, BF_RTC_JOIN_TOKEN };
enum { BF_RTC_OFFER_PC, BF_RTC_OFFER_SDP, BF_RTC_OFFER_TRACKS };
enum { BF_RTC_OFFER_TRACK_MID, BF_RTC_OFFER_TRACK_SOURCE };
enum { BF_RTC_ANSWER_PC, BF_RTC_ANSWER_SDP };
enum { BF_RTC_CANDIDATE_PC, BF_RTC_CANDIDATE_TEXT, BF_RTC_CANDIDATE_MID };
enum { BF_RTC_CONTROL_TRACK, BF_RTC_CONTROL_VALUE };

extern const struct bf_rtc_field bf_rtc_offer_track_fields[];

void bf_rtc_on_resume(const struct bf_rtc_request *request);
void bf_rtc_on_join(const struct bf_rtc_request *request);
void bf_rtc_on_leave(const struct bf_rtc_request *request);
void bf_rtc_on_offer(const struct bf_rtc_request *request);
void bf_rtc_on_answer(const struct bf_rtc_request *request);
void bf_rtc_on_candidate(const struct bf_rtc_request *request);
void bf_rtc_on_restart(const struct bf_rtc_request *request);
void bf_rtc_on_mute(const struct bf_rtc_request *request);
void bf_rtc_on_layer(const struct bf_rtc_request *request);
void bf_rtc_on_pause(const struct bf_rtc_request *request);
void bf_rtc_on_ping(const struct bf_rtc_request *request);

#endif
