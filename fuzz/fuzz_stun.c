/* STUN as it comes from anyone; and, so that what lies behind the password is reached, the same bytes as attributes of a
 * request that is signed for them. */
#include "media/stun/stun.h"
#include "tests/media/stun/stun_build.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PASSWORD "VOkJxbRl1RmTxUk/WvJxBt"

/* What we answer must be a message itself. */
static void check_answer(const uint8_t *out, int len, enum bf_stun_class cls)
{
	struct bf_stun_peek peek;

	if (len < 0)
		return;
	assert(len <= BF_STUN_MAX);
	assert(bf_stun_peek(&peek, bf_bytes(out, (size_t)len)) == 0);
	assert(peek.cls == cls);
}

static void try_packet(struct bf_bytes packet)
{
	const struct bf_addr mapped = {.ip = {192, 0, 2, 1}, .port = 4000, .family = 4};
	const struct bf_bytes password = bf_bytes_str(PASSWORD);
	struct bf_stun_request request;
	struct bf_stun_peek peek;
	uint8_t out[BF_STUN_MAX];
	int is_peeked = bf_stun_peek(&peek, packet) == 0;
	int err = bf_stun_check_request(&request, packet, password);

	if (is_peeked && peek.username.len > 0)
		assert(peek.username.data > packet.data &&
			peek.username.data + peek.username.len <= packet.data + packet.len);
	assert(err != 0 || (is_peeked && peek.cls == BF_STUN_REQUEST && peek.is_binding));
	check_answer(
		out, bf_stun_write_mapped(out, sizeof(out), packet, &mapped), BF_STUN_RESPONSE);
	check_answer(out, bf_stun_write_success(out, sizeof(out), packet, &mapped, password),
		BF_STUN_RESPONSE);
	check_answer(
		out, bf_stun_write_error(out, sizeof(out), packet, 420, password), BF_STUN_ERROR);
	check_answer(out, bf_stun_write_error(out, sizeof(out), packet, 400, bf_bytes(NULL, 0)),
		BF_STUN_ERROR);
	if (is_peeked && peek.cls == BF_STUN_REQUEST && peek.is_binding)
		assert(bf_stun_write_error(out, sizeof(out), packet, 420, password) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stun_build build;

	try_packet(bf_bytes(data, size));
	if (size > BF_STUN_MAX)
		return 0;
	stun_begin(&build, STUN_REQUEST_TYPE, 1);
	stun_attr(&build, 0x0006, "ours:theirs", 11);
	memcpy(build.bytes + build.len, data, size);
	build.len += size / 4 * 4;
	bf_put_u16(build.bytes + 2, (uint16_t)(build.len - 20));
	stun_integrity(&build, PASSWORD);
	stun_fingerprint(&build);
	try_packet(stun_view(&build));
	return 0;
}
