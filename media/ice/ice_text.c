#include "media/ice/ice.h"

#include <assert.h>
#include <stdio.h>

/* ice-char without '+' and '/' (RFC 8839 section 5.4): safe in URLs and log lines. A random byte modulo 62 favours the
 * first eight characters, which costs little: 8 characters still have 47 bits and 24 have 142 (24 and 128 are due). */
static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

#define UFRAG_RANDOM 8
#define PWD_LEN	     24

void bf_ice_creds_make(
	struct bf_ice_creds *out, const char *prefix, const uint8_t random[static 32])
{
	size_t len = strlen(prefix);

	assert(len + UFRAG_RANDOM < sizeof(out->ufrag));
	memset(out, 0, sizeof(*out));
	memcpy(out->ufrag, prefix, len);
	for (size_t i = 0; i < UFRAG_RANDOM; i++)
		out->ufrag[len + i] = alphabet[random[i] % 62];
	for (size_t i = 0; i < PWD_LEN; i++)
		out->pwd[i] = alphabet[random[UFRAG_RANDOM + i] % 62];
}

/* RFC 8445 section 5.1.2.1 for component 1. The local preference of TCP is that of RFC 6544 section 4.2: three bits of
 * direction (passive is 4) and thirteen to choose, so that it stays below every UDP one. */
uint32_t bf_ice_host_priority(bool is_tcp, bool is_v6, unsigned index)
{
	uint32_t steps = 2 * (index < 1000 ? index : 1000) + (is_v6 ? 0 : 1);
	uint32_t local = is_tcp ? (4u << 13 | (8191 - steps)) : 65535 - steps;

	return 126u << 24 | local << 8 | (256 - 1);
}

/* RFC 8839 section 5.1, RFC 6544 section 4.5. */
const char *bf_ice_candidate_format(char out[static BF_ICE_CANDIDATE_TEXT],
	const struct bf_addr *addr, bool is_tcp, unsigned index)
{
	char ip[BF_ADDR_TEXT];

	snprintf(out, BF_ICE_CANDIDATE_TEXT, "candidate:%u 1 %s %u %s %u typ host%s",
		index * 2 + (is_tcp ? 2 : 1), is_tcp ? "tcp" : "udp",
		bf_ice_host_priority(is_tcp, addr->family == 6, index), bf_addr_format_ip(addr, ip),
		addr->port, is_tcp ? " tcptype passive" : "");
	return out;
}
