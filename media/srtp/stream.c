#include "media/srtp/stream_priv.h"

#include "media/srtp/srtp.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define HASH_SHIFT 16

void bf_srtp_streams_init(struct bf_srtp_streams *streams)
{
	memset(streams, 0, sizeof(*streams));
	streams->slots = streams->few;
	streams->slot_count = BF_SRTP_FEW_SLOTS;
}

static void free_slots(struct bf_srtp_streams *streams)
{
	if (streams->slots != streams->few)
		free(streams->slots);
}

void bf_srtp_streams_deinit(struct bf_srtp_streams *streams)
{
	for (uint32_t i = 0; i < streams->slot_count; i++)
		if (streams->slots[i].is_used)
			free(streams->slots[i].windows);
	free_slots(streams);
	memset(streams, 0, sizeof(*streams));
}

/* The peer chooses its SSRCs, but only after it has been authenticated, and at most BF_SRTP_SSRC_MAX: the worst it can
 * do to itself is a walk over that many slots. */
static uint32_t home(const struct bf_srtp_streams *streams, uint32_t ssrc)
{
	return (ssrc * 0x9E3779B1u) >> HASH_SHIFT & (streams->slot_count - 1);
}

/* The slot that has the SSRC, or the free one where it would be. */
static uint32_t probe(const struct bf_srtp_streams *streams, uint32_t ssrc)
{
	uint32_t at = home(streams, ssrc);

	while (streams->slots[at].is_used && streams->slots[at].ssrc != ssrc)
		at = (at + 1) & (streams->slot_count - 1);
	return at;
}

struct bf_srtp_stream *bf_srtp_streams_find(struct bf_srtp_streams *streams, uint32_t ssrc)
{
	struct bf_srtp_stream *stream = &streams->slots[probe(streams, ssrc)];

	return stream->is_used ? stream : NULL;
}

int bf_srtp_streams_reserve(struct bf_srtp_streams *streams)
{
	struct bf_srtp_stream *old = streams->slots, *bigger;
	uint32_t old_count = streams->slot_count;

	if (streams->count >= BF_SRTP_SSRC_MAX)
		return -ENOBUFS;
	if (4 * (streams->count + 1) <= 3 * old_count) /* at least a quarter stays free */
		return 0;
	bigger = calloc((size_t)old_count * 2, sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	streams->slots = bigger;
	streams->slot_count = old_count * 2;
	for (uint32_t i = 0; i < old_count; i++)
		if (old[i].is_used)
			bigger[probe(streams, old[i].ssrc)] = old[i];
	if (old != streams->few)
		free(old);
	return 0;
}

int bf_srtp_streams_add(struct bf_srtp_stream **out, struct bf_srtp_streams *streams, uint32_t ssrc,
	bool has_windows)
{
	struct bf_srtp_windows *windows = NULL;
	struct bf_srtp_stream *stream;
	int err = bf_srtp_streams_reserve(streams);

	if (err)
		return err;
	if (has_windows) {
		windows = calloc(1, sizeof(*windows));
		if (!windows)
			return -ENOMEM;
	}
	stream = &streams->slots[probe(streams, ssrc)];
	assert(!stream->is_used);
	*stream = (struct bf_srtp_stream){.ssrc = ssrc, .is_used = true, .windows = windows};
	streams->count++;
	*out = stream;
	return 0;
}

/* What stood behind a slot that becomes free moves up where its walk would now end too early. */
void bf_srtp_streams_remove(struct bf_srtp_streams *streams, uint32_t ssrc)
{
	uint32_t mask = streams->slot_count - 1;
	uint32_t hole = probe(streams, ssrc);
	uint32_t at;

	if (!streams->slots[hole].is_used)
		return;
	free(streams->slots[hole].windows);
	streams->count--;
	for (at = (hole + 1) & mask; streams->slots[at].is_used; at = (at + 1) & mask) {
		uint32_t from_home = (at - home(streams, streams->slots[at].ssrc)) & mask;

		if (from_home < ((at - hole) & mask))
			continue; /* its home is behind the hole */
		streams->slots[hole] = streams->slots[at];
		hole = at;
	}
	streams->slots[hole] = (struct bf_srtp_stream){0};
}

uint64_t bf_srtp_window_add(uint64_t *bits, uint64_t size, uint64_t newest, uint64_t index)
{
	uint64_t at = index & (size - 1);

	assert(bf_srtp_window_is_fresh(bits, size, newest, index));
	if (index > newest && index - newest >= size) {
		memset(bits, 0, size / 8);
	} else {
		for (uint64_t skipped = newest + 1; skipped < index; skipped++)
			bits[(skipped & (size - 1)) / 64] &= ~(UINT64_C(1) << (skipped % 64));
	}
	bits[at / 64] |= UINT64_C(1) << (at % 64);
	return index > newest ? index : newest;
}
