#include "core/seal/box.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define PLAIN "a secret"
#define LEN   (sizeof(PLAIN) - 1)

static const uint8_t key[BF_SEAL_KEY_BYTES] = {1, 2, 3};

static void a_box_opens_with_its_key_and_for_whom_it_is(void **state)
{
	uint8_t box[LEN + BF_BOX_MORE], out[LEN], other[BF_SEAL_KEY_BYTES] = {1, 2, 4};
	struct bf_bytes ann = bf_bytes_str("ann"), bob = bf_bytes_str("bob");

	(void)state;
	assert_int_equal(bf_box_seal(box, key, ann, bf_bytes(PLAIN, LEN)), 0);
	assert_null(memmem(box, sizeof(box), PLAIN, LEN));
	assert_int_equal(bf_box_open(out, key, ann, bf_bytes(box, sizeof(box))), 0);
	assert_memory_equal(out, PLAIN, LEN);
	assert_int_equal(bf_box_open(out, other, ann, bf_bytes(box, sizeof(box))), -EBADMSG);
	assert_int_equal(bf_box_open(out, key, bob, bf_bytes(box, sizeof(box))), -EBADMSG);
	assert_int_equal(bf_box_open(out, key, ann, bf_bytes(box, BF_BOX_MORE - 1)), -EBADMSG);
	assert_int_equal(bf_box_open(out, key, ann, bf_bytes(box, sizeof(box) - 1)), -EBADMSG);
	for (size_t i = 0; i < sizeof(box); i++) {
		box[i] ^= 1;
		assert_int_equal(bf_box_open(out, key, ann, bf_bytes(box, sizeof(box))), -EBADMSG);
		box[i] ^= 1;
	}
}

static void no_two_boxes_are_the_same(void **state)
{
	uint8_t one[LEN + BF_BOX_MORE], two[LEN + BF_BOX_MORE];
	struct bf_bytes ann = bf_bytes_str("ann");

	(void)state;
	assert_int_equal(bf_box_seal(one, key, ann, bf_bytes(PLAIN, LEN)), 0);
	assert_int_equal(bf_box_seal(two, key, ann, bf_bytes(PLAIN, LEN)), 0);
	assert_memory_not_equal(one, two, sizeof(one));
}

static void a_key_is_made_once_and_is_its_owners_alone(void **state)
{
	uint8_t first[BF_SEAL_KEY_BYTES], again[BF_SEAL_KEY_BYTES];
	char folder[] = "/tmp/belfry-box-XXXXXX", path[64], why[256];
	struct stat info;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/key", folder);
	assert_int_equal(bf_box_key(first, path, why, sizeof(why)), 0);
	assert_int_equal(bf_box_key(again, path, why, sizeof(why)), 0);
	assert_memory_equal(first, again, sizeof(first));
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(bf_box_key(again, path, why, sizeof(why)), -EPERM);
	unlink(path);
	rmdir(folder);
	assert_int_equal(bf_box_key(again, path, why, sizeof(why)), -ENOENT);
	assert_non_null(strstr(why, path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_box_opens_with_its_key_and_for_whom_it_is),
		cmocka_unit_test(no_two_boxes_are_the_same),
		cmocka_unit_test(a_key_is_made_once_and_is_its_owners_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
