/* core/base/ifaddr.h - the addresses of this host's interfaces.
 *
 * Thread: any. Source: getifaddrs(3).
 */
#ifndef BF_CORE_BASE_IFADDR_H
#define BF_CORE_BASE_IFADDR_H

#include "core/base/addr.h"

#include <stddef.h>

/* Addresses of interfaces that are up, IPv4 first, without link-local ones (they need a scope), with port 0; loopback ones
 * last and only if asked for. Returns how many were written, or a negative errno. */
int bf_ifaddr_list(struct bf_addr *out, size_t count, bool with_loopback);

#endif
