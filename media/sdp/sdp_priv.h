/* media/sdp/sdp_priv.h - the text tools that the parser, the writer and the choice of formats share.
 *
 * Owner:   views borrow the text they were cut from.   Thread: any.   Never allocates.
 */
#ifndef BF_MEDIA_SDP_SDP_PRIV_H
#define BF_MEDIA_SDP_SDP_PRIV_H

#include "media/sdp/sdp.h"

#define SDP_PT_COUNT 128 /* payload types are 7 bits */

/* A walk over "x=value" lines that end in CRLF or LF. Empty lines are skipped. */
struct sdp_lines {
	const uint8_t *at;
	const uint8_t *end;
	unsigned line_no; /* of the line last returned, from 1 */
};

struct sdp_line {
	char type;
	struct bf_bytes value;
};

void sdp_lines_init(struct sdp_lines *lines, struct bf_bytes text);

/* 1 and a line; 0 at the end; -EBADMSG (no "x=", a control character); -ENOBUFS (longer than BF_SDP_LINE_MAX). */
int sdp_lines_next(struct sdp_lines *lines, struct sdp_line *out);

/* Cut the next word off `rest`. False, and an empty word, when only spaces are left. */
bool sdp_word(struct bf_bytes *rest, struct bf_bytes *word);

/* Cut `text` at the first `separator`: what stands before it is returned, `*rest` is what follows. Without a separator all of it
 * is returned and `*rest` is empty. */
struct bf_bytes sdp_cut(struct bf_bytes text, char separator, struct bf_bytes *rest);

struct bf_bytes sdp_trim(struct bf_bytes text); /* spaces at both ends */

/* ASCII letters compare without regard to case. */
bool sdp_same(struct bf_bytes a, struct bf_bytes b);
bool sdp_is(struct bf_bytes text, const char *word);

/* Decimal digits only, at most `max`. */
bool sdp_uint(struct bf_bytes text, uint64_t max, uint64_t *out);

/* One or more visible ASCII characters, at most `len_max`. */
bool sdp_is_token(struct bf_bytes text, size_t len_max);

/* No control characters (so no CR, LF or NUL either). May be empty. */
bool sdp_is_clean(struct bf_bytes text);

/* A rid is letters, digits, '-' and '_' (RFC 8851 section 10), as long as a mid of ours at most. */
bool sdp_is_rid(struct bf_bytes text);

/* The value of `key` in "a=1;b=2"; empty with data NULL when it is not there. */
struct bf_bytes sdp_fmtp_get(struct bf_bytes fmtp, const char *key);

/* The same as a number; `otherwise` when it is missing or no number. */
uint64_t sdp_fmtp_uint(struct bf_bytes fmtp, const char *key, uint64_t otherwise);

/* Port 0 without bundle-only: the section is refused or stopped. */
static inline bool sdp_is_rejected(const struct bf_sdp_media *media)
{
	return media->port == 0 && !media->is_bundle_only;
}

static inline bool sdp_is_rtp(const struct bf_sdp_media *media)
{
	return media->kind == BF_SDP_AUDIO || media->kind == BF_SDP_VIDEO;
}

#endif
