#include "signaling/http/proxies.h"

#include "signaling/http/http_text.h"

#include <errno.h>

struct hop {
	struct bf_addr addr; /* family 0: hidden, or no address */
	struct bf_bytes proto;
};

/* The last hops, the nearest last. */
struct hops {
	struct hop at[BF_HTTP_HOPS_MAX];
	unsigned count;
};

int bf_http_proxies_init(struct bf_http_proxies *proxies, const struct bf_conf *conf)
{
	*proxies = (struct bf_http_proxies){.count = 0};
	if (conf->http.trusted_proxies_count > BF_HTTP_PROXIES_MAX)
		return -ENOBUFS;
	for (unsigned i = 0; i < conf->http.trusted_proxies_count; i++)
		if (bf_cidr_parse(&proxies->networks[i], conf->http.trusted_proxies[i]) < 0)
			return -EINVAL;
	proxies->count = conf->http.trusted_proxies_count;
	proxies->trusts_all = conf->http.trust_proxy && proxies->count == 0;
	return 0;
}

bool bf_http_proxies_trust(const struct bf_http_proxies *proxies, const struct bf_addr *peer)
{
	for (unsigned i = 0; i < proxies->count; i++)
		if (bf_cidr_has(&proxies->networks[i], peer))
			return true;
	return proxies->trusts_all;
}

/* ---- reading ---- */

static void hops_add(struct hops *hops, struct hop hop)
{
	if (hops->count == BF_HTTP_HOPS_MAX)
		memmove(hops->at, hops->at + 1, --hops->count * sizeof(hop));
	hops->at[hops->count++] = hop;
}

/* With or without a port. */
static struct bf_addr parse_node(struct bf_bytes node)
{
	struct bf_addr addr = {.family = 0};
	char text[BF_ADDR_TEXT];

	if (node.len == 0 || node.len >= sizeof(text) || memchr(node.data, 0, node.len))
		return addr;
	memcpy(text, node.data, node.len);
	text[node.len] = '\0';
	if (bf_addr_parse_ip(&addr, text, 0) < 0 && bf_addr_parse(&addr, text) < 0)
		return (struct bf_addr){.family = 0};
	return addr;
}

/* An address needs no escapes, so a quoted one is what stands between the quotes. */
static struct bf_bytes unquote(struct bf_bytes text)
{
	if (text.len >= 2 && text.data[0] == '"' && text.data[text.len - 1] == '"')
		return bf_bytes(text.data + 1, text.len - 2);
	return text;
}

/* for=192.0.2.60;proto=http;by=203.0.113.43 */
static struct hop parse_forwarded(struct bf_bytes element)
{
	struct hop hop = {.proto = bf_bytes(NULL, 0)};
	struct bf_bytes pair;

	while (bf_http_list_next(&element, ';', &pair)) {
		const uint8_t *equals = memchr(pair.data, '=', pair.len);
		struct bf_bytes name, value;

		if (!equals)
			continue;
		name = bf_bytes(pair.data, (size_t)(equals - pair.data));
		value = unquote(bf_bytes(equals + 1, pair.len - name.len - 1));
		if (bf_http_is(name, "for"))
			hop.addr = parse_node(value);
		else if (bf_http_is(name, "proto"))
			hop.proto = value;
	}
	return hop;
}

/* Returns whether there was a field of that name. */
static bool read_hops(struct hops *hops, const struct bf_http_request *request, const char *name,
	bool is_forwarded)
{
	bool is_there = false;

	hops->count = 0;
	for (unsigned i = 0; i < request->field_count; i++) {
		struct bf_bytes element, list = request->fields[i].value;

		if (!bf_http_is(request->fields[i].name, name))
			continue;
		is_there = true;
		while (bf_http_list_next(&list, ',', &element))
			hops_add(hops, is_forwarded ? parse_forwarded(element)
						    : (struct hop){.addr = parse_node(element)});
	}
	return is_there;
}

/* X-Forwarded-Proto: what our proxy has appended, or set. */
static struct bf_bytes last_proto(const struct bf_http_request *request)
{
	struct bf_bytes element, last = {NULL, 0};

	for (unsigned i = 0; i < request->field_count; i++) {
		struct bf_bytes list = request->fields[i].value;

		if (bf_http_is(request->fields[i].name, "X-Forwarded-Proto"))
			while (bf_http_list_next(&list, ',', &element))
				last = element;
	}
	return last;
}

/* ---- believing ---- */

/* From the nearest hop outwards as long as those that speak are ours: the first who is not is the client. NULL: nothing usable. */
static const struct hop *find_client(const struct bf_http_proxies *proxies, const struct hops *hops)
{
	const struct hop *client = NULL;

	for (unsigned i = hops->count; i > 0; i--) {
		if (hops->at[i - 1].addr.family == 0)
			break;
		client = &hops->at[i - 1];
		/* Whoever trusts all trusts its own proxy, and nobody behind that. */
		if (proxies->trusts_all || !bf_http_proxies_trust(proxies, &client->addr))
			break;
	}
	return client;
}

struct bf_http_origin bf_http_proxies_resolve(const struct bf_http_proxies *proxies,
	const struct bf_http_request *request, const struct bf_addr *peer, bool is_tls)
{
	struct bf_http_origin origin = {.client = *peer, .is_https = is_tls};
	struct hops listed, forwarded;
	bool has_list, has_forwarded;
	const struct hop *client;
	struct bf_bytes proto;

	if (!bf_http_proxies_trust(proxies, peer))
		return origin;
	origin.is_passed_on = true;
	has_list = read_hops(&listed, request, "X-Forwarded-For", false);
	has_forwarded = read_hops(&forwarded, request, "Forwarded", true);
	proto = last_proto(request);
	/* A proxy writes one of them, and may let the client's other one pass: with both nobody knows which is true. */
	if (has_list && has_forwarded)
		return origin;
	client = find_client(proxies, has_list ? &listed : &forwarded);
	if (client)
		origin.client = client->addr;
	if (has_forwarded && forwarded.count > 0)
		proto = forwarded.at[forwarded.count - 1].proto;
	if (proto.len > 0)
		origin.is_https = bf_http_is(proto, "https") || bf_http_is(proto, "wss");
	return origin;
}
