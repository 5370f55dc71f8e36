/* Pages of other origins: which may read our answers (Fetch section 3.2). */
#include "signaling/http/server_priv.h"

/* The value of Access-Control-Allow-Origin, or NULL. "*" is for those who want no credentials, and gets none. */
static const char *allowed(const struct bf_conf *conf, struct bf_bytes origin)
{
	const char *any = NULL;

	for (unsigned i = 0; origin.data && i < conf->http.origins_count; i++) {
		const char *mine = conf->http.origins[i];

		if (bf_bytes_is(origin, mine))
			return mine;
		if (strcmp(mine, "*") == 0)
			any = mine;
	}
	return any;
}

void bf_http_cors_enter(struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	const struct bf_conf *conf = exchange->conn->server->conf;
	const char *origin;

	exchange->is_cors = false;
	if (conf->http.origins_count == 0)
		return;
	bf_http_reply_field(exchange, "Vary", "Origin"); /* also where there is none */
	origin = allowed(conf, bf_http_field(request, "Origin"));
	if (!origin)
		return;
	exchange->is_cors = true;
	bf_http_reply_field(exchange, "Access-Control-Allow-Origin", origin);
	if (strcmp(origin, "*") != 0)
		bf_http_reply_field(exchange, "Access-Control-Allow-Credentials", "true");
	bf_http_reply_field(exchange, "Access-Control-Expose-Headers",
		"Location, Link, ETag, Retry-After, RateLimit, RateLimit-Policy, X-Request-Id");
}

bool bf_http_cors_answer_preflight(struct bf_http_exchange *exchange,
	const struct bf_http_request *request, const char *methods)
{
	if (!exchange->is_cors || !bf_bytes_is(request->method, "OPTIONS") ||
		!bf_http_field(request, "Access-Control-Request-Method").data)
		return false;
	bf_http_reply_field(exchange, "Access-Control-Allow-Methods", methods);
	bf_http_reply_field(exchange, "Access-Control-Allow-Headers",
		"Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, "
		"X-CSRF-Token, X-Request-Id");
	bf_http_reply_field(exchange, "Access-Control-Max-Age", "600");
	bf_http_reply(exchange, 204, NULL, bf_bytes(NULL, 0));
	return true;
}
