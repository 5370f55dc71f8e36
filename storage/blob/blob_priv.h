/* storage/blob/blob_priv.h - what crosses between the asking threads and the store's, and the line between the store and its engines.
 *
 * The store's thread takes what is asked, lets so many calls of a kind work at a time, counts and hashes bytes and answers. An engine does
 * the work on that thread: a folder's waits for the disk, S3's waits in the loop.
 * Thread: the store's, but for client.c.
 */
#ifndef BF_STORAGE_BLOB_BLOB_PRIV_H
#define BF_STORAGE_BLOB_BLOB_PRIV_H

#include "core/base/list.h"
#include "core/base/msg.h"
#include "storage/blob/blob.h"
#include "storage/blob/digest.h"

#include <stdatomic.h>

struct bf_inbox;

/* ---- messages ---- */

enum blob_msg_kind {
	BLOB_MSG_ASK = 1, /* struct blob_ask */
	BLOB_MSG_CHUNK,	  /* struct blob_chunk: a put's bytes to the store, a get's to the client */
	BLOB_MSG_MORE,	  /* struct blob_note: so many more chunks are welcome */
	BLOB_MSG_BEGIN,	  /* struct blob_note: a get's bytes follow */
	BLOB_MSG_CANCEL,  /* struct blob_note */
	BLOB_MSG_ANSWER,  /* struct blob_reply */
	BLOB_MSG_STOP,
};

enum blob_verb {
	BLOB_PUT,
	BLOB_GET,
	BLOB_STAT,
	BLOB_DELETE,
	BLOB_LIST,
	BLOB_VERB_COUNT,
};

struct blob_ask {
	struct bf_msg msg;
	unsigned client_idx;
	int64_t call;
	enum blob_verb verb;
	char key[BF_BLOB_KEY_MAX + 1]; /* list: the prefix */
	char after[BF_BLOB_CURSOR_MAX + 1];
	unsigned count;		    /* list */
	struct bf_blob_range range; /* get */
	uint64_t len;		    /* put: as the source says */
};

struct blob_chunk {
	struct bf_msg msg;
	unsigned client_idx;
	int64_t call;
	bool is_last; /* put */
	size_t len;
	uint8_t data[];
};

struct blob_note {
	struct bf_msg msg;
	unsigned client_idx;
	int64_t call;
	unsigned count;		    /* MORE */
	enum bf_blob_status status; /* CANCEL: as what it counts */
	const char *why;	    /* CANCEL: a constant */
	uint64_t size_bytes;	    /* BEGIN */
	struct bf_blob_range range; /* BEGIN */
};

struct blob_reply_entry {
	uint64_t size_bytes;
	int64_t modified_us;
	size_t at; /* of its key, in the reply's bytes */
};

/* It takes the block of the ask, so that it needs no memory, but for lists. The bytes hold the entries, then keys, then `next`. */
struct blob_reply {
	struct bf_msg msg;
	int64_t call;
	enum bf_blob_status status;
	char why[BF_BLOB_WHY_BYTES];
	uint64_t size_bytes;
	int64_t modified_us;
	uint8_t sha256[BF_BLOB_SHA256_BYTES];
	size_t entry_count;
	size_t next_at; /* of `next` in the bytes */
	_Alignas(8) uint8_t bytes[];
};

/* What clients and the store's thread share: the way in, and the ways back. Neither inbox is ever too small: calls are counted, and so are
 * the messages that each may have on its way. */
struct blob_gate {
	struct bf_inbox *inbox;
	_Atomic bool is_closed;
	_Atomic unsigned client_count;
	struct bf_inbox *_Atomic clients[BF_BLOB_CLIENT_MAX];
};
#define BLOB_CALL_MESSAGES (2 * BF_BLOB_CREDIT + 4)

struct blob_gate *blob_gate(struct bf_blob_store *store);

/* ---- the store and its engines ---- */

struct blob_engine;

struct blob_list_buffer {
	struct blob_reply_entry *entries;
	size_t entry_count;
	char *texts;
	size_t texts_len, texts_size;
};

struct blob_job {
	/* owned */
	struct blob_ask *ask; /* what is asked; becomes the reply */
	struct bf_blob_digest digest;
	struct blob_list_buffer list;
	void *engine_job; /* the engine's */
	/* state */
	struct bf_blob_store *store;
	struct bf_list node;
	bool is_active;
	unsigned credit;      /* get: chunks that may be sent */
	uint64_t taken_bytes; /* put */
	/* for the answer */
	uint64_t size_bytes;
	int64_t modified_us;
	uint8_t sha256[BF_BLOB_SHA256_BYTES];
	char next[BF_BLOB_CURSOR_MAX + 1]; /* list */
};

struct blob_engine_env {
	struct bf_loop *loop;
	const struct bf_conf *conf;
	struct bf_log *log;
};

/* Every job that is begun is ended with blob_job_end, at once or later, unless `cancel` ends it. */
struct blob_engine_ops {
	const char *name;
	int (*open)(struct blob_engine **out, const struct blob_engine_env *env, char *why,
		size_t why_size);
	void (*close)(struct blob_engine *engine); /* no job is left */
	void (*begin)(struct blob_engine *engine, struct blob_job *job);
	/* Put: the next bytes, as many times as were wanted; with the last ones the job's digest and size are those of the blob. */
	void (*chunk)(struct blob_job *job, struct bf_bytes bytes, bool is_last);
	void (*more)(struct blob_job *job);	     /* get: credit has grown */
	void (*cancel)(struct blob_job *job);	     /* undo, forget; no call about it follows */
	bool (*is_idle)(struct blob_engine *engine); /* nothing to undo is on its way */
};
extern const struct blob_engine_ops blob_folder, blob_s3;

/* Put: so many more chunks are wanted. False: no memory, the job has ended. */
bool blob_job_want(struct blob_job *job, unsigned count);

/* Get: its bytes follow. False: no memory, the job has ended. */
bool blob_job_begin_data(
	struct blob_job *job, uint64_t size_bytes, const struct bf_blob_range *range);

/* Get: a chunk, for one credit. -ENOMEM; the job goes on. */
int blob_job_data(struct blob_job *job, struct bf_bytes data);

/* List: one more. -ENOMEM; the job goes on. */
int blob_job_entry(struct blob_job *job, const char *key, uint64_t size_bytes, int64_t modified_us);

/* The engine has nothing of it any more. The job is freed. */
void blob_job_end(struct blob_job *job, enum bf_blob_status status, const char *why);

#endif
