#include "scripts/bench/probe.h"

#include "core/base/rand.h"

#include <assert.h>
#include <errno.h>

#define MAGIC 0x42665072

void bench_probe_table_init(struct bench_probe_table *table)
{
	struct bf_prng prng;

	bf_prng_init(&prng, 1);
	for (size_t i = 0; i < sizeof(table->bytes); i++)
		table->bytes[i] = (uint8_t)bf_prng_next(&prng);
}

/* Where in the table a packet's fill begins hangs on every bit that identifies it. */
static const uint8_t *fill_of(
	const struct bench_probe_table *table, const struct bench_probe *probe)
{
	uint64_t key =
		probe->index ^ (uint64_t)probe->publisher << 48 ^ (uint64_t)probe->kind << 40;

	return table->bytes +
	       (key * 0x9e3779b97f4a7c15u >> 53); /* the top 11 bits: below BENCH_PROBE_FILL_MAX */
}

void bench_probe_write(struct bf_wr *wr, const struct bench_probe_table *table,
	const struct bench_probe *probe, size_t fill_len)
{
	assert(fill_len <= BENCH_PROBE_FILL_MAX);
	bf_wr_bytes(wr, bf_bytes(fill_of(table, probe), fill_len));
	bf_wr_u32(wr, MAGIC);
	bf_wr_u16(wr, probe->publisher);
	bf_wr_u16(wr, (uint16_t)probe->kind);
	bf_wr_u16(wr, (uint16_t)fill_len);
	bf_wr_u64(wr, probe->index);
	bf_wr_u64(wr, (uint64_t)probe->sent_ns);
}

int bench_probe_read(
	struct bench_probe *out, const struct bench_probe_table *table, struct bf_bytes payload)
{
	struct bench_probe probe;
	const uint8_t *end = payload.data + payload.len;
	struct bf_rd rd;
	uint32_t magic;
	uint16_t kind;
	size_t fill_len;

	if (payload.len < BENCH_PROBE_BYTES)
		return -EBADMSG;
	rd = bf_rd(bf_bytes(end - BENCH_PROBE_BYTES, BENCH_PROBE_BYTES));
	magic = bf_rd_u32(&rd);
	probe.publisher = bf_rd_u16(&rd);
	kind = bf_rd_u16(&rd);
	fill_len = bf_rd_u16(&rd);
	probe.index = bf_rd_u64(&rd);
	probe.sent_ns = (int64_t)bf_rd_u64(&rd);
	if (magic != MAGIC || kind >= BENCH_KIND_COUNT || fill_len > BENCH_PROBE_FILL_MAX ||
		payload.len < fill_len + BENCH_PROBE_BYTES)
		return -EBADMSG;
	probe.kind = (enum bench_kind)kind;
	if (memcmp(end - BENCH_PROBE_BYTES - fill_len, fill_of(table, &probe), fill_len) != 0)
		return -EBADMSG;
	*out = probe;
	return 0;
}
