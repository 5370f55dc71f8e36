/* Packets of a worker's sockets: what they are, whose they are, and how those leave that its transports send. */
#include "media/rtp/rtp.h"
#include "media/worker_priv.h"

#include <assert.h>

/* ---- sending ---- */

uint8_t *bf_worker_reserve(void *arg, const struct bf_ice_path *path, size_t size_max)
{
	struct bf_worker *worker = arg;
	uint8_t *room;

	if (path->is_tcp)
		room = bf_worker_tcp_reserve(worker, path, size_max);
	else
		room = size_max > BF_UDP_MTU ? NULL
					     : bf_udp_reserve(worker->udp[path->socket],
						       path->is_default_local ? NULL : &path->local,
						       &path->remote, size_max);
	if (!room)
		worker->drops[BF_DROP_TX_FULL]++;
	return room;
}

void bf_worker_revoke(void *arg, uint64_t socket, const uint8_t *data)
{
	struct bf_worker *worker = arg;

	bf_udp_revoke(worker->udp[socket], data);
}

void bf_worker_commit(void *arg, const struct bf_ice_path *path, size_t len)
{
	struct bf_worker *worker = arg;

	if (path->is_tcp)
		bf_worker_tcp_commit(worker, path, len);
	else
		bf_udp_commit(worker->udp[path->socket], len);
}

/* ---- receiving ---- */

/* What SCTP wants to say, of this worker's associations. */
void bf_worker_drain_sctp(struct bf_worker *worker)
{
	struct bf_sctp_item item;

	while (bf_sctp_stack_poll(worker->conf.sctp, worker->conf.idx, &item) > 0) {
		struct bf_conn *conn = bf_worker_find_conn(worker, (uint32_t)item.id);
		if (!conn)
			continue;
		if (item.news == BF_SCTP_OUTPUT)
			bf_transport_on_sctp_output(bf_conn_transport(conn), item.packet);
		else
			bf_transport_on_sctp_readable(bf_conn_transport(conn));
	}
	if (worker->conf.idx == 0 && !worker->sctp_timer.is_armed &&
		bf_sctp_stack_needs_timer(worker->conf.sctp))
		bf_timer_arm(&worker->sctp_timer, bf_loop_now_us(worker->loop) + BF_SCTP_TICK_US);
}

static enum bf_drop on_stun(
	struct bf_worker *worker, const struct bf_ice_path *path, struct bf_bytes packet)
{
	struct bf_ice_path known;
	struct bf_stun_peek peek;
	struct bf_conn *conn;
	uint32_t id;

	if (bf_stun_peek(&peek, packet))
		return BF_DROP_STUN_MALFORMED;
	if (peek.cls != BF_STUN_REQUEST || !peek.is_binding ||
		!bf_transport_id_from_username(&id, worker->conf.idx, peek.username))
		return BF_DROP_STUN_UNKNOWN;
	conn = bf_worker_find_conn(worker, id);
	if (!conn)
		return BF_DROP_STUN_UNKNOWN;
	known = *path;
	if (!path->is_tcp && !bf_worker_conn_of_path(worker, path))
		known.is_default_local = bf_udp_is_default_source(
			worker->udp[path->socket], &path->local, &path->remote);
	return bf_transport_on_stun(bf_conn_transport(conn), &known, packet);
}

static enum bf_drop on_dtls(
	struct bf_worker *worker, const struct bf_ice_path *path, struct bf_bytes packet)
{
	struct bf_conn *conn = bf_worker_conn_of_path(worker, path);

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
	int64_t at_us[BF_UDP_BATCH];
	size_t count;
};

static enum bf_drop add_srtp(struct bf_worker *worker, const struct bf_ice_path *path,
	struct bf_udp_packet *packet, struct srtp_batch *batch)
{
	struct bf_conn *conn = bf_worker_conn_of_path(worker, path);
	struct bf_srtp *srtp = conn ? bf_transport_srtp_in(bf_conn_transport(conn)) : NULL;

	if (!conn)
		return BF_DROP_UNKNOWN_ADDR;
	if (!srtp)
		return BF_DROP_NO_KEYS;
	if (bf_rtp_is_rtcp(bf_bytes(packet->data, packet->len)))
		return on_rtcp(conn, srtp, packet);
	batch->conns[batch->count] = conn;
	batch->at_us[batch->count] = packet->at_us;
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
				batch->conns[i], bf_bytes(job->data, job->len), batch->at_us[i]);
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

/* Wake-ups cost more than packets when many come one by one: from so many a second on, they are taken together. */
#define COALESCE_PPS	   2000
#define COALESCE_WINDOW_US 20000

static void adapt_rest(struct bf_worker *worker, size_t count)
{
	int64_t now_us = bf_loop_now_us(worker->loop);
	int64_t elapsed_us = now_us - worker->rate_since_us;
	bool is_busy;

	worker->rate_count += count;
	if (elapsed_us < COALESCE_WINDOW_US)
		return;
	is_busy = (int64_t)worker->rate_count * 1000000 / elapsed_us >= COALESCE_PPS;
	bf_loop_set_rest(worker->loop, is_busy ? worker->conf.conf->media.coalesce_us : 0);
	worker->rate_since_us = now_us;
	worker->rate_count = 0;
}

void bf_worker_on_packets(struct bf_worker *worker, uint64_t socket, bool is_tcp,
	struct bf_udp_packet *packets, size_t count)
{
	struct srtp_batch batch;

	assert(count <= BF_UDP_BATCH);
	adapt_rest(worker, count);
	batch.count = 0;
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
	bf_worker_drain_sctp(worker);
}
