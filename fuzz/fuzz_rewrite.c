/* The outgoing stream under any order of packets, skips and switches: no number twice, and what was sent is found again.
 *
 * Input: events of 6 bytes: what and source, distance of the sequence number (signed, 2 bytes), picture id and TL0PICIDX, time.
 */
#include "media/room/rewrite.h"

#include <assert.h>
#include <stdlib.h>

#define EVENT	6
#define SOURCES 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct source {
	uint64_t ext_seq;
	uint16_t picture_id;
};

static void check_sent(const struct bf_rewrite *rewrite, const struct bf_rewrite_in *in,
	const struct bf_rewrite_out *out, uint64_t out_highest_before)
{
	struct bf_rewrite_sent sent;
	bool is_found = bf_rewrite_find(rewrite, out->seq, &sent);

	assert(is_found);
	assert(sent.in_ext_seq == in->ext_seq && sent.source == in->source);
	assert((uint16_t)sent.out_ext_seq == out->seq);
	assert(in->timestamp + sent.timestamp_offset == out->timestamp);
	assert(sent.picture_id == out->picture_id && sent.tl0picidx == out->tl0picidx);
	assert(rewrite->seqs.out_highest >= out_highest_before);
	assert(rewrite->seqs.out_highest - out_highest_before <= rewrite->slot_count);
	assert(out->timestamp == bf_rewrite_timestamp(rewrite, in->timestamp));
	assert(out->picture_id <= (in->info->picture_id_is_long ? 0x7fff : 0x7f));
}

static void run_event(
	struct bf_rewrite *rewrite, struct source sources[SOURCES], const uint8_t *event)
{
	unsigned what = event[0] & 7, idx = event[0] >> 3 & 3;
	struct source *source = &sources[idx % SOURCES];
	int16_t step = (int16_t)bf_get_u16(event + 1);
	uint64_t before = rewrite->seqs.out_highest;
	struct bf_payload info = {
		.is_keyframe = (event[0] & 0x20) != 0,
		.has_picture_id = (event[0] & 0x40) != 0,
		.has_tl0picidx = (event[0] & 0x40) != 0,
		.picture_id_is_long = (event[0] & 0x80) != 0,
		.tl0picidx = event[3],
	};
	struct bf_rewrite_in in = {
		.source = idx % SOURCES, .info = &info, .now_us = event[5] * 1000};
	struct bf_rewrite_out out;

	/* mostly small steps; large ones by one of the kinds */
	source->ext_seq += (uint64_t)(int64_t)(what == 7 ? step : step % 8);
	source->picture_id = (uint16_t)(source->picture_id + (int8_t)event[4] % 4);
	info.picture_id = source->picture_id & (info.picture_id_is_long ? 0x7fff : 0x7f);
	in.ext_seq = source->ext_seq;
	in.timestamp = (uint32_t)source->ext_seq * 3000;
	if (what == 1) {
		bf_rewrite_skip(rewrite, in.source, in.ext_seq);
	} else if (what == 2) {
		bf_rewrite_skip_picture(rewrite, in.source, in.ext_seq, &info);
	} else if (bf_rewrite_packet(rewrite, &in, &out)) {
		check_sent(rewrite, &in, &out, before);
		assert(!bf_rewrite_packet(rewrite, &in, &out)); /* now it is a duplicate */
		return;
	}
	assert(rewrite->seqs.out_highest == before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bf_rewrite_slot slots[BF_REWRITE_WINDOW_AUDIO];
	struct bf_rewrite rewrite;
	struct source sources[SOURCES];

	if (size < 3)
		return 0;
	for (size_t i = 0; i < SOURCES; i++)
		sources[i] = (struct source){UINT64_C(1) << 40, 0};
	bf_rewrite_init(&rewrite, data[0] & 1 ? 90000 : 48000, bf_get_u16(data + 1), 0xfffff000,
		slots, BF_REWRITE_WINDOW_AUDIO);
	for (data += 3, size -= 3; size >= EVENT; data += EVENT, size -= EVENT)
		run_event(&rewrite, sources, data);
	return 0;
}
