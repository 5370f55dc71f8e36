/* signaling/http/server.h - the HTTP server: listeners, connections, one table of routes.
 *
 * Owner:   main.c.   Thread: control.
 * Limits:  connection_count_max connections; a request head must be complete BF_HTTP_HEAD_TIMEOUT_US after its first byte, a
 *          body within BF_HTTP_BODY_TIMEOUT_US, the next request within BF_HTTP_IDLE_TIMEOUT_US; pipelined requests
 *          are run one after the other, each when the answer before it is out, at most 100 of a connection in a turn. Bodies:
 *          body_max of the route; without one conf.http.body_max_kib, and 4 KiB where no route takes it.
 * Errors:  answered as application/problem+json (RFC 9457) with `type`, `title`, `status`, `detail`, `code`,
 *          `request_id`.
 */
#ifndef BF_SIGNALING_HTTP_SERVER_H
#define BF_SIGNALING_HTTP_SERVER_H

#include "core/base/conf.h"
#include "core/base/gcra.h"
#include "core/base/id.h"
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/base/metrics.h"
#include "core/loop/tcp.h"
#include "signaling/http/field.h"
#include "signaling/http/http.h"

#define BF_HTTP_HEAD_TIMEOUT_US (10 * 1000000)
#define BF_HTTP_BODY_TIMEOUT_US (30 * 1000000)
#define BF_HTTP_IDLE_TIMEOUT_US (75 * 1000000)
#define BF_HTTP_REPLY_MAX	(3 * 1024 * 1024) /* bytes of one reply; files may be larger */

struct bf_http_server;

/* One request being answered. Valid until one of the bf_http_reply functions is called on it, which must happen exactly once,
 * inside the handler or later. Later: keep bf_http_exchange_id and find it again, since the client may have gone. The request that a
 * handler is given is lent until it returns. While an exchange runs nothing more is read from its client. */
struct bf_http_exchange;

/* Who may use a route. Nobody said: it is refused when it is added. */
enum bf_http_access {
	BF_HTTP_ACCESS_UNSAID,
	BF_HTTP_PUBLIC,	   /* anybody */
	BF_HTTP_SIGNED_IN, /* who is known, and has all of `permissions`: the guard sees to it */
	BF_HTTP_BY_TOKEN, /* the handler asks for a token of its own kind: a join token, or a resource's key */
};

/* Whose requests are counted, and against which limit (conf.limits). */
enum bf_http_rate {
	BF_HTTP_RATE_DEFAULT, /* of a user where one is signed in, else of an address */
	BF_HTTP_RATE_AUTH,    /* few: here passwords and tokens can be guessed */
	BF_HTTP_RATE_JOIN,    /* many: calls begin here */
	BF_HTTP_RATE_EXEMPT,  /* not at all: probes, metrics */
};

struct bf_http_route {
	const char *method; /* "GET" also answers HEAD */
	const char *path; /* "/whip/{room}/{name}"; a last segment "{rest*}" takes the remainder */
	void (*handler)(void *arg, struct bf_http_exchange *exchange,
		const struct bf_http_request *request);
	const char *summary;	    /* one line for the generated documentation; required */
	enum bf_http_access access; /* required */
	uint64_t permissions; /* of BF_HTTP_SIGNED_IN: BF_PERMIT bits; 0: being known is enough */
	enum bf_http_rate rate;
	size_t body_max; /* bytes; 0: conf.http.body_max_kib */
	const struct bf_field *
		request; /* members of the JSON body, ending with one without name; NULL: it is not JSON, or there is none */
	bool needs_fresh_factor; /* who has a second factor must have shown it a moment ago */
};

/* Who asks, as the guard has found out. */
struct bf_http_caller {
	struct bf_uuid user, org, session;
	uint64_t permissions;
};

/* Called before the handler of a route that is for BF_HTTP_SIGNED_IN. Now or later it replies, or admits the exchange. */
typedef void bf_http_guard(void *arg, struct bf_http_exchange *exchange,
	const struct bf_http_request *request, const struct bf_http_route *route);

int bf_http_server_new(struct bf_http_server **out, struct bf_loop *loop, struct bf_log *log,
	struct bf_metrics *metrics, const struct bf_conf *conf);
void bf_http_server_free(struct bf_http_server *server);

/* Add routes (borrowed, static tables). -EEXIST: method and path are taken; -EINVAL: no summary or a bad pattern. */
int bf_http_server_add(struct bf_http_server *server, const struct bf_http_route *routes,
	size_t route_count, void *arg);

/* All routes, for documentation: by path and then by method. `idx` from 0; NULL: there are no more. */
const struct bf_http_route *bf_http_server_route(const struct bf_http_server *server, size_t idx);

/* Without a guard routes for BF_HTTP_SIGNED_IN answer 503. */
void bf_http_server_set_guard(struct bf_http_server *server, bf_http_guard *guard, void *arg);

/* The guard is content: the handler runs now. */
void bf_http_exchange_admit(struct bf_http_exchange *exchange, const struct bf_http_caller *caller);

/* In a handler, and later: its route. NULL where no route matched. */
const struct bf_http_route *bf_http_exchange_route(const struct bf_http_exchange *exchange);

/* In the handler of such a route, and later: who it was. Elsewhere NULL. */
const struct bf_http_caller *bf_http_exchange_caller(const struct bf_http_exchange *exchange);

/* A file that is part of the binary (cmake/embed.cmake makes tables of them). A file whose path is another's with ".gz" appended
 * is that one's compressed form. */
struct bf_http_file {
	const char *path; /* "/index.html"; also answers "/" */
	const char *content_type;
	const uint8_t *data;
	size_t len;
	const char *etag; /* with its quotes */
};

/* Serve files (borrowed, static tables) where no route matches: GET and HEAD, with ETag, caching and security fields. -EEXIST: a
 * path is taken. */
int bf_http_server_add_files(
	struct bf_http_server *server, const struct bf_http_file *files, size_t count);

/* The deadlines above, for tests and for those who must change them. 0 leaves one as it is. */
struct bf_http_timeouts {
	int64_t head_us, body_us, idle_us;
	int64_t reply_us; /* a handler that has not answered by then: 504 */
	int64_t write_us; /* a client that takes nothing of its answer for so long is cut off */
};
void bf_http_server_set_timeouts(
	struct bf_http_server *server, const struct bf_http_timeouts *timeouts);

/* Bind and serve conf->http.listen (TLS if configured), and conf->http.redirect_listen. `why` names address and cause. */
int bf_http_server_listen(struct bf_http_server *server, char *why, size_t why_size);
struct bf_addr bf_http_server_local(const struct bf_http_server *server);

/* Where http is answered with redirects to https; family 0: nowhere. */
struct bf_addr bf_http_server_redirect_local(const struct bf_http_server *server);

/* Read certificate and key again: new connections get them, those that are there go on. -EINVAL, -ENOENT, -EACCES: the pair is no
 * good, and the old one stays; -EOPNOTSUPP: there is no TLS. `why` then says so in one line. */
int bf_http_server_reload_tls(struct bf_http_server *server, char *why, size_t why_size);

/* No new connections; idle ones close; running ones end after their answer. */
void bf_http_server_drain(struct bf_http_server *server);

uint64_t bf_http_exchange_id(const struct bf_http_exchange *exchange);
struct bf_http_exchange *bf_http_exchange_find(struct bf_http_server *server, uint64_t id);

/* The client: where proxies that are trusted have passed the request on, whom they name. */
struct bf_addr bf_http_exchange_remote(const struct bf_http_exchange *exchange);
bool bf_http_exchange_is_https(const struct bf_http_exchange *exchange); /* as the client sees it */

/* What X-Request-Id of the answer, `request_id` of problems and log lines call it; good as long as the exchange. */
const char *bf_http_exchange_request_id(const struct bf_http_exchange *exchange);

/* Count a try to sign in as `name` (as it is compared, not as it was typed). False: there were too many, and that was answered. */
bool bf_http_exchange_count_name(struct bf_http_exchange *exchange, struct bf_bytes name);

/* What is kept of the limits across a restart: write the debts of now, at most `count`, or take back one that is `age_us` old. */
size_t bf_http_server_export_rates(
	const struct bf_http_server *server, struct bf_gcra_debt *out, size_t count);
void bf_http_server_import_rate(
	struct bf_http_server *server, const struct bf_gcra_debt *debt, int64_t age_us);

/* Extra response fields, before the reply. Values with control characters are our bug (assert). */
void bf_http_reply_field(struct bf_http_exchange *exchange, const char *name, const char *value);
void bf_http_reply(struct bf_http_exchange *exchange, int status, const char *content_type,
	struct bf_bytes body);
void bf_http_reply_json(
	struct bf_http_exchange *exchange, int status, struct bf_json *body); /* takes body */
void bf_http_reply_problem(
	struct bf_http_exchange *exchange, int status, const char *code, const char *detail);

/* Switch the connection to another protocol after a 101 that the caller has prepared with bf_http_reply_field: the stream is
 * handed over with bytes that had already arrived. The exchange is over. */
struct bf_tcp *bf_http_reply_upgrade(struct bf_http_exchange *exchange, struct bf_bytes *rest);

#endif
