#include "tests/storage/blob/blob_fixture.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

/* What only a folder can do to us. */

/* ---- what can be made to fail; both threads count ---- */

static _Atomic int allocations_left = -1; /* -1: all succeed */
static _Atomic int syncs_left = -1;
static _Atomic long disk_left = -1; /* bytes that write still takes */

static bool fails(_Atomic int *left)
{
	int seen = atomic_load(left);

	while (seen > 0 && !atomic_compare_exchange_weak(left, &seen, seen - 1))
		;
	return seen == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *at, size_t size);
int __real_fsync(int fd);
ssize_t __real_write(int fd, const void *data, size_t len);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *at, size_t size);
int __wrap_fsync(int fd);
ssize_t __wrap_write(int fd, const void *data, size_t len);

void *__wrap_malloc(size_t size)
{
	return fails(&allocations_left) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails(&allocations_left) ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *at, size_t size)
{
	return fails(&allocations_left) ? NULL : __real_realloc(at, size);
}

int __wrap_fsync(int fd)
{
	(void)fd;
	if (!fails(&syncs_left))
		return 0; /* these tests do not cut the power: let them be quick */
	errno = EIO;
	return -1;
}

ssize_t __wrap_write(int fd, const void *data, size_t len)
{
	long left = atomic_load(&disk_left);
	struct stat info;

	if (left < 0 || fstat(fd, &info) || !S_ISREG(info.st_mode))
		return __real_write(fd, data, len);
	if (left == 0) {
		errno = ENOSPC;
		return -1;
	}
	len = (long)len < left ? len : (size_t)left;
	atomic_store(&disk_left, left - (long)len);
	return __real_write(fd, data, len);
}

/* ---- helpers ---- */

static void let_all_succeed(void)
{
	atomic_store(&allocations_left, -1);
	atomic_store(&syncs_left, -1);
	atomic_store(&disk_left, -1);
}

static int setup_folder(void **state)
{
	let_all_succeed();
	return setup_open(state);
}

static int teardown_folder(void **state)
{
	let_all_succeed();
	return teardown(state);
}

/* Files in ~new: puts on their way, or what is left of them. */
static size_t new_count(struct fixture *fixture)
{
	char path[FOLDER_TEXT + 16], names[8][FOLDER_TEXT];
	size_t count = 0, found;

	snprintf(path, sizeof(path), "%s/~new", fixture->path);
	found = folder_list(path, "", names, 8);
	for (size_t i = 0; i < found; i++)
		count += names[i][0] != '.';
	return count;
}

static void plant_link(struct fixture *fixture, const char *name, const char *target)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", fixture->path, name);
	assert_int_equal(symlink(target, path), 0);
}

static mode_t mode_of(const char *folder, const char *name)
{
	struct stat info;
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_int_equal(lstat(path, &info), 0);
	return info.st_mode & 07777;
}

/* ---- nothing leads out ---- */

static void a_link_to_a_file_outside_is_neither_read_nor_written(void **state)
{
	struct fixture *fixture = *state;
	struct result result;
	uint8_t *data;
	size_t len;
	char target[FOLDER_TEXT + 16];

	file_write(fixture->folder, "outside", "secret", 6);
	snprintf(target, sizeof(target), "%s/outside", fixture->folder);
	plant_link(fixture, "absolute", target);
	plant_link(fixture, "relative", "../outside");
	assert_int_equal(get(fixture, "absolute", &result), BF_BLOB_DENIED);
	assert_int_equal(get(fixture, "relative", &result), BF_BLOB_DENIED);
	assert_int_equal(look(fixture, "relative", &result), BF_BLOB_DENIED);
	put_text(fixture, "relative", "mine"); /* takes the link's place */
	assert_blob(fixture, "relative", bf_bytes_str("mine"));
	assert_int_equal(remove_blob(fixture, "absolute"), BF_BLOB_OK); /* the link itself */
	data = file_read(fixture->folder, "outside", &len);
	assert_true(bf_bytes_equal(bf_bytes(data, len), bf_bytes_str("secret")));
	free(data);
}

static void a_link_to_a_folder_is_not_entered(void **state)
{
	static const char *const targets[] = {"..", "/", "/proc/self/root", "real"};
	struct fixture *fixture = *state;
	struct result result;
	char name[16];

	file_write(fixture->folder, "file", "secret", 6);
	put_text(fixture, "real/file", "inside");
	for (size_t i = 0; i < 4; i++) {
		char key[32];

		snprintf(name, sizeof(name), "link%zu", i);
		snprintf(key, sizeof(key), "%s/file", name);
		plant_link(fixture, name, targets[i]);
		assert_int_equal(get(fixture, key, &result), BF_BLOB_DENIED);
		assert_int_equal(put(fixture, key, bf_bytes_str("x"), &result), BF_BLOB_DENIED);
		assert_int_equal(remove_blob(fixture, key), BF_BLOB_DENIED);
		assert_int_equal(list(fixture, name, "", 10, &result), BF_BLOB_OK);
		assert_int_equal(result.key_count, 0);
	}
	assert_int_equal(new_count(fixture), 0);
}

static void what_is_no_file_does_not_hold_us_up(void **state)
{
	struct fixture *fixture = *state;
	struct result result;
	char path[FOLDER_TEXT + 16];

	snprintf(path, sizeof(path), "%s/pipe", fixture->path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(get(fixture, "pipe", &result), BF_BLOB_NOT_FOUND);
	assert_int_equal(list(fixture, "", "", 10, &result), BF_BLOB_OK);
	assert_int_equal(result.key_count, 0);
	put_text(fixture, "pipe", "a file now");
	assert_blob(fixture, "pipe", bf_bytes_str("a file now"));
}

static void a_link_in_place_of_our_own_folder_stops_the_start(void **state)
{
	struct fixture *fixture = *state;
	char path[FOLDER_TEXT + 16];

	close_store(fixture);
	snprintf(path, sizeof(path), "%s/~new", fixture->path);
	assert_int_equal(rmdir(path), 0);
	plant_link(fixture, "~new", "/tmp");
	assert_int_equal(try_open(fixture), -ELOOP);
	assert_non_null(strstr(fixture->why, fixture->path));
}

static void others_files_are_not_listed(void **state)
{
	struct fixture *fixture = *state;
	struct result result;

	put_text(fixture, "mine", "x");
	file_write(fixture->path, "not a key", "x", 1);
	file_write(fixture->path, "~draft", "x", 1);
	assert_int_equal(list(fixture, "", "", 10, &result), BF_BLOB_OK);
	assert_int_equal(result.key_count, 1);
	assert_string_equal(result.keys[0], "mine");
}

/* ---- files and folders ---- */

static void files_and_folders_are_for_their_owner_only(void **state)
{
	struct fixture *fixture = *state;

	put_text(fixture, "a/b/c", "x");
	assert_int_equal(mode_of(fixture->folder, "blobs"), 0700);
	assert_int_equal(mode_of(fixture->path, "~new"), 0700);
	assert_int_equal(mode_of(fixture->path, "a/b"), 0700);
	assert_int_equal(mode_of(fixture->path, "a/b/c"), 0600);
}

static void a_key_that_begins_like_another_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct result result;

	put_text(fixture, "a/b", "x");
	assert_int_equal(put(fixture, "a/b/c", bf_bytes_str("y"), &result), BF_BLOB_INVALID);
	assert_int_equal(put(fixture, "a", bf_bytes_str("y"), &result), BF_BLOB_INVALID);
	assert_blob(fixture, "a/b", bf_bytes_str("x"));
	assert_int_equal(new_count(fixture), 0);
}

static void folders_that_are_empty_go_with_the_last_blob(void **state)
{
	struct fixture *fixture = *state;
	char path[FOLDER_TEXT + 16];

	put_text(fixture, "a/b/c", "x");
	put_text(fixture, "a/d", "x");
	assert_int_equal(remove_blob(fixture, "a/b/c"), BF_BLOB_OK);
	snprintf(path, sizeof(path), "%s/a/b", fixture->path);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(remove_blob(fixture, "a/d"), BF_BLOB_OK);
	snprintf(path, sizeof(path), "%s/a", fixture->path);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(access(fixture->path, F_OK), 0);
}

static void a_second_process_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct bf_blob_store *first = fixture->store;

	assert_int_equal(try_open(fixture), -EBUSY);
	assert_non_null(strstr(fixture->why, "another process"));
	fixture->store = first;
}

static void blobs_outlive_the_store(void **state)
{
	struct fixture *fixture = *state;

	put_text(fixture, "a/b", "still here");
	close_store(fixture);
	open_store(fixture);
	assert_blob(fixture, "a/b", bf_bytes_str("still here"));
}

static void the_folder_may_be_elsewhere(void **state)
{
	struct fixture *fixture = *state;
	char path[FOLDER_TEXT + 16];

	close_store(fixture);
	snprintf(path, sizeof(path), "%s/elsewhere", fixture->folder);
	set_text(&fixture->conf->storage.blob_folder, path);
	open_store(fixture);
	put_text(fixture, "k", "x");
	assert_int_equal(mode_of(path, "k"), 0600);
}

/* ---- whole or absent ---- */

static void a_full_disk_is_told_and_leaves_what_was_there(void **state)
{
	struct fixture *fixture = *state;
	struct bf_bytes bytes = make_bytes(300000, 1);
	struct result result;

	put_text(fixture, "k", "before");
	for (long left = 0; left < 300000; left += 70000) {
		atomic_store(&disk_left, left);
		assert_int_equal(put(fixture, "k", bytes, &result), BF_BLOB_FULL);
		assert_true(result.why[0]);
		assert_blob(fixture, "k", bf_bytes_str("before"));
		assert_int_equal(new_count(fixture), 0);
	}
	atomic_store(&disk_left, -1);
	assert_int_equal(put(fixture, "k", bytes, &result), BF_BLOB_OK);
	assert_blob(fixture, "k", bytes);
	free_bytes(bytes);
}

/* The file's own, one for each folder that a folder was made in, and the one that it lies in. */
static void each_failed_fsync_is_told(void **state)
{
	struct fixture *fixture = *state;
	struct result result;

	for (int n = 0; n <= 4; n++) {
		char key[32];

		snprintf(key, sizeof(key), "a%d/b/c", n);
		atomic_store(&syncs_left, n);
		assert_int_equal(put(fixture, key, bf_bytes_str("x"), &result),
			n < 4 ? BF_BLOB_FAILED : BF_BLOB_OK);
		assert_int_equal(new_count(fixture), 0);
		atomic_store(&syncs_left, 3); /* and what was made halfway is not taken for made */
		if (n == 1 || n == 2)
			assert_int_equal(put(fixture, key, bf_bytes_str("x"), &result),
				n == 1 ? BF_BLOB_FAILED : BF_BLOB_OK);
	}
}

static void what_a_crash_has_left_goes_at_the_next_start(void **state)
{
	struct fixture *fixture = *state;
	char path[FOLDER_TEXT + 16];

	put_text(fixture, "kept", "x");
	close_store(fixture);
	snprintf(path, sizeof(path), "%s/~new", fixture->path);
	file_write(path, "0123456789abcdef", "half a bl", 9);
	file_write(path, "fedcba9876543210", "", 0);
	open_store(fixture);
	assert_int_equal(new_count(fixture), 0);
	assert_blob(fixture, "kept", bf_bytes_str("x"));
}

#define KILLED_KEYS  4
#define KILLED_BYTES 200000

/* Version `n` of a blob: its length and its bytes follow from its first eight. */
static struct bf_bytes version(uint64_t n)
{
	struct bf_bytes bytes = make_bytes(8 + n * 7919 % KILLED_BYTES, n);

	memcpy((void *)(uintptr_t)bytes.data, &n, 8);
	return bytes;
}

/* The child puts one version after the other and says after each how far it is; then it is killed in the middle of something. */
static void child_that_puts(struct fixture *fixture, int fd)
{
	if (bf_loop_new(&fixture->loop, BF_IO_AUTO)) /* a loop is not for two processes */
		_exit(1);
	open_store(fixture);
	for (uint64_t n = 1;; n++) {
		struct bf_bytes bytes = version(n);
		struct result result;
		char key[32];

		snprintf(key, sizeof(key), "killed/%u/blob", (unsigned)(n % KILLED_KEYS));
		if (put(fixture, key, bytes, &result) != BF_BLOB_OK ||
			write(fd, &n, sizeof(n)) != sizeof(n))
			_exit(1);
		free_bytes(bytes);
	}
}

/* Whole, and the version that was told, or a later one. */
static void assert_whole(struct fixture *fixture, const char *key, uint64_t told)
{
	struct bf_bytes expected;
	struct result result;
	uint64_t n;

	assert_int_equal(get(fixture, key, &result), BF_BLOB_OK);
	assert_true(result.data_len >= 8);
	memcpy(&n, result.data, 8);
	assert_true(n >= told);
	expected = version(n);
	assert_true(bf_bytes_equal(bf_bytes(result.data, result.data_len), expected));
	free_bytes(expected);
	free(result.data);
}

static void killed_at_any_time_every_blob_is_whole_and_nothing_is_left_beside(void **state)
{
	struct fixture *fixture = *state;
	struct bf_prng prng;

	close_store(fixture);
	bf_prng_init(&prng, 42);
	for (int round = 0; round < 15; round++) {
		uint64_t told = 0, value = 0;
		int fds[2];
		pid_t child;

		assert_int_equal(pipe(fds), 0);
		child = fork();
		assert_true(child >= 0);
		if (child == 0)
			child_that_puts(fixture, fds[1]);
		close(fds[1]);
		for (unsigned i = bf_prng_below(&prng, 60) + KILLED_KEYS; i > 0; i--)
			assert_int_equal(read(fds[0], &told, sizeof(told)), sizeof(told));
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		while (read(fds[0], &value, sizeof(value)) == sizeof(value))
			told = value;
		close(fds[0]);
		open_store(fixture);
		assert_int_equal(new_count(fixture), 0);
		for (uint64_t n = told - KILLED_KEYS + 1; n <= told; n++) {
			char key[32];

			snprintf(key, sizeof(key), "killed/%u/blob", (unsigned)(n % KILLED_KEYS));
			assert_whole(fixture, key, n);
		}
		close_store(fixture);
		folder_remove(fixture->path);
	}
	open_store(fixture);
}

/* ---- without memory ---- */

static bool is_told(enum bf_blob_status status, const struct result *result)
{
	return status == BF_BLOB_OK || (status == BF_BLOB_FAILED && result->why[0]);
}

static int count_data(void *arg, struct bf_bytes data)
{
	struct result *result = arg;

	result->data_len += data.len;
	return 0;
}

/* A put, a get and a list while the n-th allocation and all after it fail. True: all went well. */
static bool try_all(struct fixture *fixture, int n, struct bf_bytes bytes)
{
	struct bf_blob_source source = {.bytes = bytes};
	struct bf_blob_range range = {.from = 0, .len = UINT64_MAX};
	struct result results[3] = {{.status = BF_BLOB_OK}};
	struct bf_blob_sink sink = {.on_data = count_data, .arg = &results[1]};
	int64_t calls[3];
	bool is_ok = true;

	atomic_store(&allocations_left, n);
	calls[0] = bf_blob_put(fixture->client, "a/new", &source, on_answer, &results[0]);
	calls[1] = bf_blob_get(fixture->client, "a/old", &range, &sink, on_answer, &results[1]);
	calls[2] = bf_blob_list(fixture->client, "a", "", 10, on_answer, &results[2]);
	for (int i = 0; i < 3; i++) {
		assert_true(calls[i] > 0 || calls[i] == -ENOMEM);
		if (calls[i] > 0)
			TURN_UNTIL(fixture, results[i].answer_count == 1);
		assert_true(calls[i] < 0 || is_told(results[i].status, &results[i]));
		is_ok = is_ok && calls[i] > 0 && results[i].status == BF_BLOB_OK;
	}
	atomic_store(&allocations_left, -1);
	assert_true(!is_ok || results[1].data_len == bytes.len);
	return is_ok;
}

static void without_memory_calls_fail_and_what_was_there_stays(void **state)
{
	struct fixture *fixture = *state;
	struct bf_bytes bytes = make_bytes(150000, 3);
	struct result result;
	bool is_done = false;

	assert_int_equal(put(fixture, "a/old", bytes, &result), BF_BLOB_OK);
	for (int n = 0; n < 200 && !is_done; n++) {
		is_done = try_all(fixture, n, bytes);
		assert_blob(fixture, "a/old", bytes);
		assert_int_equal(new_count(fixture), 0);
		if (look(fixture, "a/new", &result) == BF_BLOB_OK) {
			assert_blob(fixture, "a/new", bytes);
			assert_int_equal(remove_blob(fixture, "a/new"), BF_BLOB_OK);
		}
	}
	assert_true(is_done);
	free_bytes(bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_folder, teardown_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_link_to_a_file_outside_is_neither_read_nor_written),
		TEST(a_link_to_a_folder_is_not_entered),
		TEST(what_is_no_file_does_not_hold_us_up),
		TEST(a_link_in_place_of_our_own_folder_stops_the_start),
		TEST(others_files_are_not_listed),
		TEST(files_and_folders_are_for_their_owner_only),
		TEST(a_key_that_begins_like_another_is_refused),
		TEST(folders_that_are_empty_go_with_the_last_blob),
		TEST(a_second_process_is_refused),
		TEST(blobs_outlive_the_store),
		TEST(the_folder_may_be_elsewhere),
		TEST(a_full_disk_is_told_and_leaves_what_was_there),
		TEST(each_failed_fsync_is_told),
		TEST(what_a_crash_has_left_goes_at_the_next_start),
		TEST(killed_at_any_time_every_blob_is_whole_and_nothing_is_left_beside),
		TEST(without_memory_calls_fail_and_what_was_there_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
