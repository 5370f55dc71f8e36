#include "signaling/http/http_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define CAPACITY_MIN 4096
/* Above head and body: lines of a chunked body that are not complete yet. */
#define CAPACITY_SLACK (2 * BF_HTTP_TRAILER_MAX)

enum stage {
	STAGE_HEAD,    /* between requests, or inside a head */
	STAGE_LENGTH,  /* head complete, body of known length */
	STAGE_CHUNKS,  /* head complete, chunked body */
	STAGE_REFUSED, /* nothing more is read */
};

/*
 *   buffer:  | done with | head | body, decoded | not yet looked at |
 *            0         start   +head_len      +raw_at             len
 */
struct bf_http_parser {
	/* given */
	size_t body_max;
	bf_http_body_limit *limit; /* NULL: body_max */
	void *limit_arg;
	/* owned */
	uint8_t *buffer;
	/* state */
	enum stage stage;
	size_t capacity, start, len;
	size_t body_limit; /* of the request at hand */
	size_t lent_len;   /* of the request that the caller holds, from `start`; 0: none */
	/* the head, relative to `start` */
	size_t scan_at, line_at, line_count, head_len;
	bool has_skipped_line;
	size_t raw_at;
	struct bf_http_framing framing;
	struct bf_http_chunks chunks;
	struct bf_http_refusal refusal;
	int err;
	uint8_t path[BF_HTTP_PATH_MAX];
};

int bf_http_parser_new(struct bf_http_parser **out, size_t body_max)
{
	struct bf_http_parser *parser = calloc(1, sizeof(*parser));

	if (!parser)
		return -ENOMEM;
	parser->body_max = body_max;
	parser->body_limit = body_max;
	*out = parser;
	return 0;
}

void bf_http_parser_set_body_limit(
	struct bf_http_parser *parser, bf_http_body_limit *limit, void *arg)
{
	parser->limit = limit;
	parser->limit_arg = arg;
}

void bf_http_parser_free(struct bf_http_parser *parser)
{
	if (!parser)
		return;
	free(parser->buffer);
	free(parser);
}

static int refuse(struct bf_http_parser *parser, int status, const char *why)
{
	return bf_http_refuse(&parser->refusal, status, why);
}

/* ---- buffer ---- */

/* Move what is left to the front: it is the beginning of one request, all whole ones are gone by now. */
static void compact(struct bf_http_parser *parser)
{
	if (parser->start == 0)
		return;
	memmove(parser->buffer, parser->buffer + parser->start, parser->len - parser->start);
	parser->len -= parser->start;
	parser->start = 0;
}

/* Make room for `more` bytes as far as the limit allows. The buffer follows what has really arrived, never what a length says. */
static void grow(struct bf_http_parser *parser, size_t more)
{
	size_t capacity_max = BF_HTTP_HEAD_MAX + parser->body_limit + CAPACITY_SLACK;
	size_t capacity = parser->capacity ? parser->capacity : CAPACITY_MIN;
	uint8_t *buffer;

	if (capacity_max <
		parser->capacity) /* grown for a request that may be longer than the next one */
		capacity_max = parser->capacity;
	while (capacity - parser->len < more && capacity < capacity_max)
		capacity = capacity < capacity_max / 2 ? capacity * 2 : capacity_max;
	if (capacity == parser->capacity)
		return;
	buffer = realloc(parser->buffer, capacity);
	if (!buffer) {
		parser->stage = STAGE_REFUSED;
		parser->err = refuse(parser, 503, "there is no memory for the request");
		return;
	}
	parser->buffer = buffer;
	parser->capacity = capacity;
}

size_t bf_http_parser_put(struct bf_http_parser *parser, struct bf_bytes data)
{
	size_t room;

	if (parser->stage == STAGE_REFUSED)
		return data.len;
	if (parser->lent_len == 0) { /* else views point into the buffer */
		compact(parser);
		if (parser->capacity - parser->len < data.len)
			grow(parser, data.len);
	}
	room = parser->capacity - parser->len;
	if (data.len > room)
		data.len = room;
	if (data.len > 0)
		memcpy(parser->buffer + parser->len, data.data, data.len);
	parser->len += data.len;
	return data.len;
}

/* ---- head ---- */

static int on_line_end(struct bf_http_parser *parser, size_t at)
{
	size_t line_len = at - 1 - parser->line_at;

	parser->line_at = at + 1;
	if (line_len > 0) {
		parser->line_count++;
		return 0;
	}
	if (parser->line_count > 0) {
		parser->head_len = at + 1;
		return 1;
	}
	/* RFC 9112 section 2.2 wants one empty line before a request forgiven: old clients send it after a body. */
	if (parser->has_skipped_line)
		return refuse(parser, 400, "there are empty lines before the request");
	parser->has_skipped_line = true;
	parser->start += 2;
	parser->scan_at = 0;
	parser->line_at = 0;
	return 0;
}

/* Look for the end of the head, byte by byte as it comes: what would make a line end ambiguous is refused on sight, so that a
 * client which sends it learns so and does not wait for a deadline. */
static int scan_head(struct bf_http_parser *parser)
{
	size_t len = parser->len - parser->start;
	const uint8_t *at =
		len > 0 ? parser->buffer + parser->start : NULL; /* there may be no buffer yet */

	while (parser->scan_at < len) {
		size_t i = parser->scan_at;
		uint8_t c = at[i];
		bool follows_cr = i > 0 && at[i - 1] == '\r';

		if (i >= BF_HTTP_HEAD_MAX)
			return parser->line_count == 0
				       ? refuse(parser, 414, "the request line is too long")
				       : refuse(parser, 431, "the head is too long");
		if (c == '\n' && !follows_cr)
			return refuse(parser, 400, "a line ends with a bare LF");
		if (c != '\n' && follows_cr)
			return refuse(parser, 400, "there is a bare CR");
		if ((c < 0x20 && c != '\r' && c != '\n' && c != '\t') || c == 0x7f)
			return refuse(parser, 400, "the head contains a control character");
		parser->scan_at++;
		if (c == '\n') {
			size_t start = parser->start;
			int is_end = on_line_end(parser, i);

			if (is_end != 0)
				return is_end;
			at += parser->start - start;
			len -= parser->start - start;
		}
	}
	return 0;
}

static int parse_head(struct bf_http_parser *parser, struct bf_http_request *out)
{
	struct bf_bytes head = bf_bytes(parser->buffer + parser->start, parser->head_len);

	return bf_http_head_parse(head, out, &parser->framing, parser->path, &parser->refusal);
}

/* ---- body ---- */

static void begin_body(struct bf_http_parser *parser)
{
	parser->raw_at = parser->head_len;
	parser->chunks = (struct bf_http_chunks){.body_max = parser->body_limit};
	parser->stage = parser->framing.is_chunked ? STAGE_CHUNKS : STAGE_LENGTH;
}

/* 1 when the body is complete; raw_at then is where the next request begins. */
static int read_chunks(struct bf_http_parser *parser)
{
	uint8_t *head = parser->buffer + parser->start;
	size_t raw_len = parser->len - parser->start - parser->raw_at, used = 0;
	int done;

	assert(parser->buffer); /* the head is in it */
	done = bf_http_chunks_decode(&parser->chunks, head + parser->head_len,
		head + parser->raw_at, raw_len, &used, &parser->refusal);
	parser->raw_at += used;
	if (done == 0) {
		/* Close the gap that sizes and line ends have left, so that the buffer never holds more than the limits. */
		size_t body_end = parser->head_len + parser->chunks.body_len;

		memmove(head + body_end, head + parser->raw_at, raw_len - used);
		parser->len -= parser->raw_at - body_end;
		parser->raw_at = body_end;
	}
	return done;
}

static int read_length(struct bf_http_parser *parser)
{
	size_t available = parser->len - parser->start - parser->head_len;

	if (parser->framing.length > available)
		return 0;
	parser->chunks.body_len = (size_t)parser->framing.length;
	parser->raw_at = parser->head_len + parser->chunks.body_len;
	return 1;
}

/* ---- requests ---- */

/* The request that was lent is done with. */
static void drop_lent(struct bf_http_parser *parser)
{
	parser->start += parser->lent_len;
	parser->lent_len = 0;
	if (parser->start < parser->len || parser->capacity == CAPACITY_MIN)
		return;
	free(parser->buffer); /* an idle connection keeps no large buffer */
	parser->buffer = NULL;
	parser->capacity = 0;
	parser->start = 0;
	parser->len = 0;
}

/* 1, 0 or negative as bf_http_parser_next. */
static int advance(struct bf_http_parser *parser, struct bf_http_request *out)
{
	bool is_parsed = false;
	int done;

	if (parser->stage == STAGE_HEAD) {
		done = scan_head(parser);
		if (done == 1)
			done = parse_head(parser, out) < 0 ? -1 : 1;
		if (done != 1)
			return done;
		parser->body_limit = parser->body_max;
		if (parser->limit && (parser->framing.length > 0 || parser->framing.is_chunked))
			parser->body_limit = parser->limit(parser->limit_arg, out);
		if (parser->framing.length > parser->body_limit)
			return refuse(parser, 413, "the body is too long");
		is_parsed = true;
		begin_body(parser);
	}
	done = parser->stage == STAGE_CHUNKS ? read_chunks(parser) : read_length(parser);
	if (done != 1)
		return done;
	/* The buffer may have moved while the body came in: its views are taken anew. The head was accepted before. */
	if (!is_parsed && parse_head(parser, out) < 0)
		return -1;
	return 1;
}

int bf_http_parser_next(
	struct bf_http_parser *parser, struct bf_http_request *out, int *status, const char **why)
{
	int done;

	if (parser->lent_len > 0)
		drop_lent(parser);
	done = parser->stage == STAGE_REFUSED ? -1 : advance(parser, out);
	if (done < 0) {
		assert(parser->refusal.status != 0);
		parser->stage = STAGE_REFUSED;
		parser->err = bf_http_refuse(
			&parser->refusal, parser->refusal.status, parser->refusal.why);
		*status = parser->refusal.status;
		*why = parser->refusal.why;
		return parser->err;
	}
	if (done == 0)
		return 0;
	out->body = bf_bytes(
		parser->buffer + parser->start + parser->head_len, parser->chunks.body_len);
	parser->lent_len = parser->raw_at;
	parser->stage = STAGE_HEAD;
	parser->framing.wants_continue = false;
	parser->scan_at = 0;
	parser->line_at = 0;
	parser->line_count = 0;
	parser->has_skipped_line = false;
	return 1;
}

bool bf_http_parser_is_mid_request(const struct bf_http_parser *parser)
{
	return parser->stage == STAGE_HEAD && parser->len > parser->start + parser->lent_len;
}

bool bf_http_parser_is_mid_body(const struct bf_http_parser *parser)
{
	return parser->stage == STAGE_LENGTH || parser->stage == STAGE_CHUNKS;
}

bool bf_http_parser_take_continue(struct bf_http_parser *parser)
{
	bool wants = bf_http_parser_is_mid_body(parser) && parser->framing.wants_continue;

	/* A client that has begun with the body no longer waits (RFC 9110 section 10.1.1). */
	parser->framing.wants_continue = false;
	return wants && parser->len == parser->start + parser->head_len;
}

struct bf_bytes bf_http_parser_rest(const struct bf_http_parser *parser)
{
	size_t at = parser->start + parser->lent_len;

	if (at == parser->len)
		return bf_bytes(NULL, 0);
	return bf_bytes(parser->buffer + at, parser->len - at);
}
