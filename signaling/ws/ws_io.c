#include "signaling/ws/ws.h"

#include "core/loop/timer.h"
#include "signaling/ws/ws_codec.h"
#include "signaling/ws/ws_handshake.h"
#include "signaling/ws/ws_pulse.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define MESSAGE_MAX_DEFAULT 65536

struct bf_ws {
	/* given */
	struct bf_loop *loop;
	struct bf_tcp *tcp;
	const struct bf_ws_ops *ops;
	void *arg;
	int64_t close_us;
	/* owned */
	struct bf_ws_codec *codec;
	uint8_t *
		early; /* came with the handshake; read in the next turn, when the caller knows us */
	size_t early_len;
	/* state */
	struct bf_addr remote;
	struct bf_ws_pulse pulse;
	struct bf_timer timer;
	int64_t close_deadline_us; /* for the peer's close frame; INT64_MAX: none awaited */
	int code;		   /* for on_close */
	bool is_ending;		   /* the stream is closing; only its on_close is awaited */
	bool is_in_pump;
};

/* ---- ending ---- */

static void start_ending(struct bf_ws *ws)
{
	if (ws->is_ending)
		return;
	ws->is_ending = true;
	bf_timer_disarm(&ws->timer);
	bf_tcp_close(ws->tcp);
}

/* Send what the codec has made. A peer that takes nothing is cut off: there is no use in asking it to close. */
static int flush(struct bf_ws *ws)
{
	struct bf_bytes out = bf_ws_codec_out(ws->codec);
	int err;

	if (out.len == 0)
		return 0;
	if (ws->is_ending)
		err = -ECANCELED;
	else if (bf_tcp_queued_bytes(ws->tcp) + out.len > BF_WS_UNSENT_MAX + BF_WS_UNSENT_SLACK)
		err = -ENOBUFS;
	else
		err = bf_tcp_write(ws->tcp, out);
	bf_ws_codec_sent(ws->codec);
	if (err && !ws->is_ending) {
		ws->code = err == -ENOBUFS ? BF_WS_TRY_LATER : ws->code;
		bf_tcp_abort(ws->tcp);
		start_ending(ws);
	}
	return err;
}

static void on_tcp_close(void *arg, struct bf_tcp *tcp, int err)
{
	struct bf_ws *ws = arg;

	(void)tcp;
	(void)err;
	assert(!ws->is_in_pump);
	bf_timer_disarm(&ws->timer);
	ws->is_ending = true;
	ws->ops->on_close(ws->arg, ws, ws->code);
	bf_ws_codec_free(ws->codec);
	free(ws->early);
	free(ws);
}

/* ---- time ---- */

static void arm_timer(struct bf_ws *ws)
{
	int64_t at_us = bf_ws_pulse_deadline_us(&ws->pulse);

	if (ws->is_ending)
		return;
	if (ws->early)
		at_us = bf_loop_now_us(ws->loop) + 1;
	bf_timer_arm(&ws->timer, at_us < ws->close_deadline_us ? at_us : ws->close_deadline_us);
}

static void pump(struct bf_ws *ws, struct bf_bytes data);

static void read_early(struct bf_ws *ws)
{
	uint8_t *early = ws->early;

	ws->early = NULL;
	bf_tcp_resume(ws->tcp);
	pump(ws, bf_bytes(early, ws->early_len));
	free(early);
}

static void on_timer(void *arg)
{
	struct bf_ws *ws = arg;
	int64_t now_us = bf_loop_now_us(ws->loop);

	if (ws->early) {
		read_early(ws);
		return;
	}
	if (now_us >= ws->close_deadline_us) {
		start_ending(ws);
		return;
	}
	switch (bf_ws_pulse_poll(&ws->pulse, now_us)) {
	case BF_WS_PULSE_NONE:
		break;
	case BF_WS_PULSE_PING:
		(void)bf_ws_codec_ping(
			ws->codec); /* while closing there is no need; without memory the next one is soon due */
		(void)flush(ws); /* ends the connection itself if it must */
		break;
	case BF_WS_PULSE_SILENCE:
		bf_ws_close(ws, BF_WS_SILENT, "nothing was heard from you");
		start_ending(ws); /* who does not answer pings will not answer this */
		break;
	}
	arm_timer(ws);
}

/* ---- receiving ---- */

static void pump(struct bf_ws *ws, struct bf_bytes data)
{
	enum bf_ws_event event = BF_WS_MESSAGE;

	bf_ws_pulse_on_data(&ws->pulse, bf_loop_now_us(ws->loop));
	bf_ws_codec_put(ws->codec, data);
	ws->is_in_pump = true;
	while (event == BF_WS_MESSAGE) {
		struct bf_bytes message;
		int code;

		event = bf_ws_codec_next(ws->codec, &message, &code);
		if (event == BF_WS_CLOSED && !ws->is_ending)
			ws->code = code;
		if (event == BF_WS_MESSAGE && !ws->is_ending)
			ws->ops->on_message(ws->arg, ws, message);
	}
	ws->is_in_pump = false;
	(void)flush(ws); /* ends the connection itself if it must */
	if (event == BF_WS_CLOSED)
		start_ending(ws);
	arm_timer(ws);
}

static void on_tcp_data(void *arg, struct bf_tcp *tcp, struct bf_bytes data)
{
	struct bf_ws *ws = arg;

	(void)tcp;
	if (!ws->is_ending)
		pump(ws, data);
}

static void on_tcp_end(void *arg, struct bf_tcp *tcp)
{
	(void)tcp;
	start_ending(arg);
}

static const struct bf_tcp_ops tcp_ops = {
	.on_data = on_tcp_data,
	.on_end = on_tcp_end,
	.on_close = on_tcp_close,
};

/* ---- sending ---- */

int bf_ws_send(struct bf_ws *ws, struct bf_bytes text)
{
	int err;

	if (ws->is_ending)
		return -ECANCELED;
	if (!bf_ws_codec_is_closing(ws->codec) &&
		bf_tcp_queued_bytes(ws->tcp) + text.len > BF_WS_UNSENT_MAX) {
		bf_ws_close(ws, BF_WS_TRY_LATER, "you read too slowly");
		start_ending(ws);
		return -ENOBUFS;
	}
	err = bf_ws_codec_send(ws->codec, text);
	return err ? err : flush(ws);
}

void bf_ws_close(struct bf_ws *ws, int code, const char *reason)
{
	if (ws->is_ending || bf_ws_codec_is_closing(ws->codec))
		return;
	ws->code = code;
	if (bf_ws_codec_close(ws->codec, code, reason) < 0) { /* no memory for a frame */
		start_ending(ws);
		return;
	}
	ws->close_deadline_us = bf_loop_now_us(ws->loop) + ws->close_us;
	(void)flush(ws); /* ends the connection itself if it must */
	arm_timer(ws);
}

struct bf_addr bf_ws_remote(const struct bf_ws *ws)
{
	return ws->remote;
}

/* ---- accepting ---- */

static void reply_refusal(
	struct bf_http_exchange *exchange, const struct bf_ws_handshake *handshake)
{
	if (handshake->status == 426) {
		bf_http_reply_field(exchange, "Connection", "Upgrade");
		bf_http_reply_field(exchange, "Upgrade", "websocket");
		bf_http_reply_field(exchange, "Sec-WebSocket-Version", "13");
	}
	bf_http_reply_problem(exchange, handshake->status, handshake->code, handshake->why);
}

static struct bf_ws *ws_new(
	struct bf_loop *loop, const struct bf_ws_conf *conf, const struct bf_ws_deflate *deflate)
{
	struct bf_ws *ws = calloc(1, sizeof(*ws));
	size_t message_max = conf->message_max ? conf->message_max : MESSAGE_MAX_DEFAULT;

	if (!ws)
		return NULL;
	if (bf_ws_codec_new(&ws->codec, message_max, deflate) < 0) {
		free(ws);
		return NULL;
	}
	ws->loop = loop;
	ws->close_us = conf->close_us ? conf->close_us : BF_WS_CLOSE_US;
	ws->close_deadline_us = INT64_MAX;
	ws->code = BF_WS_ABNORMAL;
	bf_timer_init(&ws->timer, loop, on_timer, ws);
	bf_ws_pulse_init(&ws->pulse, conf->ping_us ? conf->ping_us : BF_WS_PING_US,
		conf->timeout_us ? conf->timeout_us : BF_WS_TIMEOUT_US, bf_loop_now_us(loop));
	return ws;
}

static void reply_fields(struct bf_http_exchange *exchange, const struct bf_ws_handshake *handshake)
{
	char text[BF_WS_DEFLATE_REPLY];

	bf_http_reply_field(exchange, "Connection", "Upgrade");
	bf_http_reply_field(exchange, "Upgrade", "websocket");
	bf_http_reply_field(exchange, "Sec-WebSocket-Accept", handshake->accept);
	if (handshake->deflate.is_on)
		bf_http_reply_field(exchange, "Sec-WebSocket-Extensions",
			bf_ws_deflate_reply(&handshake->deflate, text));
}

/* Keep the bytes that came with the handshake. False: no memory. */
static bool keep_early(struct bf_ws *ws, struct bf_bytes rest)
{
	if (rest.len == 0)
		return true;
	ws->early = malloc(rest.len);
	if (!ws->early)
		return false;
	memcpy(ws->early, rest.data, rest.len);
	ws->early_len = rest.len;
	bf_tcp_pause(ws->tcp); /* or later bytes would overtake them */
	return true;
}

struct bf_ws *bf_ws_accept(struct bf_http_exchange *exchange, const struct bf_http_request *request,
	struct bf_loop *loop, const struct bf_ws_conf *conf, const struct bf_ws_ops *ops, void *arg)
{
	struct bf_ws_handshake handshake =
		bf_ws_handshake_check(request, conf->origins, conf->origins_count);
	struct bf_bytes rest;
	struct bf_ws *ws;

	if (handshake.status != 101) {
		reply_refusal(exchange, &handshake);
		return NULL;
	}
	ws = ws_new(loop, conf, &handshake.deflate);
	if (!ws) {
		bf_http_reply_problem(
			exchange, 503, "unavailable", "there is no memory for the connection");
		return NULL;
	}
	ws->ops = ops;
	ws->arg = arg;
	ws->remote = bf_http_exchange_remote(exchange);
	reply_fields(exchange, &handshake);
	ws->tcp = bf_http_reply_upgrade(exchange, &rest);
	if (!ws->tcp) {
		bf_ws_codec_free(ws->codec);
		free(ws);
		return NULL;
	}
	bf_tcp_set_ops(ws->tcp, &tcp_ops, ws);
	if (!keep_early(ws, rest)) {
		bf_tcp_abort(ws->tcp);
		start_ending(ws); /* on_close follows, as for any other end */
	}
	arm_timer(ws);
	return ws;
}
