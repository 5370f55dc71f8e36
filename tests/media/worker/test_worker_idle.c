/* What one more subscriber costs: all that the process has allocated and not freed, whichever library did it. The peers are gone by then;
 * to the worker they are connected and silent. */
#include "tests/media/worker/call.h"

#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SUBSCRIBERS    200
#define PLAYER	       0x900
#define IDLE_BYTES_MAX (64 * 1024) /* what is promised for one subscriber's transport */

static size_t heap_bytes(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

/* Plays audio and video, connects, and is never heard of again. */
static void play(struct stage *stage, uint64_t id, enum bf_srtp_profile profile)
{
	static const struct peer_section wanted[] = {
		{PEER_OPUS_M, "0", "a=recvonly\r\n" PEER_OPUS_LINES},
		{PEER_VIDEO_M, "1", "a=recvonly\r\n" PEER_VP8_LINES},
	};
	static struct peer peer;
	static char sdp[PEER_SDP_MAX];
	struct bf_media_sdp *answer;

	stage_join_as(stage, id, BF_GRANT_SUBSCRIBE, false);
	peer_open(&peer, profile);
	peer_describe(&peer, wanted, 2, "actpass", sdp);
	stage_offer_as(stage, id, BF_PC_SUBSCRIBE, ALICE, sdp);
	answer = stage_get(stage, BF_MEDIA_SDP, id);
	peer_set_remote(&peer, answer->sdp);
	bf_msg_free(&answer->msg);
	peer_connect(&peer);
	stage_drop(stage, BF_MEDIA_PC_STATE, id);
	peer_close(&peer);
}

static void check_subscribers_keep_little(enum bf_srtp_profile profile)
{
	static struct peer publisher;
	struct stage stage;
	size_t before, grown, left;

	stage_open(&stage, BF_IO_AUTO);
	(void)stage_publisher(&stage, &publisher, ALICE, false);
	play(&stage, PLAYER, profile); /* what comes with the first one only */
	stage_forget(&stage);
	before = heap_bytes();
	for (unsigned i = 1; i <= SUBSCRIBERS; i++)
		play(&stage, PLAYER + i, profile);
	stage_forget(&stage);
	grown = heap_bytes() - before;
	print_message("%zu bytes a subscriber of audio and video\n", grown / SUBSCRIBERS);
	assert_true(grown / SUBSCRIBERS > 2000); /* it is counted */
	assert_true(grown / SUBSCRIBERS <= IDLE_BYTES_MAX);

	for (unsigned i = 1; i <= SUBSCRIBERS; i++)
		stage_leave(&stage, PLAYER + i);
	stage_forget(&stage);
	for (int tries = 0; heap_bytes() > before + grown / 20 && tries < 400; tries++)
		usleep(5000); /* the worker comes to it */
	left = heap_bytes();
	assert_true(left <= before + grown / 20); /* malloc's own lists of small blocks */
	peer_close(&publisher);
	stage_close(&stage);
}

static void an_idle_subscriber_keeps_little(void **state)
{
	(void)state;
	check_subscribers_keep_little(BF_SRTP_AEAD_AES_128_GCM);
}

static void so_does_one_with_the_older_cipher(void **state)
{
	(void)state;
	check_subscribers_keep_little(BF_SRTP_AES128_CM_SHA1_80);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_idle_subscriber_keeps_little),
		cmocka_unit_test(so_does_one_with_the_older_cipher),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
