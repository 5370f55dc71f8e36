/* core/base/hash.h - SipHash-1-3, the keyed hash for tables that strangers fill.
 *
 * Thread: any.   Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012), with one
 * round per word and three at the end: enough where the result never leaves the process.
 */
#ifndef BF_CORE_BASE_HASH_H
#define BF_CORE_BASE_HASH_H

#include "core/base/bytes.h"

uint64_t bf_hash(const uint64_t seed[static 2], struct bf_bytes bytes);

#endif
