#include "tests/media/worker/peer.h"

#include "core/base/clock.h"
#include "core/base/rand.h"
#include "tests/media/stun/stun_build.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h> /* cmocka wants these before it */
#include <stdarg.h>

#include <cmocka.h>

static int open_udp(void)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int size = 1 << 20;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return fd;
}

void peer_open(struct peer *peer, enum bf_srtp_profile profile)
{
	char why[256];

	memset(peer, 0, sizeof(*peer));
	peer->fd = open_udp();
	assert_int_equal(
		bf_srtp_engine_new(&peer->engine, BF_SRTP_ENGINE_LIBSRTP2, why, sizeof(why)), 0);
	assert_int_equal(bf_dtls_ctx_new(&peer->dtls_ctx, &profile, 1), 0);
	peer_restart(peer);
}

void peer_restart(struct peer *peer)
{
	snprintf(peer->ufrag, sizeof(peer->ufrag), "%08x", bf_rand_u32());
	snprintf(peer->pwd, sizeof(peer->pwd), "%016lx%08x", bf_rand_u64(), bf_rand_u32());
}

static void connect_tcp(struct peer *peer)
{
	struct sockaddr_storage sa;
	socklen_t sa_len = bf_addr_to_sockaddr(&peer->server, &sa);
	int on = 1;

	close(peer->fd);
	peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(peer->fd >= 0);
	assert_int_equal(connect(peer->fd, (struct sockaddr *)&sa, sa_len), 0);
	assert_int_equal(setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
	peer->stream_len = 0;
}

void peer_move(struct peer *peer)
{
	if (peer->is_tcp) {
		connect_tcp(peer);
		return;
	}
	close(peer->fd);
	peer->fd = open_udp();
}

void peer_close(struct peer *peer)
{
	bf_dtls_free(peer->dtls);
	bf_srtp_free(peer->srtp_in);
	bf_srtp_free(peer->srtp_out);
	bf_srtp_engine_free(peer->engine);
	bf_dtls_ctx_free(peer->dtls_ctx);
	close(peer->fd);
}

static void write_transport(const struct peer *peer, struct bf_wr *wr, const char *setup)
{
	char text[512];

	snprintf(text, sizeof(text),
		"c=IN IP4 0.0.0.0\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:sha-256 %s\r\n"
		"a=setup:%s\r\na=rtcp-mux\r\na=rtcp-rsize\r\n",
		peer->ufrag, peer->pwd, bf_dtls_ctx_fingerprint(peer->dtls_ctx), setup);
	bf_wr_str(wr, text);
}

void peer_describe(struct peer *peer, const struct peer_section *sections, size_t count,
	const char *setup, char out[static PEER_SDP_MAX])
{
	struct bf_wr wr = bf_wr(out, PEER_SDP_MAX - 1);

	memset(out, 0, PEER_SDP_MAX);
	bf_wr_str(&wr, "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE");
	for (size_t i = 0; i < count; i++) {
		bf_wr_str(&wr, " ");
		bf_wr_str(&wr, sections[i].mid);
	}
	bf_wr_str(&wr, "\r\n");
	for (size_t i = 0; i < count; i++) {
		bf_wr_str(&wr, "m=");
		bf_wr_str(&wr, sections[i].m);
		bf_wr_str(&wr, "\r\n");
		write_transport(peer, &wr, setup);
		bf_wr_str(&wr, "a=mid:");
		bf_wr_str(&wr, sections[i].mid);
		bf_wr_str(&wr, "\r\n");
		bf_wr_str(&wr, sections[i].lines);
	}
	assert_false(wr.is_full);
}

void peer_offer(struct peer *peer, bool is_simulcast, char out[static PEER_SDP_MAX])
{
	static const char plain[] = "a=sendonly\r\n" PEER_VP8_LINES;
	static const char simulcast[] =
		"a=sendonly\r\n" PEER_VP8_LINES
		"a=rid:q send\r\na=rid:h send\r\na=rid:f send\r\na=simulcast:send q;h;f\r\n";
	const struct peer_section sections[] = {
		{PEER_OPUS_M, "0", "a=sendonly\r\n" PEER_OPUS_LINES},
		{PEER_VIDEO_M, "1", is_simulcast ? simulcast : plain},
	};

	peer_describe(peer, sections, 2, "actpass", out);
}

/* Line by line: what describes the server's end is replaced or left out, the rest echoed. */
void peer_answer(struct peer *peer, const char *offer, char out[static PEER_SDP_MAX])
{
	static const char *const dropped[] = {"a=ice-", "a=fingerprint", "a=setup", "a=candidate",
		"a=end-of", "a=rtcp-mux", "a=rtcp-rsize", "c=", "a=ssrc", "a=msid:"};
	struct bf_wr wr = bf_wr(out, PEER_SDP_MAX - 1);

	memset(out, 0, PEER_SDP_MAX);
	while (*offer) {
		size_t len = strcspn(offer, "\n") + 1;
		bool is_dropped = false;
		for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++)
			is_dropped =
				is_dropped || strncmp(offer, dropped[i], strlen(dropped[i])) == 0;
		if (strncmp(offer, "a=sendonly", 10) == 0)
			bf_wr_str(&wr, "a=recvonly\r\n");
		else if (!is_dropped)
			bf_wr_bytes(&wr, bf_bytes(offer, len));
		if (strncmp(offer, "m=", 2) == 0)
			write_transport(peer, &wr, peer->is_dtls_server ? "passive" : "active");
		offer += len;
	}
	assert_false(wr.is_full);
}

static void find_line(const char *sdp, const char *prefix, char *out, size_t size)
{
	const char *at = strstr(sdp, prefix);
	size_t len;

	if (!at)
		fail_msg("no %s in:\n%s", prefix, sdp);
	at += strlen(prefix);
	len = strcspn(at, "\r\n");
	assert_true(len < size);
	memcpy(out, at, len);
	out[len] = '\0';
}

void peer_set_remote(struct peer *peer, const char *sdp)
{
	char candidate[256], port[16];

	find_line(sdp, "a=ice-ufrag:", peer->remote_ufrag, sizeof(peer->remote_ufrag));
	find_line(sdp, "a=ice-pwd:", peer->remote_pwd, sizeof(peer->remote_pwd));
	find_line(sdp, "a=fingerprint:sha-256 ", peer->remote_fingerprint,
		sizeof(peer->remote_fingerprint));
	find_line(sdp, "a=candidate:", candidate, sizeof(candidate));
	assert_int_equal(sscanf(candidate, "%*s %*s %*s %*s %*s %15s", port), 1);
	assert_int_equal(
		bf_addr_parse_ip(&peer->server, "127.0.0.1", (uint16_t)strtoul(port, NULL, 10)), 0);
	if (peer->is_tcp && peer->stream_len == 0 && !peer->dtls)
		connect_tcp(peer);
}

/* TCP: byte by byte now and then, so that frames are cut everywhere. */
static void send_stream(const struct peer *peer, const uint8_t *data, size_t len)
{
	size_t piece = len < 100 ? 1 : len;

	for (size_t at = 0; at < len; at += piece)
		assert_int_equal(send(peer->fd, data + at, len - at < piece ? len - at : piece,
					 MSG_NOSIGNAL),
			len - at < piece ? len - at : piece);
}

static void send_now(void *arg, const uint8_t *data, size_t len)
{
	const struct peer *peer = arg;
	struct sockaddr_storage sa;
	socklen_t sa_len = bf_addr_to_sockaddr(&peer->server, &sa);
	uint8_t frame[PEER_MTU + 2];

	if (!peer->is_tcp) {
		assert_int_equal(sendto(peer->fd, data, len, 0, (struct sockaddr *)&sa, sa_len),
			(ssize_t)len);
		return;
	}
	bf_put_u16(frame, (uint16_t)len);
	memcpy(frame + 2, data, len);
	send_stream(peer, frame, len + 2);
}

static bool is_media(const uint8_t *data, size_t len)
{
	return len > 0 && data[0] >= 128 && data[0] <= 191;
}

void peer_send(struct peer *peer, const void *data, size_t len)
{
	if (peer->out && is_media(data, len))
		link_pass(peer->out, data, len, send_now, peer);
	else
		send_now(peer, data, len);
}

static void send_check(struct peer *peer)
{
	char username[128];
	struct stun_build build;
	struct stun_check check = {.username = username,
		.password = peer->remote_pwd,
		.priority = 1853824767,
		.use_candidate = true};

	snprintf(username, sizeof(username), "%s:%s", peer->remote_ufrag, peer->ufrag);
	stun_check(&build, &check);
	peer_send(peer, build.bytes, build.len);
}

/* A whole frame out of the stream; 0: there is none yet. */
static size_t take_frame(struct peer *peer, uint8_t out[static PEER_MTU])
{
	size_t len = peer->stream_len >= 2 ? bf_get_u16(peer->stream) : 0;

	if (len == 0 || peer->stream_len < len + 2)
		return 0;
	assert_true(len <= PEER_MTU);
	memcpy(out, peer->stream + 2, len);
	peer->stream_len -= len + 2;
	memmove(peer->stream, peer->stream + len + 2, peer->stream_len);
	return len;
}

static size_t recv_stream(struct peer *peer, int wait_ms, uint8_t out[static PEER_MTU])
{
	struct pollfd pfd = {.fd = peer->fd, .events = POLLIN};
	size_t len = take_frame(peer, out);
	ssize_t got;

	if (len > 0 || poll(&pfd, 1, wait_ms) <= 0)
		return len;
	got = recv(peer->fd, peer->stream + peer->stream_len,
		sizeof(peer->stream) - peer->stream_len, 0);
	if (got > 0)
		peer->stream_len += (size_t)got;
	else
		usleep(1000); /* the server has closed it */
	return take_frame(peer, out);
}

static size_t recv_raw(struct peer *peer, int wait_ms, uint8_t out[static PEER_MTU])
{
	struct pollfd pfd = {.fd = peer->fd, .events = POLLIN};
	ssize_t len;

	if (peer->is_tcp)
		return recv_stream(peer, wait_ms, out);
	if (poll(&pfd, 1, wait_ms) <= 0)
		return 0;
	len = recv(peer->fd, out, PEER_MTU, 0);
	return len > 0 ? (size_t)len : 0;
}

static void keep(void *arg, const uint8_t *data, size_t len)
{
	struct peer *peer = arg;
	size_t at = (peer->waiting_head + peer->waiting_count) % 64;

	assert_true(peer->waiting_count < 64);
	memcpy(peer->waiting[at], data, len);
	peer->waiting_lens[at] = len;
	peer->waiting_count++;
}

static size_t recv_wait(struct peer *peer, int wait_ms, uint8_t out[static PEER_MTU])
{
	size_t len;

	if (peer->waiting_count == 0) {
		len = recv_raw(peer, wait_ms, out);
		if (!peer->in || (len > 0 && !is_media(out, len)))
			return len;
		if (len > 0)
			link_pass(peer->in, out, len, keep, peer);
		else
			link_flush(peer->in, keep, peer);
	}
	if (peer->waiting_count == 0)
		return 0;
	len = peer->waiting_lens[peer->waiting_head];
	memcpy(out, peer->waiting[peer->waiting_head], len);
	peer->waiting_head = (peer->waiting_head + 1) % 64;
	peer->waiting_count--;
	return len;
}

bool peer_try_check(struct peer *peer)
{
	uint8_t packet[PEER_MTU];
	int64_t until_us = bf_clock_mono_us() + BF_MS(500);

	send_check(peer);
	while (bf_clock_mono_us() < until_us)
		if (recv_wait(peer, 50, packet) > 0 && packet[0] == 1 && packet[1] == 1)
			return true;
	return false;
}

void peer_check(struct peer *peer)
{
	for (int i = 0; i < 10; i++)
		if (peer_try_check(peer))
			return;
	fail_msg("no answer to the check");
}

void peer_flush_dtls(struct peer *peer)
{
	uint8_t datagram[BF_DTLS_DATAGRAM_MAX];
	size_t len;

	while ((len = bf_dtls_poll(peer->dtls, datagram, sizeof(datagram))) > 0)
		peer_send(peer, datagram, len);
}

static void on_dtls(struct peer *peer, struct bf_bytes datagram)
{
	uint8_t record[BF_DTLS_MTU];
	size_t len;

	(void)bf_dtls_on_datagram(peer->dtls, datagram, bf_clock_mono_us());
	peer_flush_dtls(peer);
	while ((len = bf_dtls_read(peer->dtls, record, sizeof(record))) > 0)
		if (peer->on_record)
			peer->on_record(peer->on_record_arg, bf_bytes(record, len));
}

static void make_srtp(struct peer *peer)
{
	struct bf_srtp_key outgoing, incoming;

	peer->profile = bf_dtls_srtp_keys(peer->dtls, &outgoing, &incoming);
	if (peer->profile == BF_SRTP_NONE || peer->srtp_out)
		return;
	assert_int_equal(
		bf_srtp_new(&peer->srtp_out, peer->engine, peer->profile, &outgoing, true), 0);
	assert_int_equal(
		bf_srtp_new(&peer->srtp_in, peer->engine, peer->profile, &incoming, false), 0);
}

void peer_start_dtls(struct peer *peer)
{
	assert_int_equal(bf_dtls_new(&peer->dtls, peer->dtls_ctx,
				 peer->is_dtls_server ? BF_DTLS_SERVER : BF_DTLS_CLIENT,
				 bf_bytes_str("sha-256"), bf_bytes_str(peer->remote_fingerprint)),
		0);
}

void peer_turn_dtls(struct peer *peer)
{
	uint8_t packet[PEER_MTU];
	size_t len = recv_wait(peer, 20, packet);

	if (len > 0 && packet[0] >= 20 && packet[0] <= 63)
		on_dtls(peer, bf_bytes(packet, len));
	else if (bf_dtls_deadline_us(peer->dtls) <= bf_clock_mono_us())
		bf_dtls_on_timer(peer->dtls, bf_clock_mono_us());
	peer_flush_dtls(peer);
	if (bf_dtls_state(peer->dtls) == BF_DTLS_CONNECTED)
		make_srtp(peer);
}

void peer_connect(struct peer *peer)
{
	int64_t until_us = bf_clock_mono_us() + BF_SEC(5);

	peer_start_dtls(peer);
	peer_check(peer);
	bf_dtls_start(peer->dtls, bf_clock_mono_us());
	peer_flush_dtls(peer);
	while (bf_dtls_state(peer->dtls) == BF_DTLS_HANDSHAKING && bf_clock_mono_us() < until_us)
		peer_turn_dtls(peer);
	assert_int_equal(bf_dtls_state(peer->dtls), BF_DTLS_CONNECTED);
}

void peer_send_rtp(
	struct peer *peer, const struct bf_rtp *rtp, struct bf_bytes ext, struct bf_bytes payload)
{
	uint8_t packet[PEER_MTU];
	struct bf_wr wr = bf_wr(packet, BF_RTP_HEADER_MAX);
	struct bf_rtp copy = *rtp;
	struct bf_srtp_protect_job job = {.srtp = peer->srtp_out,
		.payload = payload,
		.dst = packet,
		.dst_size = sizeof(packet)};

	copy.has_ext = ext.len > 0;
	copy.ext_profile = 0xbede;
	bf_rtp_write_header(&wr, &copy, ext);
	job.header_len = bf_wr_len(&wr);
	bf_srtp_protect(&job, 1);
	assert_true(job.dst_len > 0);
	peer_send(peer, packet, job.dst_len);
}

void peer_send_rtcp(struct peer *peer, const uint8_t *data, size_t len)
{
	uint8_t packet[PEER_MTU];
	int protected_len;

	memcpy(packet, data, len);
	protected_len = bf_srtp_protect_rtcp(peer->srtp_out, packet, len, sizeof(packet));
	assert_true(protected_len > 0);
	peer_send(peer, packet, (size_t)protected_len);
}

static enum peer_kind unprotect(struct peer *peer, uint8_t *data, size_t *len)
{
	struct bf_srtp_unprotect_job job = {.srtp = peer->srtp_in, .data = data, .len = *len};

	if (bf_rtp_is_rtcp(bf_bytes(data, *len)))
		return bf_srtp_unprotect_rtcp(peer->srtp_in, data, len) ? PEER_NOTHING : PEER_RTCP;
	bf_srtp_unprotect(&job, 1);
	*len = job.len;
	return job.drop ? PEER_NOTHING : PEER_RTP;
}

bool peer_serve(struct peer *peer, uint8_t out[static PEER_MTU], size_t *len)
{
	*len = recv_wait(peer, 0, out);
	if (*len > 0 && out[0] >= 20 && out[0] <= 63)
		on_dtls(peer, bf_bytes(out, *len));
	return *len > 0;
}

enum peer_kind peer_recv(struct peer *peer, int wait_ms, uint8_t out[static PEER_MTU], size_t *len)
{
	int64_t until_us = bf_clock_mono_us() + BF_MS(wait_ms);
	int64_t now_us;

	while ((now_us = bf_clock_mono_us()) <= until_us) {
		enum peer_kind kind;
		*len = recv_wait(peer, (int)((until_us - now_us) / 1000) + 1, out);
		if (*len == 0)
			continue;
		if (out[0] >= 20 && out[0] <= 63)
			on_dtls(peer, bf_bytes(out, *len));
		if (!is_media(out, *len))
			continue;
		kind = unprotect(peer, out, len);
		if (kind != PEER_NOTHING)
			return kind;
	}
	return PEER_NOTHING;
}
