/* The small texts of core/base: addresses, ids, base64url, and a log line of a stranger's bytes. */
#include "core/base/addr.h"
#include "core/base/id.h"
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/base/utf8.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_addr(const char *text)
{
	struct bf_addr addr, back;
	char out[BF_ADDR_TEXT];

	if (bf_addr_parse(&addr, text) == 0) {
		assert(bf_addr_parse(&back, bf_addr_format(&addr, out)) == 0);
		assert(bf_addr_equal(&addr, &back));
	}
	if (bf_addr_parse_ip(&addr, text, 1) == 0) {
		assert(bf_addr_parse_ip(&back, bf_addr_format_ip(&addr, out), 1) == 0);
		assert(bf_addr_equal(&addr, &back));
	}
}

static void try_uuid(struct bf_bytes text)
{
	struct bf_uuid uuid, back;
	char out[BF_UUID_TEXT];

	if (bf_uuid_parse(&uuid, text))
		return;
	assert(bf_uuid_parse(&back, bf_bytes_str(bf_uuid_format(uuid, out))) == 0);
	assert(bf_uuid_equal(uuid, back));
}

/* What decodes has one spelling only, up to padding. */
static void try_base64url(struct bf_bytes text)
{
	uint8_t plain[512];
	char again[1024];
	int len = bf_base64url_decode(plain, sizeof(plain), text);

	if (len < 0)
		return;
	len = bf_base64url_encode(again, sizeof(again), bf_bytes(plain, (size_t)len));
	assert(len >= 0 && (size_t)len <= text.len && text.len - (size_t)len <= 2);
	assert(memcmp(again, text.data, (size_t)len) == 0);
}

/* One line, printable, and JSON if it says so. */
static void try_log(struct bf_bytes text, enum bf_log_format format)
{
	char line[BF_LOG_LINE + 1];
	struct bf_json *json;
	struct bf_log *log;
	struct bf_bytes left;
	uint32_t point;
	ssize_t n;
	int fds[2];

	if (pipe(fds) < 0)
		abort();
	if (bf_log_new(&log, fds[1], format, BF_LOG_DEBUG) < 0)
		abort();
	BF_LOG(log, BF_LOG_INFO, "event", BF_BYTES("a", text), BF_BYTES("b", text));
	n = read(fds[0], line, sizeof(line));
	assert(n > 0 && n <= BF_LOG_LINE && line[n - 1] == '\n');
	left = bf_bytes(line, (size_t)n - 1);
	if (format == BF_LOG_JSON) {
		int err = bf_json_parse(&json, left, BF_LOG_LINE, NULL, 0);

		assert(err == 0);
		bf_json_free(json);
	}
	while (left.len > 0) {
		size_t len = bf_utf8_take(left, &point);

		assert(len > 0 && !bf_utf8_is_control(point));
		left.data += len;
		left.len -= len;
	}
	bf_log_free(log);
	close(fds[0]);
	close(fds[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), out[BF_ID_TEXT];
	uint64_t id, back;

	if (!text)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	try_addr(text);
	try_base64url(bf_bytes(data, size));
	try_uuid(bf_bytes(data, size));
	if (bf_id_parse(&id, bf_bytes(data, size)) == 0)
		assert(bf_id_parse(&back, bf_bytes_str(bf_id_format(id, out))) == 0 && id == back);
	try_log(bf_bytes(data, size), BF_LOG_LOGFMT);
	try_log(bf_bytes(data, size), BF_LOG_JSON);
	free(text);
	return 0;
}
