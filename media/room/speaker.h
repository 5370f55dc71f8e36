/* media/room/speaker.h - who is speaking, from the audio levels clients write into their packets.
 *
 * Owner:   a room, which embeds it.   Thread: its worker.   Never allocates.
 * Limits:  BF_SPEAKER_COUNT candidates, least recently heard ones make room.
 * Source:  RFC 6464 (levels in -dBov).
 */
#ifndef BF_MEDIA_ROOM_SPEAKER_H
#define BF_MEDIA_ROOM_SPEAKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BF_SPEAKER_COUNT    64
#define BF_SPEAKER_SPEAKING 8
#define BF_SPEAKER_POLL_US  100000

struct bf_speaker_candidate {
	uint64_t id;		 /* 0: free */
	int64_t heard_us;	 /* last packet */
	int64_t loud_since_us;	 /* first loud packet of this turn */
	int64_t spoke_us;	 /* last loud packet */
	int64_t louder_since_us; /* than the dominant one; INT64_MAX: is not */
	uint32_t level_q8;	 /* smoothed loudness 0..127 << 8 */
	bool is_speaking;
};

struct bf_speaker {
	/* state */
	struct bf_speaker_candidate candidates[BF_SPEAKER_COUNT];
	uint64_t dominant; /* as told last, like `speaking` */
	int64_t dominant_since_us;
	uint64_t speaking[BF_SPEAKER_SPEAKING];
	size_t speaking_count;
	int64_t due_us;
};

struct bf_speaker_change {
	uint64_t dominant;			/* 0: nobody has spoken yet, or who did has left */
	uint64_t speaking[BF_SPEAKER_SPEAKING]; /* loudest first */
	size_t speaking_count;
};

void bf_speaker_init(struct bf_speaker *speaker);

/* Begin in the middle of a conversation of which somebody else has told `last`: who speaks goes on, as if heard just now. */
void bf_speaker_take_over(
	struct bf_speaker *speaker, const struct bf_speaker_change *last, int64_t now_us);
void bf_speaker_on_level(
	struct bf_speaker *speaker, uint64_t id, uint8_t level_dbov, int64_t now_us);
void bf_speaker_remove(struct bf_speaker *speaker, uint64_t id);

/* Judge anew, every BF_SPEAKER_POLL_US (earlier calls change nothing). True if the dominant one or the set of those speaking
 * changed; `out` is written only then. Who is loud for 300 ms speaks, until 1.5 s of silence. The dominant one stays while others are
 * silent; another takes over after 300 ms of being louder, but not in the first 1.5 s of one who goes on speaking. */
bool bf_speaker_poll(struct bf_speaker *speaker, int64_t now_us, struct bf_speaker_change *out);

/* INT64_MAX while nobody is known. */
int64_t bf_speaker_deadline_us(const struct bf_speaker *speaker);

#endif
