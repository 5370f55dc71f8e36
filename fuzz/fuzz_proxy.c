/* The header of load balancers: whatever the bytes, the answer for a beginning must not contradict the answer for the whole; and the
 * fields of proxies (Forwarded, X-Forwarded-For), in requests made of the same bytes.
 */
#include "signaling/http/proxies.h"
#include "signaling/http/proxy_header.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_header(const uint8_t *data, size_t size)
{
	struct bf_proxy_header header;
	int whole = bf_proxy_header_parse(&header, bf_bytes(data, size));

	if (whole > (int)size || whole > BF_PROXY_HEADER_MAX)
		abort();
	if (size >= BF_PROXY_HEADER_MAX && whole == 0)
		abort(); /* nobody may be kept waiting for ever */
	if (whole > 0 && header.has_client && header.client.family != 4 &&
		header.client.family != 6)
		abort();
	for (size_t cut = 0; cut < size && cut < 256; cut++) {
		int part = bf_proxy_header_parse(&header, bf_bytes(data, cut));

		if (part < 0 ? whole >= 0 : part > 0 && part != whole)
			abort();
	}
}

static void check_fields(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"Forwarded", "X-Forwarded-For", "X-Forwarded-Proto"};
	static struct bf_http_request request;
	struct bf_http_proxies proxies = {.count = 1};
	struct bf_addr peer;

	if (bf_cidr_parse(&proxies.networks[0], "10.0.0.0/8") < 0 ||
		bf_addr_parse_ip(&peer, "10.0.0.1", 1) < 0)
		abort();
	for (size_t i = 0; i < 3; i++) {
		struct bf_http_origin origin;

		request.fields[0].name = bf_bytes_str(names[i]);
		request.fields[0].value = bf_bytes(data, size);
		request.field_count = 1;
		origin = bf_http_proxies_resolve(&proxies, &request, &peer, false);
		if (!origin.is_passed_on || origin.client.family == 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_header(data, size);
	check_fields(data, size);
	return 0;
}
