/* signaling/http/response.h - heads of responses, and problem documents, as bytes.
 *
 * Owner:   the exchange embeds the fields.   Thread: one.
 * Limits:  BF_HTTP_FIELDS_TEXT bytes of fields set by a handler (assert: handlers are ours).
 * Source:  RFC 9110 section 15, RFC 9112 section 4, RFC 9457 (problem details).
 */
#ifndef BF_SIGNALING_HTTP_RESPONSE_H
#define BF_SIGNALING_HTTP_RESPONSE_H

#include "core/base/bytes.h"
#include "core/base/json.h"
#include "signaling/http/security.h"

#define BF_HTTP_FIELDS_TEXT   8192
#define BF_HTTP_RESPONSE_HEAD (BF_HTTP_FIELDS_TEXT + 1024 + BF_HTTP_SECURITY_TEXT)
#define BF_HTTP_DATE_TEXT     30

/* Field lines that a handler has set, as text. */
struct bf_http_reply_fields {
	char *text; /* owned; NULL: none */
	size_t len;
	bool has_cache_control;
};

void bf_http_reply_fields_init(struct bf_http_reply_fields *fields);
void bf_http_reply_fields_deinit(struct bf_http_reply_fields *fields);

/* Append "name: value". -ENOMEM. Control characters are our bug (assert). */
int bf_http_reply_fields_add(
	struct bf_http_reply_fields *fields, const char *name, const char *value);

struct bf_http_reply_head {
	int status;
	unsigned minor_version;
	const char *date;	  /* bf_http_date_format */
	const char *content_type; /* NULL: none */
	uint64_t body_len;
	bool keep_alive;
	bool is_secured; /* with the fields of security.h, for: */
	enum bf_http_content content;
	bool is_https;
};

/* Write status line, fields and the empty line to out[BF_HTTP_RESPONSE_HEAD]; returns the length. */
size_t bf_http_reply_head_write(uint8_t out[static BF_HTTP_RESPONSE_HEAD],
	const struct bf_http_reply_head *head, const struct bf_http_reply_fields *fields);

/* Whether a response with that status has a body at all (RFC 9110 section 6.4.1). */
bool bf_http_status_has_body(int status);

/* "Not Found"; "Unknown" for a status that is not in the table. */
const char *bf_http_status_title(int status);

/* The code of problems that the server itself answers: "not_found". */
const char *bf_http_status_code(int status);

/* An RFC 9457 document; NULL without memory. */
struct bf_json *bf_http_problem(int status, const char *code, const char *detail);

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7). */
const char *bf_http_date_format(int64_t wall_s, char out[static BF_HTTP_DATE_TEXT]);

#endif
