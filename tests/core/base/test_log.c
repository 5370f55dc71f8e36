#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* A log into one end of a pair of datagram sockets: each write(2) arrives as one datagram. */
struct fixture {
	struct bf_log *log;
	int fds[2];
	char line[BF_LOG_LINE + 1];
};

static void open_log(struct fixture *f, enum bf_log_format format)
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, f->fds), 0);
	assert_int_equal(bf_log_new(&f->log, f->fds[0], format, BF_LOG_INFO), 0);
}

static void close_log(struct fixture *f)
{
	bf_log_free(f->log);
	close(f->fds[0]);
	close(f->fds[1]);
}

/* The next line without its time, which is checked for its shape. */
static const char *next_line(struct fixture *f)
{
	ssize_t n = recv(f->fds[1], f->line, BF_LOG_LINE, MSG_DONTWAIT | MSG_TRUNC);
	bool is_json = f->line[0] == '{';
	size_t prefix = is_json ? strlen("{\"time\":\"") : strlen("time=");

	if (n < 0)
		return NULL;
	assert_true(n > 0 && n <= BF_LOG_LINE);
	f->line[n] = '\0';
	assert_int_equal(f->line[n - 1], '\n');
	assert_ptr_equal(strchr(f->line, '\n'), f->line + n - 1);
	f->line[n - 1] = '\0';
	assert_int_equal(f->line[prefix + 10], 'T');
	assert_int_equal(f->line[prefix + 26], 'Z');
	return f->line + prefix + 28 + (is_json ? 1 : 0);
}

static void a_line_has_time_level_event_and_typed_fields(void **state)
{
	struct fixture f;
	struct bf_addr addr;

	(void)state;
	assert_int_equal(bf_addr_parse(&addr, "[2001:db8::1]:7"), 0);
	open_log(&f, BF_LOG_LOGFMT);
	BF_LOG(f.log, BF_LOG_INFO, "room opened", BF_STR("room", "demo"),
		BF_UINT("worker", UINT64_MAX), BF_INT("delta", -5), BF_ID("id", 0xabc),
		BF_ADDR("peer", &addr), BF_BYTES("name", bf_bytes("two wordsXX", 9)));
	assert_string_equal(next_line(&f),
		"level=info event=\"room opened\" room=demo worker=18446744073709551615 delta=-5 "
		"id=0000000000000abc peer=[2001:db8::1]:7 name=\"two words\"");
	BF_LOG(f.log, BF_LOG_ERROR, "plain");
	assert_string_equal(next_line(&f), "level=error event=plain");
	close_log(&f);

	open_log(&f, BF_LOG_JSON);
	BF_LOG(f.log, BF_LOG_WARN, "room opened", BF_STR("room", "demo"), BF_UINT("worker", 1),
		BF_INT("delta", INT64_MIN), BF_ID("id", 0xabc), BF_ADDR("peer", &addr),
		BF_STR("none", NULL), BF_ADDR("nobody", NULL));
	assert_string_equal(next_line(&f),
		"\"level\":\"warn\",\"event\":\"room opened\",\"room\":\"demo\",\"worker\":1,"
		"\"delta\":-9223372036854775808,\"id\":\"0000000000000abc\","
		"\"peer\":\"[2001:db8::1]:7\",\"none\":null,\"nobody\":null}");
	close_log(&f);
}

static void a_level_that_is_off_costs_no_evaluation(void **state)
{
	struct fixture f;
	int evaluated = 0;

	(void)state;
	open_log(&f, BF_LOG_LOGFMT);
	BF_LOG(f.log, BF_LOG_DEBUG, "x", BF_INT("n", ++evaluated));
	assert_int_equal(evaluated, 0);
	assert_null(next_line(&f));
	BF_LOG(f.log, BF_LOG_INFO, "x", BF_INT("n", ++evaluated));
	assert_int_equal(evaluated, 1);
	assert_string_equal(next_line(&f), "level=info event=x n=1");
	assert_null(next_line(&f));
	close_log(&f);
}

static void strangers_can_neither_forge_a_line_nor_move_a_terminal(void **state)
{
	static const struct {
		const char *text, *logfmt, *json;
	} cases[] = {
		{"a\nlevel=error", "\"a\\nlevel=error\"", "\"a\\nlevel=error\""},
		{"\x1b[2J", "\"\\u001b[2J\"", "\"\\u001b[2J\""},
		{"a\"b\\c", "\"a\\\"b\\\\c\"", "\"a\\\"b\\\\c\""},
		{"a=b", "\"a=b\"", "\"a=b\""},
		{"", "\"\"", "\"\""},
		{"\r\t\x7f", "\"\\r\\t\\u007f\"", "\"\\r\\t\\u007f\""},
		{"\xc2\x9b"
		 "31m",
			"\"\\u009b31m\"", "\"\\u009b31m\""},	/* C1 CSI */
		{"\xe2\x80\xae", "\"\\u202e\"", "\"\\u202e\""}, /* right to left override */
		{"\xe2\x80\xa8", "\"\\u2028\"", "\"\\u2028\""}, /* line separator */
		{"\xff"
		 "a\xc3",
			"\"\\xffa\\xc3\"", "\"\\ufffda\\ufffd\""},
		{"gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\"", "\"gr\xc3\xbc\xc3\x9f\""},
	};
	struct fixture f;
	char expected[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		open_log(&f, BF_LOG_LOGFMT);
		BF_LOG(f.log, BF_LOG_INFO, "e", BF_STR("v", cases[i].text));
		snprintf(expected, sizeof(expected), "level=info event=e v=%s", cases[i].logfmt);
		assert_string_equal(next_line(&f), expected);
		close_log(&f);
		open_log(&f, BF_LOG_JSON);
		BF_LOG(f.log, BF_LOG_INFO, "e", BF_STR("v", cases[i].text));
		snprintf(expected, sizeof(expected), "\"level\":\"info\",\"event\":\"e\",\"v\":%s}",
			cases[i].json);
		assert_string_equal(next_line(&f), expected);
		close_log(&f);
	}
}

static void a_nul_byte_is_never_written_as_a_character(void **state)
{
	struct fixture f;

	(void)state;
	open_log(&f, BF_LOG_LOGFMT);
	BF_LOG(f.log, BF_LOG_INFO, "e", BF_BYTES("v", bf_bytes("a\0b", 3)));
	assert_string_equal(next_line(&f), "level=info event=e v=\"a\\x00b\"");
	close_log(&f);
	open_log(&f, BF_LOG_JSON);
	BF_LOG(f.log, BF_LOG_INFO, "e", BF_BYTES("v", bf_bytes("a\0b", 3)));
	assert_string_equal(
		next_line(&f), "\"level\":\"info\",\"event\":\"e\",\"v\":\"a\\ufffdb\"}");
	close_log(&f);
}

static void secrets_are_redacted_by_kind_and_by_key(void **state)
{
	struct fixture f;

	(void)state;
	open_log(&f, BF_LOG_LOGFMT);
	BF_LOG(f.log, BF_LOG_INFO, "e", BF_SECRET("pin_code"), BF_STR("password", "hunter2"),
		BF_STR("Authorization", "hunter2"), BF_STR("turn_secret", "hunter2"),
		BF_INT("token", 42), BF_STR("set-cookie", "hunter2"), BF_STR("ufrag", "hunter2"),
		BF_STR("pwd", "hunter2"), BF_STR("api.key", "hunter2"));
	assert_string_equal(next_line(&f),
		"level=info event=e pin_code=[redacted] password=[redacted] "
		"Authorization=[redacted] "
		"turn_secret=[redacted] token=[redacted] set-cookie=[redacted] ufrag=[redacted] "
		"pwd=[redacted] api.key=[redacted]");
	BF_LOG(f.log, BF_LOG_INFO, "e", BF_INT("token_count", 2), BF_STR("monkey", "x"),
		BF_STR("keyframe", "y"));
	assert_string_equal(next_line(&f), "level=info event=e token_count=2 monkey=x keyframe=y");
	close_log(&f);
}

static void an_errno_shows_text_and_number_of_either_sign(void **state)
{
	struct fixture f;

	(void)state;
	open_log(&f, BF_LOG_LOGFMT);
	BF_LOG(f.log, BF_LOG_INFO, "e", BF_ERRNO("err", -ECONNREFUSED), BF_ERRNO("err", ENOENT),
		BF_ERRNO("err", -99999), BF_ERRNO("err", INT64_MAX));
	assert_string_equal(next_line(&f),
		"level=info event=e err=\"Connection refused (111)\" err=\"No such file or "
		"directory (2)\" "
		"err=\"Unknown error (99999)\" err=\"Unknown error (9223372036854775807)\"");
	close_log(&f);
}

/* Every length around the limit: never longer, always one line, well formed, and marked when cut. */
static void long_lines_are_cut_and_marked(void **state)
{
	static const char *const fillers[] = {"x", "\n", "\xc3\xa9", "\xff", "\"", " "};
	char text[BF_LOG_LINE + 64];
	struct fixture f;

	(void)state;
	for (size_t k = 0; k < sizeof(fillers) / sizeof(fillers[0]); k++) {
		size_t unit = strlen(fillers[k]);

		for (size_t i = 0; i + unit <= sizeof(text); i += unit)
			memcpy(text + i, fillers[k], unit);
		for (int json = 0; json < 2; json++) {
			open_log(&f, json ? BF_LOG_JSON : BF_LOG_LOGFMT);
			for (size_t len = 0; len <= BF_LOG_LINE + 8; len += unit) {
				struct bf_json *parsed;
				const char *line;
				bool is_cut;

				BF_LOG(f.log, BF_LOG_INFO, "e", BF_BYTES("v", bf_bytes(text, len)),
					BF_STR("w", "y"), BF_BYTES("z", bf_bytes(text, 1)));
				line = next_line(&f);
				is_cut = strstr(line, json ? "\"cut\":true}" : " cut=true") != NULL;
				assert_int_equal(
					is_cut, strstr(line, json ? "\"z\":" : " z=") == NULL ||
							line[strlen(line) - 1] == 'e' ||
							(json && line[strlen(line) - 2] == 'e'));
				if (len < 128)
					assert_false(is_cut);
				if (len >= BF_LOG_LINE)
					assert_true(is_cut);
				if (!json)
					continue;
				assert_int_equal(bf_json_parse(&parsed, bf_bytes_str(f.line),
							 BF_LOG_LINE, NULL, 0),
					0);
				bf_json_free(parsed);
			}
			close_log(&f);
		}
	}
}

static void a_log_that_cannot_be_written_disturbs_nobody(void **state)
{
	struct fixture f;

	(void)state;
	open_log(&f, BF_LOG_LOGFMT);
	assert_int_equal(fcntl(f.fds[0], F_SETFL, O_NONBLOCK), 0);
	errno = ENOTTY;
	for (int i = 0; i < 10000; i++)
		BF_LOG(f.log, BF_LOG_INFO, "e", BF_INT("i", i));
	assert_int_equal(errno, ENOTTY);
	assert_string_equal(next_line(&f), "level=info event=e i=0");
	close_log(&f);
}

#define LINES 500

static void *write_lines(void *arg)
{
	for (int i = 0; i < LINES; i++)
		BF_LOG(arg, BF_LOG_INFO, "e", BF_STR("v", "some text that is not very short"));
	return NULL;
}

static void lines_of_several_threads_do_not_mix(void **state)
{
	FILE *file = tmpfile();
	struct bf_log *log;
	pthread_t threads[4];
	char line[256];
	int count = 0;

	(void)state;
	assert_non_null(file);
	assert_int_equal(fcntl(fileno(file), F_SETFL, O_APPEND), 0);
	assert_int_equal(bf_log_new(&log, fileno(file), BF_LOG_LOGFMT, BF_LOG_DEBUG), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_lines, log), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	rewind(file);
	while (fgets(line, sizeof(line), file)) {
		assert_string_equal(
			line + 33, "level=info event=e v=\"some text that is not very short\"\n");
		count++;
	}
	assert_int_equal(count, 4 * LINES);
	bf_log_free(log);
	fclose(file);
}

static void a_limit_lets_a_burst_through_each_second_and_counts_the_rest(void **state)
{
	struct bf_log_limit limit = {.window_us = 0};
	uint32_t suppressed = 99;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_true(bf_log_limit_allows(&limit, BF_SEC(5) + i, 3, &suppressed));
		assert_int_equal(suppressed, 0);
	}
	for (int i = 0; i < 7; i++)
		assert_false(bf_log_limit_allows(&limit, BF_SEC(6) - 1, 3, &suppressed));
	assert_true(bf_log_limit_allows(&limit, BF_SEC(6), 3, &suppressed));
	assert_int_equal(suppressed, 7);
	assert_true(bf_log_limit_allows(&limit, BF_SEC(6), 3, &suppressed));
	assert_int_equal(suppressed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_has_time_level_event_and_typed_fields),
		cmocka_unit_test(a_level_that_is_off_costs_no_evaluation),
		cmocka_unit_test(strangers_can_neither_forge_a_line_nor_move_a_terminal),
		cmocka_unit_test(a_nul_byte_is_never_written_as_a_character),
		cmocka_unit_test(secrets_are_redacted_by_kind_and_by_key),
		cmocka_unit_test(an_errno_shows_text_and_number_of_either_sign),
		cmocka_unit_test(long_lines_are_cut_and_marked),
		cmocka_unit_test(a_log_that_cannot_be_written_disturbs_nobody),
		cmocka_unit_test(lines_of_several_threads_do_not_mix),
		cmocka_unit_test(a_limit_lets_a_burst_through_each_second_and_counts_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
