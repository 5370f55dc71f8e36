/* core/base/utf8.h - one character of UTF-8 at a time, strictly.
 *
 * Thread: any.   Source: RFC 3629 section 4 (no overlong forms, no surrogates, nothing past U+10FFFF).
 */
#ifndef BF_CORE_BASE_UTF8_H
#define BF_CORE_BASE_UTF8_H

#include "core/base/bytes.h"

/* The length of the well-formed character at the start of `text`, which is not empty, and its code point;
 * 0 when the bytes there are none. */
size_t bf_utf8_take(struct bf_bytes text, uint32_t *point);

/* Whether all of `text` is well formed. */
bool bf_utf8_is_valid(struct bf_bytes text);

/* Characters that move a terminal, break a line, or reorder what a reader sees: C0, DEL, C1, line and
 * paragraph separators, directional marks and overrides, byte order mark. */
bool bf_utf8_is_control(uint32_t point);

#endif
