/* core/base/addr.h - a transport address: IPv4 or IPv6 and port, in one normal form.
 *
 * ::ffff:a.b.c.d is stored as the IPv4 address it means, so that bytes may be compared and hashed.
 * Owner:   a value.   Thread: any.
 */
#ifndef BF_CORE_BASE_ADDR_H
#define BF_CORE_BASE_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define BF_ADDR_TEXT 64 /* "[" 45 characters "]:65535" and the NUL */

struct bf_addr {
	uint8_t ip[16]; /* network order; IPv4 in the first four, the rest zero */
	uint16_t port;	/* host order */
	uint8_t family; /* 4, 6; 0 is no address */
	uint8_t zero;	/* so that the whole struct compares by memcmp */
};

/* From a socket address; family 0 when it is neither AF_INET nor AF_INET6. */
struct bf_addr bf_addr_from_sockaddr(const struct sockaddr *sa);

/* To a socket address of the same family; returns its length. */
socklen_t bf_addr_to_sockaddr(const struct bf_addr *addr, struct sockaddr_storage *out);

/* Parse "192.0.2.1", "2001:db8::1" or "[2001:db8::1]"; names are not looked up. -EINVAL. */
int bf_addr_parse_ip(struct bf_addr *out, const char *text, uint16_t port);

/* Parse "192.0.2.1:7008" or "[::1]:7008". -EINVAL. */
int bf_addr_parse(struct bf_addr *out, const char *text);

/* "192.0.2.1:7008" or "[2001:db8::1]:7008"; returns `out`. */
const char *bf_addr_format(const struct bf_addr *addr, char out[static BF_ADDR_TEXT]);

/* Without the port and without brackets, as candidates write it; returns `out`. */
const char *bf_addr_format_ip(const struct bf_addr *addr, char out[static BF_ADDR_TEXT]);

bool bf_addr_equal(const struct bf_addr *a, const struct bf_addr *b);
bool bf_addr_is_loopback(const struct bf_addr *addr);
bool bf_addr_is_any(const struct bf_addr *addr);	/* 0.0.0.0 or :: */
bool bf_addr_is_link_local(const struct bf_addr *addr); /* 169.254/16, fe80::/10 */

#endif
