/* storage/spool/spool.h - an append-only journal of rows on disk: first in, first out.
 *
 * Added records are safe after bf_spool_sync, which makes all of them safe with one fsync. They are taken from the other end:
 * peek lends the oldest, consume says that they are no longer needed.
 *
 *   FOLDER/0000000000000001.spool   segments, named by the number of their first record (storage/spool/format.h)
 *   FOLDER/cursor                   up to which number records have been consumed
 *   FOLDER/....spool.damaged        a segment in which bytes have changed, as it was found; never looked at again
 *
 * On opening each record is checked. A last record that was cut off by a crash had not been synced, and goes. Records behind damaged
 * bytes are found again; what cannot be read is counted, and its segment is kept aside for people to look at.
 * Consuming is fsynced as well, but a crash may come between a use and its consuming: then records come again.
 * Owner:   storage/db.c.   Thread: one. These calls wait for the disk.
 * Limits:  BF_SPOOL_BYTES_MAX a record, `size_max_bytes` of files, then -ENOSPC. One process has the folder.
 * Modes:   0700 the folder, 0600 files.
 */
#ifndef BF_STORAGE_SPOOL_SPOOL_H
#define BF_STORAGE_SPOOL_SPOOL_H

#include "core/base/bytes.h"
#include "core/base/log.h"

#define BF_SPOOL_BYTES_MAX     ((size_t)1 << 20)
#define BF_SPOOL_SEGMENT_BYTES ((size_t)16 << 20) /* then the next one begins, at the next sync */
#define BF_SPOOL_PEEK_MAX      512

struct bf_spool;

struct bf_spool_conf {
	const char *folder; /* made if it is not there; the one above it must be */
	uint64_t size_max_bytes;
	struct bf_log *log;
};

/* -EBUSY: another process has it; -ENOMEM, -EIO, -EACCES ... `why` names file and cause. */
int bf_spool_open(
	struct bf_spool **out, const struct bf_spool_conf *conf, char *why, size_t why_size);

/* What was not synced is lost. Accepts NULL. */
void bf_spool_close(struct bf_spool *spool);

/* One more record, numbered by us. -ENOSPC: over the limit, or the disk is full; -EMSGSIZE; -ENOMEM; -EIO. After an error the records
 * added before are still there. */
int bf_spool_add(struct bf_spool *spool, uint16_t stream, int64_t wall_us, struct bf_bytes bytes);

/* Make safe what was added. With an error nothing that was added since the last sync is safe, though some of it may come all the same. */
int bf_spool_sync(struct bf_spool *spool);

struct bf_spool_record {
	uint16_t stream;
	int64_t wall_us;
	uint64_t number; /* ascending */
	struct bf_bytes bytes;
};

/* The oldest synced records, `count_max` (at most BF_SPOOL_PEEK_MAX) or about `bytes_max` at most, but one if there is any. Views are lent
 * until the next peek, or until they are consumed. Returns how many; 0 when there are none; -EIO, -ENOMEM. */
int bf_spool_peek(
	struct bf_spool *spool, struct bf_spool_record *out, size_t count_max, size_t bytes_max);

/* The first `count` of those last peeked at, less what was consumed of them, are not needed any more. An error says that this was not
 * kept on disk; here it is so all the same. */
int bf_spool_consume(struct bf_spool *spool, size_t count);

struct bf_spool_status {
	uint64_t records;	/* synced and not consumed */
	uint64_t bytes;		/* of files */
	int64_t oldest_wall_us; /* of the first of them; 0: none */
	uint64_t damaged;	/* places where bytes could not be read, since the opening */
};
struct bf_spool_status bf_spool_status(const struct bf_spool *spool);

#endif
