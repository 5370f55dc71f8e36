#include "core/base/log.h"

#include "core/base/clock.h"
#include "core/base/id.h"
#include "core/base/utf8.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

/* Kept free for what must follow wherever a line is cut: a closing quote and ,"cut":true}\n */
#define TAIL_BYTES 16

struct bf_log {
	int fd; /* borrowed */
	enum bf_log_format format;
	enum bf_log_level level;
};

struct line {
	enum bf_log_format format;
	bool is_cut; /* something did not fit: nothing more is added but the tail */
	size_t len;
	char text[BF_LOG_LINE];
};

static const char *const level_names[] = {
	[BF_LOG_DEBUG] = "debug",
	[BF_LOG_INFO] = "info",
	[BF_LOG_WARN] = "warn",
	[BF_LOG_ERROR] = "error",
};

/* Keys whose values are never printed, also as the last word of a longer key ("turn_secret"). */
static const char *const secret_keys[] = {
	"password",
	"passwd",
	"passphrase",
	"pwd",
	"secret",
	"token",
	"key",
	"authorization",
	"cookie",
	"credential",
	"credentials",
	"ufrag",
	"otp",
	"pin",
};

int bf_log_new(struct bf_log **out, int fd, enum bf_log_format format, enum bf_log_level level)
{
	struct bf_log *log = malloc(sizeof(*log));

	if (!log)
		return -ENOMEM;
	*log = (struct bf_log){.fd = fd, .format = format, .level = level};
	*out = log;
	return 0;
}

void bf_log_free(struct bf_log *log)
{
	free(log);
}

bool bf_log_is_on(const struct bf_log *log, enum bf_log_level level)
{
	return level >= log->level;
}

/* All of `text` or nothing. */
static void add(struct line *line, const char *text, size_t len)
{
	if (line->is_cut || line->len + len > sizeof(line->text) - TAIL_BYTES) {
		line->is_cut = true;
		return;
	}
	memcpy(line->text + line->len, text, len);
	line->len += len;
}

static void add_str(struct line *line, const char *text)
{
	add(line, text, strlen(text));
}

/* For the closing quote and the tail: room for them was kept. */
static void add_tail(struct line *line, const char *text)
{
	size_t len = strlen(text);

	assert(len <= sizeof(line->text) - line->len);
	memcpy(line->text + line->len, text, len);
	line->len += len;
}

/* The inside of a quoted string, cut between characters where the line is full. */
static void add_escaped(struct line *line, struct bf_bytes text)
{
	char escape[8];

	while (text.len > 0 && !line->is_cut) {
		uint32_t point = 0;
		size_t len = bf_utf8_take(text, &point);

		if (len == 0 || point == 0) {
			/* JSON cannot write a byte that is no character, and many that read
			 * JSON (databases, our own parser) refuse \u0000. */
			snprintf(escape, sizeof(escape),
				line->format == BF_LOG_JSON ? "\\ufffd" : "\\x%02x", text.data[0]);
			add_str(line, escape);
			len = 1;
		} else if (point == '"' || point == '\\') {
			snprintf(escape, sizeof(escape), "\\%c", (char)point);
			add_str(line, escape);
		} else if (point == '\n' || point == '\r' || point == '\t') {
			add_str(line, point == '\n' ? "\\n" : point == '\r' ? "\\r" : "\\t");
		} else if (bf_utf8_is_control(point)) {
			snprintf(escape, sizeof(escape), "\\u%04x", point & 0xffff);
			add_str(line, escape);
		} else {
			add(line, (const char *)text.data, len);
		}
		text.data += len;
		text.len -= len;
	}
}

/* Whether logfmt may go without quotes: nothing in it separates fields or needs an escape. */
static bool is_bare(struct bf_bytes text)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];

		if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\')
			return false;
	}
	return text.len > 0;
}

/* `lead` holds the separator and the key; it is only there together with the value's first quote. */
static void add_text(struct line *line, const char *lead, struct bf_bytes text)
{
	char start[128];

	if (line->format == BF_LOG_LOGFMT && is_bare(text) &&
		line->len + strlen(lead) + text.len <= sizeof(line->text) - TAIL_BYTES) {
		add_str(line, lead);
		add(line, (const char *)text.data, text.len);
		return;
	}
	snprintf(start, sizeof(start), "%s\"", lead);
	add_str(line, start);
	if (line->is_cut)
		return;
	add_escaped(line, text);
	add_tail(line, "\"");
}

/* A number or a literal, which needs no quotes in either format. */
static void add_plain(struct line *line, const char *lead, const char *value)
{
	char both[160];

	snprintf(both, sizeof(both), "%s%s", lead, value);
	add_str(line, both);
}

static bool is_secret(const char *key)
{
	size_t key_len = strlen(key);

	for (size_t i = 0; i < sizeof(secret_keys) / sizeof(secret_keys[0]); i++) {
		size_t len = strlen(secret_keys[i]);

		if (key_len < len || strcasecmp(key + key_len - len, secret_keys[i]) != 0)
			continue;
		if (key_len == len || strchr("_-.", key[key_len - len - 1]))
			return true;
	}
	return false;
}

static void add_errno(struct line *line, const char *lead, int64_t err)
{
	int64_t number = err < 0 ? -err : err; /* results are negative, errno itself is not */
	const char *name = number <= INT32_MAX ? strerrordesc_np((int)number) : NULL;
	char text[128];

	snprintf(text, sizeof(text), "%s (%" PRId64 ")", name ? name : "Unknown error", number);
	add_text(line, lead, bf_bytes_str(text));
}

static void add_value(struct line *line, const char *lead, const struct bf_log_field *field)
{
	char text[BF_ADDR_TEXT > 32 ? BF_ADDR_TEXT : 32];

	switch (field->kind) {
	case BF_LOG_KIND_STR:
		if (field->value.str)
			add_text(line, lead, bf_bytes_str(field->value.str));
		else
			add_plain(line, lead, "null");
		break;
	case BF_LOG_KIND_BYTES:
		add_text(line, lead, field->value.bytes);
		break;
	case BF_LOG_KIND_INT:
		snprintf(text, sizeof(text), "%" PRId64, field->value.i64);
		add_plain(line, lead, text);
		break;
	case BF_LOG_KIND_UINT:
		snprintf(text, sizeof(text), "%" PRIu64, field->value.u64);
		add_plain(line, lead, text);
		break;
	case BF_LOG_KIND_ID:
		add_text(line, lead, bf_bytes_str(bf_id_format(field->value.u64, text)));
		break;
	case BF_LOG_KIND_ADDR:
		if (field->value.addr)
			add_text(line, lead, bf_bytes_str(bf_addr_format(field->value.addr, text)));
		else
			add_plain(line, lead, "null");
		break;
	case BF_LOG_KIND_ERRNO:
		add_errno(line, lead, field->value.i64);
		break;
	case BF_LOG_KIND_SECRET:
		add_text(line, lead, bf_bytes_str("[redacted]"));
		break;
	}
}

static void add_field(struct line *line, const struct bf_log_field *field)
{
	static const struct bf_log_field redacted = {.kind = BF_LOG_KIND_SECRET};
	char lead[96];

	assert(strlen(field->key) < 64); /* keys are literals of ours */
	snprintf(lead, sizeof(lead), line->format == BF_LOG_JSON ? ",\"%s\":" : " %s=", field->key);
	add_value(line, lead, is_secret(field->key) ? &redacted : field);
}

/* One write, so that lines of several threads do not mix. A reader that is gone or full costs the
 * line: there is nowhere left to complain, and waiting would stop the caller's loop. */
static void write_line(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

void bf_log_write(struct bf_log *log, enum bf_log_level level, const char *event,
	const struct bf_log_field *fields, size_t field_count)
{
	struct line line;
	char time[BF_CLOCK_TEXT], head[96];
	bool is_json = log->format == BF_LOG_JSON;
	int saved = errno; /* logging must not disturb the caller's error handling */

	line.format = log->format;
	line.is_cut = false;
	line.len = 0;
	bf_clock_format(bf_clock_wall_us(), time);
	snprintf(head, sizeof(head),
		is_json ? "{\"time\":\"%s\",\"level\":\"%s\"" : "time=%s level=%s", time,
		level_names[level]);
	add_str(&line, head);
	add_text(&line, is_json ? ",\"event\":" : " event=", bf_bytes_str(event));
	for (size_t i = 0; i < field_count; i++)
		add_field(&line, &fields[i]);
	if (line.is_cut)
		add_tail(&line, is_json ? ",\"cut\":true" : " cut=true");
	add_tail(&line, is_json ? "}\n" : "\n");
	write_line(log->fd, line.text, line.len);
	errno = saved;
}

bool bf_log_limit_allows(
	struct bf_log_limit *limit, int64_t now_us, uint32_t burst, uint32_t *suppressed)
{
	if (now_us - limit->window_us >= BF_SEC(1)) {
		limit->window_us = now_us;
		limit->count = 0;
	}
	if (limit->count >= burst) {
		if (limit->suppressed < UINT32_MAX)
			limit->suppressed++;
		return false;
	}
	limit->count++;
	*suppressed = limit->suppressed;
	limit->suppressed = 0;
	return true;
}
