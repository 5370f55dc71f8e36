/* scripts/bench/probe.h - payloads whose every byte the receiver can check, with the time they were sent at.
 *
 *   | codec's own bytes | fill, known from the index | probe, BENCH_PROBE_BYTES |
 *
 * The probe is at the end, so that it is found whatever a server does to the codec's descriptor in front.
 *
 *    0                   1                   2                   3
 *   |                          magic 0x42665072                     |
 *   |     publisher     |       kind        |       fill length     |
 *   |                index in the stream, 64 bits                   |
 *   |        CLOCK_MONOTONIC of the sender in ns, 64 bits           |
 *
 * Owner:   values.   Thread: any, after bench_probe_table_init.   Never allocates.
 */
#ifndef BF_BENCH_PROBE_H
#define BF_BENCH_PROBE_H

#include "core/base/bytes.h"

#define BENCH_PROBE_BYTES    26
#define BENCH_PROBE_FILL_MAX 2048

enum bench_kind {
	BENCH_AUDIO,
	BENCH_VIDEO,
	BENCH_KIND_COUNT,
};

struct bench_probe {
	uint16_t publisher;
	enum bench_kind kind;
	uint64_t index;	 /* of the packet in its stream, from 0 */
	int64_t sent_ns; /* CLOCK_MONOTONIC */
};

/* The bytes that fills are cut from; always the same ones. */
struct bench_probe_table {
	uint8_t bytes[2 * BENCH_PROBE_FILL_MAX];
};
void bench_probe_table_init(struct bench_probe_table *table);

/* Append `fill_len` (at most BENCH_PROBE_FILL_MAX) bytes and the probe. */
void bench_probe_write(struct bf_wr *wr, const struct bench_probe_table *table,
	const struct bench_probe *probe, size_t fill_len);

/* Find the probe in a payload. -EBADMSG when there is none, or when a byte of the fill is wrong. */
int bench_probe_read(
	struct bench_probe *out, const struct bench_probe_table *table, struct bf_bytes payload);

#endif
