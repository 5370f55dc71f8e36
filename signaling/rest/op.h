/* signaling/rest/op.h - a REST request at work: it waits for the database or for a worker, and ends with one reply.
 *
 *   handler: bf_op_new, bf_op_read  ->  bf_op_ask(op, &tx, next)  ->  next(op, answer): bf_op_ask again, bf_op_hash, or bf_op_reply
 *
 * Whoever asked may have gone meanwhile: then the reply goes nowhere, and what was begun is done all the same.
 * Owner:   an op is its own: reply and refuse end it; struct bf_rest is main.c's.   Thread: control.
 * Limits:  BF_OPS_MAX at work, bodies of BF_OP_BODY_MAX, then 503 and 413.
 */
#ifndef BF_SIGNALING_REST_OP_H
#define BF_SIGNALING_REST_OP_H

#include "core/base/list.h"
#include "core/loop/workers.h"
#include "signaling/auth/password.h"
#include "signaling/http/server.h"
#include "storage/repo/tx.h"

#define BF_OPS_MAX	     4096
#define BF_OP_BODY_MAX	     65536
#define BF_OP_PASSWORD_BYTES 1100 /* 256 characters of UTF-8 */
#define BF_OP_HASHES_MAX     4
#define BF_OP_HASH_TEXT	     256

/* What all ops share. */
struct bf_rest {
	/* given */
	struct bf_http_server *http;
	struct bf_loop *loop;
	struct bf_log *log;
	const struct bf_conf *conf;
	struct bf_db_client *db;
	const struct bf_db *database; /* whose state is asked for */
	/* owned */
	struct bf_workers_door *door;
	struct bf_list ops;
	/* state */
	size_t op_count;
	uint64_t op_id;
};

/* After "given" was set. -ENOMEM. */
int bf_rest_init(struct bf_rest *rest, struct bf_workers *workers);

/* Before the HTTP server and the database: what is at work is not answered any more. Safe on zeros. */
void bf_rest_deinit(struct bf_rest *rest);

struct bf_op;
typedef void bf_op_then(struct bf_op *op, const struct bf_db_answer *answer);
typedef void bf_op_hashed(struct bf_op *op, int result, const char *hash);

struct bf_op {
	/* given */
	struct bf_rest *rest;
	void *owner; /* the handler's argument */
	uint64_t exchange;
	struct bf_http_caller caller; /* of routes for those who are known */
	/* owned */
	struct bf_list node;
	struct bf_json *body; /* the request's; its texts live as long as the op */
	void *more;	      /* of one kind of request; freed with it */
	/* state */
	uint64_t id;  /* of what a worker does for it */
	int64_t call; /* at the database; 0: none */
	bf_op_then *next;
	bf_op_hashed *hashed;
	const char *member; /* of the body, that is at work */
	bool takes_refusals;
};

/* With `more` of so many zeroed bytes (0: none). NULL: too many, or no memory, and that was answered. */
struct bf_op *bf_op_new(
	struct bf_rest *rest, void *owner, struct bf_http_exchange *exchange, size_t more_bytes);

/* Without a reply. */
void bf_op_free(struct bf_op *op);

/* NULL: the client has gone. */
struct bf_http_exchange *bf_op_exchange(const struct bf_op *op);

/* Reply, and end the op. `body` is taken; NULL: none. */
void bf_op_reply(struct bf_op *op, int status, struct bf_json *body);
void bf_op_refuse(struct bf_op *op, int status, const char *code, const char *detail);

/* Ask the database; `next` gets the answer if it is OK, else the request is answered here. The second one leaves to `next` also what
 * the tables refuse: EXISTS, NO_PARENT, INVALID, UNEXPECTED; then the answer has no steps. */
void bf_op_ask(struct bf_op *op, struct bf_tx *tx, bf_op_then *next);
void bf_op_ask_or(struct bf_op *op, struct bf_tx *tx, bf_op_then *next);

/* The same for a request with a body: it is read and held against the route's fields, which refuses it with 400 (no JSON) or 422 (not
 * those members). NULL: it was refused. */
struct bf_op *bf_op_read(struct bf_rest *rest, void *owner, struct bf_http_exchange *exchange,
	const struct bf_http_request *request, size_t more_bytes);

/* A member, "" where it is missing or null; whether it is there. */
const char *bf_op_text(const struct bf_op *op, const char *key);
bool bf_op_has(const struct bf_op *op, const char *key);

/* A parameter of the path as an id, zero where it is none: which no row has. */
struct bf_uuid bf_op_param(const struct bf_http_request *request, unsigned idx);

/* A worker hashes `password`; `next` gets 0 and the hash, or a negative errno. */
void bf_op_hash(struct bf_op *op, const char *password, bf_op_hashed *next);

/* A worker compares it with 1 to BF_OP_HASHES_MAX hashes; `next` gets the place of the first that fits, or -EACCES. */
void bf_op_verify(struct bf_op *op, const char *password, const char (*hashes)[BF_OP_HASH_TEXT],
	size_t count, bf_op_hashed *next);

#endif
