#include "core/base/ifaddr.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>

static size_t collect(
	struct bf_addr *out, size_t count, const struct ifaddrs *all, int family, bool is_loopback)
{
	size_t n = 0;

	for (const struct ifaddrs *at = all; at && n < count; at = at->ifa_next) {
		struct bf_addr addr;
		if (!at->ifa_addr || !(at->ifa_flags & IFF_UP))
			continue;
		addr = bf_addr_from_sockaddr(at->ifa_addr);
		if (addr.family != family || bf_addr_is_loopback(&addr) != is_loopback ||
			bf_addr_is_link_local(&addr))
			continue;
		addr.port = 0;
		out[n++] = addr;
	}
	return n;
}

int bf_ifaddr_list(struct bf_addr *out, size_t count, bool with_loopback)
{
	struct ifaddrs *all;
	size_t n = 0;

	if (getifaddrs(&all))
		return -errno;
	n += collect(out + n, count - n, all, 4, false);
	n += collect(out + n, count - n, all, 6, false);
	if (with_loopback) {
		n += collect(out + n, count - n, all, 4, true);
		n += collect(out + n, count - n, all, 6, true);
	}
	freeifaddrs(all);
	return (int)n;
}
