/* core/base/cidr.h - networks: "10.0.0.0/8", "2001:db8::/32", or one address.
 *
 * Owner:   a value.   Thread: any.   Source: RFC 4632, RFC 4291 section 2.3.
 */
#ifndef BF_CORE_BASE_CIDR_H
#define BF_CORE_BASE_CIDR_H

#include "core/base/addr.h"

struct bf_cidr {
	struct bf_addr addr;
	unsigned bits;
};

/* -EINVAL, also where bits behind the prefix are set: who writes 10.0.0.1/8 may have meant either. */
int bf_cidr_parse(struct bf_cidr *out, const char *text);

/* Whatever the port is. */
bool bf_cidr_has(const struct bf_cidr *cidr, const struct bf_addr *addr);

/* Clear what is behind the first `bits` bits, and the port. */
struct bf_addr bf_addr_prefix(const struct bf_addr *addr, unsigned bits);

#endif
