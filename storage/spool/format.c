#include "storage/spool/format.h"

#include "core/base/crc32c.h"

#include <errno.h>

static const char magic[] = "BFSPOOL1";

/* After damage, records this far ahead are still believed: more are never in one segment. */
#define NUMBERS_AHEAD ((uint64_t)1 << 24)

#define COPY_BYTES    (BF_SPOOL_HEADER_BYTES / 2)

void bf_spool_header_write(
	uint8_t out[static BF_SPOOL_HEADER_BYTES], const struct bf_spool_header *header)
{
	memcpy(out, magic, 8);
	bf_put_u64(out + 8, header->first_number);
	bf_put_u32(out + 16, header->salt);
	bf_put_u32(out + 20, bf_crc32c(0, bf_bytes(out, 20)));
	memcpy(out + COPY_BYTES, out, COPY_BYTES);
}

int bf_spool_header_read(struct bf_spool_header *out, struct bf_bytes segment)
{
	for (size_t i = 0; i < 2; i++) {
		const uint8_t *copy = segment.data + i * COPY_BYTES;

		if (segment.len < (i + 1) * COPY_BYTES)
			break;
		if (memcmp(copy, magic, 8) != 0 ||
			bf_get_u32(copy + 20) != bf_crc32c(0, bf_bytes(copy, 20)))
			continue;
		out->first_number = bf_get_u64(copy + 8);
		out->salt = bf_get_u32(copy + 16);
		return 0;
	}
	return -EBADMSG;
}

static uint32_t checksum(uint32_t salt, const uint8_t *record, size_t len)
{
	uint32_t crc = bf_crc32c(salt, bf_bytes(record, 4));

	return bf_crc32c(crc, bf_bytes(record + 8, BF_SPOOL_RECORD_BYTES - 8 + len));
}

void bf_spool_record_write(struct bf_wr *wr, uint32_t salt, const struct bf_spool_record *record)
{
	uint8_t *at = bf_wr_reserve(wr, BF_SPOOL_RECORD_BYTES + record->bytes.len);

	if (!at)
		return;
	bf_put_u32(at, (uint32_t)record->bytes.len);
	bf_put_u64(at + 8, record->number);
	bf_put_u64(at + 16, (uint64_t)record->wall_us);
	bf_put_u16(at + 24, record->stream);
	bf_put_u16(at + 26, 0);
	if (record->bytes.len)
		memcpy(at + BF_SPOOL_RECORD_BYTES, record->bytes.data, record->bytes.len);
	bf_put_u32(at + 4, checksum(salt, at, record->bytes.len));
}

static bool read_at(struct bf_bytes segment, uint32_t salt, size_t at, uint64_t number_min,
	struct bf_spool_record *out)
{
	const uint8_t *record = segment.data + at;
	size_t len;

	if (segment.len - at < BF_SPOOL_RECORD_BYTES)
		return false;
	len = bf_get_u32(record);
	if (len > BF_SPOOL_BYTES_MAX || segment.len - at - BF_SPOOL_RECORD_BYTES < len)
		return false;
	out->number = bf_get_u64(record + 8);
	if (out->number < number_min || out->number - number_min > NUMBERS_AHEAD)
		return false;
	if (bf_get_u32(record + 4) != checksum(salt, record, len))
		return false;
	out->wall_us = (int64_t)bf_get_u64(record + 16);
	out->stream = bf_get_u16(record + 24);
	out->bytes = bf_bytes(record + BF_SPOOL_RECORD_BYTES, len);
	return true;
}

int bf_spool_record_next(struct bf_bytes segment, uint32_t salt, size_t *at, uint64_t number_min,
	struct bf_spool_record *out, bool *is_torn)
{
	struct bf_spool_record record;

	for (size_t from = *at; from + BF_SPOOL_RECORD_BYTES <= segment.len; from++) {
		if (!read_at(segment, salt, from, number_min, &record))
			continue;
		*out = record;
		*is_torn = from != *at || record.number != number_min;
		*at = from + BF_SPOOL_RECORD_BYTES + record.bytes.len;
		return 0;
	}
	return -ENOENT;
}
