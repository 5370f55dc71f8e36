/* storage/spool/format.h - how the spool's files look inside: segments of records.
 *
 * A segment is a header and records, all numbers in network order:
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   |                        "BFSPOOL1"  (64)                       |   header,
 *   |              number of the first record  (64)                 |   twice
 *   |             salt,  CRC-32C of what is before it               |
 *   +---------------------------------------------------------------+
 *   |            length of the bytes,  CRC-32C of the rest          |   record
 *   |                         number  (64)                          |
 *   |                wall clock, us since 1970  (64)                |
 *   |            stream             |            zero               |
 *   |                          bytes ...                            |
 *
 * A record's CRC covers its length, too, and begins with the salt, which is random: so that nobody whose row holds something that
 * looks like a record can have it found behind damaged bytes. Records of a segment are numbered without a gap.
 * Thread: any; nothing here touches a file.
 */
#ifndef BF_STORAGE_SPOOL_FORMAT_H
#define BF_STORAGE_SPOOL_FORMAT_H

#include "storage/spool/spool.h"

#define BF_SPOOL_HEADER_BYTES 48
#define BF_SPOOL_RECORD_BYTES 28 /* before a record's bytes */

struct bf_spool_header {
	uint64_t first_number;
	uint32_t salt;
};

void bf_spool_header_write(
	uint8_t out[static BF_SPOOL_HEADER_BYTES], const struct bf_spool_header *header);

/* -EBADMSG: no segment of ours. */
int bf_spool_header_read(struct bf_spool_header *out, struct bf_bytes segment);

/* BF_SPOOL_RECORD_BYTES and the record's bytes. */
void bf_spool_record_write(struct bf_wr *wr, uint32_t salt, const struct bf_spool_record *record);

/* The next good record at or after `*at` with at least `number_min`, whose views lend from `segment`; `*at` becomes the place behind it.
 * `*is_torn`: bytes before it had to be left out. -ENOENT: there is none, and `*at` is as it was. */
int bf_spool_record_next(struct bf_bytes segment, uint32_t salt, size_t *at, uint64_t number_min,
	struct bf_spool_record *out, bool *is_torn);

#endif
