#include "signaling/rest/page.h"

#include "core/base/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CURSOR_BYTES 24
#define CURSOR_TEXT  40

static int read_limit(struct bf_page *page, const struct bf_http_request *request)
{
	char text[8], *end;
	int len = bf_http_query(request, "limit", text, sizeof(text));
	long limit = BF_PAGE_LIMIT_DEFAULT;

	if (len == -ENOENT) {
		page->row_count = limit + 1;
		return 0;
	}
	if (len <= 0 || text[0] < '0' || text[0] > '9')
		return -EINVAL;
	limit = strtol(text, &end, 10);
	if (*end || limit < 1 || limit > BF_PAGE_LIMIT_MAX)
		return -EINVAL;
	page->row_count = limit + 1;
	return 0;
}

static int read_cursor(struct bf_page *page, const struct bf_http_request *request)
{
	uint8_t bytes[CURSOR_BYTES + 4];
	char text[CURSOR_TEXT];
	int len = bf_http_query(request, "cursor", text, sizeof(text));

	if (len == -ENOENT)
		return 0;
	if (len <= 0 ||
		bf_base64url_decode(bytes, sizeof(bytes), bf_bytes_str(text)) != CURSOR_BYTES)
		return -EINVAL;
	page->after_us = (int64_t)bf_get_u64(bytes);
	memcpy(page->after_id.bytes, bytes + 8, sizeof(page->after_id.bytes));
	return 0;
}

int bf_page_read(struct bf_page *page, const struct bf_http_request *request, const char **why)
{
	*page = (struct bf_page){.row_count = 0};
	*why = "limit is no number from 1 to 200";
	if (read_limit(page, request))
		return -EINVAL;
	*why = "cursor is none that a page before gave";
	return read_cursor(page, request);
}

void bf_page_put_next(struct bf_json *body, bool is_last, int64_t last_us, struct bf_uuid last_id)
{
	uint8_t bytes[CURSOR_BYTES];
	char text[CURSOR_TEXT];

	if (is_last) {
		bf_json_put_null(body, "next");
		return;
	}
	bf_put_u64(bytes, (uint64_t)last_us);
	memcpy(bytes + 8, last_id.bytes, sizeof(last_id.bytes));
	(void)bf_base64url_encode(text, sizeof(text), bf_bytes(bytes, sizeof(bytes)));
	bf_json_put_str(body, "next", text);
}
