#include "media/memory.h"

#include "core/base/pool.h"
#include "core/loop/inbox.h"
#include "media/cc/pacer.h"
#include "media/room/cache.h"
#include "media/room/outbox.h"
#include "media/room/room.h"
#include "media/worker_priv.h"

#include <stdarg.h>
#include <stdio.h>

#define MIB ((size_t)1024 * 1024)

/* Requests of the control thread: a join is a handful of them, and a storm brings thousands of joins. */
#define INBOX_SLOTS 4096

/* A subscriber's packets are committed one behind the other, so trains need no more than some subscribers at once: this is a frame
 * of 7 packets to 60. What is written is still in the L2 cache when it is sent. */
#define TX_SLAB_BYTES (MIB / 2)

/* What may come while a worker is 25 ms late, at a gigabit a second. */
#define UDP_BUFFER_BYTES (4 * MIB)

/* The packets of a keyframe that wait in the pacer: of 60, 16 go at once. It may be for all subscribers of a worker. */
#define PACER_KEYFRAME_WAITS 44
#define PACER_BLOCKS	     ((PACER_KEYFRAME_WAITS + BF_PACER_BLOCK_ENTRIES - 1) / BF_PACER_BLOCK_ENTRIES)

/* The kernel counts its own structures too, and doubles what is asked for. */
#define KERNEL_FACTOR 2

/* ---- numbers ---- */

static size_t product(size_t count, size_t size)
{
	size_t bytes;

	return __builtin_mul_overflow(count, size, &bytes) ? SIZE_MAX : bytes;
}

static size_t sum(size_t a, size_t b)
{
	size_t bytes;

	return __builtin_add_overflow(a, b, &bytes) ? SIZE_MAX : bytes;
}

void bf_memory_plan(struct bf_memory_plan *plan, const struct bf_conf *conf, enum bf_io io,
	unsigned worker_count)
{
	*plan = (struct bf_memory_plan){
		.io = io,
		.transport_count = conf->media.transport_count_max,
		.inbox_slot_count = INBOX_SLOTS,
		.udp_count = BF_SOCKET_UDP_COUNT,
		.udp = {.rcvbuf_bytes = UDP_BUFFER_BYTES,
			.sndbuf_bytes = UDP_BUFFER_BYTES,
			.tx_slab_bytes = TX_SLAB_BYTES},
		.cache_block_count = product(conf->media.cache_mib, MIB) /
				     bf_pool_bytes(sizeof(struct bf_cache_block), 1),
		.pacer_block_count = product(conf->media.transport_count_max, PACER_BLOCKS),
		.pipe_count = worker_count > 1 ? worker_count - 1 : 0,
		.pipe_bytes = product(conf->media.pipe_kib, 1024),
	};
}

/* ---- the terms ---- */

static size_t loop_bytes(const struct bf_memory_plan *plan)
{
	return bf_loop_bytes(plan->io);
}

static size_t tx_bytes(const struct bf_memory_plan *plan)
{
	return product(plan->udp_count, bf_udp_bytes(&plan->udp));
}

static size_t outbox_bytes(const struct bf_memory_plan *plan)
{
	(void)plan;
	return sizeof(struct bf_outbox);
}

static size_t cache_bytes(const struct bf_memory_plan *plan)
{
	return bf_pool_bytes(sizeof(struct bf_cache_block), plan->cache_block_count);
}

static size_t pacer_bytes(const struct bf_memory_plan *plan)
{
	return bf_pool_bytes(sizeof(struct bf_pacer_block), plan->pacer_block_count);
}

static size_t table_bytes(const struct bf_memory_plan *plan)
{
	return product(plan->transport_count, sizeof(struct bf_worker_slot));
}

static size_t inbox_bytes(const struct bf_memory_plan *plan)
{
	return bf_inbox_bytes(plan->inbox_slot_count);
}

static size_t worker_bytes(const struct bf_memory_plan *plan)
{
	(void)plan;
	return sizeof(struct bf_worker);
}

static size_t rooms_bytes(const struct bf_memory_plan *plan)
{
	(void)plan;
	return bf_rooms_bytes();
}

static size_t socket_bytes(const struct bf_memory_plan *plan)
{
	size_t both = sum(plan->udp.rcvbuf_bytes, plan->udp.sndbuf_bytes);

	return product(plan->udp_count, product(KERNEL_FACTOR, both));
}

static size_t transport_bytes(const struct bf_memory_plan *plan)
{
	return product(plan->transport_count, BF_MEMORY_TRANSPORT_BYTES);
}

static size_t pipes_bytes(const struct bf_memory_plan *plan)
{
	return product(plan->pipe_count, plan->pipe_bytes);
}

static const struct {
	const char *name, *why;
	enum bf_memory_kind kind;
	size_t (*bytes)(const struct bf_memory_plan *plan);
} table[] = {
	{"receive", "the loop's queues, and buffers for datagrams and streams that come in",
		BF_MEMORY_START, loop_bytes},
	{"send", "datagrams of one turn, side by side so that they leave as trains",
		BF_MEMORY_START, tx_bytes},
	{"plans", "packets decided on but not yet encrypted", BF_MEMORY_START, outbox_bytes},
	{"cache", "packets that may be sent again (media.cache_mib)", BF_MEMORY_START, cache_bytes},
	{"pacer", "a keyframe waiting for each transport (media.transport_count_max)",
		BF_MEMORY_START, pacer_bytes},
	{"table", "places for transports (media.transport_count_max)", BF_MEMORY_START,
		table_bytes},
	{"inbox", "requests of the control thread", BF_MEMORY_START, inbox_bytes},
	{"worker", "itself, and events that wait for the control thread", BF_MEMORY_START,
		worker_bytes},
	{"sdp", "one description read and one written", BF_MEMORY_START, rooms_bytes},
	{"sockets", "the kernel's buffers, when they are full", BF_MEMORY_KERNEL, socket_bytes},
	{"transports", "64 KiB for each of media.transport_count_max", BF_MEMORY_GROWTH,
		transport_bytes},
	{"pipes", "packets for each other worker, once they share a room (media.pipe_kib)",
		BF_MEMORY_GROWTH, pipes_bytes},
};

#define TERM_COUNT (sizeof(table) / sizeof(table[0]))

_Static_assert(TERM_COUNT <= BF_MEMORY_TERMS, "callers make room for so many");

size_t bf_memory_terms(
	const struct bf_memory_plan *plan, struct bf_memory_term out[static BF_MEMORY_TERMS])
{
	for (size_t i = 0; i < TERM_COUNT; i++)
		out[i] = (struct bf_memory_term){.name = table[i].name,
			.why = table[i].why,
			.kind = table[i].kind,
			.bytes = table[i].bytes(plan)};
	return TERM_COUNT;
}

struct bf_memory_sum bf_memory_sum(const struct bf_memory_plan *plan, unsigned worker_count)
{
	struct bf_memory_sum total = {0};

	for (size_t i = 0; i < TERM_COUNT; i++) {
		size_t *bytes = &total.bytes[table[i].kind];

		*bytes = sum(*bytes, product(worker_count, table[i].bytes(plan)));
	}
	return total;
}

enum bf_memory_fit bf_memory_fit(const struct bf_memory_sum *total, size_t available_bytes)
{
	size_t all = total->bytes[BF_MEMORY_START];

	if (all > available_bytes)
		return BF_MEMORY_TOO_BIG;
	for (int kind = BF_MEMORY_KERNEL; kind < BF_MEMORY_KIND_COUNT; kind++)
		all = sum(all, total->bytes[kind]);
	return all > available_bytes ? BF_MEMORY_TIGHT : BF_MEMORY_FITS;
}

/* ---- for people ---- */

const char *bf_memory_format(size_t bytes, char out[static BF_MEMORY_TEXT])
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
	double value = (double)bytes / 1024;
	size_t unit = 0;

	while (value >= 1023.95 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		value /= 1024;
		unit++;
	}
	snprintf(out, BF_MEMORY_TEXT, "%.1f %s", value, units[unit]);
	return out;
}

/* As snprintf, one behind the other. */
struct text {
	char *out;
	size_t size, len;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
	size_t at = text->len < text->size ? text->len : text->size;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text->out ? text->out + at : NULL, text->size - at, format, args);
	va_end(args);
	if (len > 0)
		text->len += (size_t)len;
}

size_t bf_memory_describe(
	const struct bf_memory_plan *plan, unsigned worker_count, char *out, size_t size)
{
	static const char *const ends[BF_MEMORY_KIND_COUNT] = {[BF_MEMORY_START] = "at start",
		[BF_MEMORY_KERNEL] = "at most, by the kernel",
		[BF_MEMORY_GROWTH] = "at most, as people join"};
	struct bf_memory_sum total = bf_memory_sum(plan, worker_count);
	struct text text = {.out = out, .size = size};
	char number[BF_MEMORY_TEXT];

	for (size_t i = 0; i < TERM_COUNT; i++)
		add(&text, "  %-12s %12s  %s\n", table[i].name,
			bf_memory_format(table[i].bytes(plan), number), table[i].why);
	for (int kind = 0; kind < BF_MEMORY_KIND_COUNT; kind++)
		add(&text, "%u worker%s, %s: %s\n", worker_count, worker_count == 1 ? "" : "s",
			ends[kind], bf_memory_format(total.bytes[kind], number));
	return text.len;
}
