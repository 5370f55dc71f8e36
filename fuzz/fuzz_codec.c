/* Payload descriptors of every codec, and rewriting the numbers in them.
 *
 * Input: codec, length of the dependency descriptor, two new numbers (3 bytes), the dependency descriptor, the payload.
 */
#include "media/codec/codec.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rewrite(enum bf_codec codec, struct bf_bytes payload, struct bf_bytes dd,
	const struct bf_payload *info, uint16_t picture_id, uint8_t tl0picidx)
{
	uint8_t *copy = malloc(payload.len ? payload.len : 1);
	struct bf_payload after;

	assert(copy);
	memcpy(copy, payload.data, payload.len);
	bf_codec_rewrite(copy, info, picture_id, tl0picidx);
	assert(bf_codec_parse(&after, codec, bf_bytes(copy, payload.len), dd) == 0);
	if (info->has_picture_id)
		assert(after.picture_id ==
			(picture_id & (info->picture_id_is_long ? 0x7fff : 0x7f)));
	if (info->has_tl0picidx)
		assert(after.tl0picidx == tl0picidx);
	assert(after.is_keyframe == info->is_keyframe && after.temporal_idx == info->temporal_idx);
	bf_codec_rewrite(copy, &after, info->picture_id, info->tl0picidx);
	assert(memcmp(copy, payload.data, payload.len) == 0);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bf_payload info;
	struct bf_bytes dd, payload;
	enum bf_codec codec;
	size_t dd_len;

	if (size < 5)
		return 0;
	codec = (enum bf_codec)(data[0] % BF_CODEC_COUNT);
	dd_len = data[1] < size - 5 ? data[1] : size - 5;
	dd = bf_bytes(data + 5, dd_len);
	payload = bf_bytes(data + 5 + dd_len, size - 5 - dd_len);
	(void)bf_codec_from_name(payload);
	if (bf_codec_parse(&info, codec, payload, dd) < 0)
		return 0;
	if (info.has_picture_id)
		assert(info.picture_id_offset + info.picture_id_is_long < payload.len);
	if (info.has_tl0picidx)
		assert(info.tl0picidx_offset < payload.len);
	if (payload.len > 0)
		check_rewrite(codec, payload, dd, &info, bf_get_u16(data + 2), data[4]);
	return 0;
}
