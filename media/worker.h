/* media/worker.h - one media worker: a thread with its sockets, transports and rooms.
 *
 *   sockets -> demux (RFC 7983) -> transports -> rooms -> outbox -> sockets
 *
 * Owner:   main.c.   Thread: the functions here may be called from any thread, except that start and stop are main's.
 */
#ifndef BF_MEDIA_WORKER_H
#define BF_MEDIA_WORKER_H

#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/metrics.h"
#include "core/loop/loop.h"
#include "media/media_msg.h"
#include "media/sctp/sctp.h"
#include "media/srtp/srtp.h"

struct bf_pipe;
struct bf_worker;

struct bf_worker_conf {
	unsigned idx;
	enum bf_io io;
	const struct bf_conf *conf;
	struct bf_log *log;
	struct bf_metrics *metrics;
	struct bf_sctp_stack *sctp;
	enum bf_srtp_engine_kind srtp;
	const struct bf_addr *candidate_ips; /* ports are the worker's; copied */
	unsigned candidate_ip_count;
	void *arg;
	int (*post)(
		void *arg, struct bf_msg *msg); /* to the control thread: takes msg, or -ENOBUFS */
	/* The workers that serve rooms together, by idx; 0 or 1: this one is alone, and the rest is not looked at. Messages are
	 * posted to others only about rooms, so not before all have started. */
	unsigned worker_count;
	struct bf_pipe **pipes; /* bf_pipe_grid_new's, for worker_count; outlives the workers */
	int (*post_peer)(void *arg, unsigned worker, struct bf_msg *msg); /* bf_worker_post */
};

/* Start the thread and open its sockets. On error `why` names the address and the cause. */
int bf_worker_start(
	struct bf_worker **out, const struct bf_worker_conf *conf, char *why, size_t why_size);

/* Queue a request: 0 and it is taken, or -ENOBUFS. */
int bf_worker_post(struct bf_worker *worker, struct bf_msg *msg);

/* The SCTP stack has something for this worker. */
void bf_worker_wake(struct bf_worker *worker);

unsigned bf_worker_port(const struct bf_worker *worker);
enum bf_io bf_worker_io(const struct bf_worker *worker);
const char *bf_worker_srtp(
	const struct bf_worker *worker); /* name of the engine; until it is stopped */

/* How much CPU time its thread takes, in thousandths of the last second. Any thread. */
unsigned bf_worker_load(const struct bf_worker *worker);

/* Whether its loop has turned within the last 5 s. */
bool bf_worker_is_alive(const struct bf_worker *worker);

/* Ask it to say goodbye to its peers, and wait until its thread has ended. Posting and waking are still allowed afterwards,
 * and reach nobody. */
void bf_worker_stop(struct bf_worker *worker);

/* After stopping, when no other thread can reach it any more. Accepts NULL. */
void bf_worker_free(struct bf_worker *worker);

#endif
