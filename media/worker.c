#include "media/worker.h"

#include "core/base/clock.h"
#include "media/room/cache.h"
#include "media/room/peer_msg.h"
#include "media/rtp/rtp.h"
#include "media/worker_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define INBOX_SLOTS 4096
#define MSG_WAKE    0x8000 /* of our own: the SCTP stack has news */
#define PORT_TRIES  16
#define TX_SLAB_BYTES \
	(4 * 1024 * 1024) /* a frame's packets to 500 subscribers: trains need them side by side */
#define UDP_BUFFER_BYTES (4 * 1024 * 1024) /* 25 ms of 1 Gbit/s: what a worker may be late */

/* ---- the table of connections: ids are a slot and its generation ---- */

static struct bf_conn *find_conn(struct bf_worker *worker, uint32_t id)
{
	unsigned slot = id & 0xffff;

	if (slot >= worker->slot_count || worker->slots[slot].generation != id >> 16)
		return NULL;
	return worker->slots[slot].conn;
}

static uint32_t add_conn(void *arg, struct bf_conn *conn)
{
	struct bf_worker *worker = arg;

	for (unsigned i = 0; i < worker->slot_count; i++) {
		unsigned slot = (worker->slot_next + i) % worker->slot_count;
		if (worker->slots[slot].conn)
			continue;
		worker->slot_next = slot + 1;
		worker->slots[slot].conn = conn;
		if (++worker->slots[slot].generation == 0)
			worker->slots[slot].generation = 1; /* so that no id is 0 */
		return (uint32_t)worker->slots[slot].generation << 16 | slot;
	}
	return 0;
}

static void remove_conn(void *arg, uint32_t id)
{
	struct bf_worker *worker = arg;

	assert(find_conn(worker, id));
	worker->slots[id & 0xffff].conn = NULL;
}

/* ---- 5-tuples ---- */

struct path_key {
	struct bf_addr remote, local;
	uint64_t socket;
};

struct path_entry {
	struct bf_map_node node;
	struct path_key key;
	uint32_t transport_id;
};

static struct path_key key_of(const struct bf_ice_path *path)
{
	return (struct path_key){
		.remote = path->remote, .local = path->local, .socket = path->socket};
}

static struct path_entry *find_path(struct bf_worker *worker, const struct bf_ice_path *path)
{
	struct path_key key = key_of(path);
	struct bf_map_node *node = bf_map_get(&worker->paths, bf_bytes(&key, sizeof(key)));

	return node ? BF_CONTAINER(node, struct path_entry, node) : NULL;
}

/* A 5-tuple that another transport had validated now belongs to the one that proved it last: a client that reconnects
 * from the same port. */
static int add_path(void *arg, struct bf_transport *transport, const struct bf_ice_path *path)
{
	struct bf_worker *worker = arg;
	struct path_entry *entry = find_path(worker, path);
	int err;

	if (entry) {
		entry->transport_id = bf_transport_id(transport);
		return 0;
	}
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	entry->key = key_of(path);
	entry->transport_id = bf_transport_id(transport);
	err = bf_map_put(&worker->paths, &entry->node, bf_bytes(&entry->key, sizeof(entry->key)));
	if (err)
		free(entry);
	else if (path->is_tcp)
		bf_worker_tcp_on_validated(worker, path);
	return err;
}

static void remove_path(void *arg, struct bf_transport *transport, const struct bf_ice_path *path)
{
	struct bf_worker *worker = arg;
	struct path_entry *entry = find_path(worker, path);

	if (!entry || entry->transport_id != bf_transport_id(transport))
		return;
	bf_map_remove(&worker->paths, &entry->node);
	free(entry);
	if (path->is_tcp)
		bf_worker_tcp_on_forgotten(worker, path);
}

void bf_worker_on_path_lost(struct bf_worker *worker, const struct bf_ice_path *path)
{
	struct path_entry *entry = find_path(worker, path);
	struct bf_conn *conn = entry ? find_conn(worker, entry->transport_id) : NULL;

	if (conn)
		bf_transport_on_path_lost(bf_conn_transport(conn), path);
}

/* ---- sending ---- */

static uint8_t *reserve(void *arg, const struct bf_ice_path *path, size_t size_max)
{
	struct bf_worker *worker = arg;
	uint8_t *room;

	if (path->is_tcp)
		room = bf_worker_tcp_reserve(worker, path, size_max);
	else
		room = size_max > BF_UDP_MTU ? NULL
					     : bf_udp_reserve(worker->udp[path->socket],
						       &path->local, &path->remote, size_max);
	if (!room)
		worker->drops[BF_DROP_TX_FULL]++;
	return room;
}

static void commit(void *arg, const struct bf_ice_path *path, size_t len)
{
	struct bf_worker *worker = arg;

	if (path->is_tcp)
		bf_worker_tcp_commit(worker, path, len);
	else
		bf_udp_commit(worker->udp[path->socket], len);
}

/* ---- receiving ---- */

/* What SCTP wants to say, of this worker's associations. */
static void drain_sctp(struct bf_worker *worker)
{
	struct bf_sctp_item item;

	while (bf_sctp_stack_poll(worker->conf.sctp, worker->conf.idx, &item) > 0) {
		struct bf_conn *conn = find_conn(worker, (uint32_t)item.id);
		if (!conn)
			continue;
		if (item.news == BF_SCTP_OUTPUT)
			bf_transport_on_sctp_output(bf_conn_transport(conn), item.packet);
		else
			bf_transport_on_sctp_readable(bf_conn_transport(conn));
	}
}

static enum bf_drop on_stun(
	struct bf_worker *worker, const struct bf_ice_path *path, struct bf_bytes packet)
{
	struct bf_stun_peek peek;
	struct bf_conn *conn;
	uint32_t id;

	if (bf_stun_peek(&peek, packet))
		return BF_DROP_STUN_MALFORMED;
	if (peek.cls != BF_STUN_REQUEST || !peek.is_binding ||
		!bf_transport_id_from_username(&id, worker->conf.idx, peek.username))
		return BF_DROP_STUN_UNKNOWN;
	conn = find_conn(worker, id);
	if (!conn)
		return BF_DROP_STUN_UNKNOWN;
	return bf_transport_on_stun(bf_conn_transport(conn), path, packet);
}

static struct bf_conn *conn_of_path(struct bf_worker *worker, const struct bf_ice_path *path)
{
	struct path_entry *entry = find_path(worker, path);

	return entry ? find_conn(worker, entry->transport_id) : NULL;
}

static enum bf_drop on_dtls(
	struct bf_worker *worker, const struct bf_ice_path *path, struct bf_bytes packet)
{
	struct bf_conn *conn = conn_of_path(worker, path);

	return conn ? bf_transport_on_dtls(bf_conn_transport(conn), path, packet)
		    : BF_DROP_UNKNOWN_ADDR;
}

static enum bf_drop on_rtcp(
	struct bf_conn *conn, struct bf_srtp *srtp, struct bf_udp_packet *packet)
{
	size_t len = packet->len;
	enum bf_drop drop = bf_srtp_unprotect_rtcp(srtp, packet->data, &len);

	return drop ? drop : bf_conn_on_rtcp(conn, bf_bytes(packet->data, len), packet->at_us);
}

/* SRTP of one batch, so that an engine can decrypt it together. */
struct srtp_batch {
	struct bf_srtp_unprotect_job jobs[BF_UDP_BATCH];
	struct bf_conn *conns[BF_UDP_BATCH];
	int64_t at_us;
	size_t count;
};

static enum bf_drop add_srtp(struct bf_worker *worker, const struct bf_ice_path *path,
	struct bf_udp_packet *packet, struct srtp_batch *batch)
{
	struct bf_conn *conn = conn_of_path(worker, path);
	struct bf_srtp *srtp = conn ? bf_transport_srtp_in(bf_conn_transport(conn)) : NULL;

	if (!conn)
		return BF_DROP_UNKNOWN_ADDR;
	if (!srtp)
		return BF_DROP_NO_KEYS;
	if (bf_rtp_is_rtcp(bf_bytes(packet->data, packet->len)))
		return on_rtcp(conn, srtp, packet);
	batch->conns[batch->count] = conn;
	batch->jobs[batch->count++] = (struct bf_srtp_unprotect_job){
		.srtp = srtp, .data = packet->data, .len = packet->len};
	return BF_DROP_NONE;
}

static void finish_srtp(struct bf_worker *worker, struct srtp_batch *batch)
{
	bf_srtp_unprotect(batch->jobs, batch->count);
	for (size_t i = 0; i < batch->count; i++) {
		struct bf_srtp_unprotect_job *job = &batch->jobs[i];
		enum bf_drop drop = job->drop;
		if (!drop)
			drop = bf_conn_on_rtp(
				batch->conns[i], bf_bytes(job->data, job->len), batch->at_us);
		worker->drops[drop]++;
	}
}

/* RFC 7983 section 7. */
static enum bf_drop demux(struct bf_worker *worker, const struct bf_ice_path *path,
	struct bf_udp_packet *packet, struct srtp_batch *batch)
{
	uint8_t first = packet->len ? packet->data[0] : 255;

	if (packet->len == 0)
		return BF_DROP_EMPTY;
	if (first <= 3)
		return on_stun(worker, path, bf_bytes(packet->data, packet->len));
	if (first >= 20 && first <= 63)
		return on_dtls(worker, path, bf_bytes(packet->data, packet->len));
	if (first >= 128 && first <= 191)
		return add_srtp(worker, path, packet, batch);
	return BF_DROP_UNKNOWN_PROTO;
}

void bf_worker_on_packets(struct bf_worker *worker, uint64_t socket, bool is_tcp,
	struct bf_udp_packet *packets, size_t count)
{
	struct srtp_batch batch;

	assert(count <= BF_UDP_BATCH);
	batch.count = 0;
	batch.at_us = bf_loop_now_us(worker->loop);
	for (size_t i = 0; i < count; i++) {
		struct bf_ice_path path = {.remote = packets[i].remote,
			.local = packets[i].local,
			.socket = socket,
			.is_tcp = is_tcp};
		enum bf_drop drop = demux(worker, &path, &packets[i], &batch);
		if (drop)
			worker->drops[drop]++;
	}
	finish_srtp(worker, &batch);
	bf_outbox_flush(worker->outbox); /* plans point into the packets, which go back now */
	drain_sctp(worker);
}

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
	drain_sctp(worker);
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
	int64_t now_us = bf_loop_now_us(worker->loop);

	bf_sctp_stack_on_timer(worker->conf.sctp, now_us);
	drain_sctp(worker);
	bf_timer_arm(&worker->sctp_timer, now_us + BF_SCTP_TICK_US);
}

/* ---- metrics: published once a second, so that the packet path touches no shared cache line ---- */

struct value {
	enum bf_metric_kind kind;
	const char *name, *help;
};

static const struct value values[] = {
	{BF_METRIC_GAUGE, "belfry_media_rooms", "rooms"},
	{BF_METRIC_GAUGE, "belfry_media_participants", "participants"},
	{BF_METRIC_GAUGE, "belfry_media_tracks", "published tracks"},
	{BF_METRIC_GAUGE, "belfry_media_subscriptions", "subscriptions"},
	{BF_METRIC_COUNTER, "belfry_rtp_received_total", "RTP packets received and authenticated"},
	{BF_METRIC_COUNTER, "belfry_rtp_sent_total", "RTP packets sent"},
	{BF_METRIC_COUNTER, "belfry_rtp_sent_bytes_total", "bytes of RTP sent"},
	{BF_METRIC_COUNTER, "belfry_rtp_duplicates_total", "RTP packets received twice"},
	{BF_METRIC_COUNTER, "belfry_rtp_repaired_total",
		"lost packets recovered from publishers by RTX"},
	{BF_METRIC_COUNTER, "belfry_rtp_resent_total", "packets sent again on a NACK"},
	{BF_METRIC_COUNTER, "belfry_nacks_sent_total", "packets asked for again from publishers"},
	{BF_METRIC_COUNTER, "belfry_nacks_received_total",
		"packets asked for again by subscribers"},
	{BF_METRIC_COUNTER, "belfry_nacks_unknown_total",
		"packets asked for that are not held any more"},
	{BF_METRIC_COUNTER, "belfry_keyframe_requests_sent_total", "PLI sent to publishers"},
	{BF_METRIC_COUNTER, "belfry_keyframe_requests_received_total",
		"PLI and FIR of subscribers heeded"},
	{BF_METRIC_COUNTER, "belfry_data_relayed_total", "data channel messages delivered"},
	{BF_METRIC_COUNTER, "belfry_data_dropped_total", "data channel messages dropped"},
	{BF_METRIC_COUNTER, "belfry_udp_received_total", "datagrams received"},
	{BF_METRIC_COUNTER, "belfry_udp_sent_total", "datagrams sent"},
	{BF_METRIC_COUNTER, "belfry_udp_trains_total",
		"system calls' worth of datagrams sent (GSO trains)"},
	{BF_METRIC_COUNTER, "belfry_udp_dropped_total", "datagrams the kernel did not take"},
	{BF_METRIC_GAUGE, "belfry_udp_gso", "1 while UDP segmentation offload is in use"},
};

#define VALUE_COUNT (sizeof(values) / sizeof(values[0]))

static void register_metrics(struct bf_worker *worker)
{
	char labels[96];

	snprintf(labels, sizeof(labels), "worker=\"%u\"", worker->conf.idx);
	for (size_t i = 0; i < VALUE_COUNT; i++)
		worker->metrics.values[i] = bf_metric_new(worker->conf.metrics, values[i].kind,
			values[i].name, labels, values[i].help);
	worker->metrics.beat =
		bf_metric_new(worker->conf.metrics, BF_METRIC_GAUGE, "belfry_worker_beat_us",
			labels, "monotonic time at which the worker's loop last turned");
	bf_worker_peers_register(worker);
	for (int i = BF_DROP_NONE + 1; i < BF_DROP_COUNT; i++) {
		snprintf(labels, sizeof(labels), "worker=\"%u\",reason=\"%s\"", worker->conf.idx,
			bf_drop_name((enum bf_drop)i));
		worker->metrics.drops[i] = bf_metric_new(worker->conf.metrics, BF_METRIC_COUNTER,
			"belfry_packets_dropped_total", labels, "packets dropped, by reason");
	}
}

static struct bf_udp_counters sum_udp(const struct bf_worker *worker)
{
	struct bf_udp_counters sum = {0};

	for (int i = 0; i < BF_SOCKET_UDP_COUNT; i++) {
		const struct bf_udp_counters *c = worker->udp[i] ? bf_udp_counters(worker->udp[i])
								 : &(struct bf_udp_counters){0};
		sum.rx_packets += c->rx_packets;
		sum.tx_packets += c->tx_packets;
		sum.tx_trains += c->tx_trains;
		sum.tx_dropped += c->tx_dropped;
		sum.has_gso = sum.has_gso || c->has_gso;
	}
	return sum;
}

static void on_report_timer(void *arg)
{
	struct bf_worker *worker = arg;
	const struct bf_rooms_counters *c = bf_rooms_counters(worker->rooms);
	struct bf_udp_counters udp = sum_udp(worker);
	/* in the order of `values` */
	const uint64_t now[VALUE_COUNT] = {c->rooms, c->participants, c->tracks, c->subscriptions,
		c->rx_rtp, worker->outbox->sent_packets, worker->outbox->sent_bytes,
		c->rx_duplicates, c->rx_repaired, c->tx_resent, c->tx_nacks, c->rx_nacks,
		c->nack_unknown, c->tx_keyframe_requests, c->rx_keyframe_requests, c->data_relayed,
		c->data_dropped, udp.rx_packets, udp.tx_packets, udp.tx_trains, udp.tx_dropped,
		udp.has_gso};

	for (size_t i = 0; i < VALUE_COUNT; i++)
		bf_metric_set(worker->metrics.values[i], (int64_t)now[i]);
	for (int i = BF_DROP_NONE + 1; i < BF_DROP_COUNT; i++)
		bf_metric_set(worker->metrics.drops[i], (int64_t)worker->drops[i]);
	bf_worker_peers_report(worker);
	bf_metric_set(worker->metrics.beat, bf_clock_mono_us());
	bf_timer_arm(&worker->report_timer, bf_loop_now_us(worker->loop) + BF_SEC(1));
}

/* ---- start and stop ---- */

static void explain(struct bf_worker *worker, const char *protocol, int err)
{
	snprintf(worker->why, worker->why_size, "media port %u (%s): %s%s", worker->port, protocol,
		strerror(-err),
		err == -EADDRINUSE ? "; another server runs there, or set media.udp_port" : "");
}

static int open_udp(struct bf_worker *worker)
{
	unsigned base = worker->conf.conf->media.udp_port;
	const struct bf_udp_conf conf = {.rcvbuf_bytes = UDP_BUFFER_BYTES,
		.sndbuf_bytes = UDP_BUFFER_BYTES,
		.tx_slab_bytes = TX_SLAB_BYTES};
	struct bf_addr any;
	int err;

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
	size_t cache_blocks =
		(size_t)conf->media.cache_mib * 1024 * 1024 / sizeof(struct bf_cache_block);
	int err;

	worker->slot_count = conf->media.transport_count_max;
	worker->slots = calloc(worker->slot_count, sizeof(*worker->slots));
	worker->outbox = malloc(sizeof(*worker->outbox));
	if (!worker->slots || !worker->outbox)
		return -ENOMEM;
	err = bf_map_init(&worker->paths, 1024, (size_t)worker->slot_count * BF_ICE_PATHS);
	if (!err)
		err = bf_map_init(&worker->tcp_by_id, 64, 4096);
	if (!err)
		err = bf_pool_init(
			&worker->cache_pool, sizeof(struct bf_cache_block), cache_blocks);
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
		.drops = worker->drops,
		.fingerprint = bf_dtls_ctx_fingerprint(worker->dtls),
		.candidates = worker->candidates,
		.candidate_count = worker->candidate_count,
		.room_participant_count_max = worker->conf.conf->media.room_participant_count_max,
		.arg = worker,
		.post = post_event,
		.add_conn = add_conn,
		.remove_conn = remove_conn,
	};

	worker->env = (struct bf_transport_env){
		.loop = worker->loop,
		.dtls = worker->dtls,
		.srtp = worker->conf.srtp,
		.sctp = worker->conf.sctp,
		.worker = worker->conf.idx,
		.arg = worker,
		.reserve = reserve,
		.commit = commit,
		.add_path = add_path,
		.remove_path = remove_path,
	};
	bf_worker_peers_configure(worker, &conf);
	bf_outbox_init(worker->outbox, &worker->env, worker->drops);
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
	err = bf_inbox_new(&worker->inbox, worker->loop, INBOX_SLOTS, on_message, worker);
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
	if (worker->conf.idx == 0)
		on_sctp_timer(worker);
	on_report_timer(worker);
	return 0;
}

static void free_paths(struct bf_worker *worker)
{
	struct bf_map_node *node;

	while (worker->paths.buckets && (node = bf_map_next(&worker->paths, NULL))) {
		bf_map_remove(&worker->paths, node);
		free(BF_CONTAINER(node, struct path_entry, node));
	}
}

static void close_all(struct bf_worker *worker)
{
	bf_rooms_free(worker->rooms); /* says close_notify, which leaves with the last turns */
	worker->rooms = NULL;
	close_ports(worker);
	bf_timer_disarm(&worker->sctp_timer);
	bf_timer_disarm(&worker->report_timer);
	bf_timer_disarm(&worker->pending_timer);
	/* Closing finishes in the loop; streams look into the tables below when they go. */
	for (int i = 0; i < 8 || (worker->tcp_count > 0 && i < 100); i++)
		(void)bf_loop_turn(worker->loop, i < 8 ? 0 : BF_MS(10));
	while (worker->pending_count > 0) {
		bf_msg_free(worker->pending[worker->pending_head]);
		worker->pending_head = (worker->pending_head + 1) % BF_WORKER_PENDING;
		worker->pending_count--;
	}
	free_paths(worker);
	bf_map_deinit(&worker->paths);
	bf_map_deinit(&worker->tcp_by_id);
	if (worker->cache_pool.slab)
		bf_pool_deinit(&worker->cache_pool);
	bf_dtls_ctx_free(worker->dtls);
	free(worker->outbox);
	free(worker->slots);
}

static void run(void *arg)
{
	struct bf_worker *worker = arg;
	int err = bf_loop_run(worker->loop);

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
	register_metrics(worker);
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
