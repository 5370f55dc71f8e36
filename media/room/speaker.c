#include "media/room/speaker.h"

#include <string.h>

#define MS(n) ((int64_t)(n)*1000)

/* Speech lies between -45 and -15 dBov, a quiet room's noise below -60. */
#define LOUD_Q8	   ((127u - 50u) << 8)

#define ATTACK_US  MS(40)   /* two packets: a single click stays below LOUD_Q8 */
#define RELEASE_US MS(160)  /* a word's end fades, its syllables do not fall apart */
#define GAIN_US	   MS(300)  /* longer than a cough or a knock on the table */
#define PAUSE_US   MS(200)  /* silence between the words of one sentence */
#define STAY_US	   MS(1500) /* a breath between sentences does not end a turn */
#define UNHEARD_US MS(200)  /* senders stop their packets in silence (DTX): no news is silence */
#define FORGET_US  MS(10000)
#define MARGIN_Q8  (3u << 8) /* two who speak at once do not take turns by chance */

void bf_speaker_init(struct bf_speaker *speaker)
{
	memset(speaker, 0, sizeof(*speaker));
	speaker->due_us = INT64_MAX;
}

static struct bf_speaker_candidate *find(struct bf_speaker *speaker, uint64_t id)
{
	for (size_t i = 0; i < BF_SPEAKER_COUNT; i++) {
		if (speaker->candidates[i].id == id)
			return &speaker->candidates[i];
	}
	return NULL;
}

/* A free place, or that of the one heard longest ago who is not speaking. When all are taken only a loud one may push another out:
 * else 65 silent senders would keep replacing each other. */
static struct bf_speaker_candidate *find_place(struct bf_speaker *speaker, bool is_loud)
{
	struct bf_speaker_candidate *oldest = find(speaker, 0);

	if (oldest || !is_loud)
		return oldest;
	for (size_t i = 0; i < BF_SPEAKER_COUNT; i++) {
		struct bf_speaker_candidate *at = &speaker->candidates[i];

		if (!at->is_speaking && at->id != speaker->dominant &&
			(!oldest || at->heard_us < oldest->heard_us))
			oldest = at;
	}
	return oldest;
}

static void smooth(struct bf_speaker_candidate *candidate, uint32_t loudness_q8, int64_t elapsed_us)
{
	int64_t level_q8 = candidate->level_q8;
	int64_t span_us = loudness_q8 > level_q8 ? ATTACK_US : RELEASE_US;
	int64_t weight_q8 = elapsed_us >= span_us ? 256 : elapsed_us * 256 / span_us;

	level_q8 += ((int64_t)loudness_q8 - level_q8) * weight_q8 / 256;
	candidate->level_q8 = (uint32_t)level_q8;
}

void bf_speaker_on_level(
	struct bf_speaker *speaker, uint64_t id, uint8_t level_dbov, int64_t now_us)
{
	uint32_t loudness_q8 = (127u - (level_dbov & 0x7f)) << 8;
	struct bf_speaker_candidate *candidate = find(speaker, id);
	int64_t elapsed_us;

	if (!candidate) {
		candidate = find_place(speaker, loudness_q8 >= LOUD_Q8);
		if (!candidate)
			return;
		*candidate = (struct bf_speaker_candidate){
			.id = id,
			.heard_us = now_us - MS(20),
			.spoke_us = now_us - STAY_US,
			.louder_since_us = INT64_MAX,
		};
	}
	elapsed_us = now_us - candidate->heard_us;
	candidate->heard_us = now_us;
	smooth(candidate, loudness_q8, elapsed_us);
	if (candidate->level_q8 >= LOUD_Q8) {
		if (now_us - candidate->spoke_us > PAUSE_US)
			candidate->loud_since_us = now_us;
		candidate->spoke_us = now_us;
	}
	if (speaker->due_us == INT64_MAX)
		speaker->due_us = now_us + BF_SPEAKER_POLL_US;
}

void bf_speaker_remove(struct bf_speaker *speaker, uint64_t id)
{
	struct bf_speaker_candidate *candidate = find(speaker, id);

	if (candidate)
		memset(candidate, 0, sizeof(*candidate));
}

void bf_speaker_take_over(
	struct bf_speaker *speaker, const struct bf_speaker_change *last, int64_t now_us)
{
	bf_speaker_init(speaker);
	speaker->dominant = last->dominant;
	speaker->dominant_since_us = now_us;
	memcpy(speaker->speaking, last->speaking, sizeof(speaker->speaking));
	speaker->speaking_count = last->speaking_count;
	for (size_t i = 0; i < last->speaking_count; i++)
		speaker->candidates[i] = (struct bf_speaker_candidate){
			.id = last->speaking[i],
			.heard_us = now_us,
			.loud_since_us = now_us - GAIN_US,
			.spoke_us = now_us,
			.louder_since_us = INT64_MAX,
			.level_q8 = LOUD_Q8,
			.is_speaking = true,
		};
	if (last->dominant &&
		!find(speaker, last->dominant)) /* silent, but nobody else has spoken */
		speaker->candidates[last->speaking_count] = (struct bf_speaker_candidate){
			.id = last->dominant,
			.heard_us = now_us,
			.spoke_us = now_us - STAY_US,
			.louder_since_us = INT64_MAX,
		};
	if (last->dominant || last->speaking_count > 0)
		speaker->due_us = now_us + BF_SPEAKER_POLL_US;
}

/* Let levels fall, turns begin and end, and forget who has long been away. */
static void judge_each(struct bf_speaker *speaker, int64_t now_us)
{
	for (size_t i = 0; i < BF_SPEAKER_COUNT; i++) {
		struct bf_speaker_candidate *at = &speaker->candidates[i];

		if (at->id == 0)
			continue;
		if (now_us - at->heard_us > UNHEARD_US)
			at->level_q8 /= 2;
		if (now_us - at->spoke_us >= STAY_US)
			at->is_speaking = false;
		else if (now_us - at->spoke_us <= PAUSE_US &&
			 at->spoke_us - at->loud_since_us >= GAIN_US)
			at->is_speaking = true;
		if (now_us - at->heard_us > FORGET_US && at->id != speaker->dominant)
			memset(at, 0, sizeof(*at));
	}
}

static bool is_in(uint64_t id, const uint64_t *ids, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (ids[i] == id)
			return true;
	}
	return false;
}

/* Put `candidate` into the list that is ordered by loudness; without room the quietest falls out. */
static void insert(const struct bf_speaker_candidate **list, size_t first, size_t *count,
	const struct bf_speaker_candidate *candidate)
{
	size_t at = *count;

	while (at > first && list[at - 1]->level_q8 < candidate->level_q8)
		at--;
	if (at == BF_SPEAKER_SPEAKING)
		return;
	if (*count < BF_SPEAKER_SPEAKING)
		(*count)++;
	memmove(list + at + 1, list + at, (*count - at - 1) * sizeof(list[0]));
	list[at] = candidate;
}

/* Who is on the list stays while speaking, so that a ninth voice does not make it flicker; the loudest of the others take the
 * places left. Then all are ordered together. */
static void list_speaking(const struct bf_speaker *speaker, struct bf_speaker_change *out)
{
	const struct bf_speaker_candidate *chosen[BF_SPEAKER_SPEAKING];
	const struct bf_speaker_candidate *ordered[BF_SPEAKER_SPEAKING];
	size_t count = 0, stayed_count, ordered_count = 0;

	for (int is_new = 0; is_new <= 1; is_new++) {
		stayed_count = count;
		for (size_t i = 0; i < BF_SPEAKER_COUNT; i++) {
			const struct bf_speaker_candidate *at = &speaker->candidates[i];
			bool was_listed = is_in(at->id, speaker->speaking, speaker->speaking_count);

			if (at->is_speaking && was_listed == !is_new)
				insert(chosen, stayed_count, &count, at);
		}
	}
	for (size_t i = 0; i < count; i++)
		insert(ordered, 0, &ordered_count, chosen[i]);
	for (size_t i = 0; i < count; i++)
		out->speaking[i] = ordered[i]->id;
	out->speaking_count = count;
}

/* Since when each has been louder than the dominant one; in silence nobody is. */
static void compare_with(
	struct bf_speaker *speaker, const struct bf_speaker_candidate *dominant, int64_t now_us)
{
	for (size_t i = 0; i < BF_SPEAKER_COUNT; i++) {
		struct bf_speaker_candidate *at = &speaker->candidates[i];

		if (at->id == 0 || at == dominant || now_us - at->spoke_us > PAUSE_US ||
			at->level_q8 < dominant->level_q8 + MARGIN_Q8)
			at->louder_since_us = INT64_MAX;
		else if (at->louder_since_us == INT64_MAX)
			at->louder_since_us = now_us;
	}
}

static uint64_t choose_dominant(
	struct bf_speaker *speaker, const struct bf_speaker_change *list, int64_t now_us)
{
	const struct bf_speaker_candidate *dominant =
		speaker->dominant ? find(speaker, speaker->dominant) : NULL;
	const struct bf_speaker_candidate *best = NULL;

	if (!dominant)
		return list->speaking_count > 0 ? list->speaking[0] : 0;
	compare_with(speaker, dominant, now_us);
	/* Who just took over and is still heard keeps the floor for a moment, whoever shouts. */
	if (now_us - speaker->dominant_since_us < STAY_US &&
		now_us - dominant->spoke_us <= PAUSE_US)
		return speaker->dominant;
	for (size_t i = 0; i < BF_SPEAKER_COUNT; i++) {
		const struct bf_speaker_candidate *at = &speaker->candidates[i];

		if (at->is_speaking && at->louder_since_us != INT64_MAX &&
			now_us - at->louder_since_us >= GAIN_US &&
			(!best || at->level_q8 > best->level_q8))
			best = at;
	}
	return best ? best->id : speaker->dominant;
}

static bool is_same_set(const struct bf_speaker *speaker, const struct bf_speaker_change *change)
{
	if (speaker->speaking_count != change->speaking_count)
		return false;
	for (size_t i = 0; i < change->speaking_count; i++) {
		if (!is_in(change->speaking[i], speaker->speaking, speaker->speaking_count))
			return false;
	}
	return true;
}

static bool knows_somebody(const struct bf_speaker *speaker)
{
	for (size_t i = 0; i < BF_SPEAKER_COUNT; i++) {
		if (speaker->candidates[i].id != 0)
			return true;
	}
	return false;
}

bool bf_speaker_poll(struct bf_speaker *speaker, int64_t now_us, struct bf_speaker_change *out)
{
	struct bf_speaker_change change = {0};
	bool is_changed;

	if (now_us < speaker->due_us)
		return false;
	judge_each(speaker, now_us);
	list_speaking(speaker, &change);
	change.dominant = choose_dominant(speaker, &change, now_us);
	is_changed = change.dominant != speaker->dominant || !is_same_set(speaker, &change);
	if (change.dominant != speaker->dominant) {
		speaker->dominant = change.dominant;
		speaker->dominant_since_us = now_us;
	}
	memcpy(speaker->speaking, change.speaking, sizeof(speaker->speaking));
	speaker->speaking_count = change.speaking_count;
	speaker->due_us = knows_somebody(speaker) ? now_us + BF_SPEAKER_POLL_US : INT64_MAX;
	if (is_changed)
		*out = change;
	return is_changed;
}

int64_t bf_speaker_deadline_us(const struct bf_speaker *speaker)
{
	return speaker->due_us;
}
