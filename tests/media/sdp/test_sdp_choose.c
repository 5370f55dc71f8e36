#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/media/sdp/describe.h"

#include <stdlib.h>

#define BIT(codec) (1u << (codec))

static struct bf_sdp sdp; /* too large for the stack */
static char why[256];

static const struct bf_sdp_media *video(const char *fmts, const char *lines)
{
	char text[2048];

	snprintf(text, sizeof(text), "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF %s\r\n%s", fmts, lines);
	/* the views are looked at by the caller: the text has to stay */
	static char kept[2048];
	memcpy(kept, text, sizeof(kept));
	assert_int_equal(bf_sdp_parse(&sdp, bf_bytes_str(kept), why, sizeof(why)), 0);
	return &sdp.media[0];
}

static unsigned chosen(const struct bf_sdp_media *media, uint32_t codecs)
{
	const struct bf_sdp_format *format = bf_sdp_choose(media, codecs);

	return format ? format->pt : 999;
}

static void the_peers_order_decides_among_the_codecs_we_take(void **state)
{
	const struct bf_sdp_media *media;
	size_t len;
	char *text = load_description("chromium-156-offer.sdp", &len);

	(void)state;
	assert_int_equal(bf_sdp_parse(&sdp, bf_bytes(text, len), why, sizeof(why)), 0);
	media = &sdp.media[1];
	assert_int_equal(chosen(media, ~0u), 96);
	assert_int_equal(chosen(media, BIT(BF_CODEC_VP9) | BIT(BF_CODEC_AV1)), 45);
	assert_int_equal(chosen(media, BIT(BF_CODEC_H264)), 108); /* 102 is plain baseline */
	assert_int_equal(chosen(media, BIT(BF_CODEC_VP9)), 98);
	assert_int_equal(chosen(media, BIT(BF_CODEC_OPUS)), 999);
	assert_int_equal(chosen(media, 0), 999);
	assert_int_equal(bf_sdp_rtx_of(media, 102)->pt, 103);
	assert_null(bf_sdp_rtx_of(media, 103));
	free(text);
}

static void mode_one_and_profile_zero_are_preferred(void **state)
{
	(void)state;
	assert_int_equal(chosen(video("97 98 99", "a=rtpmap:97 H264/90000\r\n"
						  "a=rtpmap:98 VP8/90000\r\n"
						  "a=rtpmap:99 H264/90000\r\n"
						  "a=fmtp:99 packetization-mode=1\r\n"),
				 ~0u),
		99);
	assert_int_equal(chosen(video("97 98", "a=rtpmap:97 VP9/90000\r\n"
					       "a=fmtp:97 profile-id=2\r\n"
					       "a=rtpmap:98 VP9/90000\r\n"),
				 ~0u),
		98);
	assert_int_equal(chosen(video("97 98", "a=rtpmap:97 AV1/90000\r\na=fmtp:97 profile=1\r\n"
					       "a=rtpmap:98 VP8/90000\r\n"),
				 ~0u),
		97); /* better a rare profile of the first codec than another codec */
}

static void plain_baseline_is_chosen_only_if_nothing_else_is_offered(void **state)
{
	(void)state;
	assert_int_equal(
		chosen(video("97 98", "a=rtpmap:97 H264/90000\r\n"
				      "a=fmtp:97 packetization-mode=1;profile-level-id=42001f\r\n"
				      "a=rtpmap:98 H264/90000\r\n"
				      "a=fmtp:98 packetization-mode=1;profile-level-id=42e01f\r\n"),
			~0u),
		98);
	assert_int_equal(
		chosen(video("97 98", "a=rtpmap:97 H264/90000\r\n"
				      "a=fmtp:97 packetization-mode=1;profile-level-id=42001f\r\n"
				      "a=rtpmap:98 H264/90000\r\n"
				      "a=fmtp:98 packetization-mode=0;profile-level-id=42e01f\r\n"),
			~0u),
		97);
	assert_int_equal(
		chosen(video("97 98", "a=rtpmap:97 H264/90000\r\n"
				      "a=fmtp:97 packetization-mode=1;profile-level-id=640c1f\r\n"
				      "a=rtpmap:98 H264/90000\r\n"
				      "a=fmtp:98 packetization-mode=1;profile-level-id=42e01f\r\n"),
			~0u),
		97); /* the peer's order */
}

static void interleaved_h264_is_never_chosen(void **state)
{
	(void)state;
	assert_int_equal(chosen(video("97", "a=rtpmap:97 H264/90000\r\n"
					    "a=fmtp:97 packetization-mode=2\r\n"),
				 ~0u),
		999);
}

/* Which payload type of `receiver` takes what a sender with `fmtp` makes. */
static unsigned matched(const char *codec, const char *fmtp, const char *receiver)
{
	static struct bf_sdp from;
	static char text[512];
	const struct bf_sdp_format *match;

	snprintf(text, sizeof(text),
		"v=0\r\nm=video 9 RTP/SAVPF 96\r\na=rtpmap:96 %s/90000\r\na=fmtp:96 %s\r\n", codec,
		fmtp);
	assert_int_equal(bf_sdp_parse(&from, bf_bytes_str(text), why, sizeof(why)), 0);
	match = bf_sdp_match(video("100 101 102", receiver), &from.media[0].formats[0]);
	return match ? match->pt : 999;
}

#define H264_THREE(a, b, c)                               \
	"a=rtpmap:100 H264/90000\r\na=fmtp:100 " a "\r\n" \
	"a=rtpmap:101 H264/90000\r\na=fmtp:101 " b "\r\n" \
	"a=rtpmap:102 H264/90000\r\na=fmtp:102 " c "\r\n"

static void h264_matches_by_profile_and_mode(void **state)
{
	static const char *const usual = H264_THREE("profile-level-id=42e01f",
		"profile-level-id=64001f;packetization-mode=1",
		"profile-level-id=42e00a;packetization-mode=1");

	(void)state;
	/* the level may differ, the way a profile is written too */
	assert_int_equal(
		matched("H264", "packetization-mode=1;profile-level-id=42e01f", usual), 102);
	assert_int_equal(
		matched("H264", "packetization-mode=1; profile-level-id=4D801F", usual), 102);
	assert_int_equal(matched("H264", "profile-level-id=42e01f", usual), 100);
	/* a missing mode is 0, a missing profile is constrained baseline */
	assert_int_equal(matched("H264", "level-asymmetry-allowed=1", usual), 100);
	/* high decodes main, nothing here decodes baseline with its extras or 4:4:4 */
	assert_int_equal(
		matched("H264", "packetization-mode=1;profile-level-id=4d001f", usual), 101);
	assert_int_equal(
		matched("H264", "packetization-mode=1;profile-level-id=42001f", usual), 999);
	assert_int_equal(
		matched("H264", "packetization-mode=1;profile-level-id=f4001f", usual), 999);
	assert_int_equal(
		matched("H264", "packetization-mode=2;profile-level-id=42e01f", usual), 999);
}

static void h264_mode_one_takes_a_sender_of_mode_zero_but_not_the_reverse(void **state)
{
	(void)state;
	assert_int_equal(matched("H264", "profile-level-id=42e01f",
				 H264_THREE("profile-level-id=64001f;packetization-mode=0",
					 "profile-level-id=42e01f;packetization-mode=1",
					 "packetization-mode=2")),
		101);
	assert_int_equal(matched("H264", "profile-level-id=42e01f;packetization-mode=1",
				 H264_THREE("profile-level-id=42e01f", "packetization-mode=0",
					 "packetization-mode=2")),
		999);
	assert_int_equal(matched("H264", "profile-level-id=f4001f",
				 H264_THREE("x=1", "profile-level-id=f40028", "y=1")),
		101);
}

static void vp9_and_av1_match_by_profile(void **state)
{
	static const char *const three = "a=rtpmap:100 VP9/90000\r\na=fmtp:100 profile-id=2\r\n"
					 "a=rtpmap:101 VP9/90000\r\n"
					 "a=rtpmap:102 AV1/90000\r\na=fmtp:102 profile=1\r\n";

	(void)state;
	assert_int_equal(matched("VP9", "profile-id=0", three), 101);
	assert_int_equal(matched("vp9", "max-fr=60", three), 101);
	assert_int_equal(matched("VP9", "profile-id=2", three), 100);
	assert_int_equal(matched("VP9", "profile-id=1", three), 999);
	assert_int_equal(matched("AV1", "profile=1;level-idx=5", three), 102);
	assert_int_equal(matched("AV1", "level-idx=5", three), 999);
	assert_int_equal(matched("VP8", "x=1", three), 999);
}

/* As some versions of aiortc offer. */
static void an_extension_id_means_one_thing_in_a_bundle(void **state)
{
	static const char bundle[] = "a=group:BUNDLE 0 1 2\r\n";
	static const char sections[] =
		"m=audio %s UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=rtpmap:96 opus/48000/2\r\n"
		"a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
		"a=extmap:2 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
		"m=video 9 UDP/TLS/RTP/SAVPF 97\r\na=mid:1\r\na=rtpmap:97 VP8/90000\r\n"
		"a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
		"a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n"
		"m=video 9 UDP/TLS/RTP/SAVPF 97\r\na=mid:2\r\na=rtpmap:97 VP8/90000\r\n"
		"a=extmap:3 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n";
	const struct bf_sdp_media *media = sdp.media;

	(void)state;
	/* bundled; not bundled; the first section rejected */
	for (int i = 0; i < 3; i++) {
		char text[2048], all[4096];
		bool is_taken = i == 0;

		snprintf(text, sizeof(text), sections, i == 2 ? "0" : "9");
		snprintf(all, sizeof(all), "v=0\r\n%s%s", i == 1 ? "" : bundle, text);
		assert_int_equal(bf_sdp_parse(&sdp, bf_bytes_str(all), why, sizeof(why)), 0);
		bf_sdp_unify_exts(&sdp);
		assert_int_equal(media[0].exts.id[BF_EXT_MID], 1);
		assert_int_equal(media[0].exts.id[BF_EXT_AUDIO_LEVEL], 2);
		assert_int_equal(media[1].exts.id[BF_EXT_MID], 1);
		assert_int_equal(media[1].exts.id[BF_EXT_ABS_SEND_TIME], is_taken ? 0 : 2);
		assert_int_equal(media[2].exts.id[BF_EXT_ABS_SEND_TIME], 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_peers_order_decides_among_the_codecs_we_take),
		cmocka_unit_test(mode_one_and_profile_zero_are_preferred),
		cmocka_unit_test(plain_baseline_is_chosen_only_if_nothing_else_is_offered),
		cmocka_unit_test(interleaved_h264_is_never_chosen),
		cmocka_unit_test(h264_matches_by_profile_and_mode),
		cmocka_unit_test(h264_mode_one_takes_a_sender_of_mode_zero_but_not_the_reverse),
		cmocka_unit_test(vp9_and_av1_match_by_profile),
		cmocka_unit_test(an_extension_id_means_one_thing_in_a_bundle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
