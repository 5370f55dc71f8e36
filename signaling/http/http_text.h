/* signaling/http/http_text.h - the small grammars that HTTP and WebSocket heads are made of.
 *
 * Owner:   values and views only.   Thread: any.   Source: RFC 9110 section 5.6, RFC 3629 (UTF-8).
 */
#ifndef BF_SIGNALING_HTTP_HTTP_TEXT_H
#define BF_SIGNALING_HTTP_HTTP_TEXT_H

#include "core/base/bytes.h"

/* token characters: letters, digits and !#$%&'*+-.^_`|~ */
bool bf_http_is_token_char(uint8_t c);

/* One or more token characters. */
bool bf_http_is_token(struct bf_bytes text);

/* Equal, where letters A-Z and a-z count as the same. */
bool bf_http_is(struct bf_bytes text, const char *other);

/* Without spaces and tabs at both ends. */
struct bf_bytes bf_http_trim(struct bf_bytes text);

/* Take the first element, up to `separator` outside quotes, off `*list` and trim it. False at the end of the list; empty
 * elements are skipped. */
bool bf_http_list_next(struct bf_bytes *list, char separator, struct bf_bytes *out);

/* The value of a hexadecimal digit, -1 for another character. */
int bf_http_hex(uint8_t c);

/* Well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool bf_http_is_utf8(struct bf_bytes text);

#endif
