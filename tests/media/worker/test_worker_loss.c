/* A call over bad networks on both sides: what is lost is asked for and comes, nothing comes twice, no number is missing. */
#include "core/base/clock.h"
#include "tests/media/worker/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define PACKETS	   300
#define PACE_US	   8000
#define RTX_SSRC   0x1002
#define FIRST_SEQ  65400 /* wraps */
#define ASK_US	   60000
#define PATIENCE_S 6

/* What Alice sent, to be sent again; what Bob has. */
struct exchange {
	struct call call;
	struct link links[4];
	struct video sent[PACKETS]; /* as before sending the packet */
	bool is_key[PACKETS];
	uint32_t count;
	uint16_t rtx_seq;
	bool wants_keyframe;
	bool has[PACKETS], is_direct[PACKETS];
	uint32_t counters[PACKETS];
	int64_t asked_us[PACKETS];
	uint16_t first_seq;
	uint32_t highest, have, twice, repaired;
};

static void send_again(struct exchange *x, uint16_t seq)
{
	uint32_t n = (uint16_t)(seq - FIRST_SEQ);
	uint8_t payload[80];
	const uint8_t ext[] = {4 << 4 | 0, '1'};

	if (n >= x->count)
		return;
	bf_put_u16(payload, seq);
	peer_send_rtp(&x->call.alice,
		&(struct bf_rtp){.pt = 97,
			.marker = true,
			.seq = x->rtx_seq++,
			.timestamp = x->sent[n].timestamp,
			.ssrc = RTX_SSRC},
		bf_bytes(ext, sizeof(ext)),
		bf_bytes(payload, 2 + call_vp8(payload + 2, &x->sent[n], x->is_key[n], n)));
}

static void serve_alice(struct exchange *x)
{
	uint8_t data[PEER_MTU];
	uint16_t seqs[64];
	struct bf_rtcp_it it;
	struct bf_rtcp rtcp;
	uint32_t ssrc;
	size_t len;

	while (peer_recv(&x->call.alice, 0, data, &len) == PEER_RTCP) {
		bf_rtcp_begin(&it, bf_bytes(data, len));
		while (bf_rtcp_next(&it, &rtcp) > 0) {
			int count = rtcp.type == BF_RTCP_RTPFB && rtcp.fmt == BF_RTPFB_NACK
					    ? bf_rtcp_parse_nack(&ssrc, seqs, 64, &rtcp)
					    : 0;
			for (int i = 0; i < count; i++)
				send_again(x, seqs[i]);
			if (rtcp.type == BF_RTCP_PSFB && rtcp.fmt == BF_PSFB_PLI)
				x->wants_keyframe = true;
		}
	}
}

static void take(struct exchange *x, uint16_t seq, const struct bf_rtp *rtp, bool is_rtx)
{
	uint32_t n = (uint16_t)(seq - x->first_seq);

	assert_in_range(n, 0, PACKETS - 1);
	if (!is_rtx) { /* behind its own repair it may come: the link has held it up */
		x->twice += x->is_direct[n];
		x->is_direct[n] = true;
	}
	if (x->has[n])
		return;
	x->has[n] = true;
	x->have++;
	x->repaired += is_rtx;
	x->counters[n] = bf_get_u32(rtp->payload.data + rtp->payload.len - 4);
	if (n > x->highest)
		x->highest = n;
}

static void serve_bob(struct exchange *x)
{
	uint8_t data[PEER_MTU];
	enum peer_kind kind;
	struct bf_rtp rtp;
	size_t len;

	while ((kind = peer_recv(&x->call.bob, 0, data, &len)) != PEER_NOTHING) {
		if (kind != PEER_RTP || bf_rtp_parse(&rtp, bf_bytes(data, len)))
			continue;
		if (rtp.ssrc == x->call.received.video_ssrc)
			take(x, rtp.seq, &rtp, false);
		else if (rtp.ssrc == x->call.received.video_rtx_ssrc && rtp.payload.len > 2)
			take(x, bf_get_u16(rtp.payload.data), &rtp, true);
	}
}

/* Bob asks for what is missing below the highest, each packet every ASK_US. */
static void ask(struct exchange *x)
{
	int64_t now_us = bf_clock_mono_us();
	uint16_t seqs[32];
	uint8_t data[512];
	struct bf_wr wr = bf_wr(data, sizeof(data));
	size_t count = 0;

	for (uint32_t n = 0; n < x->highest && count < 32; n++) {
		if (x->has[n] || now_us - x->asked_us[n] < ASK_US)
			continue;
		x->asked_us[n] = now_us;
		seqs[count++] = (uint16_t)(x->first_seq + n);
	}
	if (count == 0)
		return;
	bf_rtcp_write_rr(&wr, 1, NULL, 0);
	bf_rtcp_write_nack(&wr, 1, x->call.received.video_ssrc, seqs, count);
	peer_send_rtcp(&x->call.bob, data, bf_wr_len(&wr));
}

static void send_next(struct exchange *x)
{
	bool is_key = x->count == 0 || x->wants_keyframe;

	x->wants_keyframe = false;
	x->sent[x->count] = x->call.video;
	x->is_key[x->count] = is_key;
	call_send_frame(&x->call.video, is_key, x->count);
	x->count++;
}

/* The first frame passes, so that Bob knows where the numbers begin. */
static void begin(struct exchange *x, enum bf_io io, unsigned loss)
{
	struct bf_rtp rtp;
	uint32_t counter;

	memset(x, 0, sizeof(*x));
	call_open(&x->call, io, false);
	x->call.video.seq = FIRST_SEQ;
	send_next(x);
	assert_true(
		call_recv_frame(&x->call.bob, x->call.received.video_ssrc, 2000, &rtp, &counter));
	x->first_seq = rtp.seq;
	take(x, rtp.seq, &rtp, false);
	for (unsigned i = 0; i < 4; i++)
		x->links[i] = (struct link){
			.loss = loss, .repeat = 30, .reorder = 50, .seed = 1 + i * 77 + loss};
	x->call.alice.out = &x->links[0];
	x->call.alice.in = &x->links[1];
	x->call.bob.out = &x->links[2];
	x->call.bob.in = &x->links[3];
}

static void turn(struct exchange *x)
{
	serve_alice(x);
	serve_bob(x);
	ask(x);
	usleep(1000);
}

static void run(struct exchange *x)
{
	int64_t until_us = bf_clock_mono_us();

	while (x->count < PACKETS) {
		send_next(x);
		until_us += PACE_US;
		while (bf_clock_mono_us() < until_us)
			turn(x);
	}
	/* the last ones can be missed only if something follows: it is on a link without loss */
	x->links[0].loss = 0;
	x->links[3].loss = 0;
	until_us = bf_clock_mono_us() + BF_SEC(PATIENCE_S);
	while (x->have < PACKETS && bf_clock_mono_us() < until_us)
		turn(x);
}

static void expect_all(struct exchange *x)
{
	unsigned lost = 0;

	for (unsigned i = 0; i < 4; i++)
		lost += x->links[i].lost;
	print_message("%u packets lost on the links, %u repaired for Bob\n", lost, x->repaired);
	assert_int_equal(x->twice, 0);
	for (uint32_t n = 0; n <= x->highest; n++) {
		if (!x->has[n])
			fail_msg("packet %u is missing", n);
		assert_int_equal(x->counters[n], n);
	}
	assert_in_range(
		x->highest, PACKETS - 3, PACKETS - 1); /* the very last may be lost unnoticed */
	assert_true(lost > 10 && x->repaired > 5);
}

static struct exchange exchange; /* large */

static void with_5_percent_of_loss_all_arrives_once(void **state)
{
	begin(&exchange, *(enum bf_io *)*state, 50);
	run(&exchange);
	expect_all(&exchange);
	call_close(&exchange.call);
}

static void with_20_percent_of_loss_all_arrives_once(void **state)
{
	begin(&exchange, *(enum bf_io *)*state, 200);
	run(&exchange);
	expect_all(&exchange);
	call_close(&exchange.call);
}

int main(void)
{
	static enum bf_io any = BF_IO_AUTO;
	const struct CMUnitTest tests[] = {
		ON(any, with_5_percent_of_loss_all_arrives_once),
		ON(any, with_20_percent_of_loss_all_arrives_once),
	};

	return cmocka_run_group_tests_name("worker_loss", tests, NULL, NULL);
}
