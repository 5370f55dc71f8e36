#include "signaling/http/request_id.h"

#include "core/base/id.h"

bool bf_http_request_id_is_sane(struct bf_bytes text)
{
	if (text.len < 1 || text.len > BF_HTTP_REQUEST_ID_MAX)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
			c != '.' && c != '-' && c != '_')
			return false;
	}
	return true;
}

void bf_http_request_id_choose(char out[static BF_HTTP_REQUEST_ID_MAX + 1], struct bf_bytes given)
{
	if (!bf_http_request_id_is_sane(given)) {
		bf_uuid_format(bf_uuid_make(), out);
		return;
	}
	memcpy(out, given.data, given.len);
	out[given.len] = '\0';
}
