#include "media/worker.h"

#include "core/base/clock.h"
#include "media/memory.h"
#include "media/room/cache.h"
#include "media/room/peer_msg.h"
#include "media/worker_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MSG_WAKE   0x8000 /* of our own: the SCTP stack has news */
#define PORT_TRIES 16

/* ---- to and from the control thread ---- */

static void on_pending_timer(void *arg)
{
	struct bf_worker *worker = arg;

	while (worker->pending_count > 0) {
		struct bf_msg *msg = worker->pending[worker->pending_head];
		if (worker->conf.post(worker->conf.arg, msg)) {
			bf_timer_arm(
				&worker->pending_timer, bf_loop_now_us(worker->loop) + BF_MS(5));
			return;
		}
		worker->pending_head = (worker->pending_head + 1) % BF_WORKER_PENDING;
		worker->pending_count--;
	}
}

/* Events keep their order: while some wait, new ones wait behind them. */
static void post_event(void *arg, struct bf_msg *msg)
{
	struct bf_worker *worker = arg;

	if (worker->pending_count == 0 && worker->conf.post(worker->conf.arg, msg) == 0)
		return;
	if (worker->pending_count == BF_WORKER_PENDING) {
		BF_LOG(worker->conf.log, BF_LOG_ERROR,
			"event lost: the control thread does not keep up",
			BF_UINT("worker", worker->conf.idx));
		bf_msg_free(msg);
		return;
	}
	worker->pending[(worker->pending_head + worker->pending_count++) % BF_WORKER_PENDING] = msg;
	bf_timer_arm(&worker->pending_timer, bf_loop_now_us(worker->loop) + BF_MS(5));
}

static void on_message(void *arg, struct bf_msg *msg)
{
	struct bf_worker *worker = arg;

	if (msg->kind == MSG_WAKE) {
		bf_msg_free(msg);
	} else if (msg->kind == BF_MEDIA_STOP) {
		bf_msg_free(msg);
		bf_loop_stop(worker->loop);
		return;
	} else if (!worker->rooms) {
		bf_msg_free(msg); /* they are closed; others do not know yet */
	} else if (msg->kind >= BF_PEER_HELLO) {
		bf_rooms_on_peer(worker->rooms, msg);
	} else {
		bf_rooms_on_request(worker->rooms, msg);
	}
	bf_worker_drain_sctp(worker);
}

int bf_worker_post(struct bf_worker *worker, struct bf_msg *msg)
{
	return bf_inbox_post(worker->inbox, msg);
}

void bf_worker_wake(struct bf_worker *worker)
{
	struct bf_msg *msg = bf_msg_new(MSG_WAKE, sizeof(*msg));

	if (msg && bf_inbox_post(worker->inbox, msg))
		bf_msg_free(msg); /* a full inbox wakes it just as well */
}

static void on_sctp_timer(void *arg)
{
	struct bf_worker *worker = arg;

	bf_sctp_stack_on_timer(worker->conf.sctp, bf_loop_now_us(worker->loop));
	bf_worker_drain_sctp(worker); /* arms the timer again */
}

static void on_report_timer(void *arg)
{
	struct bf_worker *worker = arg;

	bf_worker_report(worker);
	bf_timer_arm(&worker->report_timer, bf_loop_now_us(worker->loop) + BF_SEC(1));
}

/* ---- start and stop ---- */

static void on_udp4(void *arg, struct bf_udp *udp, struct bf_udp_packet *packets, size_t count)
{
	(void)udp;
	bf_worker_on_packets(arg, BF_SOCKET_UDP4, false, packets, count);
}

static void on_udp6(void *arg, struct bf_udp *udp, struct bf_udp_packet *packets, size_t count)
{
	(void)udp;
	bf_worker_on_packets(arg, BF_SOCKET_UDP6, false, packets, count);
}

static void explain(struct bf_worker *worker, const char *protocol, int err)
{
	snprintf(worker->why, worker->why_size, "media port %u (%s): %s%s", worker->port, protocol,
		strerror(-err),
		err == -EADDRINUSE ? "; another server runs there, or set media.udp_port" : "");
}

static int open_udp(struct bf_worker *worker)
{
	unsigned base = worker->conf.conf->media.udp_port;
	struct bf_udp_conf conf = worker->plan.udp;
	struct bf_addr any;
	int err;

	conf.is_single = strcmp(worker->conf.conf->media.gso, "off") == 0;
	conf.before_flush = bf_worker_before_flush;
	worker->port = (uint16_t)(base ? base + worker->conf.idx : 0);
	(void)bf_addr_parse_ip(&any, "0.0.0.0", worker->port);
	err = bf_udp_open(&worker->udp[BF_SOCKET_UDP4], worker->loop, &any, &conf, on_udp4, worker);
	if (err) {
		explain(worker, "UDP", err);
		return err;
	}
	worker->port = bf_udp_local(worker->udp[BF_SOCKET_UDP4]).port;
	(void)bf_addr_parse_ip(&any, "::", worker->port);
	err = bf_udp_open(&worker->udp[BF_SOCKET_UDP6], worker->loop, &any, &conf, on_udp6, worker);
	if (err) /* a host without IPv6 is served without it */
		BF_LOG(worker->conf.log, BF_LOG_INFO, "no IPv6 for media",
			BF_UINT("worker", worker->conf.idx), BF_ERRNO("cause", err));
	return 0;
}

static void make_candidates(struct bf_worker *worker, bool has_tcp)
{
	unsigned ip_count = worker->conf.candidate_ip_count;

	for (unsigned tcp = 0; tcp <= (has_tcp ? 1u : 0u); tcp++)
		for (unsigned i = 0; i < ip_count && worker->candidate_count < BF_ROOMS_CANDIDATES;
			i++) {
			struct bf_addr addr = worker->conf.candidate_ips[i];
			if (addr.family == 6 && !worker->udp[BF_SOCKET_UDP6])
				continue;
			addr.port = worker->port;
			bf_ice_candidate_format(
				worker->candidates[worker->candidate_count++], &addr, tcp == 1, i);
		}
}

static int open_ports(struct bf_worker *worker)
{
	int err = open_udp(worker);

	if (err || !worker->conf.conf->media.tcp)
		return err;
	err = bf_worker_tcp_open(worker);
	if (err)
		explain(worker, "TCP", err);
	return err;
}

static void close_ports(struct bf_worker *worker)
{
	bf_worker_tcp_close(worker);
	for (int i = 0; i < BF_SOCKET_UDP_COUNT; i++) {
		if (!worker->udp[i])
			continue;
		bf_udp_flush(worker->udp[i]);
		bf_udp_close(worker->udp[i]);
		worker->udp[i] = NULL;
	}
}

/* With media.udp_port 0 the kernel finds a free UDP port whose TCP twin may be taken: then another one. */
static int open_sockets(struct bf_worker *worker)
{
	bool is_any = worker->conf.conf->media.udp_port == 0;
	int err = open_ports(worker);

	for (int i = 0; err == -EADDRINUSE && is_any && i < PORT_TRIES; i++) {
		close_ports(worker);
		err = open_ports(worker);
	}
	if (!err)
		make_candidates(worker, worker->conf.conf->media.tcp);
	return err;
}

/* The order of `srtp_profiles` in the configuration; names were checked when it was loaded. */
static size_t parse_profiles(const char *text, enum bf_srtp_profile out[static 4])
{
	size_t count = 0;

	while (*text && count < 4) {
		size_t len = strcspn(text, ", ");
		enum bf_srtp_profile profile = bf_srtp_profile_from_name(bf_bytes(text, len));
		if (profile)
			out[count++] = profile;
		text += len;
		text += strspn(text, ", ");
	}
	return count;
}

static int make_tables(struct bf_worker *worker)
{
	const struct bf_conf *conf = worker->conf.conf;
	enum bf_srtp_profile profiles[4];
	size_t profile_count = parse_profiles(conf->media.srtp_profiles, profiles);
	int err;

	worker->slot_count = (unsigned)worker->plan.transport_count;
	worker->slots = calloc(worker->slot_count, sizeof(*worker->slots));
	worker->outbox = malloc(sizeof(*worker->outbox));
	if (!worker->slots || !worker->outbox)
		return -ENOMEM;
	err = bf_map_init(&worker->paths, 1024, (size_t)worker->slot_count * BF_ICE_PATHS);
	if (!err)
		err = bf_map_init(&worker->tcp_by_id, 64, 4096);
	if (!err)
		err = bf_pool_init(&worker->cache_pool, sizeof(struct bf_cache_block),
			worker->plan.cache_block_count);
	if (!err)
		err = bf_dtls_ctx_new(&worker->dtls, profiles, profile_count);
	if (err)
		snprintf(worker->why, worker->why_size, "worker %u: %s", worker->conf.idx,
			strerror(-err));
	return err;
}

static int make_rooms(struct bf_worker *worker)
{
	struct bf_rooms_conf conf = {
		.loop = worker->loop,
		.log = worker->conf.log,
		.env = &worker->env,
		.outbox = worker->outbox,
		.cache_pool = &worker->cache_pool,
		.pacer_block_count = worker->plan.pacer_block_count,
		.drops = worker->drops,
		.fingerprint = bf_dtls_ctx_fingerprint(worker->dtls),
		.candidates = worker->candidates,
		.candidate_count = worker->candidate_count,
		.room_participant_count_max = worker->conf.conf->media.room_participant_count_max,
		.transit_budget_us = worker->conf.conf->media.transit_budget_us,
		.org_limits = {.packets_per_s = worker->conf.conf->media.org_packets_max,
			.bits_per_s = INT64_C(1000) * worker->conf.conf->media.org_kbps_max},
		.room_limits = {.packets_per_s = worker->conf.conf->media.room_packets_max,
			.bits_per_s = INT64_C(1000) * worker->conf.conf->media.room_kbps_max},
		.arg = worker,
		.post = post_event,
		.add_conn = bf_worker_add_conn,
		.remove_conn = bf_worker_remove_conn,
	};

	worker->env = (struct bf_transport_env){
		.loop = worker->loop,
		.dtls = worker->dtls,
		.srtp = worker->srtp,
		.sctp = worker->conf.sctp,
		.worker = worker->conf.idx,
		.arg = worker,
		.reserve = bf_worker_reserve,
		.commit = bf_worker_commit,
		.revoke = bf_worker_revoke,
		.add_path = bf_worker_add_path,
		.remove_path = bf_worker_remove_path,
	};
	bf_worker_peers_configure(worker, &conf);
	bf_outbox_init(worker->outbox, &worker->env, &worker->transit, worker->drops);
	return bf_rooms_new(&worker->rooms, &conf);
}

static void close_all(struct bf_worker *worker);

static int start(void *arg)
{
	struct bf_worker *worker = arg;
	int err;

	bf_worker_pin(worker); /* first: memory comes from near where it is used */
	err = bf_loop_new(&worker->loop, worker->conf.io);
	if (err) {
		snprintf(worker->why, worker->why_size, "event loop: %s", strerror(-err));
		return err;
	}
	if (bf_loop_io_refusal(worker->loop))
		BF_LOG(worker->conf.log, BF_LOG_WARN, "no io_uring: running on epoll",
			BF_UINT("worker", worker->conf.idx),
			BF_ERRNO("cause", bf_loop_io_refusal(worker->loop)));
	bf_list_init(&worker->tcp_streams);
	worker->tcp_next_id = BF_SOCKET_TCP_FIRST;
	bf_timer_init(&worker->sctp_timer, worker->loop, on_sctp_timer, worker);
	bf_timer_init(&worker->report_timer, worker->loop, on_report_timer, worker);
	bf_timer_init(&worker->pending_timer, worker->loop, on_pending_timer, worker);
	bf_worker_load_init(worker);
	bf_memory_plan(&worker->plan, worker->conf.conf, bf_loop_io(worker->loop),
		worker->conf.worker_count);
	err = bf_inbox_new(
		&worker->inbox, worker->loop, worker->plan.inbox_slot_count, on_message, worker);
	if (!err)
		err = bf_srtp_engine_new(
			&worker->srtp, worker->conf.srtp, worker->why, worker->why_size);
	if (!err)
		err = make_tables(worker);
	if (!err)
		err = open_sockets(worker);
	if (!err)
		err = make_rooms(worker);
	if (err) {
		close_all(worker);
		return err;
	}
	bf_worker_peers_start(worker);
	on_report_timer(worker);
	bf_worker_load_start(worker);
	return 0;
}

static void close_all(struct bf_worker *worker)
{
	bf_rooms_free(worker->rooms); /* says close_notify, which leaves with the last turns */
	worker->rooms = NULL;
	close_ports(worker);
	bf_timer_disarm(&worker->sctp_timer);
	bf_timer_disarm(&worker->report_timer);
	bf_timer_disarm(&worker->pending_timer);
	bf_worker_load_deinit(worker);
	/* Closing finishes in the loop; streams look into the tables below when they go. */
	for (int i = 0; i < 8 || (worker->tcp_count > 0 && i < 100); i++)
		(void)bf_loop_turn(worker->loop, i < 8 ? 0 : BF_MS(10));
	while (worker->pending_count > 0) {
		bf_msg_free(worker->pending[worker->pending_head]);
		worker->pending_head = (worker->pending_head + 1) % BF_WORKER_PENDING;
		worker->pending_count--;
	}
	bf_worker_free_paths(worker);
	bf_map_deinit(&worker->paths);
	bf_map_deinit(&worker->tcp_by_id);
	if (worker->cache_pool.slab)
		bf_pool_deinit(&worker->cache_pool);
	bf_dtls_ctx_free(worker->dtls);
	bf_srtp_engine_free(worker->srtp);
	free(worker->outbox);
	free(worker->slots);
}

static void run(void *arg)
{
	struct bf_worker *worker = arg;
	int err;

	bf_thread_be_prompt();
	err = bf_loop_run(worker->loop);
	if (err)
		BF_LOG(worker->conf.log, BF_LOG_ERROR, "worker's loop ended",
			BF_UINT("worker", worker->conf.idx), BF_ERRNO("cause", err));
	close_all(worker);
}

int bf_worker_start(
	struct bf_worker **out, const struct bf_worker_conf *conf, char *why, size_t why_size)
{
	struct bf_worker *worker = calloc(1, sizeof(*worker));
	char name[16];
	int err;

	if (!worker)
		return -ENOMEM;
	worker->conf = *conf;
	worker->why = why;
	worker->why_size = why_size;
	bf_worker_register_metrics(worker);
	snprintf(name, sizeof(name), "media-%u", conf->idx);
	err = bf_thread_start(&worker->thread, name, start, run, worker);
	if (err) {
		bf_worker_free(worker);
		return err;
	}
	*out = worker;
	return 0;
}

unsigned bf_worker_port(const struct bf_worker *worker)
{
	return worker->port;
}

enum bf_io bf_worker_io(const struct bf_worker *worker)
{
	return bf_loop_io(worker->loop);
}

const char *bf_worker_srtp(const struct bf_worker *worker)
{
	return bf_srtp_engine_name(worker->srtp);
}

bool bf_worker_is_alive(const struct bf_worker *worker)
{
	return bf_clock_mono_us() - bf_metric_get(worker->metrics.beat) < BF_SEC(5);
}

void bf_worker_stop(struct bf_worker *worker)
{
	struct bf_media_stop *msg = bf_msg_new(BF_MEDIA_STOP, sizeof(*msg));

	while (msg && bf_inbox_post(worker->inbox, &msg->msg))
		; /* it drains its inbox every turn */
	bf_thread_join(worker->thread);
}

void bf_worker_free(struct bf_worker *worker)
{
	if (!worker)
		return;
	bf_worker_peers_stop(worker);
	bf_inbox_free(worker->inbox); /* others may have posted until now */
	bf_loop_free(worker->loop);
	free(worker);
}
