/* core/base/bytes.h - views of bytes, and bounded cursors that read and write them in network order.
 *
 * Owner:   whoever holds the memory; views and cursors only borrow it.   Thread: any.
 * Errors:  a cursor that runs out sets its flag and answers zeros (reader) or drops bytes (writer):
 *          read or write a whole structure, then look at the flag once.
 */
#ifndef BF_CORE_BASE_BYTES_H
#define BF_CORE_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bf_bytes {
	const uint8_t *data;
	size_t len;
};

static inline struct bf_bytes bf_bytes(const void *data, size_t len)
{
	return (struct bf_bytes){.data = data, .len = len};
}

static inline struct bf_bytes bf_bytes_str(const char *text)
{
	return bf_bytes(text, strlen(text));
}

static inline bool bf_bytes_equal(struct bf_bytes a, struct bf_bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool bf_bytes_is(struct bf_bytes bytes, const char *text)
{
	return bf_bytes_equal(bytes, bf_bytes_str(text));
}

static inline uint16_t bf_get_u16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t bf_get_u24(const uint8_t *at)
{
	return (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
}

static inline uint32_t bf_get_u32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | bf_get_u24(at + 1);
}

static inline uint64_t bf_get_u64(const uint8_t *at)
{
	return (uint64_t)bf_get_u32(at) << 32 | bf_get_u32(at + 4);
}

static inline void bf_put_u16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline void bf_put_u24(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 16);
	bf_put_u16(at + 1, (uint16_t)value);
}

static inline void bf_put_u32(uint8_t *at, uint32_t value)
{
	bf_put_u16(at, (uint16_t)(value >> 16));
	bf_put_u16(at + 2, (uint16_t)value);
}

static inline void bf_put_u64(uint8_t *at, uint64_t value)
{
	bf_put_u32(at, (uint32_t)(value >> 32));
	bf_put_u32(at + 4, (uint32_t)value);
}

/* Reading cursor. `is_short` stays set once a read asked for more than there was. */
struct bf_rd {
	const uint8_t *at;
	const uint8_t *end;
	bool is_short;
};

static inline struct bf_rd bf_rd(struct bf_bytes bytes)
{
	return (struct bf_rd){.at = bytes.data, .end = bytes.data ? bytes.data + bytes.len : NULL};
}

static inline size_t bf_rd_left(const struct bf_rd *rd)
{
	return (size_t)(rd->end - rd->at);
}

/* The next `len` bytes as a view; an empty view with data NULL when there are fewer. */
static inline struct bf_bytes bf_rd_bytes(struct bf_rd *rd, size_t len)
{
	struct bf_bytes view;

	if (rd->is_short || bf_rd_left(rd) < len) {
		rd->is_short = true;
		return bf_bytes(NULL, 0);
	}
	view = bf_bytes(rd->at, len);
	rd->at += len;
	return view;
}

static inline uint8_t bf_rd_u8(struct bf_rd *rd)
{
	struct bf_bytes view = bf_rd_bytes(rd, 1);
	return view.data ? view.data[0] : 0;
}

static inline uint16_t bf_rd_u16(struct bf_rd *rd)
{
	struct bf_bytes view = bf_rd_bytes(rd, 2);
	return view.data ? bf_get_u16(view.data) : 0;
}

static inline uint32_t bf_rd_u24(struct bf_rd *rd)
{
	struct bf_bytes view = bf_rd_bytes(rd, 3);
	return view.data ? bf_get_u24(view.data) : 0;
}

static inline uint32_t bf_rd_u32(struct bf_rd *rd)
{
	struct bf_bytes view = bf_rd_bytes(rd, 4);
	return view.data ? bf_get_u32(view.data) : 0;
}

static inline uint64_t bf_rd_u64(struct bf_rd *rd)
{
	struct bf_bytes view = bf_rd_bytes(rd, 8);
	return view.data ? bf_get_u64(view.data) : 0;
}

/* Writing cursor. `is_full` stays set once a write did not fit; nothing is written past `end`. */
struct bf_wr {
	uint8_t *start;
	uint8_t *at;
	uint8_t *end;
	bool is_full;
};

static inline struct bf_wr bf_wr(void *data, size_t size)
{
	uint8_t *start = data;
	return (struct bf_wr){.start = start, .at = start, .end = start + size};
}

static inline size_t bf_wr_len(const struct bf_wr *wr)
{
	return (size_t)(wr->at - wr->start);
}

/* Room for `len` bytes that the caller fills; NULL when it does not fit. */
static inline uint8_t *bf_wr_reserve(struct bf_wr *wr, size_t len)
{
	uint8_t *at = wr->at;

	if (wr->is_full || (size_t)(wr->end - wr->at) < len) {
		wr->is_full = true;
		return NULL;
	}
	wr->at += len;
	return at;
}

static inline void bf_wr_bytes(struct bf_wr *wr, struct bf_bytes bytes)
{
	uint8_t *at = bf_wr_reserve(wr, bytes.len);
	if (at && bytes.len)
		memcpy(at, bytes.data, bytes.len);
}

static inline void bf_wr_str(struct bf_wr *wr, const char *text)
{
	bf_wr_bytes(wr, bf_bytes_str(text));
}

static inline void bf_wr_u8(struct bf_wr *wr, uint8_t value)
{
	uint8_t *at = bf_wr_reserve(wr, 1);
	if (at)
		at[0] = value;
}

static inline void bf_wr_u16(struct bf_wr *wr, uint16_t value)
{
	uint8_t *at = bf_wr_reserve(wr, 2);
	if (at)
		bf_put_u16(at, value);
}

static inline void bf_wr_u24(struct bf_wr *wr, uint32_t value)
{
	uint8_t *at = bf_wr_reserve(wr, 3);
	if (at)
		bf_put_u24(at, value);
}

static inline void bf_wr_u32(struct bf_wr *wr, uint32_t value)
{
	uint8_t *at = bf_wr_reserve(wr, 4);
	if (at)
		bf_put_u32(at, value);
}

static inline void bf_wr_u64(struct bf_wr *wr, uint64_t value)
{
	uint8_t *at = bf_wr_reserve(wr, 8);
	if (at)
		bf_put_u64(at, value);
}

#endif
