/* signaling/http/proxy_header.h - the header by which a load balancer says, ahead of everything else, whom it speaks for.
 *
 * Owner:   borrowed views.   Thread: any.   Limits: BF_PROXY_HEADER_MAX bytes, extensions (TLV) included.
 * Source:  The PROXY protocol, versions 1 and 2 (HAProxy, 2020/03/05).
 */
#ifndef BF_SIGNALING_HTTP_PROXY_HEADER_H
#define BF_SIGNALING_HTTP_PROXY_HEADER_H

#include "core/base/addr.h"
#include "core/base/bytes.h"

#define BF_PROXY_HEADER_MAX 2048

struct bf_proxy_header {
	bool has_client; /* false: the proxy speaks for itself (LOCAL), or does not say (UNKNOWN) */
	struct bf_addr client;
};

/* Read what `data` begins with. Returns the length of the header; 0: more bytes are needed; -EBADMSG: it is none, known as soon as it
 * can be. */
int bf_proxy_header_parse(struct bf_proxy_header *out, struct bf_bytes data);

#endif
