#include "signaling/http/proxy_header.h"

#include <errno.h>

/*
 *   version 2:  | signature, 12 | version and command, 1 | family and transport, 1 | length, 2 | addresses | extensions |
 */
#define V2_HEAD	 16
#define V1_MAX	 107 /* with CRLF */
#define TCP4_LEN 12  /* two addresses, two ports */
#define TCP6_LEN 36

static const uint8_t v2_signature[12] = "\r\n\r\n\0\r\nQUIT\n";

/* Whether `data` begins as `start` does, as far as either goes. */
static bool agrees(struct bf_bytes data, const void *start, size_t len)
{
	return memcmp(data.data, start, data.len < len ? data.len : len) == 0;
}

/* ---- version 1 ---- */

/* Take the text up to the next space, or all of it, off `line`. */
static struct bf_bytes take_word(struct bf_bytes *line)
{
	const uint8_t *space = line->len > 0 ? memchr(line->data, ' ', line->len) : NULL;
	size_t len = space ? (size_t)(space - line->data) : line->len;
	struct bf_bytes word = bf_bytes(line->data, len);

	*line = space ? bf_bytes(space + 1, line->len - len - 1)
		      : bf_bytes(line->data + line->len, 0);
	return word;
}

static int read_port(struct bf_bytes text, uint16_t *out)
{
	unsigned port = 0;

	if (text.len < 1 || text.len > 5 || (text.len > 1 && text.data[0] == '0'))
		return -EBADMSG;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return -EBADMSG;
		port = port * 10 + (unsigned)(text.data[i] - '0');
	}
	if (port > UINT16_MAX)
		return -EBADMSG;
	*out = (uint16_t)port;
	return 0;
}

static int read_ip(struct bf_bytes text, bool is_v6, struct bf_addr *out)
{
	char copy[BF_ADDR_TEXT];

	if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.data, 0, text.len) ||
		memchr(text.data, '[', text.len) ||
		(memchr(text.data, ':', text.len) != NULL) != is_v6)
		return -EBADMSG;
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	return bf_addr_parse_ip(out, copy, 0) < 0 ? -EBADMSG : 0;
}

/* "TCP4 192.0.2.1 192.0.2.2 56324 443" */
static int read_v1_line(struct bf_proxy_header *out, struct bf_bytes line)
{
	struct bf_bytes family = take_word(&line), source, destination, source_port;
	struct bf_addr client, other;
	bool is_v6 = bf_bytes_is(family, "TCP6");
	uint16_t other_port;

	if (bf_bytes_is(family, "UNKNOWN")) {
		*out = (struct bf_proxy_header){.has_client = false};
		return 0;
	}
	if (!is_v6 && !bf_bytes_is(family, "TCP4"))
		return -EBADMSG;
	source = take_word(&line);
	destination = take_word(&line);
	source_port = take_word(&line);
	if (read_ip(source, is_v6, &client) || read_ip(destination, is_v6, &other) ||
		read_port(source_port, &client.port) || read_port(line, &other_port))
		return -EBADMSG;
	*out = (struct bf_proxy_header){.has_client = true, .client = client};
	return 0;
}

static int parse_v1(struct bf_proxy_header *out, struct bf_bytes data)
{
	size_t len = data.len < V1_MAX ? data.len : V1_MAX;
	const uint8_t *end = memchr(data.data, '\n', len);
	size_t line_len;

	if (!end)
		return data.len < V1_MAX ? 0 : -EBADMSG;
	line_len = (size_t)(end - data.data);
	if (line_len < 8 || end[-1] != '\r' ||
		read_v1_line(out, bf_bytes(data.data + 6, line_len - 7)) < 0)
		return -EBADMSG;
	return (int)line_len + 1;
}

/* ---- version 2 ---- */

static struct bf_addr read_addr(const uint8_t *ip, size_t ip_len, const uint8_t *port)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	struct sockaddr_in v4 = {.sin_family = AF_INET};

	if (ip_len == sizeof(v4.sin_addr)) {
		memcpy(&v4.sin_addr, ip, ip_len);
		memcpy(&v4.sin_port, port, sizeof(v4.sin_port));
		return bf_addr_from_sockaddr((struct sockaddr *)&v4);
	}
	memcpy(&v6.sin6_addr, ip, ip_len);
	memcpy(&v6.sin6_port, port, sizeof(v6.sin6_port));
	return bf_addr_from_sockaddr((struct sockaddr *)&v6); /* ::ffff: becomes what it means */
}

static int parse_v2(struct bf_proxy_header *out, struct bf_bytes data)
{
	const uint8_t *at = data.data;
	struct bf_proxy_header header = {.has_client = false};
	unsigned command, family;
	size_t len;

	if (data.len < V2_HEAD)
		return 0;
	command = at[12];
	family = at[13];
	len = (size_t)at[14] << 8 | at[15];
	if ((command != 0x20 && command != 0x21) || len > BF_PROXY_HEADER_MAX - V2_HEAD)
		return -EBADMSG;
	/* Over UDP nobody connects here; of local sockets (0x3.) and what is not said there is no address. */
	if (family == 0x12 || family == 0x22 || (family == 0x11 && len < TCP4_LEN) ||
		(family == 0x21 && len < TCP6_LEN))
		return -EBADMSG;
	if (data.len < V2_HEAD + len)
		return 0;
	header.has_client = command == 0x21 && (family == 0x11 || family == 0x21);
	if (header.has_client && family == 0x11)
		header.client = read_addr(at + V2_HEAD, 4, at + V2_HEAD + 8);
	else if (header.has_client)
		header.client = read_addr(at + V2_HEAD, 16, at + V2_HEAD + 32);
	*out = header;
	return (int)(V2_HEAD + len);
}

int bf_proxy_header_parse(struct bf_proxy_header *out, struct bf_bytes data)
{
	if (data.len == 0)
		return 0;
	if (agrees(data, v2_signature, sizeof(v2_signature)))
		return parse_v2(out, data);
	if (agrees(data, "PROXY ", 6))
		return parse_v1(out, data);
	return -EBADMSG;
}
