/* signaling/rtc/rtc.h - rooms as clients see them: sessions over WebSocket, WHIP and WHEP, and their events.
 *
 * Holds the registry of rooms and participants, gives each new participant to a worker (registry.h), turns frames into
 * messages to the workers and the workers' messages into frames.
 * Owner:   main.c.   Thread: control.
 */
#ifndef BF_SIGNALING_RTC_RTC_H
#define BF_SIGNALING_RTC_RTC_H

#include "media/media_msg.h"
#include "signaling/auth/join_token.h"
#include "signaling/rtc/presence_msg.h"
#include "signaling/ws/ws.h"

struct bf_rtc;

struct bf_rtc_conf {
	const struct bf_conf *conf;
	struct bf_log *log;
	struct bf_metrics *metrics;
	struct bf_loop *loop;
	struct bf_http_server *http;
	const struct bf_join_verifier *verifier; /* NULL: open development mode */
	struct bf_media_port media;
	const char *version;
	/* As in hub.h. */
	void (*on_presence)(void *arg, const struct bf_rtc_presence *presence, bool is_here);
	void *presence_arg;
};

/* Adds its routes (/ws, /whip, /whep) to the server. */
int bf_rtc_new(struct bf_rtc **out, const struct bf_rtc_conf *conf);

/* A message from a worker; takes `msg`. Wired to the control thread's inbox by main.c. */
void bf_rtc_on_media(struct bf_rtc *rtc, struct bf_msg *msg);

/* Tell every session that the server closes, and close their sockets (1001). */
void bf_rtc_close(struct bf_rtc *rtc);

/* Whether every participant has left: the drain is over. */
bool bf_rtc_is_idle(const struct bf_rtc *rtc);
void bf_rtc_free(struct bf_rtc *rtc);

#endif
