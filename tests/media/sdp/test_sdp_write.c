#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/media/sdp/describe.h"
#include "tests/media/sdp/facts.h"

#include <errno.h>
#include <stdlib.h>

#define FINGERPRINT "AA:BB:CC:DD"

static struct bf_sdp first, second; /* too large for the stack */
static char text[BF_SDP_TEXT_MAX];
static char why[256];

static const char *const candidates[] = {
	"candidate:1 1 udp 2130706431 192.0.2.1 7100 typ host",
	"candidate:2 1 tcp 1671430143 192.0.2.1 7100 typ host tcptype passive",
};

static struct bf_sdp_local local_example(void)
{
	return (struct bf_sdp_local){
		.session_id = 4611731400430051336,
		.session_version = 2,
		.ufrag = "srvU",
		.pwd = "srvPasswordSrvPassword12",
		.fingerprint = FINGERPRINT,
		.setup = BF_SDP_ACTPASS,
		.candidates = candidates,
		.candidate_count = 2,
		.cname = "srv",
	};
}

/* The text that one small live section gives, with the fields a test has changed. */
static int write_one(const struct bf_sdp_local *local, const struct bf_sdp_media *media)
{
	return bf_sdp_write(text, sizeof(text), local, media, 1);
}

static struct bf_sdp_media media_example(void)
{
	struct bf_sdp_media media = {
		.kind = BF_SDP_VIDEO,
		.port = 9,
		.is_bundled = true,
		.mid = bf_bytes_str("1"),
		.dir = BF_SDP_RECVONLY,
		.has_rtcp_mux = true,
		.has_rtcp_rsize = true,
		.msid_stream = bf_bytes_str("alice"),
		.msid_track = bf_bytes_str("camera"),
		.format_count = 2,
		.rids = {bf_bytes_str("q"), bf_bytes_str("h")},
		.rid_count = 2,
		.ssrcs = {{.ssrc = 11, .rtx_ssrc = 12}, {.ssrc = 13}},
		.ssrc_count = 2,
		.format_text = bf_bytes_str("96 97"),
	};

	media.formats[0] = (struct bf_sdp_format){
		.pt = 96,
		.codec = BF_CODEC_H264,
		.clock_hz = 90000,
		.channels = 1,
		.fmtp = bf_bytes_str("packetization-mode=1;profile-level-id=42e01f"),
		.has_nack = true,
		.has_pli = true,
		.has_twcc = true,
	};
	media.formats[1] = (struct bf_sdp_format){
		.pt = 97, .is_rtx = true, .apt = 96, .clock_hz = 90000, .channels = 1};
	media.exts.id[BF_EXT_MID] = 4;
	media.exts.id[BF_EXT_TWCC] = 3;
	return media;
}

static void one_section_reads_as_it_should(void **state)
{
	struct bf_sdp_local local = local_example();
	struct bf_sdp_media media = media_example();

	(void)state;
	assert_int_equal(write_one(&local, &media), 0);
	assert_string_equal(text,
		"v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
		"a=group:BUNDLE 1\r\na=extmap-allow-mixed\r\na=msid-semantic:WMS *\r\n"
		"a=ice-lite\r\na=ice-options:trickle\r\n"
		"m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\n"
		"a=ice-ufrag:srvU\r\na=ice-pwd:srvPasswordSrvPassword12\r\n"
		"a=fingerprint:sha-256 " FINGERPRINT "\r\na=setup:actpass\r\na=mid:1\r\n"
		"a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
		"a=extmap:3 http://www.ietf.org/id/"
		"draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n"
		"a=recvonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\n"
		"a=rtpmap:96 H264/90000\r\na=rtcp-fb:96 transport-cc\r\na=rtcp-fb:96 nack\r\n"
		"a=rtcp-fb:96 nack pli\r\n"
		"a=fmtp:96 packetization-mode=1;profile-level-id=42e01f\r\n"
		"a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n"
		"a=rid:q recv\r\na=rid:h recv\r\na=simulcast:recv q;h\r\n"
		"a=msid:alice camera\r\na=ssrc-group:FID 11 12\r\na=ssrc:11 cname:srv\r\n"
		"a=ssrc:12 cname:srv\r\na=ssrc:13 cname:srv\r\n"
		"a=candidate:1 1 udp 2130706431 192.0.2.1 7100 typ host\r\n"
		"a=candidate:2 1 tcp 1671430143 192.0.2.1 7100 typ host tcptype passive\r\n"
		"a=end-of-candidates\r\n");
}

static void candidates_stand_once_in_a_bundle(void **state)
{
	struct bf_sdp_local local = local_example();
	struct bf_sdp_media media[3] = {media_example(), media_example(), media_example()};
	const char *at;
	unsigned count = 0;

	(void)state;
	media[0].port = 0;
	media[0].format_text = bf_bytes_str("96");
	media[1].mid = bf_bytes_str("m1");
	media[2].mid = bf_bytes_str("m2");
	assert_int_equal(bf_sdp_write(text, sizeof(text), &local, media, 3), 0);
	for (at = text; (at = strstr(at, "a=end-of-candidates")) != NULL; at++)
		count++;
	assert_int_equal(count, 1);
	at = strstr(text, "a=mid:m1");
	assert_non_null(at);
	assert_true(strstr(at, "a=candidate:") < strstr(at, "a=mid:m2"));
}

static void rejected_sections_keep_their_m_line(void **state)
{
	struct bf_sdp_local local = local_example();
	struct bf_sdp_media media = media_example();

	(void)state;
	media.port = 0;
	media.kind = BF_SDP_OTHER;
	media.name = bf_bytes_str("text");
	media.proto = bf_bytes_str("RTP/AVP");
	assert_int_equal(write_one(&local, &media), 0);
	assert_non_null(strstr(text, "m=text 0 RTP/AVP 96 97\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\n"
				     "a=inactive\r\n"));
	assert_null(strstr(text, "BUNDLE")); /* RFC 9143 section 7 */
	assert_null(strstr(text, "ice-ufrag"));
	media.is_bundle_only = true; /* port 0, and yet alive */
	media.kind = BF_SDP_VIDEO;
	assert_int_equal(write_one(&local, &media), 0);
	assert_non_null(
		strstr(text, "m=video 0 RTP/AVP 96 97\r\nc=IN IP4 0.0.0.0\r\na=bundle-only"));
}

static void data_sections_are_written_in_both_forms(void **state)
{
	struct bf_sdp_local local = local_example();
	struct bf_sdp_media media = {
		.kind = BF_SDP_APPLICATION,
		.port = 9,
		.mid = bf_bytes_str("2"),
		.sctp_port = 5000,
		.max_message = 262144,
	};

	(void)state;
	assert_int_equal(write_one(&local, &media), 0);
	assert_non_null(strstr(text, "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"));
	assert_non_null(strstr(text, "a=sctp-port:5000\r\na=max-message-size:262144\r\n"));
	media.proto = bf_bytes_str("DTLS/SCTP");
	assert_int_equal(write_one(&local, &media), 0);
	assert_non_null(strstr(text, "m=application 9 DTLS/SCTP 5000\r\n"));
	assert_non_null(strstr(text, "a=sctpmap:5000 webrtc-datachannel 65535\r\n"));
}

/* Every field that is a string, with each character that could end a line or start a value of its own. */
static void no_value_can_add_a_line(void **state)
{
	static const char *const evil[] = {
		"x\r\na=ice-lite", "x\ny", "x\ry", "x\x01y", "x\x7fy", "x y", ""};

	(void)state;
	for (size_t i = 0; i < sizeof(evil) / sizeof(evil[0]); i++) {
		struct bf_bytes bad = bf_bytes_str(evil[i]);
		bool is_spaced = strcmp(evil[i], "x y") == 0; /* fine inside fmtp */
		bool is_empty = bad.len == 0;		      /* fine where optional */

		for (unsigned field = 0; field < 12; field++) {
			struct bf_sdp_local local = local_example();
			struct bf_sdp_media media = media_example();
			const char *one_candidate = evil[i];
			bool is_fine = false;

			switch (field) {
			case 0:
				local.ufrag = evil[i];
				break;
			case 1:
				local.pwd = evil[i];
				break;
			case 2:
				local.fingerprint = evil[i];
				break;
			case 3:
				local.cname = evil[i];
				break;
			case 4:
				local.candidates = &one_candidate;
				local.candidate_count = 1;
				break;
			case 5:
				media.mid = bad;
				break;
			case 6:
				media.msid_stream = bad;
				is_fine = is_empty;
				break;
			case 7:
				media.msid_track = bad;
				is_fine = is_empty;
				break;
			case 8:
				media.formats[0].fmtp = bad;
				is_fine = is_empty || is_spaced;
				break;
			case 9:
				media.rids[1] = bad;
				break;
			case 10:
				media.proto = bad;
				is_fine = is_empty;
				break;
			default:
				media.port = 0;
				media.format_text = bad;
				is_fine = is_spaced;
				break;
			}
			assert_int_equal(write_one(&local, &media), is_fine ? 0 : -EINVAL);
			if (!is_fine)
				assert_string_equal(text, "");
		}
	}
}

static void a_live_section_needs_formats_and_a_setup(void **state)
{
	struct bf_sdp_local local = local_example();
	struct bf_sdp_media media = media_example();

	(void)state;
	media.format_count = 0;
	assert_int_equal(write_one(&local, &media), -EINVAL);
	media = media_example();
	local.setup = BF_SDP_SETUP_NONE;
	assert_int_equal(write_one(&local, &media), -EINVAL);
}

static void a_small_buffer_is_refused_at_every_size(void **state)
{
	struct bf_sdp_local local = local_example();
	struct bf_sdp_media media = media_example();
	size_t len;

	(void)state;
	assert_int_equal(write_one(&local, &media), 0);
	len = strlen(text);
	for (size_t size = 0; size <= len + 1; size++) {
		char *block = malloc(size ? size : 1);

		assert_non_null(block);
		assert_int_equal(bf_sdp_write(block, size, &local, &media, 1),
			size == len + 1 ? 0 : -ENOBUFS);
		free(block);
	}
}

static void assert_same_formats(const struct bf_sdp_media *a, const struct bf_sdp_media *b)
{
	assert_int_equal(a->format_count, b->format_count);
	for (unsigned i = 0; i < a->format_count; i++) {
		assert_int_equal(a->formats[i].clock_hz, b->formats[i].clock_hz);
		assert_int_equal(a->formats[i].channels, b->formats[i].channels);
		assert_true(bf_bytes_equal(a->formats[i].fmtp, b->formats[i].fmtp));
	}
}

/* Take each recording as a description of ours: what is written then has to parse to the same, but for what `local` says. */
static void what_is_written_parses_back_equal(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(descriptions) / sizeof(descriptions[0]); i++) {
		size_t len;
		char *file = load_description(descriptions[i].file, &len);
		char *before, *after;

		assert_int_equal(bf_sdp_parse(&first, bf_bytes(file, len), why, sizeof(why)), 0);
		for (unsigned k = 0; k < first.media_count; k++) {
			struct bf_sdp_media *media = &first.media[k];
			struct bf_sdp_local local = local_example();
			const char *lines[BF_SDP_CANDIDATES];
			char *copies[BF_SDP_CANDIDATES];

			for (unsigned c = 0; c < media->candidate_count; c++) {
				copies[c] = strndup((const char *)media->candidates[c].data,
					media->candidates[c].len);
				lines[c] = copies[c];
			}
			local.candidates = lines;
			local.candidate_count = media->candidate_count;
			assert_int_equal(write_one(&local, media), 0);
			assert_int_equal(
				bf_sdp_parse(&second, bf_bytes_str(text), why, sizeof(why)), 0);
			assert_int_equal(second.media_count, 1);
			if (media->port || media->is_bundle_only) {
				/* what the writer took from elsewhere */
				media->setup = BF_SDP_ACTPASS;
				media->ufrag = bf_bytes_str(local.ufrag);
				media->pwd = bf_bytes_str(local.pwd);
				media->hash = bf_bytes_str("sha-256");
				media->fingerprint = bf_bytes_str(FINGERPRINT);
				first.is_ice_lite = true;
				first.has_extmap_mixed = true;
				assert_same_formats(media, &second.media[0]);
				struct bf_sdp one = {.is_ice_lite = true,
					.has_extmap_mixed = true,
					.media_count = 1};
				one.media[0] = *media;
				before = describe_to_text(&one);
				after = describe_to_text(&second);
				assert_string_equal(before, after);
				free(before);
				free(after);
			} else {
				assert_int_equal(second.media[0].port, 0);
				assert_true(bf_bytes_equal(
					second.media[0].format_text, media->format_text));
			}
			for (unsigned c = 0; c < media->candidate_count; c++)
				free(copies[c]);
		}
		free(file);
	}
}

static void bundled_sections_repeat_credentials_but_not_candidates(void **state)
{
	struct bf_sdp_local local = local_example();
	struct bf_sdp_media media[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		static const char *const mids[] = {"a", "b", "c"};

		media[i] = media_example();
		media[i].mid = bf_bytes_str(mids[i]);
	}
	media[1].port = 0;
	assert_int_equal(bf_sdp_write(text, sizeof(text), &local, media, 3), 0);
	assert_non_null(strstr(text, "a=group:BUNDLE a c\r\n"));
	assert_int_equal(bf_sdp_parse(&first, bf_bytes_str(text), why, sizeof(why)), 0);
	assert_int_equal(bf_sdp_check_webrtc(&first, why, sizeof(why)), 0);
	assert_int_equal(first.media_count, 3);
	for (unsigned i = 0; i < 3; i += 2) {
		assert_true(first.media[i].is_bundled);
		assert_true(bf_bytes_is(first.media[i].ufrag, "srvU"));
		assert_int_equal(first.media[i].candidate_count, i == 0 ? 2 : 0);
	}
	assert_false(first.media[1].is_bundled);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_section_reads_as_it_should),
		cmocka_unit_test(candidates_stand_once_in_a_bundle),
		cmocka_unit_test(rejected_sections_keep_their_m_line),
		cmocka_unit_test(data_sections_are_written_in_both_forms),
		cmocka_unit_test(no_value_can_add_a_line),
		cmocka_unit_test(a_live_section_needs_formats_and_a_setup),
		cmocka_unit_test(a_small_buffer_is_refused_at_every_size),
		cmocka_unit_test(what_is_written_parses_back_equal),
		cmocka_unit_test(bundled_sections_repeat_credentials_but_not_candidates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
