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

/* The socket and the keys go at once; what was counted stays. */
static void close_media(struct bench_peer *peer)
{
	if (peer->source.fd >= 0)
		close(peer->source.fd);
	peer->source.fd = -1;
	bf_dtls_free(peer->dtls);
	bf_srtp_free(peer->srtp_in);
	bf_srtp_free(peer->srtp_out);
	peer->dtls = NULL;
	peer->srtp_in = peer->srtp_out = NULL;
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

/* ---- HTTP ---- */

static void take_session(struct bench_peer *peer, const struct bench_http *http)
{
	char *location = bench_http_field(http, "Location");
	const char *path = location;

	if (path && strncmp(path, "http", 4) == 0 && (path = strstr(path, "://")))
		path = strchr(path + 3, '/');
	peer->session = path ? strdup(path) : NULL;
	free(location);
}

static void on_answer(void *arg, struct bench_http *http)
{
	struct bench_peer *peer = arg;
	int status = bench_http_status(http);
	char *body = bench_http_body(http);
	char why[128];

	take_session(peer, http);
	if (status == 0)
		bench_peer_fail(peer, "no answer by HTTP");
	else if (status != 201 || !body)
		bench_peer_fail(peer, "HTTP status %d: %.200s", status, body ? body : "");
	else if (bench_offer_read_answer(&peer->remote, peer->bench->sdp, body, &peer->bench->http,
			 why, sizeof(why)))
		bench_peer_fail(peer, "answer: %s", why);
	else if (!peer->remote.has[BENCH_VIDEO] ||
		 (peer->local.has_audio && !peer->remote.has[BENCH_AUDIO]))
		bench_peer_fail(peer, "the server rejected audio or video");
	else if (bench_peer_open_udp(peer) < 0)
		bench_peer_fail(peer, "UDP socket: %s", strerror(errno));
	else
		peer->state = BENCH_PEER_CHECKING;
	free(body);
	bench_http_close(http);
	bench_peer_tick(peer, now_us());
}

static void make_local(struct bench_peer *peer, const struct bench_local *local)
{
	peer->local = *local;
	peer->local.fingerprint = bf_dtls_ctx_fingerprint(peer->bench->dtls);
	snprintf(peer->local.ufrag, sizeof(peer->local.ufrag), "%08x", bf_rand_u32());
	snprintf(peer->local.pwd, sizeof(peer->local.pwd), "%016lx%016lx", bf_rand_u64(),
		bf_rand_u64());
	peer->tie_breaker = bf_rand_u64();
}

void bench_peer_start(struct bench_peer *peer, struct bench *bench, const char *path,
	const struct bench_local *local, const struct bench_peer_ops *ops, void *arg)
{
	char offer[BENCH_OFFER_MAX];
	struct bench_http_request request = {.method = "POST",
		.path = path,
		.content_type = "application/sdp",
		.body = offer,
		.arg = peer,
		.on_done = on_answer};
	int err;

	*peer = (struct bench_peer){.bench = bench, .ops = ops, .arg = arg, .source.fd = -1};
	peer->started_us = now_us();
	make_local(peer, local);
	bench_offer_write(offer, &peer->local);
	peer->state = BENCH_PEER_POSTING;
	err = bench_http_start(&peer->http, bench, &request);
	if (err)
		bench_peer_fail(peer, "HTTP: %s", strerror(-err));
}

static void on_deleted(void *arg, struct bench_http *http)
{
	struct bench_peer *peer = arg;
	int status = bench_http_status(http);

	peer->was_deleted = status >= 200 && status < 300;
	peer->state = BENCH_PEER_GONE;
	bench_http_close(http);
}

void bench_peer_leave(struct bench_peer *peer)
{
	struct bench_http_request request = {
		.method = "DELETE", .path = peer->session, .arg = peer, .on_done = on_deleted};

	close_media(peer);
	peer->state = BENCH_PEER_GONE;
	if (peer->session && bench_http_start(&peer->http, peer->bench, &request) == 0)
		peer->state = BENCH_PEER_LEAVING;
}

void bench_peer_free(struct bench_peer *peer)
{
	if (!peer->bench)
		return; /* never started */
	close_media(peer);
	bench_http_close(&peer->http);
	free(peer->session);
	peer->session = NULL;
}

/* ---- ICE ---- */

static void send_check(struct bench_peer *peer, int64_t at_us)
{
	char username[BENCH_NAME_MAX + BENCH_UFRAG_BYTES + 1];
	uint8_t out[BENCH_CHECK_MAX];
	struct bench_check check = {.username = username,
		.password = peer->remote.pwd,
		.tie_breaker = peer->tie_breaker,
		.priority = PRIORITY};

	snprintf(username, sizeof(username), "%s:%s", peer->remote.ufrag, peer->local.ufrag);
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

static void start_dtls(struct bench_peer *peer)
{
	if (bf_dtls_new(&peer->dtls, peer->bench->dtls, peer->remote.role,
		    bf_bytes_str(peer->remote.hash), bf_bytes_str(peer->remote.fingerprint))) {
		bench_peer_fail(peer, "the answer's fingerprint cannot be used");
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

	if (bf_stun_check_request(&request, packet, password))
		return;
	len = bf_stun_write_success(out, sizeof(out), packet, &peer->remote.addr, password);
	if (len > 0)
		(void)bench_peer_send(peer, out, (size_t)len);
}

void bench_peer_on_stun(struct bench_peer *peer, struct bf_bytes packet)
{
	int64_t at_us = now_us();

	if (!peer->is_checking || !bench_check_is_answer(packet, peer->tid, peer->remote.pwd)) {
		answer_check(peer, packet);
		return;
	}
	peer->is_checking = false;
	peer->rtt_us = at_us - peer->check_sent_us;
	peer->last_answer_us = at_us;
	peer->check_due_us = at_us + CONSENT_US * 4 / 5 + bf_rand_u32() % (CONSENT_US * 2 / 5);
	if (peer->state == BENCH_PEER_CHECKING)
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
		return;
	(void)bf_dtls_on_datagram(peer->dtls, packet, now_us());
	after_dtls(peer);
}

void bench_peer_tick(struct bench_peer *peer, int64_t at_us)
{
	if (peer->state < BENCH_PEER_CHECKING || peer->state > BENCH_PEER_LIVE) {
		if (peer->state == BENCH_PEER_POSTING && at_us - peer->started_us > CONNECT_US)
			bench_peer_fail(peer, "no answer to the offer for 30 s");
		return;
	}
	if (peer->state != BENCH_PEER_LIVE && at_us - peer->started_us > CONNECT_US) {
		bench_peer_fail(peer, "not connected after 30 s: %s",
			peer->state == BENCH_PEER_CHECKING ? "no answer to checks" : "DTLS");
		return;
	}
	tick_ice(peer, at_us);
	if (peer->dtls && bf_dtls_deadline_us(peer->dtls) <= at_us) {
		bf_dtls_on_timer(peer->dtls, at_us);
		after_dtls(peer);
	}
}
