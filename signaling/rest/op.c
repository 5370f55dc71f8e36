#include "signaling/rest/op.h"

#include "signaling/rest/body.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- ops ---- */

struct bf_op *bf_op_new(
	struct bf_rest *rest, void *owner, struct bf_http_exchange *exchange, size_t more_bytes)
{
	struct bf_op *op = rest->op_count < BF_OPS_MAX ? calloc(1, sizeof(*op)) : NULL;
	const struct bf_http_caller *caller = bf_http_exchange_caller(exchange);

	if (op && more_bytes > 0) {
		op->more = calloc(1, more_bytes);
		if (!op->more) {
			free(op);
			op = NULL;
		}
	}
	if (!op) {
		bf_http_reply_field(exchange, "Retry-After", "1");
		bf_http_reply_problem(exchange, 503, "unavailable", "too much is at work already");
		return NULL;
	}
	op->rest = rest;
	op->owner = owner;
	op->exchange = bf_http_exchange_id(exchange);
	if (caller)
		op->caller = *caller;
	op->id = ++rest->op_id;
	bf_list_append(&rest->ops, &op->node);
	rest->op_count++;
	return op;
}

void bf_op_free(struct bf_op *op)
{
	if (op->call)
		bf_db_forget(op->rest->db, op->call);
	bf_list_remove(&op->node);
	op->rest->op_count--;
	bf_json_free(op->body);
	free(op->more);
	free(op);
}

struct bf_http_exchange *bf_op_exchange(const struct bf_op *op)
{
	return bf_http_exchange_find(op->rest->http, op->exchange);
}

void bf_op_reply(struct bf_op *op, int status, struct bf_json *body)
{
	struct bf_http_exchange *exchange = bf_op_exchange(op);

	if (exchange && body) {
		bf_http_reply_field(exchange, "Cache-Control", "no-store");
		bf_http_reply_json(exchange, status, body);
	} else if (exchange) {
		bf_http_reply(exchange, status, NULL, bf_bytes(NULL, 0));
		bf_json_free(body);
	} else {
		bf_json_free(body);
	}
	bf_op_free(op);
}

void bf_op_refuse(struct bf_op *op, int status, const char *code, const char *detail)
{
	struct bf_http_exchange *exchange = bf_op_exchange(op);

	if (exchange) {
		if (status == 401)
			bf_http_reply_field(exchange, "WWW-Authenticate", "Bearer");
		if (status == 503)
			bf_http_reply_field(exchange, "Retry-After", "1");
		bf_http_reply_problem(exchange, status, code, detail);
	}
	bf_op_free(op);
}

/* ---- the database ---- */

static void on_answer(void *arg, const struct bf_db_answer *answer)
{
	struct bf_op *op = arg;

	op->call = 0;
	switch (answer->status) {
	case BF_DB_OK:
		op->next(op, answer);
		return;
	case BF_DB_EXISTS:
	case BF_DB_NO_PARENT:
	case BF_DB_INVALID:
	case BF_DB_UNEXPECTED:
		if (op->takes_refusals) {
			op->next(op, answer);
			return;
		}
		__attribute__((fallthrough));
	case BF_DB_FAILED:
		bf_op_refuse(op, 500, "internal", "the server's log tells what went wrong");
		return;
	default:
		bf_op_refuse(op, 503, "unavailable", "the database cannot be reached: try again");
	}
}

static void ask(struct bf_op *op, struct bf_tx *tx, bf_op_then *next, bool takes_refusals)
{
	int64_t call;

	op->next = next;
	op->takes_refusals = takes_refusals;
	call = bf_tx_ask(tx, op->rest->db, on_answer, op);
	if (call == -EINVAL || call == -EMSGSIZE)
		bf_op_refuse(op, 422, "invalid", "a text is too long, or is none");
	else if (call < 0)
		bf_op_refuse(op, 503, "unavailable", "too much is at work already");
	else
		op->call = call;
}

void bf_op_ask(struct bf_op *op, struct bf_tx *tx, bf_op_then *next)
{
	ask(op, tx, next, false);
}

void bf_op_ask_or(struct bf_op *op, struct bf_tx *tx, bf_op_then *next)
{
	ask(op, tx, next, true);
}

/* ---- bodies ---- */

const char *bf_op_text(const struct bf_op *op, const char *key)
{
	struct bf_bytes text;

	return bf_json_get_str(op->body, key, &text) ? "" : (const char *)text.data;
}

bool bf_op_has(const struct bf_op *op, const char *key)
{
	return bf_json_get(op->body, key) != NULL;
}

struct bf_uuid bf_op_param(const struct bf_http_request *request, unsigned idx)
{
	struct bf_uuid id;

	return bf_uuid_parse(&id, request->params[idx]) ? (struct bf_uuid){{0}} : id;
}

struct bf_op *bf_op_read(struct bf_rest *rest, void *owner, struct bf_http_exchange *exchange,
	const struct bf_http_request *request, size_t more_bytes)
{
	struct bf_op *op = bf_op_new(rest, owner, exchange, more_bytes);
	char why[128], detail[192];

	if (!op)
		return NULL;
	if (bf_json_parse(&op->body, request->body, BF_OP_BODY_MAX, why, sizeof(why))) {
		snprintf(detail, sizeof(detail), "the body is no JSON: %s", why);
		bf_op_refuse(op, 400, "bad_request", detail);
		return NULL;
	}
	if (!bf_json_is_object(op->body)) {
		bf_op_refuse(op, 400, "bad_request", "the body is no JSON object");
		return NULL;
	}
	if (bf_body_check(
		    op->body, bf_http_exchange_route(exchange)->request, detail, sizeof(detail))) {
		bf_op_refuse(op, 422, "invalid", detail);
		return NULL;
	}
	return op;
}

/* ---- workers ---- */

/* To a worker and back. */
struct hashing {
	struct bf_msg head;
	uint64_t op;
	char password[BF_OP_PASSWORD_BYTES];
	size_t count; /* of hashes to compare with; 0: make one */
	char hashes[BF_OP_HASHES_MAX][BF_OP_HASH_TEXT];
	int result; /* as bf_op_hashed has it */
};

static void work(struct bf_msg *msg)
{
	struct hashing *hashing = (struct hashing *)msg;

	hashing->result = -EACCES;
	for (size_t i = 0; i < hashing->count; i++) {
		if (bf_password_verify(hashing->password, hashing->hashes[i]) == 0) {
			hashing->result = (int)i;
			break;
		}
	}
	if (hashing->count == 0)
		hashing->result = bf_password_hash(hashing->password, NULL, hashing->hashes[0]);
	explicit_bzero(hashing->password, sizeof(hashing->password));
}

static void on_worked(void *arg, struct bf_msg *msg)
{
	struct hashing *hashing = (struct hashing *)msg;
	struct bf_rest *rest = arg;

	BF_LIST_EACH(op, &rest->ops, struct bf_op, node) {
		if (op->id != hashing->op)
			continue;
		op->hashed(op, hashing->result, hashing->hashes[0]);
		break;
	}
	bf_msg_free(msg);
}

static void begin_work(struct bf_op *op, const char *password,
	const char (*hashes)[BF_OP_HASH_TEXT], size_t count, bf_op_hashed *next)
{
	struct hashing *hashing = bf_msg_new(1, sizeof(*hashing));

	op->hashed = next;
	if (hashing) {
		hashing->op = op->id;
		hashing->count = count;
		snprintf(hashing->password, sizeof(hashing->password), "%s", password);
		if (count > 0)
			memcpy(hashing->hashes, hashes, count * sizeof(*hashes));
		if (bf_workers_run(op->rest->door, work, &hashing->head) == 0)
			return;
		explicit_bzero(hashing->password, sizeof(hashing->password));
		bf_msg_free(&hashing->head);
	}
	bf_op_refuse(op, 503, "unavailable", "too many passwords are at work: try again");
}

void bf_op_hash(struct bf_op *op, const char *password, bf_op_hashed *next)
{
	begin_work(op, password, NULL, 0, next);
}

void bf_op_verify(struct bf_op *op, const char *password, const char (*hashes)[BF_OP_HASH_TEXT],
	size_t count, bf_op_hashed *next)
{
	begin_work(op, password, hashes, count, next);
}

/* ---- life ---- */

int bf_rest_init(struct bf_rest *rest, struct bf_workers *workers)
{
	bf_list_init(&rest->ops);
	return bf_workers_door_new(&rest->door, workers, rest->loop, on_worked, rest);
}

void bf_rest_deinit(struct bf_rest *rest)
{
	if (!rest->door)
		return;
	bf_workers_door_close(rest->door);
	BF_LIST_EACH(op, &rest->ops, struct bf_op, node)
		bf_op_free(op);
}
