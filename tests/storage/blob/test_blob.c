#include "tests/storage/blob/blob_fixture.h"

#include "storage/blob/digest.h"

/* What both stores do alike. */

/* A source that gives a little at a time, and pauses. */
struct trickle {
	struct bf_bytes left;
	size_t step;
	unsigned pull_count;
	bool pauses, is_paused;
	bool is_broken;
	bool is_stuck;
};

static int64_t pull(void *arg, uint8_t *out, size_t size)
{
	struct trickle *trickle = arg;
	size_t len = trickle->left.len < trickle->step ? trickle->left.len : trickle->step;

	trickle->pull_count++;
	if (trickle->is_stuck)
		return -EAGAIN;
	if (trickle->pauses && !trickle->is_paused) {
		trickle->is_paused = true;
		return -EAGAIN;
	}
	trickle->is_paused = false;
	if (len == 0 && trickle->is_broken)
		return -EIO;
	len = len < size ? len : size;
	memcpy(out, trickle->left.data, len);
	trickle->left.data += len;
	trickle->left.len -= len;
	return (int64_t)len;
}

static void wipe(struct fixture *fixture)
{
	struct result result;

	do {
		assert_int_equal(list(fixture, "", "", RESULT_KEYS, &result), BF_BLOB_OK);
		for (size_t i = 0; i < result.key_count; i++)
			assert_int_equal(remove_blob(fixture, result.keys[i]), BF_BLOB_OK);
	} while (result.key_count > 0);
}

static int setup_empty(void **state)
{
	(void)setup_open(state);
	if (is_in_bucket())
		wipe(*state);
	return 0;
}

static void what_was_put_is_got_back(void **state)
{
	static const size_t lens[] = {0, 1, 100, BF_BLOB_CHUNK_BYTES - 1, BF_BLOB_CHUNK_BYTES,
		BF_BLOB_CHUNK_BYTES + 1, 1000000};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct bf_bytes bytes = make_bytes(lens[i], i);
		struct result result;

		if (put(fixture, "org/room/file.bin", bytes, &result) != BF_BLOB_OK)
			fail_msg("%s", result.why);
		assert_int_equal(result.size_bytes, lens[i]);
		assert_blob(fixture, "org/room/file.bin", bytes);
		assert_int_equal(look(fixture, "org/room/file.bin", &result), BF_BLOB_OK);
		assert_int_equal(result.size_bytes, lens[i]);
		assert_true(result.modified_us > bf_clock_wall_us() - BF_SEC(3600));
		assert_true(result.modified_us < bf_clock_wall_us() + BF_SEC(3600));
		free_bytes(bytes);
	}
}

/* Around the size of a part of S3's, and several of them. */
static void large_blobs_are_got_back(void **state)
{
	static const size_t lens[] = {(8 << 20) - 70000, (8 << 20) - 65536, 8 << 20, (8 << 20) + 1,
		(16 << 20) + 12345, 32 << 20};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct bf_bytes bytes = make_bytes(lens[i], 100 + i);
		struct result result;

		if (put(fixture, "large", bytes, &result) != BF_BLOB_OK)
			fail_msg("%zu: %s", lens[i], result.why);
		assert_blob(fixture, "large", bytes);
		free_bytes(bytes);
	}
}

static void the_answer_to_a_put_holds_its_sha256(void **state)
{
	struct fixture *fixture = *state;
	struct result result;
	char hex[65] = "";

	assert_int_equal(put(fixture, "abc", bf_bytes_str("abc"), &result), BF_BLOB_OK);
	for (int i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", result.sha256[i]);
	/* FIPS 180-4, example of one block */
	assert_string_equal(
		hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(bf_blob_digest_hex(bf_bytes_str("abc"), hex), 0);
	assert_int_equal(strncmp(hex, "ba7816bf", 8), 0);
}

static void a_put_replaces_what_was_there(void **state)
{
	struct fixture *fixture = *state;

	put_text(fixture, "k", "first, and longer");
	put_text(fixture, "k", "second");
	assert_blob(fixture, "k", bf_bytes_str("second"));
}

static void what_is_not_there_is_not_found(void **state)
{
	struct fixture *fixture = *state;
	struct result result;

	assert_int_equal(get(fixture, "nobody/here", &result), BF_BLOB_NOT_FOUND);
	assert_int_equal(result.begin_count + result.data_len, 0);
	assert_true(result.why[0]);
	assert_int_equal(look(fixture, "nobody/here", &result), BF_BLOB_NOT_FOUND);
	assert_int_equal(remove_blob(fixture, "nobody/here"), BF_BLOB_OK);
	put_text(fixture, "a/b", "x");
	assert_int_equal(get(fixture, "a", &result), BF_BLOB_NOT_FOUND); /* a beginning of a key */
}

static void what_was_deleted_is_gone_and_its_neighbour_is_not(void **state)
{
	struct fixture *fixture = *state;
	struct result result;

	put_text(fixture, "d/e/one", "1");
	put_text(fixture, "d/e/two", "2");
	assert_int_equal(remove_blob(fixture, "d/e/one"), BF_BLOB_OK);
	assert_int_equal(look(fixture, "d/e/one", &result), BF_BLOB_NOT_FOUND);
	assert_blob(fixture, "d/e/two", bf_bytes_str("2"));
	assert_int_equal(remove_blob(fixture, "d/e/two"), BF_BLOB_OK);
	put_text(fixture, "d/e", "now a blob"); /* nothing is in its way any more */
}

static void assert_range(struct fixture *fixture, uint64_t from, uint64_t len, const char *expected)
{
	struct result result;

	if (get_range(fixture, "range", from, len, &result) != BF_BLOB_OK)
		fail_msg("%s", result.why);
	assert_int_equal(result.whole_bytes, 10);
	assert_int_equal(result.from, from);
	assert_int_equal(result.len, strlen(expected));
	assert_true(bf_bytes_equal(bf_bytes(result.data, result.data_len), bf_bytes_str(expected)));
	free(result.data);
}

static void ranges_are_cut_to_the_blob_and_refused_behind_it(void **state)
{
	struct fixture *fixture = *state;
	struct result result;

	put_text(fixture, "range", "0123456789");
	if (!is_in_bucket()) /* which s3rver takes for all of it */
		assert_range(fixture, 0, 1, "0");
	assert_range(fixture, 0, 2, "01");
	assert_range(fixture, 3, 4, "3456");
	assert_range(fixture, 9, 1, "9");
	assert_range(fixture, 5, UINT64_MAX, "56789");
	assert_range(fixture, 8, 1000, "89");
	assert_range(fixture, 0, UINT64_MAX - 1, "0123456789");
	assert_int_equal(get_range(fixture, "range", 10, 1, &result), BF_BLOB_INVALID);
	assert_int_equal(get_range(fixture, "range", UINT64_MAX, 5, &result), BF_BLOB_INVALID);
	assert_int_equal(result.data_len, 0);
}

static void keys_that_lead_elsewhere_or_nowhere_are_refused(void **state)
{
	static const char *const bad[] = {"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/..",
		"a/../b", "a/./b", "./a", "~new", "~new/x", "a b", "a\nb", "a\\b", "a%2fb",
		"\xc3\xa4", "a:b", "a?b", "a*"};
	static const char *const good[] = {
		"a", "A-Z_0.9", "...", "..a", "a..", ".hidden", "a/b/c/d"};
	struct fixture *fixture = *state;
	struct bf_blob_source source = {.bytes = bf_bytes_str("x")};
	char key[BF_BLOB_KEY_MAX + 2];
	struct result result;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(bf_blob_key_is_valid(bad[i]));
		assert_int_equal(
			bf_blob_put(fixture->client, bad[i], &source, on_answer, &result), -EINVAL);
		assert_int_equal(
			bf_blob_stat(fixture->client, bad[i], on_answer, &result), -EINVAL);
		assert_int_equal(
			bf_blob_delete(fixture->client, bad[i], on_answer, &result), -EINVAL);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(bf_blob_key_is_valid(good[i]));
	}
	memset(key, 'a', sizeof(key));
	key[BF_BLOB_SEGMENT_MAX + 1] = '\0';
	assert_false(bf_blob_key_is_valid(key));
	key[BF_BLOB_SEGMENT_MAX] = '\0';
	assert_true(bf_blob_key_is_valid(key));
	for (size_t i = 0; i < BF_BLOB_KEY_MAX; i++)
		key[i] = i % 2 ? '/' : 'k';
	key[BF_BLOB_KEY_MAX - 1] = 'k';
	key[BF_BLOB_KEY_MAX] = '\0';
	assert_true(bf_blob_key_is_valid(key));
	put_text(fixture, key, "deep");
	assert_blob(fixture, key, bf_bytes_str("deep"));
	key[BF_BLOB_KEY_MAX] = 'k';
	key[BF_BLOB_KEY_MAX + 1] = '\0';
	assert_false(bf_blob_key_is_valid(key));
}

/* ---- sources and sinks ---- */

static void a_source_that_has_to_wait_is_asked_again_only_after_resume(void **state)
{
	struct fixture *fixture = *state;
	struct bf_bytes bytes = make_bytes(300000, 7);
	struct trickle trickle = {.left = bytes, .step = 30000, .pauses = true};
	struct bf_blob_source source = {.pull = pull, .arg = &trickle, .len = BF_BLOB_LEN_UNKNOWN};
	struct result result = {.status = BF_BLOB_OK};
	int64_t call = bf_blob_put(fixture->client, "slow", &source, on_answer, &result);

	assert_true(call > 0);
	while (result.answer_count == 0) {
		unsigned count = trickle.pull_count;

		TURN_UNTIL(fixture, result.answer_count || trickle.is_paused);
		for (int i = 0; i < 3; i++)
			assert_int_equal(bf_loop_turn(fixture->loop, 0), 0);
		assert_true(trickle.pull_count <= count + 2);
		bf_blob_resume(fixture->client, call);
		TURN_UNTIL(fixture, result.answer_count || !trickle.is_paused ||
					    trickle.pull_count > count + 1);
	}
	assert_int_equal(result.status, BF_BLOB_OK);
	assert_blob(fixture, "slow", bytes);
	free_bytes(bytes);
}

static enum bf_blob_status put_trickle(struct fixture *fixture, const char *key,
	struct trickle *trickle, uint64_t len, struct result *result)
{
	struct bf_blob_source source = {.pull = pull, .arg = trickle, .len = len};

	*result = (struct result){.status = BF_BLOB_OK};
	wait_for(fixture, result, bf_blob_put(fixture->client, key, &source, on_answer, result));
	return result->status;
}

static void a_put_that_breaks_off_or_lies_about_its_length_leaves_what_was_there(void **state)
{
	struct fixture *fixture = *state;
	struct bf_bytes bytes = make_bytes(200000, 8);
	struct trickle broken = {.left = bytes, .step = 50000, .is_broken = true};
	struct trickle less = {.left = bytes, .step = 50000}, more = less;
	struct result result;

	put_text(fixture, "kept", "before");
	assert_int_equal(put_trickle(fixture, "kept", &broken, BF_BLOB_LEN_UNKNOWN, &result),
		BF_BLOB_STOPPED);
	assert_int_equal(put_trickle(fixture, "kept", &less, 200001, &result), BF_BLOB_STOPPED);
	assert_int_equal(put_trickle(fixture, "kept", &more, 199999, &result), BF_BLOB_STOPPED);
	assert_blob(fixture, "kept", bf_bytes_str("before"));
	free_bytes(bytes);
}

static void a_blob_over_the_limit_is_refused_as_soon_as_that_is_known(void **state)
{
	struct fixture *fixture = *state;
	struct bf_bytes bytes = make_bytes((32 << 20) + 1, 9);
	struct trickle trickle = {.left = bytes, .step = BF_BLOB_CHUNK_BYTES};
	struct result result;

	assert_int_equal(put(fixture, "huge", bytes, &result), BF_BLOB_TOO_LARGE);
	assert_non_null(strstr(result.why, "storage.blob_max_mib"));
	assert_int_equal(put_trickle(fixture, "huge", &trickle, BF_BLOB_LEN_UNKNOWN, &result),
		BF_BLOB_TOO_LARGE);
	assert_int_equal(look(fixture, "huge", &result), BF_BLOB_NOT_FOUND);
	free_bytes(bytes);
}

static void a_sink_that_takes_no_more_gets_a_few_chunks_until_resume(void **state)
{
	struct fixture *fixture = *state;
	struct bf_bytes bytes = make_bytes(3000000, 10);
	struct result result = {.verdict = -EAGAIN};
	struct bf_blob_range range = {.from = 0, .len = UINT64_MAX};
	struct bf_blob_sink sink = {.on_begin = on_begin, .on_data = on_data, .arg = &result};
	int64_t call;

	assert_int_equal(put(fixture, "paused", bytes, &result), BF_BLOB_OK);
	result = (struct result){.verdict = -EAGAIN};
	call = bf_blob_get(fixture->client, "paused", &range, &sink, on_answer, &result);
	TURN_UNTIL(fixture, result.chunk_count == BF_BLOB_CREDIT);
	for (int i = 0; i < 20; i++)
		assert_int_equal(bf_loop_turn(fixture->loop, 1000), 0);
	assert_int_equal(result.chunk_count, BF_BLOB_CREDIT);
	while (result.answer_count == 0) {
		bf_blob_resume(fixture->client, call);
		assert_int_equal(bf_loop_turn(fixture->loop, BF_MS(10)), 0);
	}
	assert_int_equal(result.status, BF_BLOB_OK);
	assert_true(bf_bytes_equal(bf_bytes(result.data, result.data_len), bytes));
	free(result.data);
	free_bytes(bytes);
}

static void a_sink_that_has_enough_gets_no_more(void **state)
{
	struct fixture *fixture = *state;
	struct bf_bytes bytes = make_bytes(3000000, 11);
	struct bf_blob_range range = {.from = 0, .len = UINT64_MAX};
	struct result result;
	struct bf_blob_sink sink = {.on_begin = on_begin, .on_data = on_data, .arg = &result};

	assert_int_equal(put(fixture, "enough", bytes, &result), BF_BLOB_OK);
	result = (struct result){.verdict = -EIO};
	wait_for(fixture, &result,
		bf_blob_get(fixture->client, "enough", &range, &sink, on_answer, &result));
	assert_int_equal(result.status, BF_BLOB_STOPPED);
	assert_int_equal(result.chunk_count, 1);
	free(result.data);
	free_bytes(bytes);
}

/* ---- lists ---- */

static void put_some(struct fixture *fixture)
{
	/* '-' and '.' come before '/', digits after it */
	static const char *const keys[] = {
		"b/2", "b-x", "b/10", "b0", "a/z/y", "b.x", "c", "b/1", "a/z/x"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		put_text(fixture, keys[i], keys[i]);
}

static void keys_are_listed_in_the_order_of_their_bytes(void **state)
{
	static const char *const expected[] = {
		"a/z/x", "a/z/y", "b-x", "b.x", "b/1", "b/10", "b/2", "b0", "c"};
	struct fixture *fixture = *state;
	struct result result;

	put_some(fixture);
	assert_int_equal(list(fixture, "", "", 100, &result), BF_BLOB_OK);
	assert_int_equal(result.key_count, 9);
	for (size_t i = 0; i < 9; i++) {
		assert_string_equal(result.keys[i], expected[i]);
		assert_int_equal(result.sizes[i], strlen(expected[i]));
	}
	assert_string_equal(result.next, "");
}

static void a_prefix_may_end_anywhere_in_a_key(void **state)
{
	struct fixture *fixture = *state;
	struct result result;

	put_some(fixture);
	assert_int_equal(list(fixture, "b/1", "", 100, &result), BF_BLOB_OK);
	assert_int_equal(result.key_count, 2);
	assert_string_equal(result.keys[1], "b/10");
	assert_int_equal(list(fixture, "a/z", "", 100, &result), BF_BLOB_OK);
	assert_int_equal(result.key_count, 2);
	assert_int_equal(list(fixture, "b/", "b/1", 100, &result), BF_BLOB_OK);
	assert_int_equal(result.key_count, 2);
	assert_string_equal(result.keys[0], "b/10");
	assert_int_equal(list(fixture, "nobody", "", 100, &result), BF_BLOB_OK);
	assert_int_equal(result.key_count, 0);
	assert_string_equal(result.next, "");
}

static void pages_together_hold_each_key_once(void **state)
{
	struct fixture *fixture = *state;

	put_some(fixture);
	for (unsigned count = 1; count <= 10; count++) {
		char after[BF_BLOB_CURSOR_MAX + 1] = "", last[BF_BLOB_KEY_MAX + 1] = "";
		struct result result;
		size_t seen = 0;

		do {
			assert_int_equal(list(fixture, "", after, count, &result), BF_BLOB_OK);
			assert_true(result.key_count <= count);
			for (size_t i = 0; i < result.key_count; i++, seen++) {
				assert_true(strcmp(result.keys[i], last) > 0);
				memcpy(last, result.keys[i], sizeof(last));
			}
			memcpy(after, result.next, sizeof(after));
		} while (after[0]);
		assert_int_equal(seen, 9);
	}
}

/* ---- many, cancelled, closed ---- */

static void many_calls_are_answered_and_too_many_refused(void **state)
{
	static struct result results[BF_BLOB_CALL_COUNT_MAX];
	struct fixture *fixture = *state;
	struct bf_blob_source source = {.bytes = bf_bytes_str("many")};
	struct result one_more;
	char key[32];

	for (size_t i = 0; i < BF_BLOB_CALL_COUNT_MAX; i++) {
		results[i] = (struct result){.status = BF_BLOB_OK};
		snprintf(key, sizeof(key), "many/%zu", i % 40);
		assert_true(bf_blob_put(fixture->client, key, &source, on_answer, &results[i]) > 0);
	}
	assert_int_equal(
		bf_blob_put(fixture->client, "k", &source, on_answer, &one_more), -ENOBUFS);
	for (size_t i = 0; i < BF_BLOB_CALL_COUNT_MAX; i++) {
		TURN_UNTIL(fixture, results[i].answer_count == 1);
		assert_int_equal(results[i].status, BF_BLOB_OK);
	}
	assert_blob(fixture, "many/39", bf_bytes_str("many"));
}

static void puts_that_wait_for_their_source_do_not_hold_up_others(void **state)
{
	struct fixture *fixture = *state;
	struct trickle stuck = {.is_stuck = true};
	struct bf_blob_source source = {.pull = pull, .arg = &stuck, .len = BF_BLOB_LEN_UNKNOWN};
	struct result results[BF_BLOB_PUT_COUNT_MAX + 1] = {0}, result;
	int64_t calls[BF_BLOB_PUT_COUNT_MAX + 1];

	put_text(fixture, "quick", "q");
	for (int i = 0; i <= BF_BLOB_PUT_COUNT_MAX; i++) {
		calls[i] = bf_blob_put(fixture->client, "stuck", &source, on_answer, &results[i]);
		assert_true(calls[i] > 0);
	}
	TURN_UNTIL(fixture, stuck.pull_count == BF_BLOB_PUT_COUNT_MAX);
	assert_blob(fixture, "quick", bf_bytes_str("q"));
	assert_int_equal(look(fixture, "quick", &result), BF_BLOB_OK);
	for (int i = 0; i <= BF_BLOB_PUT_COUNT_MAX; i++)
		bf_blob_cancel(fixture->client, calls[i]);
	put_text(fixture, "after", "a"); /* there is room again */
	for (int i = 0; i <= BF_BLOB_PUT_COUNT_MAX; i++)
		assert_int_equal(results[i].answer_count, 0);
	assert_int_equal(look(fixture, "stuck", &result), BF_BLOB_NOT_FOUND);
}

static void nothing_follows_a_cancel_and_a_cancelled_put_leaves_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct bf_bytes bytes = make_bytes(20 << 20, 12);
	struct trickle trickle = {.left = bytes, .step = BF_BLOB_CHUNK_BYTES};
	struct bf_blob_source source = {.pull = pull, .arg = &trickle, .len = BF_BLOB_LEN_UNKNOWN};
	struct result cancelled = {.status = BF_BLOB_OK}, result;
	int64_t call = bf_blob_put(fixture->client, "given-up", &source, on_answer, &cancelled);
	unsigned count;

	TURN_UNTIL(fixture, trickle.left.len < (10 << 20)); /* in the second part, of S3's */
	bf_blob_cancel(fixture->client, call);
	bf_blob_cancel(fixture->client, call);
	count = trickle.pull_count;
	put_text(fixture, "other", "x");
	assert_int_equal(trickle.pull_count, count);
	assert_int_equal(cancelled.answer_count, 0);
	assert_int_equal(look(fixture, "given-up", &result), BF_BLOB_NOT_FOUND);
	bf_blob_cancel(fixture->client, 4711);
	bf_blob_cancel(fixture->client, 0);
	free_bytes(bytes);
}

static void closing_answers_what_is_unanswered(void **state)
{
	struct fixture *fixture = *state;
	struct trickle stuck = {.is_stuck = true};
	struct bf_blob_source source = {.pull = pull, .arg = &stuck, .len = BF_BLOB_LEN_UNKNOWN};
	struct result results[40] = {0}, none;

	for (int i = 0; i < 40; i++)
		assert_true(bf_blob_put(fixture->client, "closed", &source, on_answer,
				    &results[i]) > 0);
	TURN_UNTIL(fixture, stuck.pull_count == BF_BLOB_PUT_COUNT_MAX);
	bf_blob_close(fixture->store);
	for (int i = 0; i < 40; i++) {
		TURN_UNTIL(fixture, results[i].answer_count == 1);
		assert_int_equal(results[i].status, BF_BLOB_CLOSED);
	}
	assert_int_equal(bf_blob_stat(fixture->client, "closed", on_answer, &none), -ECANCELED);
	bf_blob_client_free(fixture->client);
	bf_blob_free(fixture->store);
	open_store(fixture);
	assert_int_equal(look(fixture, "closed", &none), BF_BLOB_NOT_FOUND);
}

static void clients_on_one_store_see_each_others_blobs_and_only_their_own_answers(void **state)
{
	struct fixture *fixture = *state;
	struct bf_blob_client *first = fixture->client, *second;
	struct result a = {.status = BF_BLOB_OK}, b = a;

	assert_int_equal(bf_blob_client_new(&second, fixture->store, fixture->loop), 0);
	put_text(fixture, "shared", "s");
	fixture->client = second;
	assert_blob(fixture, "shared", bf_bytes_str("s"));
	assert_true(bf_blob_stat(first, "shared", on_answer, &a) > 0);
	assert_true(bf_blob_stat(second, "nobody", on_answer, &b) > 0);
	TURN_UNTIL(fixture, a.answer_count && b.answer_count);
	assert_int_equal(a.status, BF_BLOB_OK);
	assert_int_equal(b.status, BF_BLOB_NOT_FOUND);
	bf_blob_close(fixture->store);
	bf_blob_client_free(first);
	bf_blob_client_free(second);
	bf_blob_free(fixture->store);
	fixture->store = NULL;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_empty, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_put_is_got_back),
		TEST(large_blobs_are_got_back),
		TEST(the_answer_to_a_put_holds_its_sha256),
		TEST(a_put_replaces_what_was_there),
		TEST(what_is_not_there_is_not_found),
		TEST(what_was_deleted_is_gone_and_its_neighbour_is_not),
		TEST(ranges_are_cut_to_the_blob_and_refused_behind_it),
		TEST(keys_that_lead_elsewhere_or_nowhere_are_refused),
		TEST(a_source_that_has_to_wait_is_asked_again_only_after_resume),
		TEST(a_put_that_breaks_off_or_lies_about_its_length_leaves_what_was_there),
		TEST(a_blob_over_the_limit_is_refused_as_soon_as_that_is_known),
		TEST(a_sink_that_takes_no_more_gets_a_few_chunks_until_resume),
		TEST(a_sink_that_has_enough_gets_no_more),
		TEST(keys_are_listed_in_the_order_of_their_bytes),
		TEST(a_prefix_may_end_anywhere_in_a_key),
		TEST(pages_together_hold_each_key_once),
		TEST(many_calls_are_answered_and_too_many_refused),
		TEST(puts_that_wait_for_their_source_do_not_hold_up_others),
		TEST(nothing_follows_a_cancel_and_a_cancelled_put_leaves_nothing),
		TEST(closing_answers_what_is_unanswered),
		TEST(clients_on_one_store_see_each_others_blobs_and_only_their_own_answers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
