#include "media/room/rewrite.h"

#include <assert.h>

/* Longer pauses count as an hour: 32 bits of timestamp must not come round to the past. */
#define PAUSE_MAX_US (INT64_C(3600) * 1000000)

/* ---- one line of numbers ---- */

static bool is_skipped(const struct bf_rewrite_line *line, uint64_t in)
{
	return line->skipped_count > 0 &&
	       (line->skipped[in % BF_REWRITE_SKIPS / 64] >> (in % 64) & 1);
}

static void mark(struct bf_rewrite_line *line, uint64_t in, bool is_set)
{
	uint64_t bit = UINT64_C(1) << (in % 64);
	uint64_t *word = &line->skipped[in % BF_REWRITE_SKIPS / 64];

	if ((*word & bit) != 0)
		line->skipped_count--;
	if (is_set)
		line->skipped_count++;
	*word = is_set ? *word | bit : *word & ~bit;
}

static void clear_marks(struct bf_rewrite_line *line)
{
	if (line->skipped_count > 0)
		memset(line->skipped, 0, BF_REWRITE_SKIPS / 8);
	line->skipped_count = 0;
}

/* `in` is the first number of a source and goes out after all that was sent. */
static void start_line(struct bf_rewrite_line *line, uint64_t in)
{
	line->in_base = in;
	line->in_highest = in;
	line->offset = (int64_t)(line->out_highest + 1 - in);
	clear_marks(line);
}

static void raise_line(struct bf_rewrite_line *line, uint64_t in)
{
	if (in <= line->in_highest)
		return;
	if (in - line->in_highest >= BF_REWRITE_SKIPS) {
		clear_marks(line);
	} else if (line->skipped_count > 0) {
		for (uint64_t at = line->in_highest + 1; at <= in; at++)
			mark(line, at, false);
	}
	line->in_highest = in;
}

/* How many of the numbers after `in` were left out, 64 at a time. */
static unsigned count_skipped_after(const struct bf_rewrite_line *line, uint64_t in)
{
	unsigned count = 0;

	if (line->skipped_count == 0)
		return 0;
	for (uint64_t at = in + 1; at <= line->in_highest; at += 64 - at % 64) {
		uint64_t word = line->skipped[at % BF_REWRITE_SKIPS / 64] >> (at % 64);
		uint64_t left = line->in_highest - at + 1;

		if (left < 64)
			word &= (UINT64_C(1) << left) - 1;
		count += (unsigned)__builtin_popcountll(word);
	}
	return count;
}

/* The place of `in`; false if it was left out, or is too old to tell. Changes nothing. */
static bool map_line(const struct bf_rewrite_line *line, uint64_t in, uint64_t *out)
{
	uint64_t base = in + (uint64_t)line->offset;

	if (in > line->in_highest) {
		*out = base;
		return true;
	}
	if (line->in_highest - in >= BF_REWRITE_SKIPS || is_skipped(line, in))
		return false;
	*out = base + count_skipped_after(line, in);
	return true;
}

/* Leave `in` out, unless numbers behind its place were sent: those cannot move any more. */
static void skip_line(struct bf_rewrite_line *line, uint64_t in)
{
	uint64_t out;

	if (in < line->in_base || !map_line(line, in, &out) || out <= line->out_highest)
		return;
	raise_line(line, in);
	mark(line, in, true);
	line->offset--;
}

static void send_on_line(struct bf_rewrite_line *line, uint64_t in, uint64_t out)
{
	raise_line(line, in);
	if (out > line->out_highest)
		line->out_highest = out;
}

/* ---- pictures ---- */

/* The picture's unwrapped id. False if it has none, or none near those seen of this source: the first, and the first after the encoder
 * started its ids anew. */
static bool find_picture(
	const struct bf_rewrite *rewrite, const struct bf_payload *info, uint64_t *in)
{
	uint64_t highest = rewrite->pictures.in_highest;
	uint64_t mask = info->picture_id_is_long ? 0x7fff : 0x7f;
	uint64_t ahead = (info->picture_id - highest) & mask;
	uint64_t behind = (highest - info->picture_id) & mask;

	if (!info->has_picture_id || !rewrite->has_picture_id || rewrite->is_picture_stale)
		return false;
	*in = ahead <= mask / 2 ? highest + ahead : highest - behind;
	return (ahead < behind ? ahead : behind) < BF_REWRITE_SKIPS;
}

/* Where a packet's picture goes. */
struct picture {
	bool is_known;	 /* `in` has a place on the line */
	bool is_skipped; /* that was left out */
	uint64_t in, out;
};

static struct picture place_picture(const struct bf_rewrite *rewrite, const struct bf_payload *info)
{
	struct picture picture = {0};

	picture.is_known = find_picture(rewrite, info, &picture.in);
	picture.is_skipped =
		picture.is_known && !map_line(&rewrite->pictures, picture.in, &picture.out);
	return picture;
}

static uint16_t write_picture(
	struct bf_rewrite *rewrite, const struct bf_payload *info, struct picture picture)
{
	struct bf_rewrite_line *pictures = &rewrite->pictures;
	uint16_t mask = info->picture_id_is_long ? 0x7fff : 0x7f;

	if (!info->has_picture_id)
		return 0;
	if (!picture.is_known) {
		/* One cycle up, so that older pictures have positive numbers. The first source keeps its ids. */
		picture.in = UINT64_C(65536) + info->picture_id;
		picture.out = rewrite->has_picture_id ? pictures->out_highest + 1 : picture.in;
		pictures->out_highest = picture.out - 1;
		start_line(pictures, picture.in);
		rewrite->has_picture_id = true;
		rewrite->is_picture_stale = false;
	}
	send_on_line(pictures, picture.in, picture.out);
	return (uint16_t)picture.out & mask;
}

static uint8_t write_tl0picidx(struct bf_rewrite *rewrite, const struct bf_payload *info)
{
	uint8_t out;

	if (!info->has_tl0picidx)
		return 0;
	if (rewrite->has_tl0picidx && rewrite->is_tl0picidx_stale)
		rewrite->tl0picidx_offset =
			(uint8_t)(rewrite->last_tl0picidx + 1 - info->tl0picidx);
	out = (uint8_t)(info->tl0picidx + rewrite->tl0picidx_offset);
	if (!rewrite->has_tl0picidx || (int8_t)(uint8_t)(out - rewrite->last_tl0picidx) > 0)
		rewrite->last_tl0picidx = out;
	rewrite->has_tl0picidx = true;
	rewrite->is_tl0picidx_stale = false;
	return out;
}

/* ---- sources ---- */

static bool is_video(const struct bf_rewrite *rewrite)
{
	return rewrite->clock_hz == 90000;
}

static struct bf_rewrite_left *find_left(struct bf_rewrite *rewrite, uint32_t source)
{
	for (size_t i = 0; i < BF_REWRITE_LEFT; i++) {
		if (rewrite->left[i].in_highest != 0 && rewrite->left[i].source == source)
			return &rewrite->left[i];
	}
	return NULL;
}

static bool may_switch(struct bf_rewrite *rewrite, const struct bf_rewrite_in *in)
{
	const struct bf_rewrite_left *left = find_left(rewrite, in->source);

	if (!left)
		return true;
	return in->ext_seq > left->in_highest && (!is_video(rewrite) || in->info->is_keyframe);
}

static void leave_source(struct bf_rewrite *rewrite)
{
	rewrite->left[rewrite->left_idx] = (struct bf_rewrite_left){
		.source = rewrite->source, .in_highest = rewrite->seqs.in_highest};
	rewrite->left_idx = (rewrite->left_idx + 1) % BF_REWRITE_LEFT;
}

/* How far the timestamp moves at a switch. */
static uint32_t passed_ticks(const struct bf_rewrite *rewrite, int64_t now_us)
{
	int64_t frame = rewrite->clock_hz / (is_video(rewrite) ? 30 : 50);
	int64_t elapsed_us = now_us - rewrite->last_at_us;
	int64_t ticks;

	if (elapsed_us > PAUSE_MAX_US)
		elapsed_us = PAUSE_MAX_US;
	ticks = elapsed_us * rewrite->clock_hz / 1000000;
	return (uint32_t)(ticks > frame ? ticks : frame);
}

/* Ids go round: no slot may still hold the one that is given again, or it would name a packet of another source. */
static void begin_epoch(struct bf_rewrite *rewrite, uint64_t ext_seq)
{
	if (rewrite->epoch == UINT8_MAX) {
		memset(rewrite->slots, 0, rewrite->slot_count * sizeof(*rewrite->slots));
		rewrite->epoch = 0;
	}
	rewrite->epoch++;
	rewrite->epochs[rewrite->epoch % BF_REWRITE_EPOCHS] = (struct bf_rewrite_epoch){
		.in_base = ext_seq,
		.source = rewrite->source,
		.timestamp_offset = rewrite->timestamp_offset,
		.id = rewrite->epoch,
	};
}

static void switch_source(struct bf_rewrite *rewrite, const struct bf_rewrite_in *in)
{
	struct bf_rewrite_left *left = find_left(rewrite, in->source);
	uint32_t timestamp = rewrite->last_timestamp;

	if (left)
		left->in_highest = 0;
	if (rewrite->is_started) {
		leave_source(rewrite);
		timestamp += passed_ticks(rewrite, in->now_us);
	}
	rewrite->is_started = true;
	rewrite->source = in->source;
	rewrite->timestamp_offset = timestamp - in->timestamp;
	rewrite->last_timestamp = timestamp;
	rewrite->last_at_us = in->now_us;
	rewrite->is_picture_stale = true;
	rewrite->is_tl0picidx_stale = true;
	start_line(&rewrite->seqs, in->ext_seq);
	begin_epoch(rewrite, in->ext_seq);
}

/* ---- packets ---- */

void bf_rewrite_init(struct bf_rewrite *rewrite, uint32_t clock_hz, uint16_t first_seq,
	uint32_t first_timestamp, struct bf_rewrite_slot *slots, uint32_t slot_count)
{
	assert(clock_hz > 0);
	assert(slot_count > 0 && (slot_count & (slot_count - 1)) == 0);
	memset(rewrite, 0, sizeof(*rewrite));
	memset(slots, 0, slot_count * sizeof(*slots));
	rewrite->clock_hz = clock_hz;
	rewrite->slots = slots;
	rewrite->slot_count = slot_count;
	rewrite->seqs.skipped = rewrite->seqs_skipped;
	rewrite->pictures.skipped = rewrite->pictures_skipped;
	rewrite->seqs.out_highest = UINT64_C(65536) + first_seq - 1;
	rewrite->last_timestamp = first_timestamp;
}

static struct bf_rewrite_slot *slot_of(const struct bf_rewrite *rewrite, uint64_t out_ext_seq)
{
	return &rewrite->slots[out_ext_seq & (rewrite->slot_count - 1)];
}

static bool is_in_window(const struct bf_rewrite *rewrite, uint64_t out_ext_seq)
{
	return out_ext_seq <= rewrite->seqs.out_highest &&
	       rewrite->seqs.out_highest - out_ext_seq < rewrite->slot_count;
}

/* The slots of numbers that come into the window hold packets that leave it. */
static void clear_slots(struct bf_rewrite *rewrite, uint64_t first, uint64_t last)
{
	if (last - first >= rewrite->slot_count)
		first = last - rewrite->slot_count + 1;
	for (uint64_t at = first; at <= last; at++)
		slot_of(rewrite, at)->epoch = 0;
}

/* The gap before this packet would be wider than anybody can ask for. */
static bool is_out_of_reach(const struct bf_rewrite *rewrite, uint64_t ext_seq)
{
	uint64_t out;

	return ext_seq > rewrite->seqs.in_highest && map_line(&rewrite->seqs, ext_seq, &out) &&
	       out > rewrite->seqs.out_highest + rewrite->slot_count;
}

/* The place of a packet of the current source; false if it has none. Changes nothing. */
static bool find_place(const struct bf_rewrite *rewrite, uint64_t ext_seq, uint64_t *out)
{
	if (ext_seq < rewrite->seqs.in_base || !map_line(&rewrite->seqs, ext_seq, out))
		return false;
	if (*out > rewrite->seqs.out_highest)
		return true;
	return is_in_window(rewrite, *out) && slot_of(rewrite, *out)->epoch == 0;
}

static void commit(struct bf_rewrite *rewrite, const struct bf_rewrite_in *in,
	struct picture picture, uint64_t out_ext_seq, struct bf_rewrite_out *out)
{
	if (out_ext_seq > rewrite->seqs.out_highest + 1)
		clear_slots(rewrite, rewrite->seqs.out_highest + 1, out_ext_seq - 1);
	send_on_line(&rewrite->seqs, in->ext_seq, out_ext_seq);
	*out = (struct bf_rewrite_out){
		.seq = (uint16_t)out_ext_seq,
		.timestamp = in->timestamp + rewrite->timestamp_offset,
		.picture_id = write_picture(rewrite, in->info, picture),
		.tl0picidx = write_tl0picidx(rewrite, in->info),
	};
	if ((int32_t)(out->timestamp - rewrite->last_timestamp) > 0) {
		rewrite->last_timestamp = out->timestamp;
		rewrite->last_at_us = in->now_us;
	}
	*slot_of(rewrite, out_ext_seq) = (struct bf_rewrite_slot){
		.in_seq = (uint32_t)in->ext_seq,
		.picture_id = out->picture_id,
		.tl0picidx = out->tl0picidx,
		.epoch = rewrite->epoch,
	};
}

bool bf_rewrite_packet(
	struct bf_rewrite *rewrite, const struct bf_rewrite_in *in, struct bf_rewrite_out *out)
{
	struct picture picture = {0};
	uint64_t out_ext_seq;

	if (!rewrite->is_started || in->source != rewrite->source) {
		if (!may_switch(rewrite, in))
			return false;
		switch_source(rewrite, in);
	} else {
		picture = place_picture(rewrite, in->info);
		if (picture.is_skipped) {
			/* The wish changed in the middle of a picture whose beginning was left out. */
			bf_rewrite_skip(rewrite, in->source, in->ext_seq);
			return false;
		}
		if (is_out_of_reach(rewrite, in->ext_seq))
			start_line(&rewrite->seqs, in->ext_seq);
	}
	if (!find_place(rewrite, in->ext_seq, &out_ext_seq))
		return false;
	commit(rewrite, in, picture, out_ext_seq, out);
	return true;
}

void bf_rewrite_skip(struct bf_rewrite *rewrite, uint32_t source, uint64_t ext_seq)
{
	if (!rewrite->is_started || source != rewrite->source)
		return;
	if (is_out_of_reach(rewrite, ext_seq))
		start_line(
			&rewrite->seqs, ext_seq); /* as bf_rewrite_packet does with such a jump */
	skip_line(&rewrite->seqs, ext_seq);
}

void bf_rewrite_skip_picture(struct bf_rewrite *rewrite, uint32_t source, uint64_t ext_seq,
	const struct bf_payload *info)
{
	uint64_t picture;

	if (!rewrite->is_started || source != rewrite->source)
		return;
	bf_rewrite_skip(rewrite, source, ext_seq);
	if (find_picture(rewrite, info, &picture))
		skip_line(&rewrite->pictures, picture);
}

bool bf_rewrite_find(const struct bf_rewrite *rewrite, uint16_t seq, struct bf_rewrite_sent *out)
{
	uint64_t highest = rewrite->seqs.out_highest;
	uint64_t out_ext_seq =
		highest + (uint64_t)(int64_t)(int16_t)(uint16_t)(seq - (uint16_t)highest);
	const struct bf_rewrite_slot *slot = slot_of(rewrite, out_ext_seq);
	const struct bf_rewrite_epoch *epoch = &rewrite->epochs[slot->epoch % BF_REWRITE_EPOCHS];

	if (!is_in_window(rewrite, out_ext_seq) || slot->epoch == 0 || epoch->id != slot->epoch)
		return false;
	*out = (struct bf_rewrite_sent){
		.in_ext_seq = epoch->in_base + (uint32_t)(slot->in_seq - (uint32_t)epoch->in_base),
		.out_ext_seq = out_ext_seq,
		.source = epoch->source,
		.timestamp_offset = epoch->timestamp_offset,
		.picture_id = slot->picture_id,
		.tl0picidx = slot->tl0picidx,
	};
	return true;
}

uint32_t bf_rewrite_timestamp(const struct bf_rewrite *rewrite, uint32_t timestamp)
{
	return timestamp + rewrite->timestamp_offset;
}
