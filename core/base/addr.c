#include "core/base/addr.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct bf_addr addr_v4(const void *ip, uint16_t port)
{
	struct bf_addr addr = {.family = 4, .port = port};

	memcpy(addr.ip, ip, 4);
	return addr;
}

/* The one place where IPv6 enters, so that a mapped address cannot slip past the normal form. */
static struct bf_addr addr_v6(const void *ip, uint16_t port)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct bf_addr addr = {.family = 6, .port = port};

	if (memcmp(ip, mapped, sizeof(mapped)) == 0)
		return addr_v4((const uint8_t *)ip + sizeof(mapped), port);
	memcpy(addr.ip, ip, 16);
	return addr;
}

struct bf_addr bf_addr_from_sockaddr(const struct sockaddr *sa)
{
	/* Copied first: the caller's buffer need not be aligned for the larger type. */
	if (sa->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, sa, sizeof(in));
		return addr_v4(&in.sin_addr, ntohs(in.sin_port));
	}
	if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, sa, sizeof(in6));
		return addr_v6(&in6.sin6_addr, ntohs(in6.sin6_port));
	}
	return (struct bf_addr){.family = 0};
}

socklen_t bf_addr_to_sockaddr(const struct bf_addr *addr, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (addr->family == 4) {
		struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(addr->port)};

		memcpy(&in.sin_addr, addr->ip, 4);
		memcpy(out, &in, sizeof(in));
		return sizeof(in);
	}
	if (addr->family == 6) {
		struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(addr->port)};

		memcpy(&in6.sin6_addr, addr->ip, 16);
		memcpy(out, &in6, sizeof(in6));
		return sizeof(in6);
	}
	return 0;
}

/* `len` bytes of `text` as an address of one family, AF_UNSPEC for either. */
static int parse_ip(struct bf_addr *out, const char *text, size_t len, int family, uint16_t port)
{
	char copy[INET6_ADDRSTRLEN];
	uint8_t ip[16];

	if (len >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (family != AF_INET6 && inet_pton(AF_INET, copy, ip) == 1) {
		*out = addr_v4(ip, port);
		return 0;
	}
	if (family != AF_INET && inet_pton(AF_INET6, copy, ip) == 1) {
		*out = addr_v6(ip, port);
		return 0;
	}
	return -EINVAL;
}

int bf_addr_parse_ip(struct bf_addr *out, const char *text, uint16_t port)
{
	size_t len = strlen(text);

	if (text[0] != '[')
		return parse_ip(out, text, len, AF_UNSPEC, port);
	if (len < 2 || text[len - 1] != ']')
		return -EINVAL;
	return parse_ip(out, text + 1, len - 2, AF_INET6, port);
}

static int parse_port(uint16_t *out, const char *text)
{
	unsigned port = 0;
	size_t len = strlen(text);

	if (len == 0 || len > 5)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		port = port * 10 + (unsigned)(text[i] - '0');
	}
	if (port > UINT16_MAX)
		return -EINVAL;
	*out = (uint16_t)port;
	return 0;
}

int bf_addr_parse(struct bf_addr *out, const char *text)
{
	const char *colon = strrchr(text, ':');
	size_t ip_len;
	uint16_t port;

	if (!colon || parse_port(&port, colon + 1) < 0)
		return -EINVAL;
	ip_len = (size_t)(colon - text);
	/* Without brackets the last group of an IPv6 address would be taken for the port. */
	if (text[0] != '[')
		return parse_ip(out, text, ip_len, AF_INET, port);
	if (ip_len < 2 || text[ip_len - 1] != ']')
		return -EINVAL;
	return parse_ip(out, text + 1, ip_len - 2, AF_INET6, port);
}

const char *bf_addr_format_ip(const struct bf_addr *addr, char out[static BF_ADDR_TEXT])
{
	if (addr->family == 0)
		return strcpy(out, "-");
	/* Cannot fail: both families are known, and BF_ADDR_TEXT exceeds INET6_ADDRSTRLEN. */
	inet_ntop(addr->family == 4 ? AF_INET : AF_INET6, addr->ip, out, BF_ADDR_TEXT);
	return out;
}

const char *bf_addr_format(const struct bf_addr *addr, char out[static BF_ADDR_TEXT])
{
	char ip[BF_ADDR_TEXT];

	bf_addr_format_ip(addr, ip);
	if (addr->family == 0)
		return strcpy(out, ip);
	snprintf(out, BF_ADDR_TEXT, addr->family == 6 ? "[%.45s]:%u" : "%.45s:%u", ip,
		(unsigned)addr->port);
	return out;
}

bool bf_addr_equal(const struct bf_addr *a, const struct bf_addr *b)
{
	static_assert(sizeof(*a) == 20, "no padding, or memcmp would read it");
	return memcmp(a, b, sizeof(*a)) == 0;
}

bool bf_addr_is_loopback(const struct bf_addr *addr)
{
	static const uint8_t one[16] = {[15] = 1};

	if (addr->family == 4)
		return addr->ip[0] == 127;
	return addr->family == 6 && memcmp(addr->ip, one, 16) == 0;
}

bool bf_addr_is_any(const struct bf_addr *addr)
{
	static const uint8_t any[16];

	return addr->family != 0 && memcmp(addr->ip, any, 16) == 0;
}

bool bf_addr_is_link_local(const struct bf_addr *addr)
{
	if (addr->family == 4)
		return addr->ip[0] == 169 && addr->ip[1] == 254;
	return addr->family == 6 && addr->ip[0] == 0xfe && (addr->ip[1] & 0xc0) == 0x80;
}
