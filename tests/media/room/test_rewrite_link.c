/* A simulcast publisher, a forwarder and a receiver over two lossy links, on virtual time:
 *
 *   publisher --(up)--> bf_nack, bf_cache, bf_rewrite --(down)--> bf_nack, receiver
 *
 * Both links lose, delay and double packets and requests. The forwarder switches layers at keyframes and leaves out a temporal layer
 * now and then. Whatever it has sent must reach the receiver, in numbers without a break.
 */
#include "core/base/clock.h"
#include "core/base/rand.h"
#include "media/room/cache.h"
#include "media/room/rewrite.h"
#include "media/rtp/nack.h"
#include "media/rtp/rtp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define LAYERS	      2
#define FRAMES	      600 /* 20 s at 30 fps */
#define FRAME_PACKETS 3
#define PACKETS	      (FRAMES * FRAME_PACKETS)
#define FRAME_US      33333
#define KEY_EVERY     30
#define SWITCH_US     BF_MS(1500)
#define FLIGHTS	      2048
#define DELAY_US      15000
#define FIRST_SEQ     64900 /* wraps within the run, as do timestamp and picture ids */
#define OUT_MAX	      (PACKETS * 2)
#define PAYLOAD	      16

enum kind {
	UP,	      /* media: layer, number */
	UP_REQUEST,   /* layer, number */
	DOWN,	      /* media: out number */
	DOWN_REQUEST, /* out number */
};

struct flight {
	int64_t at_us;
	enum kind kind;
	unsigned layer;
	uint64_t number;
	uint32_t timestamp;
	uint8_t payload[PAYLOAD];
};

/* What the receiver has. */
struct received {
	bool is_there;
	uint32_t timestamp;
	struct bf_payload info;
	unsigned layer, packet_idx;
};

struct sim {
	struct bf_prng prng;
	unsigned loss_percent;
	struct flight flights[FLIGHTS];
	size_t flight_count;
	/* forwarder */
	struct bf_pool pool;
	struct bf_cache caches[LAYERS];
	struct bf_nack up_nacks[LAYERS];
	bool is_here[LAYERS][PACKETS];
	uint64_t newest[LAYERS];
	struct bf_rewrite rewrite;
	struct bf_rewrite_slot slots[BF_REWRITE_WINDOW];
	uint64_t newest_sent; /* of the current layer */
	int current;
	unsigned target;
	int64_t switch_us;
	bool is_sent[OUT_MAX];
	unsigned sent_count, switch_count, skip_count, hole_count;
	/* receiver */
	struct bf_nack down_nack;
	struct bf_seq seq;
	struct received received[OUT_MAX];
	uint64_t first_received;
};

static struct sim sim;

/* ---- the links ---- */

static void launch(const struct flight *flight, int64_t now_us)
{
	int64_t jitter_us = 0;

	if (sim.loss_percent && bf_prng_below(&sim.prng, 10) == 0)
		jitter_us = bf_prng_below(&sim.prng, 12000);
	assert_true(sim.flight_count < FLIGHTS);
	sim.flights[sim.flight_count] = *flight;
	sim.flights[sim.flight_count++].at_us = now_us + DELAY_US + jitter_us;
}

static void transmit(const struct flight *flight, int64_t now_us)
{
	if (bf_prng_below(&sim.prng, 100) >= sim.loss_percent)
		launch(flight, now_us);
	if (sim.loss_percent && bf_prng_below(&sim.prng, 100) < 2)
		launch(flight, now_us);
}

static bool take_arrival(int64_t now_us, struct flight *out)
{
	size_t best = sim.flight_count;

	for (size_t i = 0; i < sim.flight_count; i++) {
		if (sim.flights[i].at_us <= now_us &&
			(best == sim.flight_count ||
				sim.flights[i].at_us < sim.flights[best].at_us))
			best = i;
	}
	if (best == sim.flight_count)
		return false;
	*out = sim.flights[best];
	sim.flights[best] = sim.flights[--sim.flight_count];
	return true;
}

/* ---- the publisher ---- */

static uint64_t ext_seq_of(unsigned layer, uint64_t idx)
{
	return 65536 + 60000 + layer * 3000 + idx;
}

static uint64_t idx_of(unsigned layer, uint64_t ext_seq)
{
	return ext_seq - ext_seq_of(layer, 0);
}

/* VP8 with 15-bit picture id, TL0PICIDX and temporal layers 0 2 1 2. Keyframes of the layers are apart. */
static void make_payload(unsigned layer, uint64_t idx, uint8_t payload[PAYLOAD])
{
	static const uint8_t tids[] = {0, 2, 1, 2};
	uint64_t frame = idx / FRAME_PACKETS;
	uint16_t picture_id = (uint16_t)(0x8000 | ((32500 + layer * 7777 + frame) & 0x7fff));
	bool is_start = idx % FRAME_PACKETS == 0;
	bool is_key = frame % KEY_EVERY == layer * 8;

	memset(payload, 0, PAYLOAD);
	payload[0] = is_start ? 0x90 : 0x80;
	payload[1] = 0xe0;
	bf_put_u16(payload + 2, picture_id);
	payload[4] = (uint8_t)(200 + layer * 50 + (frame + 4) / 4);
	payload[5] = (uint8_t)(tids[frame % 4] << 6);
	payload[6] = is_start && is_key ? 0x00 : 0x01;
	payload[7] = (uint8_t)layer;
	bf_put_u32(payload + 8, (uint32_t)idx);
}

static void publish(unsigned layer, uint64_t idx, int64_t now_us)
{
	struct flight flight = {.kind = UP, .layer = layer, .number = idx};

	flight.timestamp = (uint32_t)(0xfffff000u + layer * 123456u + idx / FRAME_PACKETS * 3000);
	make_payload(layer, idx, flight.payload);
	transmit(&flight, now_us);
}

/* ---- the forwarder ---- */

static void send_down(const struct bf_media_packet *packet, uint64_t out, uint32_t timestamp,
	uint16_t picture_id, uint8_t tl0picidx, int64_t now_us)
{
	struct flight flight = {.kind = DOWN, .number = out, .timestamp = timestamp};

	assert_int_equal(packet->payload.len, PAYLOAD);
	memcpy(flight.payload, packet->payload.data, PAYLOAD);
	bf_codec_rewrite(flight.payload, &packet->info, picture_id, tl0picidx);
	transmit(&flight, now_us);
}

/* In some seconds the upper temporal layer is not wanted. By frame, so that late packets are judged the same. */
static bool is_left_out(unsigned layer, const struct bf_media_packet *packet)
{
	return packet->info.temporal_idx == 2 && idx_of(layer, packet->ext_seq) / 150 % 2 == 1;
}

/* What the source that is left has not brought yet, and was followed by others, will never fill its place. */
static void count_holes_left(void)
{
	if (!sim.rewrite.is_started)
		return;
	for (uint64_t at = sim.rewrite.seqs.in_base; at <= sim.newest_sent; at++)
		sim.hole_count += !sim.is_here[sim.current][idx_of((unsigned)sim.current, at)];
}

static void forward(unsigned layer, const struct bf_media_packet *packet, int64_t now_us)
{
	struct bf_rewrite_in in = {
		layer + 1, packet->ext_seq, packet->timestamp, &packet->info, now_us};
	struct bf_rewrite_out out;
	struct bf_rewrite_sent sent;
	uint64_t number;

	if (is_left_out(layer, packet)) {
		struct bf_rewrite_line before = sim.rewrite.seqs;

		bf_rewrite_skip_picture(&sim.rewrite, layer + 1, packet->ext_seq, &packet->info);
		if (packet->ext_seq > before.in_base) /* too late: its place stays */
			sim.hole_count += before.offset == sim.rewrite.seqs.offset;
		sim.skip_count++;
		return;
	}
	if (!bf_rewrite_packet(&sim.rewrite, &in, &out)) {
		/* only what precedes the keyframe at which this source began has no place */
		assert_true(packet->ext_seq < sim.rewrite.seqs.in_base);
		return;
	}
	assert_true(bf_rewrite_find(&sim.rewrite, out.seq, &sent));
	number = sent.out_ext_seq - 65536 - FIRST_SEQ;
	assert_true(number < OUT_MAX);
	assert_false(sim.is_sent[number]); /* no number is given twice */
	sim.is_sent[number] = true;
	if (packet->ext_seq > sim.newest_sent)
		sim.newest_sent = packet->ext_seq;
	sim.sent_count++;
	send_down(packet, number, out.timestamp, out.picture_id, out.tl0picidx, now_us);
}

/* The keyframe's first packet may have been overtaken, or lost and repaired: what came meanwhile follows from the cache. */
static void follow_up(unsigned layer, uint64_t ext_seq, int64_t now_us)
{
	for (uint64_t at = ext_seq + 1; at <= sim.newest[layer]; at++) {
		const struct bf_media_packet *packet = bf_cache_get(&sim.caches[layer], at, now_us);

		if (packet)
			forward(layer, packet, now_us);
	}
}

static void on_up(const struct flight *flight, int64_t now_us)
{
	unsigned layer = flight->layer;
	struct bf_media_packet packet = {
		.ext_seq = ext_seq_of(layer, flight->number),
		.timestamp = flight->timestamp,
		.payload = bf_bytes(flight->payload, PAYLOAD),
		.at_us = now_us,
	};

	if (sim.is_here[layer][flight->number])
		return;
	sim.is_here[layer][flight->number] = true;
	bf_nack_on_packet(&sim.up_nacks[layer], packet.ext_seq, now_us);
	assert_int_equal(
		bf_codec_parse(&packet.info, BF_CODEC_VP8, packet.payload, bf_bytes(NULL, 0)), 0);
	bf_cache_put(&sim.caches[layer], &packet);
	if (packet.ext_seq > sim.newest[layer])
		sim.newest[layer] = packet.ext_seq;
	if (sim.current == (int)layer) {
		forward(layer, &packet, now_us);
	} else if (sim.target == layer && packet.info.is_keyframe) {
		count_holes_left();
		sim.newest_sent = 0;
		sim.current = (int)layer;
		sim.switch_count++;
		forward(layer, &packet, now_us);
		follow_up(layer, packet.ext_seq, now_us);
	}
}

static void on_down_request(const struct flight *flight, int64_t now_us)
{
	const struct bf_media_packet *packet;
	struct bf_rewrite_sent sent;

	if (!bf_rewrite_find(&sim.rewrite, (uint16_t)(FIRST_SEQ + flight->number), &sent)) {
		assert_false(sim.is_sent[flight->number]);
		return;
	}
	assert_int_equal(sent.out_ext_seq, 65536 + FIRST_SEQ + flight->number);
	packet = bf_cache_get(&sim.caches[sent.source - 1], sent.in_ext_seq, now_us);
	if (packet)
		send_down(packet, flight->number, packet->timestamp + sent.timestamp_offset,
			sent.picture_id, sent.tl0picidx, now_us);
}

static void ask_publisher(int64_t now_us)
{
	uint16_t due[8];
	size_t count;

	for (unsigned layer = 0; layer < LAYERS; layer++) {
		while ((count = bf_nack_poll(&sim.up_nacks[layer], now_us, due, 8)) > 0) {
			for (size_t i = 0; i < count; i++)
				transmit(&(struct flight){.kind = UP_REQUEST,
						 .layer = layer,
						 .number =
							 (uint16_t)(due[i] - ext_seq_of(layer, 0))},
					now_us);
		}
	}
}

/* ---- the receiver ---- */

static void on_down(const struct flight *flight, int64_t now_us)
{
	struct received *received = &sim.received[flight->number];
	uint64_t ext_seq = bf_seq_guess(&sim.seq, (uint16_t)(FIRST_SEQ + flight->number));
	struct bf_payload info;

	assert_int_equal(ext_seq, 65536 + FIRST_SEQ + flight->number);
	if (!sim.seq.is_started)
		sim.first_received = flight->number;
	bf_seq_commit(&sim.seq, ext_seq);
	bf_nack_on_packet(&sim.down_nack, ext_seq, now_us);
	assert_int_equal(bf_codec_parse(&info, BF_CODEC_VP8, bf_bytes(flight->payload, PAYLOAD),
				 bf_bytes(NULL, 0)),
		0);
	if (received->is_there) { /* sent again: the very same numbers */
		assert_int_equal(received->timestamp, flight->timestamp);
		assert_int_equal(received->info.picture_id, info.picture_id);
		assert_int_equal(received->info.tl0picidx, info.tl0picidx);
		assert_int_equal(received->packet_idx, bf_get_u32(flight->payload + 8));
		return;
	}
	*received = (struct received){
		true, flight->timestamp, info, flight->payload[7], bf_get_u32(flight->payload + 8)};
}

static void ask_forwarder(int64_t now_us)
{
	uint16_t due[8];
	size_t count;

	while ((count = bf_nack_poll(&sim.down_nack, now_us, due, 8)) > 0) {
		for (size_t i = 0; i < count; i++)
			transmit(&(struct flight){.kind = DOWN_REQUEST,
					 .number = (uint16_t)(due[i] - FIRST_SEQ)},
				now_us);
	}
}

/* ---- the run and its verdict ---- */

static void arrive(int64_t now_us)
{
	struct flight flight;

	while (take_arrival(now_us, &flight)) {
		switch (flight.kind) {
		case UP:
			on_up(&flight, now_us);
			break;
		case UP_REQUEST:
			publish(flight.layer, flight.number, now_us);
			break;
		case DOWN:
			on_down(&flight, now_us);
			break;
		case DOWN_REQUEST:
			on_down_request(&flight, now_us);
			break;
		}
	}
}

static void run(unsigned loss_percent, uint64_t seed)
{
	memset(&sim, 0, sizeof(sim));
	bf_prng_init(&sim.prng, seed);
	sim.loss_percent = loss_percent;
	sim.current = -1;
	assert_int_equal(bf_pool_init(&sim.pool, sizeof(struct bf_cache_block), 1024), 0);
	bf_rewrite_init(&sim.rewrite, 90000, FIRST_SEQ, 0xffff0000u, sim.slots, BF_REWRITE_WINDOW);
	bf_nack_init(&sim.down_nack, BF_MS(45));
	for (unsigned layer = 0; layer < LAYERS; layer++) {
		bf_cache_init(&sim.caches[layer], &sim.pool);
		bf_nack_init(&sim.up_nacks[layer], BF_MS(45));
	}
	for (int64_t now_us = 0, frame = 0; now_us < FRAMES * FRAME_US + BF_SEC(2);
		now_us += 1000) {
		if (frame < FRAMES && now_us >= frame * FRAME_US) {
			for (uint64_t i = 0; i < LAYERS * FRAME_PACKETS; i++)
				publish((unsigned)(i / FRAME_PACKETS),
					(uint64_t)frame * FRAME_PACKETS + i % FRAME_PACKETS,
					now_us);
			frame++;
		}
		if (now_us % SWITCH_US == 0)
			sim.target = 1 - sim.target;
		arrive(now_us);
		ask_publisher(now_us);
		ask_forwarder(now_us);
	}
	for (unsigned layer = 0; layer < LAYERS; layer++)
		bf_cache_deinit(&sim.caches[layer]);
	bf_pool_deinit(&sim.pool);
}

static void check_step(const struct received *prev, const struct received *at, bool is_next)
{
	bool is_same_frame = prev->layer == at->layer &&
			     prev->packet_idx / FRAME_PACKETS == at->packet_idx / FRAME_PACKETS;
	uint32_t ticks = at->timestamp - prev->timestamp;
	unsigned pictures = (unsigned)(at->info.picture_id - prev->info.picture_id) & 0x7fff;

	if (is_same_frame) {
		assert_int_equal(ticks, 0);
		assert_int_equal(pictures, 0);
		assert_true(at->packet_idx > prev->packet_idx);
		return;
	}
	assert_in_range(ticks, 1, 90000);
	assert_in_range(pictures, 1, 60);
	assert_in_range((uint8_t)(at->info.tl0picidx - prev->info.tl0picidx), 0, 20);
	if (is_next)
		assert_int_equal(pictures, 1);
	if (prev->layer != at->layer) {
		assert_true(at->info.is_keyframe);
		assert_int_equal(pictures, 1);
	}
}

static void check(void)
{
	const struct received *prev = NULL;
	uint64_t highest = sim.rewrite.seqs.out_highest - 65536 - FIRST_SEQ, prev_number = 0;
	unsigned holes = 0, received_count = 0;

	for (uint64_t number = 0; number <= highest; number++) {
		const struct received *at = &sim.received[number];

		/* Nothing shows what is missing before the first received or behind the last. */
		holes += !sim.is_sent[number];
		if (number >= sim.first_received && number + FRAME_PACKETS < highest)
			assert_int_equal(at->is_there, sim.is_sent[number]);
		if (!at->is_there)
			continue;
		received_count++;
		if (prev)
			check_step(prev, at, number == prev_number + 1);
		prev = at;
		prev_number = number;
	}
	assert_int_equal(holes, sim.hole_count);
	assert_true(received_count > 1200);
	assert_true(sim.switch_count >= 10);
	assert_true(sim.skip_count > 150);
}

static void a_clean_link_leaves_no_hole(void **state)
{
	(void)state;
	run(0, 1);
	check();
	assert_int_equal(sim.hole_count, 0);
}

static void a_link_that_loses_a_twentieth_is_repaired(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++) {
		run(5, seed);
		check();
	}
}

static void a_link_that_loses_a_fifth_is_repaired(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++) {
		run(20, seed);
		check();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clean_link_leaves_no_hole),
		cmocka_unit_test(a_link_that_loses_a_twentieth_is_repaired),
		cmocka_unit_test(a_link_that_loses_a_fifth_is_repaired),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
