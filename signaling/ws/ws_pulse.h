/* signaling/ws/ws_pulse.h - when to ping a peer, and when to give it up.
 *
 * Owner:   the connection embeds it.   Thread: that one's.   Never allocates.
 */
#ifndef BF_SIGNALING_WS_WS_PULSE_H
#define BF_SIGNALING_WS_WS_PULSE_H

#include <stdint.h>

enum bf_ws_pulse_due {
	BF_WS_PULSE_NONE,
	BF_WS_PULSE_PING,    /* send one */
	BF_WS_PULSE_SILENCE, /* nothing came for timeout_us: close */
};

struct bf_ws_pulse {
	/* given */
	int64_t ping_us, timeout_us;
	/* state */
	int64_t heard_us, pinged_us;
};

void bf_ws_pulse_init(
	struct bf_ws_pulse *pulse, int64_t ping_us, int64_t timeout_us, int64_t now_us);

/* Bytes of any kind came in: the peer lives. */
void bf_ws_pulse_on_data(struct bf_ws_pulse *pulse, int64_t now_us);

/* What is due at `now_us`; once for each ping. */
enum bf_ws_pulse_due bf_ws_pulse_poll(struct bf_ws_pulse *pulse, int64_t now_us);

/* When bf_ws_pulse_poll next has something. */
int64_t bf_ws_pulse_deadline_us(const struct bf_ws_pulse *pulse);

#endif
