/* media/worker_priv.h - what the files of the worker share. */
#ifndef BF_MEDIA_WORKER_PRIV_H
#define BF_MEDIA_WORKER_PRIV_H

#include "core/base/map.h"
#include "core/loop/inbox.h"
#include "core/loop/tcp.h"
#include "core/loop/thread.h"
#include "core/loop/timer.h"
#include "core/loop/udp.h"
#include "media/memory.h"
#include "media/room/room.h"
#include "media/worker.h"

#define BF_WORKER_PENDING      4096 /* events that wait for room in the control thread's inbox */

#define BF_WORKER_PEER_METRICS 8

/* bf_ice_path.socket */
enum bf_worker_socket {
	BF_SOCKET_UDP4,
	BF_SOCKET_UDP6,
	BF_SOCKET_UDP_COUNT,
	BF_SOCKET_TCP_FIRST = 16, /* TCP streams count up from here */
};

struct bf_worker_slot {
	struct bf_conn *conn; /* NULL: free */
	uint16_t generation;
};

struct bf_worker_metrics {
	struct bf_metric *drops[BF_DROP_COUNT];
	struct bf_metric *over_budget[BF_BUDGET_VERDICT_COUNT];
	struct bf_metric *values[40];
	struct bf_metric *beat;
	struct bf_histogram *transit;
	struct bf_metric *peers[BF_WORKER_PEER_METRICS];
};

struct bf_worker {
	/* given */
	struct bf_worker_conf conf;
	/* owned */
	struct bf_thread *thread;
	struct bf_loop *loop;
	struct bf_inbox *inbox;
	struct bf_udp *udp[BF_SOCKET_UDP_COUNT];
	struct bf_tcp_listener *listeners[BF_SOCKET_UDP_COUNT];
	struct bf_dtls_ctx *dtls;
	struct bf_srtp_engine *srtp;
	struct bf_pool cache_pool;
	struct bf_rooms *rooms;
	struct bf_outbox *outbox;
	struct bf_worker_slot *slots;
	unsigned slot_count, slot_next;
	struct bf_map paths;
	struct bf_list tcp_streams;
	struct bf_map tcp_by_id;
	unsigned tcp_count;
	uint64_t tcp_next_id;
	struct bf_timer
		sctp_timer; /* worker 0 drives usrsctp's clock for all, while it is needed */
	struct bf_timer report_timer;
	struct bf_timer pending_timer;
	struct bf_timer load_timer;
	struct bf_loop_hook sent_hook;
	/* state */
	struct bf_memory_plan plan; /* how large all that is */
	struct bf_transport_env env;
	char candidates[BF_ROOMS_CANDIDATES][BF_ICE_CANDIDATE_TEXT];
	unsigned candidate_count;
	uint16_t port;
	uint64_t drops[BF_DROP_COUNT];
	struct bf_transit transit;
	struct {
		int64_t at_us, cpu_us, waited_us;
	} load;		       /* at the last look */
	int64_t rate_since_us; /* packets received since then: */
	uint64_t rate_count;
	struct bf_worker_metrics metrics;
	struct bf_msg *pending[BF_WORKER_PENDING];
	size_t pending_head, pending_count;
	uint8_t tcp_packet[BF_UDP_MTU + 2];   /* a reservation on a TCP path */
	int64_t reported_us, reported_cpu_ns; /* when the load was measured last */
	char *why;
	size_t why_size;
};

/* worker_paths.c */
struct bf_conn *bf_worker_find_conn(struct bf_worker *worker, uint32_t id); /* or NULL */
struct bf_conn *bf_worker_conn_of_path(struct bf_worker *worker, const struct bf_ice_path *path);
void bf_worker_on_path_lost(struct bf_worker *worker, const struct bf_ice_path *path);
void bf_worker_free_paths(struct bf_worker *worker);
/* the hooks of bf_rooms_conf and bf_transport_env */
uint32_t bf_worker_add_conn(void *arg, struct bf_conn *conn);
void bf_worker_remove_conn(void *arg, uint32_t id);
int bf_worker_add_path(void *arg, struct bf_transport *transport, const struct bf_ice_path *path);
void bf_worker_remove_path(
	void *arg, struct bf_transport *transport, const struct bf_ice_path *path);

/* worker_packets.c */
void bf_worker_on_packets(struct bf_worker *worker, uint64_t socket, bool is_tcp,
	struct bf_udp_packet *packets, size_t count);
void bf_worker_drain_sctp(struct bf_worker *worker); /* what SCTP wants to say */
/* the hooks of bf_transport_env and bf_udp_conf */
uint8_t *bf_worker_reserve(void *arg, const struct bf_ice_path *path, size_t size_max);
void bf_worker_commit(void *arg, const struct bf_ice_path *path, size_t len);
void bf_worker_revoke(void *arg, uint64_t socket, const uint8_t *data);

/* worker_metrics.c */
void bf_worker_register_metrics(struct bf_worker *worker);
void bf_worker_report(struct bf_worker *worker);

/* worker_load.c */
void bf_worker_load_init(struct bf_worker *worker);
void bf_worker_load_start(struct bf_worker *worker);
void bf_worker_load_deinit(struct bf_worker *worker);
void bf_worker_before_flush(
	void *arg); /* the hook of bf_udp_conf: nothing leaves that is not encrypted yet */

/* worker_peers.c: a worker among others */
void bf_worker_pin(struct bf_worker *worker);
void bf_worker_peers_register(struct bf_worker *worker);
void bf_worker_peers_start(struct bf_worker *worker);
void bf_worker_peers_stop(struct bf_worker *worker);
void bf_worker_peers_configure(struct bf_worker *worker, struct bf_rooms_conf *conf);
void bf_worker_peers_report(struct bf_worker *worker); /* once a second */

/* worker_tcp.c: ICE-TCP, passive (RFC 6544), frames as in RFC 4571 */
int bf_worker_tcp_open(struct bf_worker *worker);
void bf_worker_tcp_close(struct bf_worker *worker);
uint8_t *bf_worker_tcp_reserve(
	struct bf_worker *worker, const struct bf_ice_path *path, size_t size_max);
void bf_worker_tcp_commit(struct bf_worker *worker, const struct bf_ice_path *path, size_t len);
void bf_worker_tcp_on_validated(struct bf_worker *worker, const struct bf_ice_path *path);
void bf_worker_tcp_on_forgotten(struct bf_worker *worker, const struct bf_ice_path *path);

#endif
