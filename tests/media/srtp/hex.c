#include "tests/media/srtp/hex.h"

#include <stdlib.h>

#include <setjmp.h> /* cmocka wants these before it */
#include <stdarg.h>

#include <cmocka.h>

const char gcm_plain_rtp[] =
	"8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976"
	"69736120 696e2070 61727465 73207472 6573";
const char gcm_plain_rtcp[] =
	"81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61"
	"deadbeef deadbeef deadbeef deadbeef deadbeef";

size_t unhex(uint8_t *out, const char *hex)
{
	size_t len = 0;
	unsigned digits = 0, value = 0;

	for (; *hex; hex++) {
		if (*hex == ' ')
			continue;
		value = value << 4 |
			(unsigned)(*hex <= '9' ? *hex - '0' : (*hex | 0x20) - 'a' + 10);
		if (++digits % 2 == 0)
			out[len++] = (uint8_t)value;
	}
	return len;
}

void assert_hex(const uint8_t *data, size_t len, const char *hex)
{
	uint8_t expected[256];

	assert_int_equal(unhex(expected, hex), len);
	assert_memory_equal(data, expected, len);
}
