#include "signaling/ws/ws_pulse.h"

void bf_ws_pulse_init(
	struct bf_ws_pulse *pulse, int64_t ping_us, int64_t timeout_us, int64_t now_us)
{
	*pulse = (struct bf_ws_pulse){
		.ping_us = ping_us,
		.timeout_us = timeout_us,
		.heard_us = now_us,
		.pinged_us = now_us,
	};
}

void bf_ws_pulse_on_data(struct bf_ws_pulse *pulse, int64_t now_us)
{
	pulse->heard_us = now_us;
}

enum bf_ws_pulse_due bf_ws_pulse_poll(struct bf_ws_pulse *pulse, int64_t now_us)
{
	if (now_us - pulse->heard_us >= pulse->timeout_us)
		return BF_WS_PULSE_SILENCE;
	if (now_us - pulse->pinged_us < pulse->ping_us)
		return BF_WS_PULSE_NONE;
	pulse->pinged_us = now_us;
	return BF_WS_PULSE_PING;
}

int64_t bf_ws_pulse_deadline_us(const struct bf_ws_pulse *pulse)
{
	int64_t silence_us = pulse->heard_us + pulse->timeout_us,
		ping_us = pulse->pinged_us + pulse->ping_us;

	return silence_us < ping_us ? silence_us : ping_us;
}
