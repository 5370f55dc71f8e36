/* core/base/crc32c.h - CRC-32C (Castagnoli), the checksum of records on disk.
 *
 * Thread: any.   Source: RFC 3720 section 12.1 and appendix B.4 (its test vectors are in the tests).
 */
#ifndef BF_CORE_BASE_CRC32C_H
#define BF_CORE_BASE_CRC32C_H

#include "core/base/bytes.h"

/* Of `bytes`, going on from `crc`, which is 0 or what an earlier call returned. */
uint32_t bf_crc32c(uint32_t crc, struct bf_bytes bytes);

/* The same without the processor's instruction, for those that have none, and to compare with. */
uint32_t bf_crc32c_plain(uint32_t crc, struct bf_bytes bytes);

#endif
