#include "media/rtp/nack.h"

#include <assert.h>
#include <string.h>

/* Asking more often than every 10 ms only repeats questions whose answer waits in the sender's pacer; beyond a
 * second the repair is late for every player. Until the round trip is known, 100 ms spans most of the Internet. */
#define RTT_MIN_US     10000
#define RTT_MAX_US     1000000
#define RTT_DEFAULT_US 100000

void bf_nack_init(struct bf_nack *nack, int64_t rtt_us)
{
	memset(nack, 0, sizeof(*nack));
	bf_nack_set_rtt(nack, rtt_us);
}

void bf_nack_set_rtt(struct bf_nack *nack, int64_t rtt_us)
{
	if (rtt_us <= 0)
		rtt_us = RTT_DEFAULT_US;
	if (rtt_us < RTT_MIN_US)
		rtt_us = RTT_MIN_US;
	if (rtt_us > RTT_MAX_US)
		rtt_us = RTT_MAX_US;
	nack->rtt_us = rtt_us;
}

static void drop_oldest(struct bf_nack *nack, size_t count)
{
	if (count == 0)
		return;
	assert(count <= nack->entry_count);
	nack->entry_count -= count;
	memmove(nack->entries, nack->entries + count, nack->entry_count * sizeof(nack->entries[0]));
	nack->has_gap = true;
}

static void forget(struct bf_nack *nack, uint64_t ext_seq)
{
	size_t low = 0, high = nack->entry_count;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (nack->entries[mid].ext_seq < ext_seq)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == nack->entry_count || nack->entries[low].ext_seq != ext_seq)
		return;
	nack->entry_count--;
	memmove(nack->entries + low, nack->entries + low + 1,
		(nack->entry_count - low) * sizeof(nack->entries[0]));
}

static size_t count_outside_window(const struct bf_nack *nack)
{
	size_t count = 0;

	while (count < nack->entry_count &&
		nack->highest - nack->entries[count].ext_seq > BF_NACK_WINDOW)
		count++;
	return count;
}

void bf_nack_on_packet(struct bf_nack *nack, uint64_t ext_seq, int64_t now_us)
{
	uint64_t first, missing_count;

	if (!nack->is_started) {
		nack->is_started = true;
		nack->highest = ext_seq;
		return;
	}
	if (ext_seq <= nack->highest) {
		forget(nack, ext_seq);
		return;
	}
	first = nack->highest + 1;
	missing_count = ext_seq - first;
	nack->highest = ext_seq;
	if (missing_count > BF_NACK_COUNT) {
		/* The part that could be asked for would not decode without the rest. */
		nack->entry_count = 0;
		nack->has_gap = true;
		return;
	}
	drop_oldest(nack, count_outside_window(nack));
	if (nack->entry_count + missing_count > BF_NACK_COUNT)
		drop_oldest(nack, nack->entry_count + (size_t)missing_count - BF_NACK_COUNT);
	for (uint64_t missing = first; missing < ext_seq; missing++) {
		nack->entries[nack->entry_count++] =
			(struct bf_nack_entry){.ext_seq = missing, .due_us = now_us};
	}
}

/* Entries that were asked for BF_NACK_TRIES times, the last time one round trip ago. */
static void give_up(struct bf_nack *nack, int64_t now_us)
{
	size_t kept = 0;

	for (size_t i = 0; i < nack->entry_count; i++) {
		struct bf_nack_entry *entry = &nack->entries[i];

		if (entry->try_count >= BF_NACK_TRIES && entry->due_us <= now_us)
			nack->has_gap = true;
		else
			nack->entries[kept++] = *entry;
	}
	nack->entry_count = kept;
}

size_t bf_nack_poll(struct bf_nack *nack, int64_t now_us, uint16_t *out, size_t out_count)
{
	size_t count = 0;

	give_up(nack, now_us);
	for (size_t i = 0; i < nack->entry_count && count < out_count; i++) {
		struct bf_nack_entry *entry = &nack->entries[i];

		if (entry->due_us > now_us)
			continue;
		entry->due_us = now_us + nack->rtt_us;
		entry->try_count++;
		out[count++] = (uint16_t)entry->ext_seq;
	}
	return count;
}

int64_t bf_nack_deadline_us(const struct bf_nack *nack)
{
	int64_t deadline_us = INT64_MAX;

	for (size_t i = 0; i < nack->entry_count; i++) {
		if (nack->entries[i].due_us < deadline_us)
			deadline_us = nack->entries[i].due_us;
	}
	return deadline_us;
}

bool bf_nack_take_gap(struct bf_nack *nack)
{
	bool has_gap = nack->has_gap;

	nack->has_gap = false;
	return has_gap;
}
