#include "tests/media/worker/peer.h"

#include "core/base/clock.h"
#include "core/base/rand.h"
#include "tests/media/stun/stun_build.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h> /* cmocka wants these before it */
#include <stdarg.h>

#include <cmocka.h>

void peer_open(struct peer *peer, enum bf_srtp_profile profile)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	memset(peer, 0, sizeof(*peer));
	peer->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(peer->fd >= 0);
	assert_int_equal(bind(peer->fd, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(bf_dtls_ctx_new(&peer->dtls_ctx, &profile, 1), 0);
	snprintf(peer->ufrag, sizeof(peer->ufrag), "%08x", bf_rand_u32());
	snprintf(peer->pwd, sizeof(peer->pwd), "%016lx%08x", bf_rand_u64(), bf_rand_u32());
}

void peer_close(struct peer *peer)
{
	bf_dtls_free(peer->dtls);
	bf_srtp_free(peer->srtp_in);
	bf_srtp_free(peer->srtp_out);
	bf_dtls_ctx_free(peer->dtls_ctx);
	close(peer->fd);
}

static void write_section(const struct peer *peer, struct bf_wr *wr, const char *setup)
{
	char text[512];

	snprintf(text, sizeof(text),
		"c=IN IP4 0.0.0.0\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:sha-256 %s\r\n"
		"a=setup:%s\r\na=rtcp-mux\r\na=rtcp-rsize\r\n",
		peer->ufrag, peer->pwd, bf_dtls_ctx_fingerprint(peer->dtls_ctx), setup);
	bf_wr_str(wr, text);
}

#define SESSION "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n"

void peer_offer(struct peer *peer, bool is_simulcast, char out[static PEER_SDP_MAX])
{
	struct bf_wr wr = bf_wr(out, PEER_SDP_MAX - 1);

	memset(out, 0, PEER_SDP_MAX);
	bf_wr_str(&wr, SESSION "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n");
	write_section(peer, &wr, "actpass");
	bf_wr_str(&wr,
		"a=mid:0\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
		"a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n"
		"a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=sendonly\r\n"
		"a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n"
		"m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n");
	write_section(peer, &wr, "actpass");
	bf_wr_str(&wr,
		"a=mid:1\r\na=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n"
		"a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
		"a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n"
		"a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\na=sendonly\r\n"
		"a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 transport-cc\r\n"
		"a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n");
	if (is_simulcast)
		bf_wr_str(&wr, "a=rid:q send\r\na=rid:h send\r\na=rid:f send\r\na=simulcast:send q;h;f\r\n");
	assert_false(wr.is_full);
}

/* Line by line: what describes the server's end is replaced or left out, the rest echoed. */
void peer_answer(struct peer *peer, const char *offer, char out[static PEER_SDP_MAX])
{
	static const char *const dropped[] = {"a=ice-", "a=fingerprint", "a=setup", "a=candidate", "a=end-of",
		"a=rtcp-mux", "a=rtcp-rsize", "c=", "a=ssrc", "a=msid:"};
	struct bf_wr wr = bf_wr(out, PEER_SDP_MAX - 1);

	memset(out, 0, PEER_SDP_MAX);
	while (*offer) {
		size_t len = strcspn(offer, "\n") + 1;
		bool is_dropped = false;
		for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++)
			is_dropped = is_dropped || strncmp(offer, dropped[i], strlen(dropped[i])) == 0;
		if (strncmp(offer, "a=sendonly", 10) == 0)
			bf_wr_str(&wr, "a=recvonly\r\n");
		else if (!is_dropped)
			bf_wr_bytes(&wr, bf_bytes(offer, len));
		if (strncmp(offer, "m=", 2) == 0)
			write_section(peer, &wr, "active");
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
	find_line(sdp, "a=fingerprint:sha-256 ", peer->remote_fingerprint, sizeof(peer->remote_fingerprint));
	find_line(sdp, "a=candidate:", candidate, sizeof(candidate));
	assert_int_equal(sscanf(candidate, "%*s %*s %*s %*s %*s %15s", port), 1);
	assert_int_equal(bf_addr_parse_ip(&peer->server, "127.0.0.1", (uint16_t)strtoul(port, NULL, 10)), 0);
}

void peer_send(const struct peer *peer, const void *data, size_t len)
{
	struct sockaddr_storage sa;
	socklen_t sa_len = bf_addr_to_sockaddr(&peer->server, &sa);

	assert_int_equal(sendto(peer->fd, data, len, 0, (struct sockaddr *)&sa, sa_len), (ssize_t)len);
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

static ssize_t recv_wait(const struct peer *peer, int wait_ms, uint8_t out[static PEER_MTU])
{
	struct pollfd pfd = {.fd = peer->fd, .events = POLLIN};

	if (poll(&pfd, 1, wait_ms) <= 0)
		return 0;
	return recv(peer->fd, out, PEER_MTU, 0);
}

void peer_check(struct peer *peer)
{
	uint8_t packet[PEER_MTU];
	int64_t until_us = bf_clock_mono_us() + BF_SEC(5);

	send_check(peer);
	while (bf_clock_mono_us() < until_us) {
		ssize_t len = recv_wait(peer, 100, packet);
		if (len > 0 && packet[0] == 1 && packet[1] == 1)
			return;
		if (len <= 0)
			send_check(peer);
	}
	fail_msg("no answer to the check");
}

static void flush_dtls(struct peer *peer)
{
	uint8_t datagram[BF_DTLS_DATAGRAM_MAX];
	size_t len;

	while ((len = bf_dtls_poll(peer->dtls, datagram, sizeof(datagram))) > 0)
		peer_send(peer, datagram, len);
}

static void make_srtp(struct peer *peer)
{
	struct bf_srtp_key outgoing, incoming;

	peer->profile = bf_dtls_srtp_keys(peer->dtls, &outgoing, &incoming);
	assert_true(peer->profile != BF_SRTP_NONE);
	assert_int_equal(
		bf_srtp_new(&peer->srtp_out, bf_srtp_engine_libsrtp2(), peer->profile, &outgoing, true), 0);
	assert_int_equal(
		bf_srtp_new(&peer->srtp_in, bf_srtp_engine_libsrtp2(), peer->profile, &incoming, false), 0);
}

void peer_connect(struct peer *peer)
{
	uint8_t packet[PEER_MTU];
	int64_t until_us = bf_clock_mono_us() + BF_SEC(5);

	peer_check(peer);
	assert_int_equal(bf_dtls_new(&peer->dtls, peer->dtls_ctx, BF_DTLS_CLIENT, bf_bytes_str("sha-256"),
				 bf_bytes_str(peer->remote_fingerprint)),
		0);
	bf_dtls_start(peer->dtls, bf_clock_mono_us());
	flush_dtls(peer);
	while (bf_dtls_state(peer->dtls) == BF_DTLS_HANDSHAKING && bf_clock_mono_us() < until_us) {
		ssize_t len = recv_wait(peer, 20, packet);
		int64_t now_us = bf_clock_mono_us();
		if (len > 0 && packet[0] >= 20 && packet[0] <= 63)
			(void)bf_dtls_on_datagram(peer->dtls, bf_bytes(packet, (size_t)len), now_us);
		else if (bf_dtls_deadline_us(peer->dtls) <= now_us)
			bf_dtls_on_timer(peer->dtls, now_us);
		flush_dtls(peer);
	}
	assert_int_equal(bf_dtls_state(peer->dtls), BF_DTLS_CONNECTED);
	make_srtp(peer);
}

void peer_send_rtp(
	struct peer *peer, const struct bf_rtp *rtp, struct bf_bytes ext, struct bf_bytes payload)
{
	uint8_t header[BF_RTP_HEADER_MAX], packet[PEER_MTU];
	struct bf_wr wr = bf_wr(header, sizeof(header));
	struct bf_rtp copy = *rtp;
	struct bf_srtp_protect_job job = {
		.srtp = peer->srtp_out, .payload = payload, .dst = packet, .dst_size = sizeof(packet)};

	copy.has_ext = ext.len > 0;
	copy.ext_profile = 0xbede;
	bf_rtp_write_header(&wr, &copy, ext);
	job.header = bf_bytes(header, bf_wr_len(&wr));
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

enum peer_kind peer_recv(struct peer *peer, int wait_ms, uint8_t out[static PEER_MTU], size_t *len)
{
	int64_t until_us = bf_clock_mono_us() + BF_MS(wait_ms);
	int64_t now_us;

	while ((now_us = bf_clock_mono_us()) <= until_us) {
		ssize_t got = recv_wait(peer, (int)((until_us - now_us) / 1000) + 1, out);
		enum peer_kind kind;
		if (got <= 0)
			continue;
		*len = (size_t)got;
		if (out[0] >= 20 && out[0] <= 63) {
			(void)bf_dtls_on_datagram(peer->dtls, bf_bytes(out, *len), now_us);
			flush_dtls(peer);
		}
		if (out[0] < 128 || out[0] > 191)
			continue;
		kind = unprotect(peer, out, len);
		if (kind != PEER_NOTHING)
			return kind;
	}
	return PEER_NOTHING;
}
