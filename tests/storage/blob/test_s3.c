#include "tests/storage/blob/blob_fixture.h"

#include "core/base/addr.h"

#include <netinet/in.h>
#include <sys/socket.h>

/* What only an S3 service can do to us. It runs in s3/bucket, whose service fails as keys say. */

static int setup_bucket(void **state)
{
	if (!is_in_bucket()) {
		print_message("this test runs in tests/storage/blob/s3/bucket\n");
		return -1;
	}
	return setup_open(state);
}

/* The service's own account: "/-/uploads", "/-/log". */
static void ask_service(const char *path, char *out, size_t size)
{
	const char *url = getenv("BELFRY_TEST_S3");
	struct sockaddr_in addr = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(strrchr(url, ':') + 1)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char text[256];
	const char *body;
	size_t len = 0;
	ssize_t n;

	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	snprintf(text, sizeof(text), "GET %s HTTP/1.0\r\n\r\n", path);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	while ((n = read(fd, out + len, size - 1 - len)) > 0)
		len += (size_t)n;
	out[len] = '\0';
	close(fd);
	body = strstr(out, "\r\n\r\n");
	assert_non_null(body);
	memmove(out, body + 4, strlen(body + 4) + 1);
}

static int open_uploads(void)
{
	char text[512];

	ask_service("/-/uploads", text, sizeof(text));
	return atoi(text);
}

static enum bf_blob_status put_large(
	struct fixture *fixture, const char *key, size_t len, struct result *result)
{
	struct bf_bytes bytes = make_bytes(len, len);
	enum bf_blob_status status = put(fixture, key, bytes, result);

	free_bytes(bytes);
	return status;
}

static void a_blob_smaller_than_a_part_is_one_request_and_a_larger_one_goes_in_parts(void **state)
{
	static char log[1 << 20];
	struct fixture *fixture = *state;
	struct result result;

	assert_int_equal(put_large(fixture, "small-one", 1 << 20, &result), BF_BLOB_OK);
	assert_int_equal(put_large(fixture, "large-one", 20 << 20, &result), BF_BLOB_OK);
	ask_service("/-/log", log, sizeof(log));
	assert_non_null(strstr(log, "PUT /belfry/small-one "));
	assert_null(strstr(log, "POST /belfry/small-one"));
	assert_non_null(strstr(log, "POST /belfry/large-one?uploads= "));
	assert_non_null(strstr(log, "PUT /belfry/large-one?partNumber=3&uploadId="));
	assert_null(strstr(log, "partNumber=4&"));
	assert_int_equal(open_uploads(), 0);
}

static void an_upload_that_fails_is_given_up_at_the_service(void **state)
{
	static const char *const keys[] = {"x/fault-part", "x/fault-complete"};
	struct fixture *fixture = *state;
	struct result result;

	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(put_large(fixture, keys[i], 20 << 20, &result), BF_BLOB_AWAY);
		assert_non_null(strstr(result.why, "InternalError"));
		assert_int_equal(look(fixture, keys[i], &result), BF_BLOB_NOT_FOUND);
		TURN_UNTIL(fixture, open_uploads() == 0);
	}
}

static int64_t pull_forever(void *arg, uint8_t *out, size_t size)
{
	size_t *given = arg;

	memset(out, 'x', size);
	*given += size;
	return (int64_t)size;
}

static void closing_the_store_gives_up_uploads(void **state)
{
	struct fixture *fixture = *state;
	struct result result = {.status = BF_BLOB_OK};
	size_t given = 0;
	struct bf_blob_source source = {
		.pull = pull_forever, .arg = &given, .len = BF_BLOB_LEN_UNKNOWN};

	assert_true(bf_blob_put(fixture->client, "closing", &source, on_answer, &result) > 0);
	TURN_UNTIL(fixture, given > (17 << 20));
	assert_int_equal(open_uploads(), 1);
	close_store(fixture);
	assert_int_equal(result.status, BF_BLOB_CLOSED);
	assert_int_equal(open_uploads(), 0);
}

static void a_cancelled_upload_is_given_up(void **state)
{
	struct fixture *fixture = *state;
	struct result result = {.status = BF_BLOB_OK};
	size_t given = 0;
	struct bf_blob_source source = {
		.pull = pull_forever, .arg = &given, .len = BF_BLOB_LEN_UNKNOWN};
	int64_t call;

	/* as soon as the first part is full, so that the upload's id may still be on its way */
	call = bf_blob_put(fixture->client, "cancelled", &source, on_answer, &result);
	TURN_UNTIL(fixture, given >= (8 << 20) - BF_BLOB_CHUNK_BYTES);
	bf_blob_cancel(fixture->client, call);
	assert_int_equal(look(fixture, "cancelled", &result), BF_BLOB_NOT_FOUND);
	close_store(fixture);
	assert_int_equal(open_uploads(), 0);
}

static void an_answer_to_an_upload_that_makes_no_sense_fails_it(void **state)
{
	struct fixture *fixture = *state;
	struct result result;

	assert_int_equal(put_large(fixture, "fault-noid", 9 << 20, &result), BF_BLOB_FAILED);
	assert_int_equal(put_large(fixture, "fault-doctype", 9 << 20, &result), BF_BLOB_FAILED);
	assert_non_null(strstr(result.why, "id"));
}

static void what_the_service_says_becomes_a_status_with_its_cause(void **state)
{
	struct fixture *fixture = *state;
	struct result result;

	assert_int_equal(get(fixture, "fault-busy", &result), BF_BLOB_AWAY);
	assert_non_null(strstr(result.why, "503 SlowDown: made to fail"));
	assert_int_equal(look(fixture, "fault-busy", &result), BF_BLOB_AWAY);
	assert_int_equal(remove_blob(fixture, "fault-busy"), BF_BLOB_AWAY);
	assert_int_equal(put(fixture, "fault-quota", bf_bytes_str("x"), &result), BF_BLOB_FULL);
	assert_int_equal(put(fixture, "fault-hangup", bf_bytes_str("x"), &result), BF_BLOB_AWAY);
	assert_true(result.why[0]);
}

static void a_blob_that_breaks_off_is_not_taken_for_whole(void **state)
{
	struct fixture *fixture = *state;
	struct result result;

	assert_int_equal(get(fixture, "fault-cut", &result), BF_BLOB_AWAY);
	assert_int_equal(result.whole_bytes, 1000);
	assert_true(result.data_len < 1000);
	free(result.data);
}

static void a_service_that_does_not_know_ranges_is_found_out(void **state)
{
	struct fixture *fixture = *state;
	struct result result;

	put_text(fixture, "fault-norange", "0123456789");
	assert_int_equal(get_range(fixture, "fault-norange", 3, 2, &result), BF_BLOB_FAILED);
	assert_int_equal(result.data_len + result.begin_count, 0);
	assert_blob(fixture, "fault-norange", bf_bytes_str("0123456789"));
}

static void a_wrong_secret_is_denied_and_not_repeated(void **state)
{
	struct fixture *fixture = *state;
	struct result result;

	close_store(fixture);
	set_text(&fixture->conf->storage.blob_s3_secret_key, "not-the-secret");
	open_store(fixture);
	assert_int_equal(put(fixture, "denied", bf_bytes_str("x"), &result), BF_BLOB_DENIED);
	assert_non_null(strstr(result.why, "SignatureDoesNotMatch"));
	assert_null(strstr(result.why, "not-the-secret"));
	assert_int_equal(look(fixture, "denied", &result), BF_BLOB_DENIED);
}

static void the_secret_may_come_from_a_file(void **state)
{
	struct fixture *fixture = *state;
	char path[FOLDER_TEXT + 16];

	close_store(fixture);
	set_text(&fixture->conf->storage.blob_s3_secret_key, "");
	snprintf(path, sizeof(path), "%s/secret", fixture->folder);
	set_text(&fixture->conf->storage.blob_s3_secret_file, path);
	assert_int_equal(try_open(fixture), -ENOENT);
	assert_non_null(strstr(fixture->why, path));
	file_write(fixture->folder, "secret", "\n", 1);
	assert_int_equal(try_open(fixture), -EINVAL);
	file_write(fixture->folder, "secret", "S3RVER\n", 7);
	open_store(fixture);
	put_text(fixture, "by-file", "x");
}

static void a_service_that_is_not_there_is_away(void **state)
{
	struct fixture *fixture = *state;
	struct result result;

	close_store(fixture);
	set_text(&fixture->conf->storage.blob_s3_endpoint, "http://127.0.0.1:1");
	open_store(fixture);
	assert_int_equal(get(fixture, "k", &result), BF_BLOB_AWAY);
	assert_non_null(strstr(result.why, "127.0.0.1"));
}

static void a_bucket_that_is_not_there_is_no_missing_blob(void **state)
{
	struct fixture *fixture = *state;
	struct result result;

	close_store(fixture);
	set_text(&fixture->conf->storage.blob_s3_bucket, "nobodys");
	open_store(fixture);
	assert_int_equal(put(fixture, "k", bf_bytes_str("x"), &result), BF_BLOB_FAILED);
	assert_non_null(strstr(result.why, "NoSuchBucket"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_bucket, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_blob_smaller_than_a_part_is_one_request_and_a_larger_one_goes_in_parts),
		TEST(an_upload_that_fails_is_given_up_at_the_service),
		TEST(closing_the_store_gives_up_uploads),
		TEST(a_cancelled_upload_is_given_up),
		TEST(an_answer_to_an_upload_that_makes_no_sense_fails_it),
		TEST(what_the_service_says_becomes_a_status_with_its_cause),
		TEST(a_blob_that_breaks_off_is_not_taken_for_whole),
		TEST(a_service_that_does_not_know_ranges_is_found_out),
		TEST(a_wrong_secret_is_denied_and_not_repeated),
		TEST(the_secret_may_come_from_a_file),
		TEST(a_service_that_is_not_there_is_away),
		TEST(a_bucket_that_is_not_there_is_no_missing_blob),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
