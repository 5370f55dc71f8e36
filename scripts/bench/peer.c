#include "scripts/bench/peer.h"

#include "core/base/rand.h"
#include "media/stun/stun.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CHECK_AGAIN_US	 50000 /* until the first answer, doubled up to ... */
#define CHECK_SLOWEST_US 500000
#define CONSENT_US	 2500000  /* Chromium's rhythm; RFC 7675 asks for 5 s */
#define CONSENT_LOST_US	 30000000 /* RFC 7675 section 5.1 */
#define CONNECT_US	 30000000
#define PRIORITY	 1853824767 /* prflx, as Chromium writes it */

static int64_t now_us(void)
{
	return bench_now_ns() / 1000;
}

void bench_peer_close(struct bench_peer *peer)
{
	if (!peer->bench)
		return; /* never opened */
	if (peer->source.fd >= 0)
		close(peer->source.fd);
	peer->source.fd = -1;
	bf_dtls_free(peer->dtls);
	bf_srtp_free(peer->srtp_in);
	bf_srtp_free(peer->srtp_out);
	peer->dtls = NULL;
	peer->srtp_in = peer->srtp_out = NULL;
	if (peer->state != BENCH_PEER_FAILED)
		peer->state = BENCH_PEER_CLOSED;
}

void bench_peer_free(struct bench_peer *peer)
{
	bench_peer_close(peer);
	free(peer->remote);
	peer->remote = NULL;
}

void bench_peer_fail(struct bench_peer *peer, const char *format, ...)
{
	va_list args;

	if (peer->state == BENCH_PEER_FAILED)
		return;
	va_start(args, format);
	vsnprintf(peer->cause, sizeof(peer->cause), format, args);
	va_end(args);
	peer->state = BENCH_PEER_FAILED;
}

/* ---- descriptions ---- */

int bench_peer_open(
	struct bench_peer *peer, struct bench *bench, const struct bench_peer_ops *ops, void *arg)
{
	int err;

	*peer = (struct bench_peer){.bench = bench, .ops = ops, .arg = arg, .source.fd = -1};
	peer->started_us = now_us();
	peer->local.fingerprint = bf_dtls_ctx_fingerprint(bench->dtls);
	snprintf(peer->local.ufrag, sizeof(peer->local.ufrag), "%08x", bf_rand_u32());
	snprintf(peer->local.pwd, sizeof(peer->local.pwd), "%016lx%016lx", bf_rand_u64(),
		bf_rand_u64());
	peer->tie_breaker = bf_rand_u64();
	peer->state = BENCH_PEER_SIGNALING;
	err = bench_peer_open_udp(peer);
	if (err)
		bench_peer_fail(peer, "UDP socket: %s", strerror(-err));
	return err;
}

/* RFC 8445 section 6.1.1: who offers controls, unless the other side is lite. */
static void begin(struct bench_peer *peer, bool is_offer)
{
	peer->is_controlled = is_offer && !peer->remote->is_lite;
	if (bench_peer_connect_udp(peer) < 0) {
		bench_peer_fail(peer, "UDP socket: %s", strerror(errno));
		return;
	}
	peer->state = BENCH_PEER_CHECKING;
	(void)bench_peer_tick(peer, now_us());
}

int bench_peer_take(struct bench_peer *peer, const char *text, bool is_offer)
{
	struct bench_remote *remote = malloc(sizeof(*remote));
	char why[128] = "no memory";

	if (!remote || bench_description_read(remote, peer->bench->sdp, text, &peer->bench->http,
			       why, sizeof(why))) {
		bench_peer_fail(peer, "%s: %s", is_offer ? "offer" : "answer", why);
		free(remote);
		return -EINVAL;
	}
	if (peer->remote && strcmp(peer->remote->ufrag, remote->ufrag) != 0) {
		bench_peer_fail(peer, "the server restarts ICE, which is not played here");
		free(remote);
		return -EINVAL;
	}
	free(peer->remote);
	peer->remote = remote;
	if (peer->state == BENCH_PEER_SIGNALING)
		begin(peer, is_offer);
	return 0;
}

/* ---- ICE ---- */

static void send_check(struct bench_peer *peer, int64_t at_us)
{
	char username[BENCH_NAME_MAX + BENCH_UFRAG_BYTES + 1];
	uint8_t out[BENCH_CHECK_MAX];
	struct bench_check check = {.username = username,
		.password = peer->remote->pwd,
		.tie_breaker = peer->tie_breaker,
		.priority = PRIORITY,
		.is_controlled = peer->is_controlled};

	snprintf(username, sizeof(username), "%s:%s", peer->remote->ufrag, peer->local.ufrag);
	bf_rand_bytes(peer->tid, sizeof(peer->tid));
	peer->is_checking = true;
	peer->check_sent_us = at_us;
	(void)bench_peer_send(peer, out, bench_check_write(out, sizeof(out), &check, peer->tid));
}

static void flush_dtls(struct bench_peer *peer)
{
	uint8_t datagram[BF_DTLS_DATAGRAM_MAX];
	size_t len;

	while ((len = bf_dtls_poll(peer->dtls, datagram, sizeof(datagram))) > 0)
		(void)bench_peer_send(peer, datagram, len);
}

/* Once the path works in our direction, and the side that decides has decided. */
static void start_dtls(struct bench_peer *peer)
{
	if (peer->state != BENCH_PEER_CHECKING || !peer->is_checked ||
		(peer->is_controlled && !peer->is_nominated))
		return;
	if (bf_dtls_new(&peer->dtls, peer->bench->dtls,
		    peer->remote->is_active ? BF_DTLS_SERVER : BF_DTLS_CLIENT,
		    bf_bytes_str(peer->remote->hash), bf_bytes_str(peer->remote->fingerprint))) {
		bench_peer_fail(peer, "the description's fingerprint cannot be used");
		return;
	}
	peer->state = BENCH_PEER_SHAKING;
	bf_dtls_start(peer->dtls, now_us());
	flush_dtls(peer);
}

/* A server with full ICE checks us, too. */
static void answer_check(struct bench_peer *peer, struct bf_bytes packet)
{
	struct bf_bytes password = bf_bytes_str(peer->local.pwd);
	struct bf_stun_request request;
	uint8_t out[BF_STUN_MAX];
	int len;

	if (!peer->remote || bf_stun_check_request(&request, packet, password))
		return;
	len = bf_stun_write_success(out, sizeof(out), packet, &peer->remote->addr, password);
	if (len > 0)
		(void)bench_peer_send(peer, out, (size_t)len);
	peer->is_nominated = peer->is_nominated || request.use_candidate;
	start_dtls(peer);
}

void bench_peer_on_stun(struct bench_peer *peer, struct bf_bytes packet)
{
	int64_t at_us = now_us();

	if (!peer->is_checking || !bench_check_is_answer(packet, peer->tid, peer->remote->pwd)) {
		answer_check(peer, packet);
		return;
	}
	peer->is_checking = false;
	peer->is_checked = true;
	peer->rtt_us = at_us - peer->check_sent_us;
	peer->last_answer_us = at_us;
	peer->check_due_us = at_us + CONSENT_US * 4 / 5 + bf_rand_u32() % (CONSENT_US * 2 / 5);
	start_dtls(peer);
}

static void tick_ice(struct bench_peer *peer, int64_t at_us)
{
	int64_t wait_us = at_us - peer->started_us;

	if (at_us < peer->check_due_us)
		return;
	if (peer->state == BENCH_PEER_LIVE && at_us - peer->last_answer_us > CONSENT_LOST_US) {
		bench_peer_fail(peer, "consent lost: no answer to checks for 30 s");
		return;
	}
	if (wait_us < CHECK_AGAIN_US)
		wait_us = CHECK_AGAIN_US;
	peer->check_due_us = at_us + (wait_us < CHECK_SLOWEST_US ? wait_us : CHECK_SLOWEST_US);
	send_check(peer, at_us);
}

/* ---- DTLS ---- */

static void take_keys(struct bench_peer *peer)
{
	struct bf_srtp_engine *engine = peer->bench->srtp;
	struct bf_srtp_key outgoing, incoming;
	enum bf_srtp_profile profile = bf_dtls_srtp_keys(peer->dtls, &outgoing, &incoming);

	if (profile == BF_SRTP_NONE ||
		bf_srtp_new(&peer->srtp_out, engine, profile, &outgoing, true) ||
		bf_srtp_new(&peer->srtp_in, engine, profile, &incoming, false)) {
		bench_peer_fail(peer, "no SRTP profile in common");
		return;
	}
	peer->state = BENCH_PEER_LIVE;
	peer->live_us = now_us();
	peer->ops->on_live(peer->arg);
}

static void after_dtls(struct bench_peer *peer)
{
	flush_dtls(peer);
	switch (bf_dtls_state(peer->dtls)) {
	case BF_DTLS_HANDSHAKING:
		return;
	case BF_DTLS_CONNECTED:
		if (peer->state == BENCH_PEER_SHAKING)
			take_keys(peer);
		return;
	case BF_DTLS_CLOSED:
		bench_peer_fail(peer, "the server closed the connection");
		return;
	case BF_DTLS_FAILED:
		bench_peer_fail(peer, "DTLS: %s", bf_dtls_error(peer->dtls));
		return;
	}
}

void bench_peer_on_dtls(struct bench_peer *peer, struct bf_bytes packet)
{
	if (!peer->dtls)
		return; /* the other side was faster; it will send this again */
	(void)bf_dtls_on_datagram(peer->dtls, packet, now_us());
	after_dtls(peer);
}

/* ---- timers ---- */

static bool is_late(struct bench_peer *peer, int64_t at_us)
{
	if (peer->state == BENCH_PEER_LIVE || at_us - peer->started_us <= CONNECT_US)
		return false;
	bench_peer_fail(peer, "not connected after 30 s: %s",
		peer->state == BENCH_PEER_SIGNALING  ? "no description"
		: peer->state == BENCH_PEER_CHECKING ? "no answer to checks"
						     : "DTLS");
	return true;
}

int64_t bench_peer_tick(struct bench_peer *peer, int64_t at_us)
{
	int64_t due_us;

	if (peer->state < BENCH_PEER_SIGNALING || peer->state > BENCH_PEER_LIVE ||
		is_late(peer, at_us))
		return INT64_MAX;
	if (peer->state == BENCH_PEER_SIGNALING)
		return peer->started_us + CONNECT_US + 1;
	tick_ice(peer, at_us);
	due_us = peer->check_due_us;
	if (!peer->dtls)
		return due_us;
	if (bf_dtls_deadline_us(peer->dtls) <= at_us) {
		bf_dtls_on_timer(peer->dtls, at_us);
		after_dtls(peer);
	}
	return bf_dtls_deadline_us(peer->dtls) < due_us ? bf_dtls_deadline_us(peer->dtls) : due_us;
}

/* ---- SRTP ---- */

int bench_peer_send_rtp(struct bench_peer *peer, struct bf_bytes header, struct bf_bytes payload)
{
	uint8_t packet[BENCH_DATAGRAM_MAX + BF_SRTP_OVERHEAD_MAX];
	struct bf_srtp_protect_job job = {.srtp = peer->srtp_out,
		.dst = packet,
		.dst_size = sizeof(packet),
		.header_len = header.len,
		.payload = payload};

	assert(header.len <= sizeof(packet));
	memcpy(packet, header.data, header.len);
	bf_srtp_protect(&job, 1);
	if (job.dst_len == 0)
		return -EIO;
	return bench_peer_send(peer, packet, job.dst_len);
}

int bench_peer_send_rtcp(struct bench_peer *peer, uint8_t *data, size_t len, size_t size)
{
	int protected_len = bf_srtp_protect_rtcp(peer->srtp_out, data, len, size);

	return protected_len > 0 ? bench_peer_send(peer, data, (size_t)protected_len) : -EIO;
}

bool bench_peer_unprotect_rtp(struct bench_peer *peer, uint8_t *data, size_t *len)
{
	struct bf_srtp_unprotect_job job = {.srtp = peer->srtp_in, .data = data, .len = *len};

	bf_srtp_unprotect(&job, 1);
	*len = job.len;
	return job.drop == BF_DROP_NONE;
}

void bench_peer_on_rtcp(struct bench_peer *peer, uint8_t *data, size_t len)
{
	peer->bench->totals.rtcp_packets++;
	if (bf_srtp_unprotect_rtcp(peer->srtp_in, data, &len) == BF_DROP_NONE)
		peer->ops->on_rtcp(peer->arg, bf_bytes(data, len));
	else
		peer->bench->totals.sample_failures++;
}
