/* signaling/http/http_priv.h - what the files of the request parser share; nobody else includes it.
 *
 * http_parser.c keeps the buffer and the stages, http_head.c reads request line and fields, http_target.c turns the target into
 * a path, http_chunked.c takes chunked bodies apart.
 */
#ifndef BF_SIGNALING_HTTP_HTTP_PRIV_H
#define BF_SIGNALING_HTTP_HTTP_PRIV_H

#include "signaling/http/http.h"

#define BF_HTTP_CHUNK_LINE_MAX 256 /* chunk size, extensions and CRLF */
#define BF_HTTP_CHUNK_EXT_MAX \
	4096 /* extensions of one body, together: they are read only to be ignored */
#define BF_HTTP_TRAILER_MAX 1024

/* Why a request is refused. Every request that could be read in two ways ends here, and its connection with it. */
struct bf_http_refusal {
	int status; /* 0: not refused */
	const char *why;
};

/* Fill in the refusal; returns the errno that goes with the status, negative. */
int bf_http_refuse(struct bf_http_refusal *refusal, int status, const char *why);

/* How the body of a request is delimited (RFC 9112 section 6). */
struct bf_http_framing {
	bool is_chunked;
	bool wants_continue; /* Expect: 100-continue */
	uint64_t length;     /* 0 when there is no body */
};

/* Read a complete head (request line to empty line, all lines ended by CRLF, no other control characters but HTAB). Fills all of
 * `out` but body and params. `path` keeps the decoded path. */
int bf_http_head_parse(struct bf_bytes head, struct bf_http_request *out,
	struct bf_http_framing *framing, uint8_t path[static BF_HTTP_PATH_MAX],
	struct bf_http_refusal *refusal);

/* Read out->target into path and query. `authority` is set for the absolute form, else empty. */
int bf_http_target_parse(struct bf_http_request *out, struct bf_bytes *authority,
	uint8_t path[static BF_HTTP_PATH_MAX], struct bf_http_refusal *refusal);

/* host or host:port as a Host field may carry it: no user, no path, no list. */
bool bf_http_is_authority(struct bf_bytes text);

/* One "name: value" line. */
int bf_http_field_parse(
	struct bf_bytes line, struct bf_http_field *out, struct bf_http_refusal *refusal);

enum bf_http_chunk_stage {
	BF_HTTP_CHUNK_SIZE,	/* at a size line */
	BF_HTTP_CHUNK_DATA,	/* `left` bytes of data follow */
	BF_HTTP_CHUNK_DATA_END, /* the CRLF behind the data */
	BF_HTTP_CHUNK_TRAILER,	/* fields after the last chunk, ignored */
	BF_HTTP_CHUNK_DONE,
};

struct bf_http_chunks {
	/* given */
	uint64_t body_max;
	/* state */
	enum bf_http_chunk_stage stage;
	uint64_t left;
	size_t body_len; /* decoded so far */
	size_t ext_len, trailer_len;
};

/* Decode what stands at raw[0..raw_len), moving data down to body[body_len]; body and raw lie in one buffer, body before raw.
 * *used says how much of raw is done with. 1: the body is complete; 0: more is needed; negative: refused. */
int bf_http_chunks_decode(struct bf_http_chunks *chunks, uint8_t *body, const uint8_t *raw,
	size_t raw_len, size_t *used, struct bf_http_refusal *refusal);

#endif
