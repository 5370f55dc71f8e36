#include "core/base/utf8.h"

size_t bf_utf8_take(struct bf_bytes text, uint32_t *point)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint8_t first = text.data[0];
	size_t len = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
	uint32_t value = first;

	if (len > 1) {
		if (first < 0xc2 || first > 0xf4 || text.len < len)
			return 0;
		value = first & (0x7fu >> len);
		for (size_t i = 1; i < len; i++) {
			if ((text.data[i] & 0xc0) != 0x80)
				return 0;
			value = value << 6 | (text.data[i] & 0x3f);
		}
		if (value < least[len] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
			return 0;
	}
	*point = value;
	return len;
}

bool bf_utf8_is_valid(struct bf_bytes text)
{
	uint32_t point;

	while (text.len > 0) {
		size_t len = bf_utf8_take(text, &point);

		if (len == 0)
			return false;
		text.data += len;
		text.len -= len;
	}
	return true;
}

bool bf_utf8_is_control(uint32_t point)
{
	return point < 0x20 || (point >= 0x7f && point <= 0x9f) ||
	       (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069) ||
	       point == 0x200e || point == 0x200f || point == 0x061c || point == 0xfeff;
}
