/* What every request passes before its handler, and every answer on its way out: how often somebody may ask. */
#include "signaling/http/server_priv.h"

#include <stdio.h>

/* ---- limits ---- */

/* Say what is left; false: nothing, and that is the answer. */
static bool apply(struct bf_http_exchange *exchange, const struct bf_http_rates_answer *answer)
{
	char text[BF_HTTP_RATES_TEXT];

	if (!answer->is_counted)
		return true;
	bf_http_reply_field(exchange, "RateLimit-Policy", bf_http_rates_policy(answer, text));
	bf_http_reply_field(exchange, "RateLimit", bf_http_rates_state(answer, text));
	if (answer->verdict.is_allowed)
		return true;
	bf_metric_add(exchange->conn->server->limited, 1);
	snprintf(text, sizeof(text), "%lld", (long long)bf_http_rates_retry_s(answer));
	bf_http_reply_field(exchange, "Retry-After", text);
	bf_http_reply_problem(
		exchange, 429, "rate_limited", "too many requests: wait, and ask less often");
	return false;
}

static bool charge_address(struct bf_http_exchange *exchange, enum bf_http_rates_kind kind)
{
	struct bf_http_rates_answer answer = bf_http_rates_charge_address(
		&exchange->conn->server->rates, kind, &exchange->remote, exchange->start_us);

	return apply(exchange, &answer);
}

/* Who says who he is counts as himself, once that has proved true; how often it may prove false is counted as well. */
static bool check_denied(struct bf_http_exchange *exchange)
{
	struct bf_http_rates_answer answer =
		bf_http_rates_look_address(&exchange->conn->server->rates, BF_HTTP_RATES_DENIED,
			&exchange->remote, exchange->start_us);

	return answer.verdict.is_allowed || apply(exchange, &answer);
}

static bool has_credentials(const struct bf_http_request *request)
{
	return bf_http_field(request, "Authorization").data ||
	       bf_http_field(request, "Cookie").data;
}

bool bf_http_gate_enter(struct bf_http_exchange *exchange, const struct bf_http_request *request,
	const struct bf_http_route *route)
{
	switch (route ? route->rate : BF_HTTP_RATE_DEFAULT) {
	case BF_HTTP_RATE_EXEMPT:
		return true;
	case BF_HTTP_RATE_JOIN:
		return charge_address(exchange, BF_HTTP_RATES_JOIN);
	case BF_HTTP_RATE_AUTH:
		return charge_address(exchange, BF_HTTP_RATES_AUTH);
	case BF_HTTP_RATE_DEFAULT:
	default:
		break;
	}
	if (exchange->is_guarded && has_credentials(request))
		return check_denied(exchange);
	exchange->is_guarded = false; /* counted here, so not as denied too */
	return charge_address(exchange, BF_HTTP_RATES_ANONYMOUS);
}

bool bf_http_gate_admit(struct bf_http_exchange *exchange)
{
	struct bf_http_rates_answer answer;

	if (exchange->entry->route->rate != BF_HTTP_RATE_DEFAULT)
		return true;
	answer = bf_http_rates_charge_user(
		&exchange->conn->server->rates, exchange->caller.user, exchange->start_us);
	return apply(exchange, &answer);
}

void bf_http_gate_leave(struct bf_http_exchange *exchange, int status)
{
	if (exchange->is_guarded && status == 401)
		bf_http_rates_charge_address(&exchange->conn->server->rates, BF_HTTP_RATES_DENIED,
			&exchange->remote, exchange->start_us);
}

bool bf_http_exchange_count_name(struct bf_http_exchange *exchange, struct bf_bytes name)
{
	struct bf_http_rates_answer answer =
		bf_http_rates_charge_name(&exchange->conn->server->rates, name, exchange->start_us);

	return answer.verdict.is_allowed || apply(exchange, &answer);
}

/* ---- plain HTTP ---- */

#define LOCATION_MAX 4096

/* The name of the host alone: the port is another one. */
static struct bf_bytes without_port(struct bf_bytes host)
{
	size_t len = host.len;

	while (len > 0 && host.data[len - 1] >= '0' && host.data[len - 1] <= '9')
		len--;
	return len > 0 && host.data[len - 1] == ':' ? bf_bytes(host.data, len - 1) : host;
}

/* "https://host[:port]" as clients reach us; false: nobody said. */
static bool write_https_origin(struct bf_wr *wr, const struct bf_http_server *server,
	const struct bf_http_request *request)
{
	struct bf_bytes host = without_port(bf_http_field(request, "Host"));
	char port[8];

	if (strncmp(server->conf->http.public_url, "https://", 8) == 0) {
		bf_wr_str(wr, server->conf->http.public_url);
		return true;
	}
	if (host.len == 0)
		return false;
	bf_wr_str(wr, "https://");
	bf_wr_bytes(wr, host);
	snprintf(port, sizeof(port), ":%u", server->local.port);
	if (server->local.port != 443)
		bf_wr_str(wr, port);
	return true;
}

bool bf_http_gate_redirect(struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	char location[LOCATION_MAX];
	struct bf_wr wr = bf_wr(location, sizeof(location) - 1);

	if (!exchange->conn->is_redirected)
		return true;
	if (!write_https_origin(&wr, exchange->conn->server, request)) {
		bf_http_reply_problem(
			exchange, 400, "bad_request", "there is no Host to send you to");
		return false;
	}
	if (request->target.len > 0 && request->target.data[0] == '/')
		bf_wr_bytes(&wr, request->target);
	else
		bf_wr_str(&wr, "/");
	if (wr.is_full) {
		bf_http_reply_problem(exchange, 414, "uri_too_long", "the target is too long");
		return false;
	}
	location[bf_wr_len(&wr)] = '\0';
	bf_http_reply_field(exchange, "Location", location);
	bf_http_reply_problem(exchange, 308, "redirect", "ask over https");
	return false;
}

/* ---- across a restart ---- */

size_t bf_http_server_export_rates(
	const struct bf_http_server *server, struct bf_gcra_debt *out, size_t count)
{
	size_t kept = 0, written = bf_gcra_export(
				 &server->rates.gcra, out, count, bf_loop_now_us(server->loop));

	for (size_t i = 0; i < written; i++)
		if (bf_http_rates_is_lasting(&out[i].key))
			out[kept++] = out[i];
	return kept;
}

void bf_http_server_import_rate(
	struct bf_http_server *server, const struct bf_gcra_debt *debt, int64_t age_us)
{
	if (bf_http_rates_is_lasting(&debt->key))
		bf_gcra_import(&server->rates.gcra, debt, age_us, bf_loop_now_us(server->loop));
}
