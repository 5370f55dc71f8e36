/* The generator's checks against the server's STUN code, which is another implementation. */
#include "media/stun/stun.h"
#include "scripts/bench/check.h"

#include <errno.h>

#include <setjmp.h> /* cmocka wants these before it */
#include <stdarg.h>

#include <cmocka.h>

#define PASSWORD "their password of 24 byt"

static const uint8_t tid[BENCH_TID_BYTES] = "transaction";

static const struct bench_check check = {.username = "theirs:ours",
	.password = PASSWORD,
	.tie_breaker = 0x1122334455667788,
	.priority = 1853824767};

struct check_message {
	uint8_t bytes[BENCH_CHECK_MAX];
	size_t len;
};

static void write_request(struct check_message *out)
{
	out->len = bench_check_write(out->bytes, sizeof(out->bytes), &check, tid);
}

static void a_request_is_understood(void **state)
{
	struct check_message request;
	struct bf_stun_request seen;
	struct bf_stun_peek peek;

	(void)state;
	write_request(&request);
	assert_int_equal(bf_stun_peek(&peek, bf_bytes(request.bytes, request.len)), 0);
	assert_true(peek.is_binding && peek.cls == BF_STUN_REQUEST);
	assert_true(bf_bytes_is(peek.username, "theirs:ours"));
	assert_int_equal(bf_stun_check_request(&seen, bf_bytes(request.bytes, request.len),
				 bf_bytes_str(PASSWORD)),
		0);
	assert_true(seen.use_candidate && seen.is_controlling);
	assert_int_equal(seen.priority, check.priority);
	assert_int_equal(seen.tie_breaker, check.tie_breaker);
}

static void a_request_under_another_password_is_refused(void **state)
{
	struct check_message request;
	struct bf_stun_request seen;

	(void)state;
	write_request(&request);
	assert_int_equal(bf_stun_check_request(&seen, bf_bytes(request.bytes, request.len),
				 bf_bytes_str("another one")),
		-EACCES);
}

static void a_controlled_client_does_not_nominate(void **state)
{
	struct bench_check controlled = check;
	struct check_message request;
	struct bf_stun_request seen;

	(void)state;
	controlled.is_controlled = true;
	request.len = bench_check_write(request.bytes, sizeof(request.bytes), &controlled, tid);
	assert_int_equal(bf_stun_check_request(&seen, bf_bytes(request.bytes, request.len),
				 bf_bytes_str(PASSWORD)),
		0);
	assert_true(seen.is_controlled && !seen.is_controlling && !seen.use_candidate);
	assert_int_equal(seen.tie_breaker, check.tie_breaker);
}

static void write_answer(struct check_message *out)
{
	struct check_message request;
	struct bf_addr mapped;
	int len;

	write_request(&request);
	assert_int_equal(bf_addr_parse(&mapped, "127.0.0.1:5000"), 0);
	uint8_t answer[BF_STUN_MAX];
	len = bf_stun_write_success(answer, sizeof(answer), bf_bytes(request.bytes, request.len),
		&mapped, bf_bytes_str(PASSWORD));
	assert_true(len > 0 && (size_t)len <= sizeof(out->bytes));
	out->len = (size_t)len;
	memcpy(out->bytes, answer, out->len);
}

static void an_answer_is_recognised(void **state)
{
	struct check_message answer;

	(void)state;
	write_answer(&answer);
	assert_true(bench_check_is_answer(bf_bytes(answer.bytes, answer.len), tid, PASSWORD));
}

static void an_answer_to_something_else_is_not(void **state)
{
	static const uint8_t other[BENCH_TID_BYTES] = "Transaction";
	struct check_message answer;

	(void)state;
	write_answer(&answer);
	assert_false(bench_check_is_answer(bf_bytes(answer.bytes, answer.len), other, PASSWORD));
	assert_false(bench_check_is_answer(bf_bytes(answer.bytes, answer.len), tid, "another one"));
}

/* The fingerprint, the last 8 bytes, is behind the integrity and not looked at. */
static void a_forged_answer_is_not(void **state)
{
	struct check_message answer;

	(void)state;
	write_answer(&answer);
	for (size_t i = 0; i + 8 < answer.len; i++) {
		if (i == 2 || i == 3)
			continue; /* the length: what counts is where the integrity stands */
		answer.bytes[i] ^= 1;
		assert_false(
			bench_check_is_answer(bf_bytes(answer.bytes, answer.len), tid, PASSWORD));
		answer.bytes[i] ^= 1;
	}
}

static void a_truncated_answer_is_not(void **state)
{
	struct check_message answer;

	(void)state;
	write_answer(&answer);
	for (size_t len = 0; len + 8 < answer.len; len++)
		assert_false(bench_check_is_answer(bf_bytes(answer.bytes, len), tid, PASSWORD));
}

static void our_own_request_is_no_answer(void **state)
{
	struct check_message request;

	(void)state;
	write_request(&request);
	assert_false(bench_check_is_answer(bf_bytes(request.bytes, request.len), tid, PASSWORD));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_understood),
		cmocka_unit_test(a_request_under_another_password_is_refused),
		cmocka_unit_test(a_controlled_client_does_not_nominate),
		cmocka_unit_test(an_answer_is_recognised),
		cmocka_unit_test(an_answer_to_something_else_is_not),
		cmocka_unit_test(a_forged_answer_is_not),
		cmocka_unit_test(a_truncated_answer_is_not),
		cmocka_unit_test(our_own_request_is_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
