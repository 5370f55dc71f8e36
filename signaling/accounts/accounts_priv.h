/* signaling/accounts/accounts_priv.h - what the files of accounts share.
 *
 * An op is a request at work: it waits for the database or for a worker, and ends with one reply.
 */
#ifndef BF_SIGNALING_ACCOUNTS_ACCOUNTS_PRIV_H
#define BF_SIGNALING_ACCOUNTS_ACCOUNTS_PRIV_H

#include "core/base/list.h"
#include "core/base/map.h"
#include "signaling/accounts/accounts.h"
#include "storage/repo/tx.h"

#define REFRESH_SECRET_BYTES 32
#define REFRESH_TEXT	     80 /* base64url of family and secret, and the NUL */
#define REFRESH_US	     (INT64_C(604800) * 1000000) /* seven days */
#define HASH_BYTES	     32

/* Whose rooms and people those are that nobody gives to an organization: the first migration makes it. */
#define DEFAULT_ORG ((struct bf_uuid){{0, 0, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 1}})

struct bf_accounts {
	/* given */
	struct bf_accounts_conf conf;
	/* owned */
	struct bf_access_issuer issuer;
	struct bf_workers_door *door;
	struct bf_list ops;
	struct bf_map sessions; /* struct standing, by session */
	struct bf_list recent;	/* the same, the last asked for at the end */
	/* state */
	size_t op_count;
	uint64_t op_id;
};

struct op;
typedef void op_then(struct op *op, const struct bf_db_answer *answer);

struct op {
	/* given */
	struct bf_accounts *accounts;
	uint64_t exchange; /* who waits for it */
	/* owned */
	struct bf_list node;
	struct bf_json *body; /* the request's; its texts live as long as the op */
	void *more;	      /* of one kind of request; freed with it */
	/* state */
	uint64_t id;  /* of what a worker does for it */
	int64_t call; /* at the database; 0: none */
	op_then *next;
	bool takes_refusals;
};

/* NULL: too many, or no memory, and that was answered. */
struct op *op_new(struct bf_accounts *accounts, struct bf_http_exchange *exchange);
void op_free(struct op *op);

/* The worker's op, if it is still there. */
struct op *op_find(struct bf_accounts *accounts, uint64_t id);

/* Reply, and end the op. `body` is taken. */
void op_reply(struct op *op, int status, struct bf_json *body);
void op_refuse(struct op *op, int status, const char *code, const char *detail);

/* Ask the database; `next` gets the answer if it is OK, else the request is answered here. The second one leaves to `next` also what
 * the tables refuse: EXISTS, NO_PARENT, INVALID, UNEXPECTED; then the answer has no steps. */
void op_ask(struct op *op, struct bf_tx *tx, op_then *next);
void op_ask_or(struct op *op, struct bf_tx *tx, op_then *next);

/* The request's body as an object whose members are only those of `known` (ending with NULL), all texts. False: it was refused. */
bool op_read_body(struct op *op, const struct bf_http_request *request, const char *const *known);

/* A member, "" where it is missing. */
const char *op_text(const struct op *op, const char *key);

/* ---- sessions ---- */

/* Whether a session stands, as of `checked_us`. */
struct standing {
	struct bf_map_node node;
	struct bf_list recent;
	struct bf_uuid session;
	int64_t checked_us;
	bool is_good;
	uint64_t permissions;
};

void guard(void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request,
	const struct bf_http_route *route);

/* It is over, at once, on this server. */
void guard_forget(struct bf_accounts *accounts, struct bf_uuid session);
void guard_deinit(struct bf_accounts *accounts);

/* The sum of the roles that a step brought. */
uint64_t permissions_of(struct bf_db_rows rows);

/* ---- requests ---- */

typedef void handler(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request);

handler on_register, on_login, on_refresh, on_logout, on_me, on_sessions, on_session_delete;

/* What a worker has done. */
void login_on_hashed(struct bf_accounts *accounts, struct bf_msg *msg);

#endif
