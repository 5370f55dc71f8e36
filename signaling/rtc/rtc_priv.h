/* signaling/rtc/rtc_priv.h - the hub with its loop, timer, sockets and HTTP server; for rtc_io.c and whip_io.c.
 *
 * Owner:   main.c, as struct bf_rtc.   Thread: control.
 */
#ifndef BF_SIGNALING_RTC_RTC_PRIV_H
#define BF_SIGNALING_RTC_RTC_PRIV_H

#include "core/loop/timer.h"
#include "signaling/rtc/hub.h"
#include "signaling/rtc/rtc.h"

struct bf_rtc {
	/* given */
	const struct bf_conf *conf;
	struct bf_loop *loop;
	struct bf_http_server *http;
	const struct bf_join_verifier *verifier;
	/* owned */
	struct bf_rtc_hub hub;
	struct bf_timer timer; /* at the hub's deadline */
	/* state */
	struct bf_list sockets;
};

/* Around whatever enters the hub: tell it the time, and arm the timer by what it now waits for. */
void bf_rtc_enter(struct bf_rtc *rtc);
void bf_rtc_exit(struct bf_rtc *rtc);

int bf_rtc_whip_add_routes(struct bf_rtc *rtc);

/* bf_rtc_hub_conf.reply, with a struct bf_rtc. */
int bf_rtc_whip_reply(void *arg, uint64_t exchange_id, const struct bf_rtc_whip_reply *reply);

#endif
