/* Offers and answers of the generator, read by the server's SDP code, and the other way round. */
#include "scripts/bench/description.h"

#include <errno.h>
#include <stdlib.h>

#include <setjmp.h> /* cmocka wants these before it */
#include <stdarg.h>

#include <cmocka.h>

static char text[BENCH_SDP_MAX], answer[BENCH_SDP_MAX];
static struct bench_remote remote, second;
static struct bf_sdp *sdp;
static struct bf_addr near;
static struct bench_local local = {.ufrag = "abcd1234",
	.pwd = "0123456789abcdef0123456789abcdef",
	.fingerprint = "AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:"
		       "33:44:55:"
		       "66:77:88:99"};

static const struct bench_track tracks[] = {
	{.kind = BENCH_AUDIO, .ssrc = 1000}, {.kind = BENCH_VIDEO, .ssrc = 2000, .rtx_ssrc = 2001}};

static int setup(void **state)
{
	(void)state;
	sdp = malloc(sizeof(*sdp));
	assert_int_equal(bf_addr_parse(&near, "10.0.0.1:1"), 0);
	assert_int_equal(bf_addr_parse(&local.addr, "10.0.0.1:40000"), 0);
	return sdp ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	free(sdp);
	return 0;
}

static int read_text(struct bench_remote *out, const char *from)
{
	char why[128];

	return bench_description_read(out, sdp, from, &near, why, sizeof(why));
}

static void an_offer_says_what_is_sent(void **state)
{
	(void)state;
	bench_offer_write(text, &local, tracks, 2, true);
	assert_int_equal(read_text(&remote, text), 0);
	assert_string_equal(remote.ufrag, local.ufrag);
	assert_string_equal(remote.pwd, local.pwd);
	assert_string_equal(remote.fingerprint, local.fingerprint);
	assert_false(remote.is_active);
	assert_true(bf_addr_equal(&remote.addr, &local.addr));
	assert_int_equal(remote.section_count, 2);
	assert_int_equal(remote.sections[0].kind, BENCH_AUDIO);
	assert_int_equal(remote.sections[0].pt, BENCH_PT_AUDIO);
	assert_int_equal(remote.sections[0].ssrc, 1000);
	assert_string_equal(remote.sections[1].mid, "1");
	assert_int_equal(remote.sections[1].pt, BENCH_PT_VIDEO);
	assert_int_equal(remote.sections[1].rtx_pt, BENCH_PT_RTX);
	assert_int_equal(remote.sections[1].ssrc, 2000);
	assert_int_equal(remote.sections[1].rtx_ssrc, 2001);
	assert_int_equal(remote.sections[1].exts.id[BF_EXT_TWCC], 3);
}

static void an_offer_can_be_served(void **state)
{
	char why[128];

	(void)state;
	for (int is_sender = 0; is_sender < 2; is_sender++) {
		bench_offer_write(text, &local, tracks, 2, is_sender);
		assert_int_equal(bf_sdp_parse(sdp, bf_bytes_str(text), why, sizeof(why)), 0);
		assert_int_equal(bf_sdp_check_webrtc(sdp, why, sizeof(why)), 0);
	}
}

/* As many sections as one connection may have: the text must hold them. */
static void an_answer_takes_all_sections_as_they_were_offered(void **state)
{
	struct bench_track many[BENCH_SECTIONS];

	(void)state;
	for (unsigned i = 0; i < BENCH_SECTIONS; i++)
		many[i] = tracks[i % 2];
	bench_offer_write(text, &local, many, BENCH_SECTIONS, true);
	assert_int_equal(read_text(&remote, text), 0);
	assert_int_equal(remote.section_count, BENCH_SECTIONS);
	remote.sections[3].pt = 120;
	remote.sections[3].rtx_pt = 121;
	bench_answer_write(answer, &local, &remote);
	assert_int_equal(read_text(&second, answer), 0);
	assert_true(second.is_active);
	assert_int_equal(second.section_count, BENCH_SECTIONS);
	for (unsigned i = 0; i < BENCH_SECTIONS; i++) {
		assert_string_equal(second.sections[i].mid, remote.sections[i].mid);
		assert_int_equal(second.sections[i].pt, remote.sections[i].pt);
		assert_int_equal(second.sections[i].rtx_pt, remote.sections[i].rtx_pt);
		assert_true(second.sections[i].is_active);
	}
}

static void a_stopped_section_stays_in_the_answer(void **state)
{
	(void)state;
	bench_offer_write(text, &local, tracks, 2, true);
	assert_int_equal(read_text(&remote, text), 0);
	remote.sections[0].is_active = false;
	bench_answer_write(answer, &local, &remote);
	assert_int_equal(read_text(&second, answer), 0);
	assert_int_equal(second.section_count, 2);
	assert_false(second.sections[0].is_active);
	assert_ptr_equal(bench_remote_section(&second, BENCH_AUDIO), NULL);
	assert_ptr_equal(bench_remote_section(&second, BENCH_VIDEO), &second.sections[1]);
}

static void the_near_candidate_is_taken_before_better_ones(void **state)
{
	char *at;

	(void)state;
	local.addr.family = 0;
	bench_offer_write(text, &local, tracks, 1, true);
	assert_int_equal(read_text(&remote, text), -EINVAL); /* no candidate at all */
	at = text + strlen(text);
	strcpy(at, "a=candidate:1 1 udp 3000 10.0.0.9 5009 typ host\r\n"
		   "a=candidate:2 1 udp 2000 10.0.0.1 5001 typ host\r\n"
		   "a=candidate:3 1 udp 4000 fd00::1 5006 typ host\r\n"
		   "a=candidate:4 1 tcp 9000 10.0.0.1 5002 typ host tcptype passive\r\n");
	assert_int_equal(read_text(&remote, text), 0);
	assert_int_equal(remote.addr.port, 5001);
	assert_int_equal(bf_addr_parse(&near, "127.0.0.1:1"), 0);
	assert_int_equal(read_text(&remote, text), 0);
	assert_int_equal(remote.addr.port, 5009);
}

static void what_is_no_description_is_refused(void **state)
{
	(void)state;
	assert_int_equal(read_text(&remote, ""), -EBADMSG);
	assert_int_equal(
		read_text(&remote, "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_offer_says_what_is_sent, setup, teardown),
		cmocka_unit_test_setup_teardown(an_offer_can_be_served, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_answer_takes_all_sections_as_they_were_offered, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_stopped_section_stays_in_the_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_near_candidate_is_taken_before_better_ones, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_description_is_refused, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
