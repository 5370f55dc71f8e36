#include "signaling/http/response.h"

#include "signaling/http/http_text.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const struct {
	int status;
	const char *title, *code;
} statuses[] = {
	{101, "Switching Protocols", "switching_protocols"},
	{200, "OK", "ok"},
	{201, "Created", "created"},
	{202, "Accepted", "accepted"},
	{204, "No Content", "no_content"},
	{206, "Partial Content", "partial_content"},
	{301, "Moved Permanently", "moved"},
	{302, "Found", "found"},
	{303, "See Other", "see_other"},
	{304, "Not Modified", "not_modified"},
	{307, "Temporary Redirect", "redirect"},
	{308, "Permanent Redirect", "redirect"},
	{400, "Bad Request", "bad_request"},
	{401, "Unauthorized", "unauthorized"},
	{403, "Forbidden", "forbidden"},
	{404, "Not Found", "not_found"},
	{405, "Method Not Allowed", "method_not_allowed"},
	{406, "Not Acceptable", "not_acceptable"},
	{408, "Request Timeout", "request_timeout"},
	{409, "Conflict", "conflict"},
	{410, "Gone", "gone"},
	{411, "Length Required", "length_required"},
	{412, "Precondition Failed", "precondition_failed"},
	{413, "Content Too Large", "content_too_large"},
	{414, "URI Too Long", "uri_too_long"},
	{415, "Unsupported Media Type", "unsupported_media_type"},
	{416, "Range Not Satisfiable", "range_not_satisfiable"},
	{417, "Expectation Failed", "expectation_failed"},
	{422, "Unprocessable Content", "unprocessable_content"},
	{426, "Upgrade Required", "upgrade_required"},
	{428, "Precondition Required", "precondition_required"},
	{429, "Too Many Requests", "rate_limited"},
	{431, "Request Header Fields Too Large", "head_too_large"},
	{500, "Internal Server Error", "internal"},
	{501, "Not Implemented", "not_implemented"},
	{502, "Bad Gateway", "bad_gateway"},
	{503, "Service Unavailable", "unavailable"},
	{504, "Gateway Timeout", "timeout"},
	{505, "HTTP Version Not Supported", "version_not_supported"},
	{507, "Insufficient Storage", "insufficient_storage"},
};

#define STATUS_COUNT (sizeof(statuses) / sizeof(statuses[0]))

const char *bf_http_status_title(int status)
{
	for (size_t i = 0; i < STATUS_COUNT; i++)
		if (statuses[i].status == status)
			return statuses[i].title;
	return "Unknown";
}

const char *bf_http_status_code(int status)
{
	for (size_t i = 0; i < STATUS_COUNT; i++)
		if (statuses[i].status == status)
			return statuses[i].code;
	return "unknown";
}

bool bf_http_status_has_body(int status)
{
	return status >= 200 && status != 204 && status != 304;
}

/* ---- fields of a handler ---- */

void bf_http_reply_fields_init(struct bf_http_reply_fields *fields)
{
	*fields = (struct bf_http_reply_fields){.text = NULL};
}

void bf_http_reply_fields_deinit(struct bf_http_reply_fields *fields)
{
	free(fields->text);
	bf_http_reply_fields_init(fields);
}

static bool has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	return false;
}

int bf_http_reply_fields_add(
	struct bf_http_reply_fields *fields, const char *name, const char *value)
{
	size_t added = strlen(name) + strlen(value) + 4;
	char *text;

	assert(bf_http_is_token(bf_bytes_str(name)));
	assert(!has_control(value)); /* a line end here would forge a response */
	assert(fields->len + added <= BF_HTTP_FIELDS_TEXT);
	text = realloc(fields->text, fields->len + added + 1);
	if (!text)
		return -ENOMEM;
	snprintf(text + fields->len, added + 1, "%s: %s\r\n", name, value);
	fields->text = text;
	fields->len += added;
	fields->has_cache_control |= bf_http_is(bf_bytes_str(name), "Cache-Control");
	return 0;
}

/* ---- head ---- */

static void put_field(struct bf_wr *wr, const char *name, const char *value)
{
	bf_wr_str(wr, name);
	bf_wr_str(wr, ": ");
	bf_wr_str(wr, value);
	bf_wr_str(wr, "\r\n");
}

size_t bf_http_reply_head_write(uint8_t out[static BF_HTTP_RESPONSE_HEAD],
	const struct bf_http_reply_head *head, const struct bf_http_reply_fields *fields)
{
	struct bf_wr wr = bf_wr(out, BF_HTTP_RESPONSE_HEAD);
	char number[32];

	snprintf(number, sizeof(number), "HTTP/1.1 %d ", head->status);
	bf_wr_str(&wr, number);
	bf_wr_str(&wr, bf_http_status_title(head->status));
	bf_wr_str(&wr, "\r\n");
	if (head->date)
		put_field(&wr, "Date", head->date);
	if (bf_http_status_has_body(head->status)) {
		snprintf(number, sizeof(number), "%llu", (unsigned long long)head->body_len);
		put_field(&wr, "Content-Length", number);
		if (head->content_type)
			put_field(&wr, "Content-Type", head->content_type);
	}
	if (head->status >= 200) {
		put_field(&wr, "X-Content-Type-Options", "nosniff");
		/* Answers are for the one who asked; a handler that wants them kept says so. */
		if (!fields->has_cache_control)
			put_field(&wr, "Cache-Control", "no-store");
		if (!head->keep_alive)
			put_field(&wr, "Connection", "close");
		else if (head->minor_version == 0)
			put_field(&wr, "Connection", "keep-alive");
	}
	if (head->is_secured)
		bf_http_security_write(&wr, head->content, head->is_https);
	bf_wr_bytes(&wr, bf_bytes(fields->text, fields->len));
	bf_wr_str(&wr, "\r\n");
	assert(!wr.is_full); /* BF_HTTP_RESPONSE_HEAD leaves 1 KiB for all but the handler's fields */
	return bf_wr_len(&wr);
}

/* ---- documents ---- */

struct bf_json *bf_http_problem(int status, const char *code, const char *detail)
{
	struct bf_json *problem = bf_json_object();

	if (!problem)
		return NULL;
	bf_json_put_str(
		problem, "type", "about:blank"); /* the title says all: RFC 9457 section 4.2.1 */
	bf_json_put_str(problem, "title", bf_http_status_title(status));
	bf_json_put_int(problem, "status", status);
	bf_json_put_str(problem, "code", code);
	bf_json_put_str(problem, "detail", detail);
	return problem;
}

const char *bf_http_date_format(int64_t wall_s, char out[static BF_HTTP_DATE_TEXT])
{
	static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[][4] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t seconds = (time_t)wall_s;
	struct tm tm;

	gmtime_r(&seconds, &tm);
	/* Not strftime: its names follow the locale. The remainders tell the compiler that the text fits. */
	snprintf(out, BF_HTTP_DATE_TEXT, "%s, %02u %s %04u %02u:%02u:%02u GMT", days[tm.tm_wday],
		(unsigned)tm.tm_mday % 100, months[tm.tm_mon],
		(unsigned)(tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100,
		(unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
	return out;
}
