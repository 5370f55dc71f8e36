/* signaling/http/proxies.h - who a request comes from, when proxies that we trust have passed it on.
 *
 * Each proxy appends whom it heard; what stands before the words of the first one that we trust is the client's own invention.
 * Owner:   borrowed views.   Thread: any.   Limits: the last BF_HTTP_HOPS_MAX hops are looked at.
 * Source:  RFC 7239 (Forwarded); X-Forwarded-For and X-Forwarded-Proto as proxies write them.
 */
#ifndef BF_SIGNALING_HTTP_PROXIES_H
#define BF_SIGNALING_HTTP_PROXIES_H

#include "core/base/addr.h"
#include "core/base/cidr.h"
#include "core/base/conf.h"
#include "signaling/http/http.h"

#define BF_HTTP_HOPS_MAX    16
#define BF_HTTP_PROXIES_MAX 64

struct bf_http_proxies {
	struct bf_cidr networks[BF_HTTP_PROXIES_MAX];
	unsigned count;
	bool trusts_all; /* trust_proxy without a list */
};

/* -EINVAL: an entry is no network; -ENOBUFS: too many. */
int bf_http_proxies_init(struct bf_http_proxies *proxies, const struct bf_conf *conf);
bool bf_http_proxies_trust(const struct bf_http_proxies *proxies, const struct bf_addr *peer);

struct bf_http_origin {
	struct bf_addr client;
	bool is_https;
	bool is_passed_on; /* by a proxy that we trust */
};

/* `peer` sent the request, over TLS or not. Where fields say nothing that can be believed, the peer is the client. */
struct bf_http_origin bf_http_proxies_resolve(const struct bf_http_proxies *proxies,
	const struct bf_http_request *request, const struct bf_addr *peer, bool is_tls);

#endif
