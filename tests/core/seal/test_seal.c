#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/seal/seal.h"
#include "tests/storage/folder.h"

#include <errno.h>

#define CHUNK ((size_t)64 << 10)
#define BEGIN 46 /* bytes before the first chunk */

static const uint8_t key[BF_SEAL_KEY_BYTES] = {1, 2, 3}, other_key[BF_SEAL_KEY_BYTES] = {1, 2, 4};

static int file_of(const uint8_t *data, size_t len)
{
	char path[] = "/tmp/belfry-seal-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	if (len > 0)
		assert_int_equal(write(fd, data, len), len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static size_t bytes_of(int fd, uint8_t *out, size_t size)
{
	ssize_t got = pread(fd, out, size, 0);

	assert_true(got >= 0);
	return (size_t)got;
}

/* What comes back of `sealed`; -1: it is refused. */
static int64_t opened(
	const uint8_t *sealed, size_t len, const uint8_t *with, uint8_t *out, size_t size)
{
	int from = file_of(sealed, len), to = file_of(NULL, 0);
	int err = bf_seal_read(to, from, with);
	int64_t got = err ? -1 : (int64_t)bytes_of(to, out, size);

	if (err)
		assert_int_equal(err, -EBADMSG);
	close(from);
	close(to);
	return got;
}

static size_t seal(const uint8_t *data, size_t len, uint8_t *out, size_t size)
{
	int from = file_of(data, len), to = file_of(NULL, 0);
	size_t got;

	assert_int_equal(bf_seal_write(to, from, key), 0);
	got = bytes_of(to, out, size);
	close(from);
	close(to);
	return got;
}

static void what_was_sealed_comes_back_at_every_length(void **state)
{
	static const size_t lens[] = {0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 7};
	size_t size = 4 * CHUNK;
	uint8_t *data = malloc(size), *sealed = malloc(size), *back = malloc(size);

	(void)state;
	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)(i * 7 + i / 251);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		size_t len = seal(data, lens[i], sealed, size);

		assert_true(len > lens[i]);
		assert_int_equal(opened(sealed, len, key, back, size), lens[i]);
		assert_memory_equal(back, data, lens[i]);
		if (lens[i] > 32)
			assert_null(memmem(sealed, len, data, 32));
		assert_int_equal(opened(sealed, len, other_key, back, size), -1);
	}
	free(data);
	free(sealed);
	free(back);
}

static void a_flipped_bit_anywhere_is_seen(void **state)
{
	static const uint8_t data[40] = "what nobody else shall know, or change";
	uint8_t sealed[256], back[256];
	size_t len = seal(data, sizeof(data), sealed, sizeof(sealed));

	(void)state;
	for (size_t i = 0; i < len; i++) {
		sealed[i] ^= 0x20;
		assert_int_equal(opened(sealed, len, key, back, sizeof(back)), -1);
		sealed[i] ^= 0x20;
	}
	assert_int_equal(opened(sealed, len, key, back, sizeof(back)), sizeof(data));
}

static void a_file_cut_off_anywhere_is_seen(void **state)
{
	size_t size = 3 * CHUNK, chunk = CHUNK + 16;
	uint8_t *data = calloc(1, size), *sealed = malloc(2 * size), *back = malloc(size);
	size_t len = seal(data, 2 * CHUNK + 5, sealed, 2 * size);

	(void)state;
	assert_int_equal(len, BEGIN + 2 * chunk + 5 + 16);
	for (size_t i = 0; i <= BEGIN + 20; i++)
		assert_int_equal(opened(sealed, i, key, back, size), -1);
	assert_int_equal(opened(sealed, BEGIN + chunk, key, back, size), -1); /* whole chunks */
	assert_int_equal(opened(sealed, BEGIN + 2 * chunk, key, back, size), -1);
	assert_int_equal(opened(sealed, len - 1, key, back, size), -1);
	free(data);
	free(sealed);
	free(back);
}

static void chunks_that_changed_places_are_seen(void **state)
{
	size_t size = 3 * CHUNK, chunk = CHUNK + 16;
	uint8_t *data = calloc(1, size), *sealed = malloc(2 * size), *back = malloc(size);
	uint8_t *first, *kept = malloc(chunk);
	size_t len = seal(data, 2 * CHUNK + 5, sealed, 2 * size);

	(void)state;
	first = sealed + BEGIN;
	memcpy(kept, first, chunk);
	memcpy(first, first + chunk, chunk);
	memcpy(first + chunk, kept, chunk);
	assert_int_equal(opened(sealed, len, key, back, size), -1);
	free(data);
	free(sealed);
	free(back);
	free(kept);
}

static void a_key_file_is_64_hex_digits_that_nobody_else_can_read(void **state)
{
	char folder[FOLDER_TEXT], path[FOLDER_TEXT + 8], why[256];
	uint8_t read_key[BF_SEAL_KEY_BYTES];
	FILE *file;

	(void)state;
	folder_make(folder);
	snprintf(path, sizeof(path), "%s/key", folder);
	assert_int_equal(bf_seal_key_read(read_key, path, why, sizeof(why)), -ENOENT);
	file = fopen(path, "w");
	fprintf(file, "%064x\n", 0xabc);
	fclose(file);
	chmod(path, 0644);
	assert_int_equal(bf_seal_key_read(read_key, path, why, sizeof(why)), -EPERM);
	assert_non_null(strstr(why, "chmod 600"));
	chmod(path, 0600);
	assert_int_equal(bf_seal_key_read(read_key, path, why, sizeof(why)), 0);
	assert_int_equal(read_key[31], 0xbc);
	file = fopen(path, "w");
	fprintf(file, "%063x\n", 0xabc);
	fclose(file);
	assert_int_equal(bf_seal_key_read(read_key, path, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "openssl rand -hex 32"));
	file = fopen(path, "w");
	fprintf(file, "%064x and more", 0xabc);
	fclose(file);
	assert_int_equal(bf_seal_key_read(read_key, path, why, sizeof(why)), -EINVAL);
	folder_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_sealed_comes_back_at_every_length),
		cmocka_unit_test(a_flipped_bit_anywhere_is_seen),
		cmocka_unit_test(a_file_cut_off_anywhere_is_seen),
		cmocka_unit_test(chunks_that_changed_places_are_seen),
		cmocka_unit_test(a_key_file_is_64_hex_digits_that_nobody_else_can_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
