#include "signaling/rtc/rtc.h"

#include "core/base/clock.h"
#include "signaling/rtc/rtc_priv.h"
#include "signaling/ws/ws_codec.h"

#include <errno.h>
#include <stdlib.h>

/* One WebSocket. It outlives its session when that goes on elsewhere, and `struct bf_rtc` when that is freed first. */
struct socket {
	/* given */
	struct bf_rtc *rtc; /* NULL once that has been freed */
	struct bf_ws *ws;   /* NULL until accepted */
	/* state */
	struct bf_rtc_session *session; /* NULL: what comes in is nobody's */
	struct bf_list node;
};

void bf_rtc_enter(struct bf_rtc *rtc)
{
	bf_rtc_hub_set_time(&rtc->hub, bf_loop_now_us(rtc->loop), bf_clock_wall_us());
}

void bf_rtc_exit(struct bf_rtc *rtc)
{
	bf_timer_arm(&rtc->timer, bf_rtc_hub_deadline_us(&rtc->hub));
}

static void on_timer(void *arg)
{
	struct bf_rtc *rtc = arg;

	bf_rtc_enter(rtc);
	bf_rtc_hub_expire(&rtc->hub);
	bf_rtc_exit(rtc);
}

/* ---- a socket as the hub sees it ---- */

static int socket_send(void *arg, struct bf_bytes text)
{
	struct socket *socket = arg;

	return bf_ws_send(socket->ws, text);
}

static void socket_close(void *arg, int code, const char *reason)
{
	struct socket *socket = arg;

	bf_ws_close(socket->ws, code, reason);
}

static void socket_bind(void *arg, struct bf_rtc_session *session)
{
	struct socket *socket = arg;

	socket->session = session;
}

/* ---- a socket as the WebSocket sees it ---- */

/* Also from on_message: bytes may have come right behind the upgrade request. */
static void socket_open(struct socket *socket, struct bf_ws *ws)
{
	const struct bf_rtc_sink sink = {
		.arg = socket,
		.send = socket_send,
		.close = socket_close,
		.bind = socket_bind,
	};

	if (socket->ws)
		return;
	socket->ws = ws;
	if (bf_rtc_hub_open(&socket->rtc->hub, &sink) < 0)
		bf_ws_close(ws, 1013, "the server is full; try again later");
}

static void on_message(void *arg, struct bf_ws *ws, struct bf_bytes text)
{
	struct socket *socket = arg;
	struct bf_rtc *rtc = socket->rtc;

	if (!rtc)
		return;
	bf_rtc_enter(rtc);
	socket_open(socket, ws);
	if (socket->session)
		bf_rtc_hub_receive(&rtc->hub, socket->session, text);
	bf_rtc_exit(rtc);
}

/* Whether the client meant it: a page that was closed (1001), a program that is done (1000, or a close frame without a code). */
static bool is_goodbye(int code)
{
	return code == BF_WS_NORMAL || code == BF_WS_GOING_AWAY || code == BF_WS_NO_CODE;
}

static void on_close(void *arg, struct bf_ws *ws, int code)
{
	struct socket *socket = arg;
	struct bf_rtc *rtc = socket->rtc;

	(void)ws;
	if (rtc && socket->session) {
		BF_LOG(rtc->hub.conf.log, BF_LOG_DEBUG, "socket closed",
			BF_ID("connection", socket->session->id), BF_INT("code", code));
		bf_rtc_enter(rtc);
		if (is_goodbye(code))
			bf_rtc_hub_left(&rtc->hub, socket->session);
		else
			bf_rtc_hub_lost(&rtc->hub, socket->session);
		bf_rtc_exit(rtc);
	}
	bf_list_remove(&socket->node);
	free(socket);
}

static void on_upgrade(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	static const struct bf_ws_ops ops = {.on_message = on_message, .on_close = on_close};
	struct bf_rtc *rtc = arg;
	const struct bf_ws_conf conf = {
		.message_max = BF_RTC_MESSAGE_MAX,
		.origins = rtc->conf->http.origins,
		.origins_count = rtc->conf->http.origins_count,
	};
	struct socket *socket;
	struct bf_ws *ws;

	if (rtc->hub.state != BF_RTC_HUB_OPEN) {
		bf_http_reply_problem(exchange, 503, "busy", "the server is closing");
		return;
	}
	socket = calloc(1, sizeof(*socket));
	if (!socket) {
		bf_http_reply_problem(exchange, 503, "busy", "out of memory");
		return;
	}
	socket->rtc = rtc;
	bf_list_append(&rtc->sockets, &socket->node);
	ws = bf_ws_accept(exchange, request, rtc->loop, &conf, &ops, socket);
	if (!ws) {
		bf_list_remove(&socket->node);
		free(socket);
		return;
	}
	bf_rtc_enter(rtc);
	socket_open(socket, ws);
	bf_rtc_exit(rtc);
}

/* ---- life ---- */

static int verify(void *arg, struct bf_join_grants *out, struct bf_bytes token, int64_t now_s,
	const char **why)
{
	const struct bf_rtc *rtc = arg;

	return bf_join_verify(out, rtc->verifier, token, now_s, why);
}

static int add_routes(struct bf_rtc *rtc)
{
	static const struct bf_http_route routes[] = {
		{"GET", "/ws", on_upgrade, "Signaling over a WebSocket", BF_HTTP_BY_TOKEN, 0,
			BF_HTTP_RATE_JOIN},
	};
	int err = bf_http_server_add(rtc->http, routes, sizeof(routes) / sizeof(routes[0]), rtc);

	return err ? err : bf_rtc_whip_add_routes(rtc);
}

int bf_rtc_new(struct bf_rtc **out, const struct bf_rtc_conf *conf)
{
	struct bf_rtc *rtc = calloc(1, sizeof(*rtc));
	struct bf_rtc_hub_conf hub_conf = {
		.log = conf->log,
		.metrics = conf->metrics,
		.version = conf->version,
		.public_url = conf->conf->http.public_url,
		.media = conf->media,
		.ice_servers =
			{
				.urls = conf->conf->rtc.ice_servers,
				.url_count = conf->conf->rtc.ice_servers_count,
				.turn_secret = conf->conf->rtc.turn_secret,
			},
		.room_participant_count_max = conf->conf->media.room_participant_count_max,
		.is_round_robin = strcmp(conf->conf->media.spread, "round-robin") == 0,
		.verify = conf->verifier ? verify : NULL,
		.verify_arg = rtc,
		.reply = bf_rtc_whip_reply,
		.reply_arg = rtc,
		.on_presence = conf->on_presence,
		.presence_arg = conf->presence_arg,
	};
	int err;

	if (!rtc)
		return -ENOMEM;
	rtc->conf = conf->conf;
	rtc->loop = conf->loop;
	rtc->http = conf->http;
	rtc->verifier = conf->verifier;
	bf_list_init(&rtc->sockets);
	bf_timer_init(&rtc->timer, rtc->loop, on_timer, rtc);
	err = bf_rtc_hub_init(&rtc->hub, &hub_conf);
	if (err)
		goto fail_rtc;
	err = add_routes(rtc);
	if (err)
		goto fail_hub;
	*out = rtc;
	return 0;

fail_hub:
	bf_rtc_hub_deinit(&rtc->hub);
fail_rtc:
	free(rtc);
	return err;
}

void bf_rtc_on_media(struct bf_rtc *rtc, struct bf_msg *msg)
{
	bf_rtc_enter(rtc);
	bf_rtc_hub_on_media(&rtc->hub, msg);
	bf_rtc_exit(rtc);
}

void bf_rtc_close(struct bf_rtc *rtc)
{
	bf_rtc_enter(rtc);
	bf_rtc_hub_close(&rtc->hub);
	bf_rtc_exit(rtc);
}

bool bf_rtc_is_idle(const struct bf_rtc *rtc)
{
	return bf_rtc_hub_is_idle(&rtc->hub);
}

void bf_rtc_free(struct bf_rtc *rtc)
{
	if (!rtc)
		return;
	bf_timer_disarm(&rtc->timer);
	bf_rtc_hub_deinit(&rtc->hub);
	/* Sockets still in their closing handshake end by themselves. */
	BF_LIST_EACH(socket, &rtc->sockets, struct socket, node) {
		socket->rtc = NULL;
		bf_list_remove(&socket->node);
	}
	free(rtc);
}
