/* A DTLS server that is sent datagrams: two bytes of length, then that many bytes. Bit 15 of a length lets the
 * retransmission timer run out first. */
#include "media/dtls/dtls.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DATAGRAMS_MAX 32

static const char fingerprint[] = "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:"
				  "55:66:77:88:99:AA:BB:CC:DD:EE:FF";

/* Made once: a certificate for each input would be most of the time. */
static struct bf_dtls_ctx *get_ctx(void)
{
	static const enum bf_srtp_profile profiles[] = {
		BF_SRTP_AEAD_AES_128_GCM, BF_SRTP_AES128_CM_SHA1_80};
	static struct bf_dtls_ctx *ctx;

	if (!ctx && bf_dtls_ctx_new(&ctx, profiles, 2))
		abort();
	return ctx;
}

static void drain(struct bf_dtls *dtls)
{
	uint8_t out[BF_DTLS_DATAGRAM_MAX];
	int count = 0;

	while (bf_dtls_poll(dtls, out, sizeof(out)) > 0)
		count++;
	assert(count <= 16);
	assert(bf_dtls_read(dtls, out, sizeof(out)) == 0); /* nobody has our key */
	assert(bf_dtls_state(dtls) == BF_DTLS_HANDSHAKING || bf_dtls_state(dtls) == BF_DTLS_FAILED);
	assert(bf_dtls_state(dtls) == BF_DTLS_HANDSHAKING || bf_dtls_error(dtls)[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bf_rd rd = bf_rd(bf_bytes(data, size));
	struct bf_dtls *dtls;
	int64_t now_us = 0;

	if (bf_dtls_new(&dtls, get_ctx(), BF_DTLS_SERVER, bf_bytes_str("sha-256"),
		    bf_bytes_str(fingerprint)))
		return 0;
	for (int i = 0; i < DATAGRAMS_MAX && bf_rd_left(&rd) > 0; i++) {
		uint16_t head = bf_rd_u16(&rd);
		size_t len = head & 0x7fff;
		struct bf_bytes datagram =
			bf_rd_bytes(&rd, len < bf_rd_left(&rd) ? len : bf_rd_left(&rd));

		if (head >> 15 && bf_dtls_deadline_us(dtls) != INT64_MAX) {
			now_us = bf_dtls_deadline_us(dtls);
			bf_dtls_on_timer(dtls, now_us);
			drain(dtls);
		}
		(void)bf_dtls_on_datagram(dtls, datagram, now_us);
		drain(dtls);
	}
	bf_dtls_free(dtls);
	return 0;
}
