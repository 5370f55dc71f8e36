/* core/base/log.h - one line per event, as logfmt or JSON lines, with typed fields.
 *
 *   BF_LOG(log, BF_LOG_INFO, "room opened", BF_STR("room", name), BF_UINT("worker", idx));
 *   time=2026-11-21T10:00:00.000000Z level=info event="room opened" room=demo worker=1
 *
 * Owner:   main.c makes one; everyone borrows it.   Thread: any; a line is written with one write(2).
 * Secrets: fields made by BF_SECRET print as "[redacted]"; so does any field whose key is in the list
 *          of log.c (password, token, authorization, cookie, secret, key, pwd, ufrag ...).
 * Limits:  BF_LOG_LINE bytes a line, then cut and marked; control characters and bad UTF-8 are escaped, so
 *          that a stranger's string can neither forge a line nor move a terminal.
 */
#ifndef BF_CORE_BASE_LOG_H
#define BF_CORE_BASE_LOG_H

#include "core/base/addr.h"
#include "core/base/bytes.h"

#define BF_LOG_LINE 2048

enum bf_log_level {
	BF_LOG_DEBUG,
	BF_LOG_INFO,
	BF_LOG_WARN,
	BF_LOG_ERROR,
};

enum bf_log_format {
	BF_LOG_LOGFMT,
	BF_LOG_JSON,
};

struct bf_log;

/* Lines go to `fd` (borrowed). */
int bf_log_new(struct bf_log **out, int fd, enum bf_log_format format, enum bf_log_level level);
void bf_log_free(struct bf_log *log);
bool bf_log_is_on(const struct bf_log *log, enum bf_log_level level);

enum bf_log_kind {
	BF_LOG_KIND_STR,
	BF_LOG_KIND_BYTES,
	BF_LOG_KIND_INT,
	BF_LOG_KIND_UINT,
	BF_LOG_KIND_ID, /* 64-bit id as 16 hex digits */
	BF_LOG_KIND_ADDR,
	BF_LOG_KIND_ERRNO,
	BF_LOG_KIND_SECRET,
};

struct bf_log_field {
	const char *key;
	enum bf_log_kind kind;
	union {
		const char *str;
		struct bf_bytes bytes;
		int64_t i64;
		uint64_t u64;
		const struct bf_addr *addr;
	} value;
};

#define BF_STR(k, v) ((struct bf_log_field){.key = (k), .kind = BF_LOG_KIND_STR, .value.str = (v)})
#define BF_BYTES(k, v) \
	((struct bf_log_field){.key = (k), .kind = BF_LOG_KIND_BYTES, .value.bytes = (v)})
#define BF_INT(k, v) ((struct bf_log_field){.key = (k), .kind = BF_LOG_KIND_INT, .value.i64 = (v)})
#define BF_UINT(k, v) \
	((struct bf_log_field){.key = (k), .kind = BF_LOG_KIND_UINT, .value.u64 = (v)})
#define BF_ID(k, v) ((struct bf_log_field){.key = (k), .kind = BF_LOG_KIND_ID, .value.u64 = (v)})
#define BF_ADDR(k, v) \
	((struct bf_log_field){.key = (k), .kind = BF_LOG_KIND_ADDR, .value.addr = (v)})
#define BF_ERRNO(k, v) \
	((struct bf_log_field){.key = (k), .kind = BF_LOG_KIND_ERRNO, .value.i64 = (v)})
#define BF_SECRET(k) ((struct bf_log_field){.key = (k), .kind = BF_LOG_KIND_SECRET})

/* Arguments are evaluated only if the level is on. */
#define BF_LOG(log, level, event, ...)                                                 \
	do {                                                                           \
		if (bf_log_is_on((log), (level))) {                                    \
			const struct bf_log_field bf_log_fields[] = {                  \
				{.key = NULL}, ##__VA_ARGS__};                         \
			bf_log_write((log), (level), (event), bf_log_fields + 1,       \
				sizeof(bf_log_fields) / sizeof(bf_log_fields[0]) - 1); \
		}                                                                      \
	} while (0)

void bf_log_write(struct bf_log *log, enum bf_log_level level, const char *event,
	const struct bf_log_field *fields, size_t field_count);

/* Lets through `burst` lines a second for one cause; the caller embeds it. Returns whether to log now, and
 * in `*suppressed` how many were held back since the last one. */
struct bf_log_limit {
	int64_t window_us;
	uint32_t count;
	uint32_t suppressed;
};
bool bf_log_limit_allows(
	struct bf_log_limit *limit, int64_t now_us, uint32_t burst, uint32_t *suppressed);

#endif
