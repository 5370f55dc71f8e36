/* The request parser, fed in pieces: whatever the cuts, it must see the same requests and refuse at the same point.
 *
 * Input: one byte that seeds the cuts, then the stream.
 */
#include "core/base/rand.h"
#include "signaling/http/http.h"

#include <stdio.h>
#include <stdlib.h>

#define BODY_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was seen of a stream, as one number to compare. */
struct digest {
	uint64_t sum;
	unsigned request_count;
	int status;
};

static void add(struct digest *digest, struct bf_bytes bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		digest->sum = (digest->sum ^ bytes.data[i]) * 0x100000001b3u;
	digest->sum = (digest->sum ^ bytes.len) * 0x100000001b3u;
}

static void on_request(struct digest *digest, const struct bf_http_request *request)
{
	char value[64];
	int len;

	if (request->path.len == 0 || request->path.data[0] != '/' || request->body.len > BODY_MAX)
		abort();
	add(digest, request->method);
	add(digest, request->path);
	add(digest, request->query);
	add(digest, request->body);
	for (unsigned i = 0; i < request->field_count; i++) {
		add(digest, request->fields[i].name);
		add(digest, request->fields[i].value);
	}
	add(digest, bf_http_field(request, "Host"));
	len = bf_http_query(request, "a", value, sizeof(value));
	if (len >= (int)sizeof(value))
		abort();
	digest->request_count++;
}

static struct digest run(struct bf_bytes stream, struct bf_prng *cuts)
{
	static struct bf_http_request request;
	struct digest digest = {.sum = 0xcbf29ce484222325u};
	struct bf_http_parser *parser;
	const char *why = NULL;
	size_t at = 0;

	if (bf_http_parser_new(&parser, BODY_MAX) < 0)
		abort();
	for (;;) {
		int result = bf_http_parser_next(parser, &request, &digest.status, &why);
		size_t len = stream.len - at, taken;

		if (result < 0)
			break;
		if (result == 1) {
			on_request(&digest, &request);
			continue;
		}
		if (len == 0)
			break;
		(void)bf_http_parser_take_continue(parser);
		if (cuts && len > 1)
			len = 1 + bf_prng_below(cuts, len < 64 ? (uint32_t)len : 64);
		taken = bf_http_parser_put(parser, bf_bytes(stream.data + at, len));
		if (taken == 0) /* a parser that wants more must have room for it */
			abort();
		at += taken;
	}
	bf_http_parser_free(parser);
	return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct digest whole, cut;
	struct bf_prng cuts;

	if (size < 1)
		return 0;
	bf_prng_init(&cuts, data[0]);
	whole = run(bf_bytes(data + 1, size - 1), NULL);
	cut = run(bf_bytes(data + 1, size - 1), &cuts);
	if (whole.sum != cut.sum || whole.request_count != cut.request_count) {
		fprintf(stderr, "%u requests at once, %u in pieces\n", whole.request_count,
			cut.request_count);
		abort();
	}
	if ((whole.status == 0) != (cut.status == 0))
		abort();
	return 0;
}
