#include "core/base/cidr.h"

#include <errno.h>
#include <string.h>

struct bf_addr bf_addr_prefix(const struct bf_addr *addr, unsigned bits)
{
	struct bf_addr out = *addr;

	out.port = 0;
	for (unsigned i = 0; i < sizeof(out.ip); i++) {
		unsigned kept = bits > 8 * i ? bits - 8 * i : 0;

		if (kept < 8)
			out.ip[i] &= (uint8_t)(0xff00u >> kept);
	}
	return out;
}

/* One to three digits, nothing else. */
static int parse_bits(unsigned *out, const char *text)
{
	size_t len = strlen(text);
	unsigned bits = 0;

	if (len < 1 || len > 3 || strspn(text, "0123456789") != len)
		return -EINVAL;
	for (; *text; text++)
		bits = bits * 10 + (unsigned)(*text - '0');
	*out = bits;
	return 0;
}

int bf_cidr_parse(struct bf_cidr *out, const char *text)
{
	size_t len = strcspn(text, "/");
	char ip[BF_ADDR_TEXT];
	struct bf_cidr cidr;
	struct bf_addr prefix;
	unsigned bits_max;

	if (len >= sizeof(ip))
		return -EINVAL;
	memcpy(ip, text, len);
	ip[len] = '\0';
	if (bf_addr_parse_ip(&cidr.addr, ip, 0) < 0)
		return -EINVAL;
	bits_max = cidr.addr.family == 4 ? 32 : 128;
	cidr.bits = bits_max;
	if (text[len] == '/' && parse_bits(&cidr.bits, text + len + 1) < 0)
		return -EINVAL;
	if (cidr.bits > bits_max)
		return -EINVAL;
	prefix = bf_addr_prefix(&cidr.addr, cidr.bits);
	if (!bf_addr_equal(&prefix, &cidr.addr))
		return -EINVAL;
	*out = cidr;
	return 0;
}

bool bf_cidr_has(const struct bf_cidr *cidr, const struct bf_addr *addr)
{
	struct bf_addr prefix = bf_addr_prefix(addr, cidr->bits);

	return bf_addr_equal(&prefix, &cidr->addr);
}
