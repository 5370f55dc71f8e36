#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/media/sdp/describe.h"
#include "tests/media/sdp/facts.h"

#include <errno.h>
#include <stdlib.h>

#define HEAD  "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
#define AUDIO "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
#define VIDEO "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n"

static struct bf_sdp sdp; /* too large for the stack */
static char why[256];

/* Parse a copy in a block of its exact size, so that reading past its end is seen. */
static int parse(const char *text)
{
	static char *copy;
	size_t len = strlen(text);

	free(copy);
	copy = malloc(len + 1);
	assert_non_null(copy);
	memcpy(copy, text, len);
	why[0] = '\0';
	return bf_sdp_parse(&sdp, bf_bytes(copy, len), why, sizeof(why));
}

static void recorded_descriptions_parse_to_their_facts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(descriptions) / sizeof(descriptions[0]); i++) {
		size_t len;
		char *text = load_description(descriptions[i].file, &len);
		int err = bf_sdp_parse(&sdp, bf_bytes(text, len), why, sizeof(why));
		char *facts;

		if (err)
			fail_msg("%s: %s", descriptions[i].file, why);
		facts = describe_to_text(&sdp);
		if (strcmp(facts, descriptions[i].facts) != 0) {
			print_error("%s is\n", descriptions[i].file);
			assert_string_equal(facts, descriptions[i].facts);
		}
		assert_int_equal(sdp.tag_idx, descriptions[i].tag_idx);
		err = bf_sdp_check_webrtc(&sdp, why, sizeof(why));
		if ((err == 0) != descriptions[i].can_serve)
			fail_msg("%s: %d %s", descriptions[i].file, err, why);
		free(facts);
		free(text);
	}
}

static void every_prefix_is_an_error_or_a_description(void **state)
{
	size_t parsed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(descriptions) / sizeof(descriptions[0]); i++) {
		size_t len;
		char *text = load_description(descriptions[i].file, &len);

		/* all of the short ones, each 7th byte of the long ones */
		for (size_t cut = 0; cut<len; cut += len> 3000 ? 7 : 1) {
			char *copy = malloc(cut ? cut : 1);
			int err;

			assert_non_null(copy);
			memcpy(copy, text, cut);
			err = bf_sdp_parse(&sdp, bf_bytes(copy, cut), why, sizeof(why));
			assert_true(err == 0 || err == -EBADMSG);
			if (err == 0) {
				free(describe_to_text(&sdp)); /* touches every view */
				bf_sdp_check_webrtc(&sdp, why, sizeof(why));
				parsed++;
			}
			free(copy);
		}
		free(text);
	}
	assert_true(parsed > 1000);
}

static void line_feeds_alone_and_trailing_blank_lines_are_taken(void **state)
{
	(void)state;
	assert_int_equal(parse("v=0\no=- 1 1 IN IP4 0.0.0.0\ns=-\nm=audio 9 RTP/SAVPF 111\n"
			       "a=rtpmap:111 opus/48000/2\n\r\n\n"),
		0);
	assert_int_equal(sdp.media_count, 1);
	assert_int_equal(sdp.media[0].format_count, 1);
	assert_int_equal(sdp.media[0].formats[0].channels, 2);
}

static void malformed_lines_are_refused_with_their_number(void **state)
{
	static const struct {
		const char *text;
		const char *why;
	} cases[] = {
		{"", "line 0: empty"},
		{"v=1\r\n", "line 1: not v=0"},
		{"o=- 1 1 IN IP4 0.0.0.0\r\nv=0\r\n", "line 1: not v=0"},
		{HEAD "nonsense\r\n", "line 5: not a line of the form x=value"},
		{HEAD "A=x\r\n", "line 5: not a line of the form x=value"},
		{HEAD "a=x\ry\r\n", "line 5: not a line of the form x=value"},
		{HEAD "a=x\ty\r\n", "line 5: not a line of the form x=value"},
		{HEAD "v=0\r\n", "line 5: a second v= line"},
		{HEAD "m=audio\r\n", "line 5: m= line"},
		{HEAD "m=audio 9 RTP/AVP\r\n", "line 5: m= line without a format"},
		{HEAD "m=audio x RTP/AVP 0\r\n", "line 5: port"},
		{HEAD "m=audio 65536 RTP/AVP 0\r\n", "line 5: port"},
		{HEAD "m=audio 9 RTP/AVP 128\r\n", "line 5: payload type"},
		{HEAD "m=audio 9 RTP/AVP -1\r\n", "line 5: payload type"},
		{HEAD AUDIO "a=rtpmap:111\r\n", "line 6: rtpmap"},
		{HEAD AUDIO "a=rtpmap:111 opus\r\n", "line 6: rtpmap"},
		{HEAD AUDIO "a=rtpmap:111 opus/0\r\n", "line 6: rtpmap"},
		{HEAD AUDIO "a=rtpmap:111 opus/48000/256\r\n", "line 6: rtpmap channels"},
		{HEAD AUDIO "a=rtpmap:111 opus/48000\r\na=rtpmap:111 VP8/90000\r\n",
			"line 7: payload type used twice"},
		{HEAD AUDIO "a=fmtp:x y\r\n", "line 6: fmtp"},
		{HEAD AUDIO "a=rtcp-fb:111\r\n", "line 6: rtcp-fb"},
		{HEAD AUDIO "a=mid:a b\r\n", "line 6: mid"},
		{HEAD AUDIO "a=mid:a\r\na=mid:b\r\n", "line 7: mid"},
		{HEAD AUDIO "a=setup:maybe\r\n", "line 6: setup"},
		{HEAD AUDIO "a=ice-ufrag:\r\n", "line 6: ice-ufrag"},
		{HEAD AUDIO "a=ice-pwd:a b\r\n", "line 6: ice-pwd"},
		{HEAD AUDIO "a=fingerprint:sha-256 AB:C\r\n", "line 6: fingerprint"},
		{HEAD AUDIO "a=fingerprint:sha-256 AB:XY\r\n", "line 6: fingerprint"},
		{HEAD AUDIO "a=fingerprint:sha-256\r\n", "line 6: fingerprint"},
		{HEAD AUDIO "a=extmap:x urn:y\r\n", "line 6: extmap id"},
		{HEAD AUDIO "a=extmap:1\r\n", "line 6: extmap"},
		{HEAD AUDIO "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
			    "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n",
			"line 7: extmap id used twice"},
		{HEAD AUDIO "a=ssrc:x cname:y\r\n", "line 6: ssrc"},
		{HEAD AUDIO "a=ssrc:4294967296 cname:y\r\n", "line 6: ssrc"},
		{HEAD AUDIO "a=ssrc-group:FID 1\r\n", "line 6: ssrc-group"},
		{HEAD AUDIO "a=ssrc-group:FID 1 1\r\n", "line 6: ssrc-group"},
		{HEAD AUDIO "a=rid:a/b send\r\n", "line 6: rid"},
		{HEAD AUDIO "a=simulcast:send\r\n", "line 6: simulcast in the section above"},
		{HEAD AUDIO "a=simulcast:send a;;b\r\n", "line 6: simulcast in the section above"},
		{HEAD AUDIO "a=sctp-port:65536\r\n", "line 6: sctp-port"},
		{HEAD AUDIO "a=max-message-size:-1\r\n", "line 6: max-message-size"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(cases[i].text), -EBADMSG);
		assert_string_equal(why, cases[i].why);
	}
}

/* HEAD, `start`, and `count` lines of `format` with a running number. */
static char *many(const char *start, const char *format, unsigned count)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	assert_non_null(to);
	fprintf(to, "%s%s", HEAD, start);
	for (unsigned i = 0; i < count; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		fprintf(to, format, i, i);
#pragma GCC diagnostic pop
	}
	fclose(to);
	return text;
}

static void limits_are_refused_by_name_when_passed_by_one(void **state)
{
	static const struct {
		const char *start;
		const char *line;
		unsigned limit;
		const char *reason;
	} cases[] = {
		{"", "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:%u\r\n", BF_SDP_MEDIA,
			"too many m= sections"},
		{VIDEO, "a=ssrc:%u cname:x\r\n", BF_SDP_SSRCS,
			"too many ssrcs in the section above"},
		{VIDEO, "a=ssrc-group:FID 1%u 2%u\r\n", BF_SDP_SSRCS, "too many FID groups"},
		{VIDEO "a=simulcast:send 0;1;2;3;4;5\r\n", "a=rid:%u send\r\n", BF_SDP_RIDS,
			"too many rids in the section above"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = many(cases[i].start, cases[i].line, cases[i].limit);

		assert_int_equal(parse(text), 0);
		free(text);
		text = many(cases[i].start, cases[i].line, cases[i].limit + 1);
		assert_int_equal(parse(text), -ENOBUFS);
		assert_non_null(strstr(why, cases[i].reason));
		free(text);
	}
}

static void formats_are_limited(void **state)
{
	char m_line[512] = HEAD "m=video 9 UDP/TLS/RTP/SAVPF";
	char text[8192];

	(void)state;
	for (unsigned count = BF_SDP_FORMATS; count <= BF_SDP_FORMATS + 1; count++) {
		size_t at = strlen(HEAD "m=video 9 UDP/TLS/RTP/SAVPF");

		for (unsigned pt = 0; pt < count; pt++)
			at += (size_t)sprintf(m_line + at, " %u", pt);
		at = (size_t)sprintf(text, "%s\r\n", m_line);
		for (unsigned pt = 0; pt < count; pt++)
			at += (size_t)sprintf(text + at, "a=rtpmap:%u VP8/90000\r\n", pt);
		assert_int_equal(parse(text), count > BF_SDP_FORMATS ? -ENOBUFS : 0);
	}
	assert_non_null(strstr(why, "too many formats in the section above"));
}

static void long_lines_texts_and_mids_are_refused(void **state)
{
	char *text = malloc(BF_SDP_TEXT_MAX + 2);
	size_t at;

	(void)state;
	assert_non_null(text);
	at = (size_t)sprintf(text, HEAD "a=");
	memset(text + at, 'x', BF_SDP_LINE_MAX - 2);
	strcpy(text + at + BF_SDP_LINE_MAX - 2, "\r\n");
	assert_int_equal(parse(text), 0);
	strcpy(text + at + BF_SDP_LINE_MAX - 2, "x\r\n");
	assert_int_equal(parse(text), -ENOBUFS);
	assert_string_equal(why, "line 5: line is too long");

	memset(text, '\n', BF_SDP_TEXT_MAX + 1);
	memcpy(text, HEAD, strlen(HEAD));
	text[BF_SDP_TEXT_MAX + 1] = '\0';
	assert_int_equal(parse(text), -ENOBUFS);
	text[BF_SDP_TEXT_MAX] = '\0';
	assert_int_equal(parse(text), 0);

	assert_int_equal(parse(HEAD AUDIO "a=mid:12345678901234567890123456789012\r\n"), 0);
	assert_int_equal(parse(HEAD AUDIO "a=mid:123456789012345678901234567890123\r\n"), -ENOBUFS);
	assert_int_equal(parse(HEAD "a=group:BUNDLE 0\r\na=group:BUNDLE 1\r\n" AUDIO), -ENOBUFS);
	free(text);
}

static void further_candidates_are_skipped(void **state)
{
	char *text = many(
		AUDIO, "a=candidate:%u 1 udp 1 192.0.2.1 %u typ host\r\n", BF_SDP_CANDIDATES + 5);

	(void)state;
	assert_int_equal(parse(text), 0);
	assert_int_equal(sdp.media[0].candidate_count, BF_SDP_CANDIDATES);
	free(text);
}

static void sections_inherit_from_the_session_and_may_differ(void **state)
{
	(void)state;
	assert_int_equal(
		parse(HEAD "a=setup:passive\r\na=recvonly\r\na=ice-ufrag:sess\r\na=ice-pwd:p\r\n"
			   "a=fingerprint:sha-1 AA:BB\r\n"
			   "a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid\r\n" AUDIO
			   "a=mid:0\r\n" AUDIO "a=mid:1\r\na=setup:active\r\na=sendonly\r\n"
			   "a=ice-ufrag:own0\r\na=ice-pwd:q\r\na=fingerprint:sha-256 CC:DD\r\n"
			   "a=fingerprint:sha-512 EE:FF\r\n"),
		0);
	assert_int_equal(sdp.media[0].setup, BF_SDP_PASSIVE);
	assert_int_equal(sdp.media[0].dir, BF_SDP_RECVONLY);
	assert_int_equal(sdp.media[0].exts.id[BF_EXT_MID], 3);
	assert_true(bf_bytes_is(sdp.media[0].ufrag, "sess"));
	assert_true(bf_bytes_is(sdp.media[0].fingerprint, "AA:BB"));
	assert_int_equal(sdp.media[1].setup, BF_SDP_ACTIVE);
	assert_int_equal(sdp.media[1].dir, BF_SDP_SENDONLY);
	assert_true(bf_bytes_is(sdp.media[1].ufrag, "own0"));
	assert_true(bf_bytes_is(sdp.media[1].hash, "sha-256"));
	assert_true(bf_bytes_is(sdp.media[1].fingerprint, "CC:DD"));
}

static void sha_256_is_kept_when_there_are_several_fingerprints(void **state)
{
	(void)state;
	assert_int_equal(parse(HEAD AUDIO "a=fingerprint:sha-1 AA:BB\r\n"
					  "a=fingerprint:sha-256 CC:DD\r\n"
					  "a=fingerprint:sha-512 EE:FF\r\n"),
		0);
	assert_true(bf_bytes_is(sdp.media[0].fingerprint, "CC:DD"));
}

static void bundled_sections_get_what_only_the_tagged_one_says(void **state)
{
	(void)state;
	assert_int_equal(
		parse(HEAD "a=group:BUNDLE 1 0\r\n" AUDIO "a=mid:0\r\n" AUDIO
			   "a=mid:1\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n"
			   "a=fingerprint:sha-256 AA:BB\r\na=setup:active\r\na=rtcp-mux\r\n" AUDIO
			   "a=mid:2\r\n"),
		0);
	assert_int_equal(sdp.tag_idx, 1);
	assert_true(bf_bytes_is(sdp.media[0].ufrag, "abcd"));
	assert_true(bf_bytes_is(sdp.media[0].fingerprint, "AA:BB"));
	assert_int_equal(sdp.media[0].setup, BF_SDP_ACTIVE);
	assert_true(sdp.media[0].has_rtcp_mux);
	assert_int_equal(sdp.media[2].ufrag.len, 0); /* not in the group */
	assert_false(sdp.media[2].has_rtcp_mux);
}

static void formats_may_be_described_in_any_order(void **state)
{
	(void)state;
	assert_int_equal(parse(HEAD "m=video 9 UDP/TLS/RTP/SAVPF 97 96 98 99 97\r\n"
				    "a=fmtp:97 apt=96\r\na=fmtp:99 apt=98\r\n"
				    "a=rtcp-fb:* nack\r\na=rtcp-fb:96 nack pli\r\n"
				    "a=rtpmap:99 rtx/90000\r\na=rtpmap:98 red/90000\r\n"
				    "a=rtpmap:97 RTX/90000\r\na=rtpmap:96 vp8/90000\r\n"
				    "a=rtpmap:100 VP8/90000\r\n"),
		0);
	/* 99 repairs a format we do not know, 100 is not on the m= line */
	assert_int_equal(sdp.media[0].format_count, 2);
	assert_int_equal(sdp.media[0].formats[0].pt, 97);
	assert_true(sdp.media[0].formats[0].is_rtx);
	assert_int_equal(sdp.media[0].formats[1].codec, BF_CODEC_VP8);
	assert_true(sdp.media[0].formats[1].has_nack);
	assert_true(sdp.media[0].formats[1].has_pli);
	assert_false(sdp.media[0].formats[1].has_fir);
}

static void a_codec_at_a_foreign_clock_is_not_ours(void **state)
{
	(void)state;
	assert_int_equal(parse(HEAD AUDIO "a=rtpmap:111 opus/8000\r\n"), 0);
	assert_int_equal(sdp.media[0].format_count, 0);
}

static void inactive_and_encrypted_and_huge_extmaps_are_skipped(void **state)
{
	(void)state;
	assert_int_equal(
		parse(HEAD AUDIO "a=extmap:1/inactive urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
				 "a=extmap:2 urn:ietf:params:rtp-hdrext:encrypt "
				 "urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
				 "a=extmap:4096 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n"
				 "a=extmap:0 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n"
				 "a=extmap:255/recvonly urn:3gpp:video-orientation\r\n"),
		0);
	for (unsigned i = 0; i < BF_EXT_COUNT; i++)
		assert_int_equal(sdp.media[0].exts.id[i], i == BF_EXT_ORIENTATION ? 255 : 0);
}

static void fec_ssrcs_are_no_tracks(void **state)
{
	(void)state;
	assert_int_equal(parse(HEAD VIDEO "a=ssrc:1 cname:x\r\na=ssrc:2 cname:x\r\n"
					  "a=ssrc:3 cname:x\r\na=ssrc-group:FID 1 2\r\n"
					  "a=ssrc-group:FEC-FR 1 3\r\n"),
		0);
	assert_int_equal(sdp.media[0].ssrc_count, 1);
	assert_int_equal(sdp.media[0].ssrcs[0].ssrc, 1);
	assert_int_equal(sdp.media[0].ssrcs[0].rtx_ssrc, 2);
}

static void simulcast_takes_first_alternatives_and_what_the_peer_sends(void **state)
{
	(void)state;
	assert_int_equal(parse(HEAD VIDEO "a=simulcast:recv z send a,b;~c;x\r\n"
					  "a=rid:a send pt=96\r\na=rid:b send\r\na=rid:c send\r\n"
					  "a=rid:z recv\r\n"),
		0);
	assert_true(sdp.media[0].is_simulcast_send);
	assert_int_equal(sdp.media[0].rid_count, 2); /* x has no a=rid line */
	assert_true(bf_bytes_is(sdp.media[0].rids[0], "a"));
	assert_true(bf_bytes_is(sdp.media[0].rids[1], "c"));
}

static void max_message_size_zero_means_any(void **state)
{
	(void)state;
	assert_int_equal(parse(HEAD "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
				    "a=max-message-size:0\r\n"),
		0);
	assert_true(sdp.media[0].max_message == UINT64_MAX);
}

/* ---- bf_sdp_check_webrtc ---- */

#define PROOF                                                                        \
	"a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=setup:active\r\n" \
	"a=fingerprint:sha-256 AA:BB\r\na=rtcp-mux\r\n"

static void what_cannot_be_served_is_refused_by_name(void **state)
{
	static const struct {
		const char *text;
		const char *why; /* NULL: fine */
	} cases[] = {
		{HEAD AUDIO PROOF "a=mid:0\r\n", NULL},
		{HEAD, "no section is live"},
		{HEAD "m=audio 0 RTP/AVP 0\r\n", "no section is live"},
		{HEAD AUDIO PROOF, "section 0 has no mid"},
		{HEAD AUDIO "a=mid:0\r\na=fingerprint:sha-256 AA:BB\r\na=setup:active\r\n",
			"section 0 has no ICE credentials, or too short ones"},
		{HEAD AUDIO PROOF "a=mid:0\r\na=ice-ufrag:abc\r\n",
			"section 0 has no ICE credentials, or too short ones"},
		{HEAD AUDIO PROOF "a=mid:0\r\na=ice-pwd:012345678901234567890\r\n",
			"section 0 has no ICE credentials, or too short ones"},
		{HEAD AUDIO "a=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n",
			"section 0 has no fingerprint"},
		{HEAD AUDIO PROOF "a=mid:0\r\na=setup:holdconn\r\n", "section 0 has no setup role"},
		{HEAD AUDIO "a=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n"
			    "a=fingerprint:md5 AA:BB\r\n",
			"section 0 has a fingerprint of an unknown hash"},
		{HEAD "a=group:BUNDLE 0 1\r\n" AUDIO PROOF "a=mid:0\r\n" AUDIO PROOF "a=mid:1\r\n",
			NULL},
		{HEAD AUDIO PROOF "a=mid:0\r\n" AUDIO PROOF "a=mid:1\r\n",
			"section 1 is not bundled with the others"},
		{HEAD "a=group:BUNDLE 0\r\n" AUDIO PROOF "a=mid:0\r\n" AUDIO PROOF "a=mid:0\r\n",
			"section 1 is not bundled with the others"},
		{HEAD "a=group:BUNDLE 0\r\n" AUDIO PROOF
		      "a=mid:0\r\nm=audio 0 RTP/AVP 0\r\na=mid:0\r\n",
			"section 1 has the mid of another"},
		{HEAD "a=group:BUNDLE 0 1\r\n" AUDIO PROOF "a=mid:0\r\n" AUDIO
		      "a=mid:1\r\na=fingerprint:sha-256 AA:CC\r\n",
			"section 1 has another fingerprint than the one it is bundled with"},
		{HEAD "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n" PROOF "a=mid:0\r\n",
			"section 0 has no sctp-port"},
		{HEAD AUDIO "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n"
			    "a=setup:active\r\na=fingerprint:sha-256 AA:BB\r\na=mid:0\r\n",
			"section 0 has no rtcp-mux"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int err;

		assert_int_equal(parse(cases[i].text), 0);
		err = bf_sdp_check_webrtc(&sdp, why, sizeof(why));
		assert_int_equal(err, cases[i].why ? -EINVAL : 0);
		if (cases[i].why)
			assert_string_equal(why, cases[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recorded_descriptions_parse_to_their_facts),
		cmocka_unit_test(every_prefix_is_an_error_or_a_description),
		cmocka_unit_test(line_feeds_alone_and_trailing_blank_lines_are_taken),
		cmocka_unit_test(malformed_lines_are_refused_with_their_number),
		cmocka_unit_test(limits_are_refused_by_name_when_passed_by_one),
		cmocka_unit_test(formats_are_limited),
		cmocka_unit_test(long_lines_texts_and_mids_are_refused),
		cmocka_unit_test(further_candidates_are_skipped),
		cmocka_unit_test(sections_inherit_from_the_session_and_may_differ),
		cmocka_unit_test(sha_256_is_kept_when_there_are_several_fingerprints),
		cmocka_unit_test(bundled_sections_get_what_only_the_tagged_one_says),
		cmocka_unit_test(formats_may_be_described_in_any_order),
		cmocka_unit_test(a_codec_at_a_foreign_clock_is_not_ours),
		cmocka_unit_test(inactive_and_encrypted_and_huge_extmaps_are_skipped),
		cmocka_unit_test(fec_ssrcs_are_no_tracks),
		cmocka_unit_test(simulcast_takes_first_alternatives_and_what_the_peer_sends),
		cmocka_unit_test(max_message_size_zero_means_any),
		cmocka_unit_test(what_cannot_be_served_is_refused_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
