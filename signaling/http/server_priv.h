/* signaling/http/server_priv.h - what the files of the server share; nobody else includes it.
 *
 * server_io.c owns listener, tables and limits; connection_io.c one stream: bytes in, deadlines, the order of requests;
 * exchange_io.c one request being answered.
 */
#ifndef BF_SIGNALING_HTTP_SERVER_PRIV_H
#define BF_SIGNALING_HTTP_SERVER_PRIV_H

#include "core/base/list.h"
#include "core/base/map.h"
#include "core/loop/timer.h"
#include "core/loop/tls.h"
#include "signaling/http/proxies.h"
#include "signaling/http/rates.h"
#include "signaling/http/request_id.h"
#include "signaling/http/response.h"
#include "signaling/http/routes.h"
#include "signaling/http/server.h"
#include "signaling/http/static.h"

/* Of each stream. tcp.h reports a drain once more than a quarter was queued: up to that quarter we add, so there is always room
 * for one more reply. */
#define BF_HTTP_QUEUE_MAX     (BF_HTTP_REPLY_MAX + 2 * 1024 * 1024)
#define BF_HTTP_QUEUE_HIGH    (BF_HTTP_QUEUE_MAX / 4)

#define BF_HTTP_REQUESTS_TURN 100

struct bf_http_server {
	/* given */
	struct bf_loop *loop;
	struct bf_log *log;
	const struct bf_conf *conf;
	/* owned */
	struct bf_tcp_listener *listener;	   /* NULL before listen and when draining */
	struct bf_tcp_listener *redirect_listener; /* the same; NULL where there is none, too */
	struct bf_tls_server *tls;
	struct bf_routes routes;
	struct bf_files files;
	struct bf_http_rates rates;
	/* given */
	bf_http_guard *guard; /* NULL: none yet */
	void *guard_arg;
	/* state */
	struct bf_http_timeouts timeouts;
	struct bf_addr local, redirect_local;
	struct bf_list conns;
	struct bf_map exchanges; /* running ones by id */
	uint64_t exchange_count;
	struct bf_http_proxies proxies;
	bool is_draining;
	struct bf_log_limit refusal_log;
	struct bf_metric *requests[5]; /* by status class, 1xx to 5xx */
	struct bf_metric *connections, *refused, *timeouts_total, *limited;
};

struct bf_http_exchange {
	/* given */
	struct bf_http_conn *conn;
	/* owned */
	struct bf_http_reply_fields fields;
	/* state */
	struct bf_map_node map_node;
	uint64_t id; /* the key */
	struct bf_addr remote;
	int64_t start_us;
	unsigned minor_version;
	bool is_head, keep_alive;
	const struct bf_routes_entry *entry;
	struct bf_http_caller caller;
	char request_id[BF_HTTP_REQUEST_ID_MAX + 1];
	bool is_https;	 /* between the client and the first of us */
	bool is_cors;	 /* a page of another origin asks that may */
	bool is_guarded; /* the guard has not said yes */
	bool lacks_field; /* there was no memory for one: better no answer than one without Location or ETag */
	char method[16], path[128]; /* for the log, cut */
};

enum bf_http_conn_state {
	BF_HTTP_CONN_READING, /* waiting for a request or in the middle of one */
	BF_HTTP_CONN_RUNNING, /* a handler has the exchange */
	BF_HTTP_CONN_SENDING, /* answered, but much of the answer is not out yet */
	BF_HTTP_CONN_CLOSING, /* the stream is closing; only its on_close is awaited */
	BF_HTTP_CONN_UPGRADED, /* the stream has a new owner; we are freed as soon as nothing here runs */
};

/* Which deadline runs while READING. */
enum bf_http_phase {
	BF_HTTP_PHASE_IDLE,
	BF_HTTP_PHASE_HEAD,
	BF_HTTP_PHASE_BODY,
};

struct bf_http_conn {
	/* given */
	struct bf_http_server *server;
	struct bf_tcp *tcp; /* NULL once upgraded */
	/* owned */
	struct bf_http_parser *parser;
	uint8_t *kept; /* bytes that had come in when they could not be looked at */
	/* state */
	struct bf_list node;
	enum bf_http_conn_state state;
	enum bf_http_phase phase;
	int64_t phase_us; /* since when */
	struct bf_bytes
		fresh; /* the part of on_data's bytes, or of `kept`, not given to the parser yet */
	struct bf_bytes file; /* the part of a file not queued yet */
	size_t queued_seen;   /* bytes unsent when the write deadline was armed */
	bool is_in_run;	      /* bf_http_conn_run is on the stack */
	bool has_end;	      /* the peer sends no more */
	bool is_redirected;   /* plain HTTP, where only redirects are answered */
	bool closes_after_reply;
	struct bf_timer deadline;
	struct bf_timer again; /* go on in the next turn */
	struct bf_http_exchange exchange;
	struct bf_http_request request; /* of the exchange, while its handler runs */
};

/* connection_io.c */
void bf_http_conn_accept(struct bf_http_server *server, struct bf_tcp *tcp, bool is_redirected);
void bf_http_conn_drain(struct bf_http_conn *conn);
void bf_http_conn_free(struct bf_http_conn *conn); /* aborts the stream if there is one */

/* The answer is queued: go on with the next request, now or in the next turn. `file` is what is still to be sent. */
void bf_http_conn_on_replied(struct bf_http_conn *conn, bool keep_alive, struct bf_bytes file);

/* The bytes behind the request of an upgrade, in one piece; then the stream is not ours any more. NULL: no memory, aborted. */
struct bf_tcp *bf_http_conn_upgrade(struct bf_http_conn *conn, struct bf_bytes *rest);

/* gate_io.c: what every request passes, and every answer. False: it was answered. */
bool bf_http_gate_redirect(
	struct bf_http_exchange *exchange, const struct bf_http_request *request);
bool bf_http_gate_enter(struct bf_http_exchange *exchange, const struct bf_http_request *request,
	const struct bf_http_route *route);
bool bf_http_gate_admit(struct bf_http_exchange *exchange); /* its caller is known now */
void bf_http_gate_leave(struct bf_http_exchange *exchange, int status);

/* cors.c: fields for pages of other origins. True: it was a preflight of one that may ask, and is answered. */
void bf_http_cors_enter(struct bf_http_exchange *exchange, const struct bf_http_request *request);
bool bf_http_cors_answer_preflight(struct bf_http_exchange *exchange,
	const struct bf_http_request *request, const char *methods);

/* exchange_io.c */
void bf_http_exchange_start(struct bf_http_conn *conn);
void bf_http_exchange_forget(
	struct bf_http_exchange *exchange); /* its client has gone; safe when none is running */
void bf_http_exchange_refuse(
	struct bf_http_conn *conn, int status, const char *why); /* instead of a request; closes */
void bf_http_exchange_reply_file(
	struct bf_http_exchange *exchange, const struct bf_files_answer *answer);

#endif
