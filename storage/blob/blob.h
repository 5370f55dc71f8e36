/* storage/blob/blob.h - files by name, below a folder or in an S3 bucket: put, get, stat, delete, list.
 *
 *   asking thread                       the store's thread
 *   bf_blob_put    --- chunks --->      a file below storage.blob_folder,
 *   bf_blob_get    <-- chunks ----      or storage.blob_s3_bucket
 *
 * A blob is there whole or not at all: also while it is written over, and after a crash. Bytes go between the threads in chunks, of
 * which BF_BLOB_CREDIT are on their way at a time: a slow source or taker slows down nobody but itself.
 * Keys:    1 to BF_BLOB_KEY_MAX bytes of A-Z a-z 0-9 . _ - and /, which parts them into segments of 1 to BF_BLOB_SEGMENT_MAX bytes, none
 *          of them "." or "..". In a folder a key cannot also be the beginning of another one: with a/b there is no a.
 * Owner:   main.c opens the store; each thread that uses it makes a client of its own.
 * Thread:  open, close: main or control; a client's functions: the thread of its loop. No call waits for a disk or a network. Callbacks
 *          come from the loop, never from within a call.
 * Limits:  BF_BLOB_CALL_COUNT_MAX unanswered calls of a client, then -ENOBUFS; of them BF_BLOB_PUT_COUNT_MAX, BF_BLOB_GET_COUNT_MAX and
 *          BF_BLOB_OTHER_COUNT_MAX at work, the rest waits; storage.blob_max_mib a blob.
 */
#ifndef BF_STORAGE_BLOB_BLOB_H
#define BF_STORAGE_BLOB_BLOB_H

#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/metrics.h"
#include "core/loop/loop.h"

#define BF_BLOB_KEY_MAX		512
#define BF_BLOB_SEGMENT_MAX	200
#define BF_BLOB_CURSOR_MAX	1024 /* S3's longest key */
#define BF_BLOB_CLIENT_MAX	16
#define BF_BLOB_CALL_COUNT_MAX	256
#define BF_BLOB_PUT_COUNT_MAX	16 /* S3: 8 MiB each */
#define BF_BLOB_GET_COUNT_MAX	64
#define BF_BLOB_OTHER_COUNT_MAX 16
#define BF_BLOB_LIST_COUNT_MAX	1000
#define BF_BLOB_CHUNK_BYTES	((size_t)64 << 10)
#define BF_BLOB_CREDIT		4
#define BF_BLOB_SHA256_BYTES	32
#define BF_BLOB_WHY_BYTES	256
#define BF_BLOB_LEN_UNKNOWN	UINT64_MAX

enum bf_blob_status {
	BF_BLOB_OK,
	BF_BLOB_NOT_FOUND,
	BF_BLOB_TOO_LARGE, /* more than storage.blob_max_mib, or than the service takes */
	BF_BLOB_INVALID,   /* a range outside of the blob, or a key that this store cannot have */
	BF_BLOB_AWAY,	   /* the service cannot be reached or is overloaded: try again later */
	BF_BLOB_DENIED, /* by the service, the file's mode, or what we found to be no folder of ours */
	BF_BLOB_FULL,	 /* no room on the disk, or a quota */
	BF_BLOB_STOPPED, /* the source broke off, or gave another length than it said */
	BF_BLOB_FAILED,	 /* anything else; `why` tells */
	BF_BLOB_CLOSED,	 /* the server stops */
	BF_BLOB_STATUS_COUNT,
};
const char *bf_blob_status_name(enum bf_blob_status status);

/* Whether it can name a blob. */
bool bf_blob_key_is_valid(const char *key);

struct bf_blob_store;
struct bf_blob_client;

struct bf_blob_conf {
	const struct bf_conf *conf; /* section storage */
	struct bf_log *log;
	struct bf_metrics *metrics;
	enum bf_io io;
};

/* Makes the folder if it is not there, removes what puts have left that a crash broke off, and starts the thread. -EBUSY: another process
 * uses this folder; -ENOSYS: a kernel without openat2; -EACCES, -EIO ...; `why` names the cause. A service is not asked yet. */
int bf_blob_open(
	struct bf_blob_store **out, const struct bf_blob_conf *conf, char *why, size_t why_size);

/* Answers what is unanswered with BF_BLOB_CLOSED and ends the thread; puts that are not complete are undone. Waits up to three seconds for
 * a service to undo them. Clients are still there, and their loops may still turn to take the answers; they must not ask any more. */
void bf_blob_close(struct bf_blob_store *store);

/* After bf_blob_close, and after the clients were freed. Accepts NULL. */
void bf_blob_free(struct bf_blob_store *store);

/* As "folder", "s3". */
const char *bf_blob_engine_name(const struct bf_blob_store *store);

/* A client for the calling thread's loop. -ENOMEM; -ENOBUFS: BF_BLOB_CLIENT_MAX are the most. */
int bf_blob_client_new(
	struct bf_blob_client **out, struct bf_blob_store *store, struct bf_loop *loop);

/* After bf_blob_close. Unanswered callbacks are not called any more. Accepts NULL. */
void bf_blob_client_free(struct bf_blob_client *client);

struct bf_blob_entry {
	const char *key;
	uint64_t size_bytes;
	int64_t modified_us; /* wall clock; 0: not known */
};

/* Lent to on_answer. */
struct bf_blob_answer {
	enum bf_blob_status status;
	const char *why;		      /* for logs and operators; "" if all went well */
	uint64_t size_bytes;		      /* of the blob: put, get, stat */
	int64_t modified_us;		      /* get, stat; 0: not known */
	uint8_t sha256[BF_BLOB_SHA256_BYTES]; /* put: of the bytes as they came */
	const struct bf_blob_entry *entries;  /* list: in the order of their keys' bytes */
	size_t entry_count;
	const char *next; /* list: `after` for what follows; "": that was all */
};
typedef void bf_blob_on_answer(void *arg, const struct bf_blob_answer *answer);

/* Each of these returns a call's id, which is positive, and then on_answer is called once; or -EINVAL: a key is none; -ENOBUFS: too many
 * calls; -ENOMEM; -ECANCELED: closed. */

struct bf_blob_source {
	/* Write up to `size` bytes to `out` and return how many; 0: that was all; -EAGAIN: not now, bf_blob_resume follows;
	 * other negative: break off. */
	int64_t (*pull)(void *arg, uint8_t *out, size_t size);
	void *arg;
	struct bf_bytes bytes; /* without pull: these, lent until on_answer */
	uint64_t len;	       /* with pull: how many will come, or BF_BLOB_LEN_UNKNOWN */
};

/* Put the source's bytes there, in place of what was there before. */
int64_t bf_blob_put(struct bf_blob_client *client, const char *key,
	const struct bf_blob_source *source, bf_blob_on_answer *on_answer, void *arg);

struct bf_blob_range {
	uint64_t from;
	uint64_t len; /* at most; UINT64_MAX: to the end */
};

struct bf_blob_sink {
	/* The blob is there: it has `size_bytes`, of which these follow. May be NULL. */
	void (*on_begin)(void *arg, uint64_t size_bytes, const struct bf_blob_range *range);
	/* The next bytes, at most BF_BLOB_CHUNK_BYTES, lent. 0: on with it; -EAGAIN: these are taken, but not more than those on their
	 * way (BF_BLOB_CREDIT) before bf_blob_resume; other negative: enough, and on_answer says BF_BLOB_STOPPED. */
	int (*on_data)(void *arg, struct bf_bytes data);
	void *arg;
};

int64_t bf_blob_get(struct bf_blob_client *client, const char *key,
	const struct bf_blob_range *range, const struct bf_blob_sink *sink,
	bf_blob_on_answer *on_answer, void *arg);

int64_t bf_blob_stat(
	struct bf_blob_client *client, const char *key, bf_blob_on_answer *on_answer, void *arg);

/* BF_BLOB_OK also if there is none: it is gone, then. */
int64_t bf_blob_delete(
	struct bf_blob_client *client, const char *key, bf_blob_on_answer *on_answer, void *arg);

/* Up to `count` (1 .. BF_BLOB_LIST_COUNT_MAX) blobs whose keys begin with `prefix`, "" for all, and come after `after`, "" for the first. A
 * page may hold fewer, also none, though more follow: go on until `next` is "". */
int64_t bf_blob_list(struct bf_blob_client *client, const char *prefix, const char *after,
	unsigned count, bf_blob_on_answer *on_answer, void *arg);

/* Neither on_answer nor anything else is called any more. A put that is not complete is undone. Does nothing for a call that was
 * answered. */
void bf_blob_cancel(struct bf_blob_client *client, int64_t call);

/* The source has bytes again, or the sink takes more. */
void bf_blob_resume(struct bf_blob_client *client, int64_t call);

#endif
