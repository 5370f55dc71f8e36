#include "media/cc/pacer_priv.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* A token is a millionth of a bit: what rate_bps gives in one microsecond is then rate_bps tokens, without a rest. */
#define TOKENS_PER_BYTE INT64_C(8000000)

#define US_PER_MS	1000

_Static_assert(sizeof(struct bf_pacer) <= 128, "thousands of transports have one");
_Static_assert(BF_PACER_PACKET_MAX <= BF_PACER_BURST_MIN_BYTES, "every packet fits into a burst");

static int64_t clamp(int64_t value, int64_t min, int64_t max)
{
	return value < min ? min : value > max ? max : value;
}

/* ---- all of a worker ---- */

int bf_pacers_init(struct bf_pacers *pacers, size_t block_count, int64_t now_us)
{
	memset(pacers, 0, sizeof(*pacers));
	bf_wheel_init(&pacers->wheel, BF_PACER_TICK_US, now_us);
	return bf_pool_init(&pacers->blocks, sizeof(struct bf_pacer_block), block_count);
}

void bf_pacers_deinit(struct bf_pacers *pacers)
{
	assert(pacers->waiting == 0);
	bf_pool_deinit(&pacers->blocks);
}

struct bf_pacer *bf_pacers_next(struct bf_pacers *pacers, int64_t now_us)
{
	struct bf_wheel_node *node = bf_wheel_next(&pacers->wheel, now_us);
	struct bf_pacer *pacer = node ? BF_CONTAINER(node, struct bf_pacer, due) : NULL;

	if (pacer) /* still due until it has been polled to the end, also by a caller that goes on another time */
		bf_wheel_put(&pacers->wheel, node, now_us, now_us);
	return pacer;
}

int64_t bf_pacers_deadline_us(const struct bf_pacers *pacers)
{
	return bf_wheel_deadline_us(&pacers->wheel);
}

/* ---- tokens ---- */

static int64_t burst_tokens(int64_t rate_bps)
{
	return clamp(rate_bps * BF_PACER_BURST_US / TOKENS_PER_BYTE, BF_PACER_BURST_MIN_BYTES,
		       BF_PACER_BURST_MAX_BYTES) *
	       TOKENS_PER_BYTE;
}

int64_t bf_pacer_burst_bytes(const struct bf_pacer *pacer)
{
	return pacer->tokens_max / TOKENS_PER_BYTE;
}

/* Returns false when the clock went back, by more than the times of one turn may differ: then what was due has to be
 * reckoned anew. */
static bool refill(struct bf_pacer *pacer, int64_t now_us)
{
	int64_t elapsed_us = now_us - pacer->refilled_us;
	int64_t added;

	if (elapsed_us <= 0 && elapsed_us >= -BF_PACER_AGE_US)
		return true;
	pacer->refilled_us = now_us;
	if (elapsed_us < 0)
		return false;
	if (__builtin_mul_overflow(elapsed_us, pacer->rate_bps, &added) ||
		__builtin_add_overflow(pacer->tokens, added, &pacer->tokens) ||
		pacer->tokens > pacer->tokens_max)
		pacer->tokens = pacer->tokens_max;
	return true;
}

static void charge(struct bf_pacer *pacer, uint16_t bytes)
{
	pacer->tokens -= bytes * TOKENS_PER_BYTE;
	/* Only audio gets here, and only where the rate is below it. Without a limit video would stand still for as long
	 * after the rate has risen. */
	if (pacer->tokens < -pacer->tokens_max)
		pacer->tokens = -pacer->tokens_max;
}

static bool has_tokens_for(const struct bf_pacer *pacer, int64_t bytes)
{
	return pacer->tokens >= bytes * TOKENS_PER_BYTE;
}

/* ---- when ---- */

static uint32_t waiting_count(const struct bf_pacer *pacer)
{
	return pacer->resend.count + pacer->video.count;
}

static int64_t age_us(const struct bf_pacer_entry *entry, int64_t now_us)
{
	/* Signed: negative after the clock went back. */
	return (int64_t)(int32_t)((uint32_t)(now_us / US_PER_MS) - entry->queued_ms) * US_PER_MS;
}

/* The bytes that leave as one train at this rate. */
static int64_t train_bytes(const struct bf_pacer *pacer)
{
	return clamp(pacer->rate_bps * BF_PACER_INTERVAL_US / TOKENS_PER_BYTE, BF_PACER_PACKET_MAX,
		BF_PACER_TRAIN_BYTES);
}

/* When enough tokens are there for a train, or for all that waits if that is less. */
static int64_t train_at_us(const struct bf_pacer *pacer, int64_t now_us)
{
	int64_t bytes = train_bytes(pacer), missing;

	if (bytes > pacer->waiting_bytes)
		bytes = pacer->waiting_bytes;
	missing = bytes * TOKENS_PER_BYTE - pacer->tokens;
	if (missing <= 0)
		return now_us;
	return now_us + (missing + pacer->rate_bps - 1) / pacer->rate_bps;
}

static int64_t late_at_us(const struct bf_pacer_queue *queue, int64_t now_us)
{
	const struct bf_pacer_entry *first = bf_pacer_queue_first(queue);

	return first ? now_us + BF_PACER_AGE_US - age_us(first, now_us) : INT64_MAX;
}

/* Choose the tick at which to go on: always a later one, so that what is polled in between does not leave singly. */
static void schedule(struct bf_pacer *pacer, int64_t now_us)
{
	int64_t at_us, resend_late_us, video_late_us;

	pacer->is_in_train = false;
	if (waiting_count(pacer) == 0) {
		bf_wheel_remove(&pacer->due);
		return;
	}
	at_us = train_at_us(pacer, now_us);
	resend_late_us = late_at_us(&pacer->resend, now_us);
	video_late_us = late_at_us(&pacer->video, now_us);
	if (at_us > resend_late_us)
		at_us = resend_late_us;
	if (at_us > video_late_us)
		at_us = video_late_us;
	if (at_us <= now_us)
		at_us = now_us + 1;
	at_us = (at_us + BF_PACER_TICK_US - 1) / BF_PACER_TICK_US * BF_PACER_TICK_US;
	bf_wheel_put(&pacer->pacers->wheel, &pacer->due, at_us, now_us);
}

int64_t bf_pacer_deadline_us(const struct bf_pacer *pacer)
{
	return pacer->due.at_us;
}

/* ---- life ---- */

void bf_pacer_init(struct bf_pacer *pacer, struct bf_pacers *pacers, int64_t now_us)
{
	memset(pacer, 0, sizeof(*pacer));
	pacer->pacers = pacers;
	pacer->rate_bps = BF_PACER_RATE_DEFAULT_BPS;
	pacer->refilled_us = now_us;
	pacer->tokens_max = burst_tokens(pacer->rate_bps);
	pacer->tokens = pacer->tokens_max;
	bf_wheel_node_init(&pacer->due);
}

static size_t forget(struct bf_pacer *pacer, uint64_t owner, bool is_all)
{
	struct bf_pacers *pacers = pacer->pacers;
	uint32_t bytes = 0;
	size_t count =
		bf_pacer_queue_forget(&pacer->resend, &pacers->blocks, owner, is_all, &bytes) +
		bf_pacer_queue_forget(&pacer->video, &pacers->blocks, owner, is_all, &bytes);

	assert(bytes <= pacer->waiting_bytes);
	pacer->waiting_bytes -= bytes;
	pacers->forgotten += count;
	pacers->waiting -= (uint32_t)count;
	if (count > 0)
		schedule(pacer, pacer->refilled_us);
	return count;
}

void bf_pacer_deinit(struct bf_pacer *pacer)
{
	forget(pacer, 0, true);
	bf_wheel_remove(&pacer->due);
}

size_t bf_pacer_forget(struct bf_pacer *pacer, uint64_t owner)
{
	return forget(pacer, owner, false);
}

void bf_pacer_set_rate(struct bf_pacer *pacer, int64_t rate_bps, int64_t now_us)
{
	refill(pacer, now_us); /* the time until now was at the old rate */
	pacer->rate_bps = clamp(rate_bps, BF_PACER_RATE_MIN_BPS, BF_PACER_RATE_MAX_BPS);
	pacer->tokens_max = burst_tokens(pacer->rate_bps);
	pacer->tokens = clamp(pacer->tokens, -pacer->tokens_max, pacer->tokens_max);
	schedule(pacer, now_us);
}

/* ---- packets ---- */

bool bf_pacer_admit(struct bf_pacer *pacer, enum bf_pacer_class cls, uint16_t bytes, int64_t now_us)
{
	assert(bytes > 0 && bytes <= BF_PACER_PACKET_MAX);
	if (!refill(pacer, now_us))
		schedule(pacer, now_us);
	if (cls != BF_PACER_AUDIO && (waiting_count(pacer) > 0 || !has_tokens_for(pacer, bytes)))
		return false;
	charge(pacer, bytes);
	pacer->pacers->passed++;
	return true;
}

int bf_pacer_push(struct bf_pacer *pacer, const struct bf_pacer_entry *entry, int64_t now_us)
{
	struct bf_pacers *pacers = pacer->pacers;
	struct bf_pacer_entry queued = *entry;
	int err;

	assert(entry->bytes > 0 && entry->bytes <= BF_PACER_PACKET_MAX);
	assert(entry->cls == BF_PACER_RESEND || entry->cls == BF_PACER_VIDEO);
	if (waiting_count(pacer) >= BF_PACER_COUNT_MAX) {
		pacers->refused++;
		return -ENOBUFS;
	}
	queued.queued_ms = (uint32_t)(now_us / US_PER_MS);
	err = bf_pacer_queue_put(entry->cls == BF_PACER_RESEND ? &pacer->resend : &pacer->video,
		&pacers->blocks, &queued);
	if (err) {
		pacers->refused_memory++;
		return err;
	}
	pacers->queued++;
	pacers->waiting++;
	pacer->waiting_bytes += entry->bytes;
	/* The tick is moved on until there is a train's worth; but one that has come is not taken away. */
	if (waiting_count(pacer) == 1 ||
		(pacer->waiting_bytes - entry->bytes < train_bytes(pacer) &&
			now_us < pacer->due.at_us)) {
		refill(pacer, now_us);
		schedule(pacer, now_us);
	}
	return 0;
}

static struct bf_pacer_queue *late_queue(struct bf_pacer *pacer, int64_t now_us)
{
	if (late_at_us(&pacer->resend, now_us) <= now_us)
		return &pacer->resend;
	return late_at_us(&pacer->video, now_us) <= now_us ? &pacer->video : NULL;
}

static struct bf_pacer_queue *next_queue(struct bf_pacer *pacer)
{
	if (pacer->video.count == 0)
		return pacer->resend.count > 0 ? &pacer->resend : NULL;
	if (pacer->resend.count == 0 || pacer->resend_run >= BF_PACER_RESEND_RUN)
		return &pacer->video;
	return &pacer->resend;
}

static void take(struct bf_pacer *pacer, struct bf_pacer_queue *queue, struct bf_pacer_entry *out)
{
	*out = *bf_pacer_queue_first(queue);
	bf_pacer_queue_pop(queue, &pacer->pacers->blocks);
	pacer->waiting_bytes -= out->bytes;
	pacer->pacers->waiting--;
}

static void count_sent(struct bf_pacer *pacer, const struct bf_pacer_entry *entry, int64_t now_us)
{
	struct bf_pacers *pacers = pacer->pacers;
	int64_t waited_us = age_us(entry, now_us);

	pacers->released++;
	pacers->trains += !pacer->is_in_train;
	pacers->waited_ms += waited_us > 0 ? (uint64_t)waited_us / US_PER_MS : 0;
	pacer->is_in_train = true;
	if (entry->cls == BF_PACER_VIDEO)
		pacer->resend_run = 0;
	else if (pacer->resend_run < BF_PACER_RESEND_RUN)
		pacer->resend_run++;
}

enum bf_pacer_verdict bf_pacer_poll(
	struct bf_pacer *pacer, int64_t now_us, struct bf_pacer_entry *out)
{
	struct bf_pacer_queue *queue;

	if (!refill(pacer, now_us))
		schedule(pacer, now_us);
	if (now_us < pacer->due.at_us)
		return BF_PACER_NOTHING;
	queue = late_queue(pacer, now_us);
	if (queue) {
		take(pacer, queue, out);
		pacer->pacers->late++;
		return BF_PACER_LATE;
	}
	queue = next_queue(pacer);
	if (!queue || !has_tokens_for(pacer, bf_pacer_queue_first(queue)->bytes)) {
		schedule(pacer, now_us);
		return BF_PACER_NOTHING;
	}
	take(pacer, queue, out);
	charge(pacer, out->bytes);
	count_sent(pacer, out, now_us);
	return BF_PACER_SEND;
}
