/* WHIP and WHEP over the HTTP server: requests into the hub's terms, replies out of them, and who may ask from other origins. */
#include "signaling/rtc/rtc_priv.h"
#include "signaling/rtc/whip.h"

#include <errno.h>

/* Larger offers than any browser makes. */
#define BODY_MAX ((size_t)1024 * 1024)

enum param {
	PARAM_ROOM,
	PARAM_NAME,
};

/* ---- what OPTIONS says; whose origin may ask is the HTTP server's to say ---- */

static void answer_options(struct bf_http_exchange *exchange, const char *methods)
{
	bf_http_reply_field(exchange, "Allow", methods);
	bf_http_reply_field(exchange, "Access-Control-Allow-Methods", methods);
	bf_http_reply_field(
		exchange, "Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match");
	bf_http_reply_field(exchange, "Access-Control-Max-Age", "86400");
	bf_http_reply_field(exchange, "Accept-Post", "application/sdp");
	/* 200, not 204: RFC 9725 section 4.2 speaks of a 200. */
	bf_http_reply(exchange, 200, NULL, bf_bytes(NULL, 0));
}

static void on_endpoint_options(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	(void)arg;
	(void)request;
	answer_options(exchange, "OPTIONS, POST");
}

static void on_session_options(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	(void)arg;
	(void)request;
	bf_http_reply_field(exchange, "Accept-Patch", "application/trickle-ice-sdpfrag");
	answer_options(exchange, "OPTIONS, PATCH, DELETE");
}

/* ---- requests ---- */

static struct bf_rtc_whip_request take_request(const struct bf_http_exchange *exchange,
	const struct bf_http_request *request, bool is_whep)
{
	return (struct bf_rtc_whip_request){
		.exchange_id = bf_http_exchange_id(exchange),
		.is_whep = is_whep,
		.content_type = bf_http_field(request, "Content-Type"),
		.accept = bf_http_field(request, "Accept"),
		.authorization = bf_http_field(request, "Authorization"),
		.if_match = bf_http_field(request, "If-Match"),
		.body = request->body,
	};
}

static void post(struct bf_rtc *rtc, struct bf_http_exchange *exchange,
	const struct bf_http_request *request, bool is_whep)
{
	struct bf_rtc_whip_request whip = take_request(exchange, request, is_whep);

	whip.room = request->params[PARAM_ROOM];
	if (request->param_count > PARAM_NAME)
		whip.name = request->params[PARAM_NAME];
	bf_rtc_enter(rtc);
	bf_rtc_whip_post(&rtc->hub, &whip);
	bf_rtc_exit(rtc);
}

static void on_whip_post(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	post(arg, exchange, request, false);
}

static void on_whep_post(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	post(arg, exchange, request, true);
}

static void on_session(struct bf_rtc *rtc, struct bf_http_exchange *exchange,
	const struct bf_http_request *request, bool is_whep,
	void (*what)(struct bf_rtc_hub *hub, const struct bf_rtc_whip_request *request))
{
	struct bf_rtc_whip_request whip = take_request(exchange, request, is_whep);

	whip.key = request->params[0];
	bf_rtc_enter(rtc);
	what(&rtc->hub, &whip);
	bf_rtc_exit(rtc);
}

static void on_whip_patch(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	on_session(arg, exchange, request, false, bf_rtc_whip_patch);
}

static void on_whep_patch(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	on_session(arg, exchange, request, true, bf_rtc_whip_patch);
}

static void on_whip_delete(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	on_session(arg, exchange, request, false, bf_rtc_whip_delete);
}

static void on_whep_delete(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	on_session(arg, exchange, request, true, bf_rtc_whip_delete);
}

/* GET and the rest: the server answers 405 with Allow, as RFC 9725 section 4.2 wants it. */
int bf_rtc_whip_add_routes(struct bf_rtc *rtc)
{
	static const struct bf_http_route routes[] = {
		{"POST", "/whip/{room}/{name}", on_whip_post, "Publish by WHIP (RFC 9725)",
			BF_HTTP_BY_TOKEN, 0, BF_HTTP_RATE_JOIN, BODY_MAX},
		{"OPTIONS", "/whip/{room}/{name}", on_endpoint_options, "CORS for WHIP",
			BF_HTTP_PUBLIC, 0, BF_HTTP_RATE_JOIN, BODY_MAX},
		{"POST", "/whep/{room}/{name}", on_whep_post, "Play one participant by WHEP",
			BF_HTTP_BY_TOKEN, 0, BF_HTTP_RATE_JOIN, BODY_MAX},
		{"OPTIONS", "/whep/{room}/{name}", on_endpoint_options, "CORS for WHEP",
			BF_HTTP_PUBLIC, 0, BF_HTTP_RATE_JOIN, BODY_MAX},
		{"POST", "/whep/{room}", on_whep_post, "Play the active speaker by WHEP",
			BF_HTTP_BY_TOKEN, 0, BF_HTTP_RATE_JOIN, BODY_MAX},
		{"OPTIONS", "/whep/{room}", on_endpoint_options, "CORS for WHEP", BF_HTTP_PUBLIC, 0,
			BF_HTTP_RATE_JOIN, BODY_MAX},
		{"PATCH", "/whip-session/{session}", on_whip_patch,
			"Trickle or restart ICE of a WHIP session", BF_HTTP_BY_TOKEN, 0,
			BF_HTTP_RATE_JOIN, BODY_MAX},
		{"DELETE", "/whip-session/{session}", on_whip_delete, "End a WHIP session",
			BF_HTTP_BY_TOKEN, 0, BF_HTTP_RATE_JOIN, BODY_MAX},
		{"OPTIONS", "/whip-session/{session}", on_session_options, "CORS for WHIP sessions",
			BF_HTTP_PUBLIC, 0, BF_HTTP_RATE_JOIN, BODY_MAX},
		{"PATCH", "/whep-session/{session}", on_whep_patch,
			"Trickle or restart ICE of a WHEP session", BF_HTTP_BY_TOKEN, 0,
			BF_HTTP_RATE_JOIN, BODY_MAX},
		{"DELETE", "/whep-session/{session}", on_whep_delete, "End a WHEP session",
			BF_HTTP_BY_TOKEN, 0, BF_HTTP_RATE_JOIN, BODY_MAX},
		{"OPTIONS", "/whep-session/{session}", on_session_options, "CORS for WHEP sessions",
			BF_HTTP_PUBLIC, 0, BF_HTTP_RATE_JOIN, BODY_MAX},
	};

	return bf_http_server_add(rtc->http, routes, sizeof(routes) / sizeof(routes[0]), rtc);
}

/* ---- replies ---- */

int bf_rtc_whip_reply(void *arg, uint64_t exchange_id, const struct bf_rtc_whip_reply *reply)
{
	const struct bf_rtc *rtc = arg;
	struct bf_http_exchange *exchange = bf_http_exchange_find(rtc->http, exchange_id);

	if (!exchange)
		return -ENOENT;
	for (unsigned i = 0; i < reply->field_count; i++)
		bf_http_reply_field(exchange, reply->fields[i].name, reply->fields[i].value);
	if (reply->code)
		bf_http_reply_problem(exchange, reply->status, reply->code, reply->detail);
	else
		bf_http_reply(exchange, reply->status, reply->content_type, reply->body);
	return 0;
}
