/* OpenSSL's view of the network: one datagram to read, a queue of datagrams to write, and a clock that is ours.
 *
 * The retransmission timer of OpenSSL 3.0 runs on gettimeofday: a jump of the wall clock would stall handshakes, and tests
 * could not run on virtual time. But it tells its BIO each time the timer is set or stopped, and hands it the timer itself,
 * not a copy (BIO_CTRL_DGRAM_SET_NEXT_TIMEOUT). So the deadline is kept here, the timer is set to a day that never comes,
 * and put into the past when our deadline is due. From 3.2 on the BIO gets a copy; there OpenSSL's clock decides, and a
 * deadline that it finds too early is tried again a little later. */
#include "media/dtls/dtls_priv.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <stdlib.h>

/* WebRTC stacks begin at 50 ms, because a join waits for it, and ICE has shown that the path is alive. */
#define INTERVAL_FIRST_US 50000
#define INTERVAL_MAX_US	  1000000

/* Where the BIO would be told a copy of the timer. */
#define OPENSSL_COPIES_TIMER 0x30200000UL

#define NEVER_SEC	     (INT64_C(1) << 40)

bool bf_dtls_out_fits(const struct bf_dtls_out *out, size_t len)
{
	return out->count < BF_DTLS_OUT_COUNT && len <= BF_DTLS_OUT_BYTES - (out->end - out->start);
}

static void out_put(struct bf_dtls_out *out, struct bf_bytes datagram)
{
	if (!out->bytes)
		out->bytes = malloc(BF_DTLS_OUT_BYTES);
	if (!out->bytes)
		return; /* as lost as what does not fit */
	if (BF_DTLS_OUT_BYTES - out->end < datagram.len) {
		memmove(out->bytes, out->bytes + out->start, out->end - out->start);
		out->end -= out->start;
		out->start = 0;
	}
	memcpy(out->bytes + out->end, datagram.data, datagram.len);
	out->lens[out->count++] = (uint16_t)datagram.len;
	out->end += datagram.len;
}

/* OpenSSL writes a datagram at a time. What does not fit is lost, which DTLS is made for. */
static int bio_write(BIO *bio, const char *data, int len)
{
	struct bf_dtls *dtls = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (len > 0 && bf_dtls_out_fits(&dtls->out, (size_t)len))
		out_put(&dtls->out, bf_bytes(data, (size_t)len));
	return len;
}

static int bio_read(BIO *bio, char *out, int size)
{
	struct bf_dtls *dtls = BIO_get_data(bio);
	size_t len = dtls->in.len;

	BIO_clear_retry_flags(bio);
	if (len == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	if (len > (size_t)size)
		len = (size_t)size; /* the rest of a datagram is lost, as from a socket */
	memcpy(out, dtls->in.data, len);
	dtls->in = bf_bytes(NULL, 0);
	return (int)len;
}

static void on_timer_set(struct bf_dtls *dtls, struct timeval *timer)
{
	if (timer->tv_sec == 0 && timer->tv_usec == 0) {
		dtls->deadline_us = INT64_MAX;
		return;
	}
	dtls->deadline_us = dtls->now_us + dtls->interval_us;
	if (OpenSSL_version_num() < OPENSSL_COPIES_TIMER) {
		dtls->ssl_timer = timer;
		timer->tv_sec = NEVER_SEC;
	}
}

static long bio_ctrl(BIO *bio, int cmd, long larg, void *parg)
{
	(void)larg;
	switch (cmd) {
	case BIO_CTRL_FLUSH:
		return 1;
	case BIO_CTRL_DGRAM_SET_NEXT_TIMEOUT:
		on_timer_set(BIO_get_data(bio), parg);
		return 1;
	default:
		return 0; /* no MTU to ask for, no overhead to count, nothing pending */
	}
}

int bf_dtls_bio_retransmit(struct bf_dtls *dtls)
{
	if (dtls->ssl_timer)
		*dtls->ssl_timer = (struct timeval){.tv_sec = 0, .tv_usec = 1};
	return (int)DTLSv1_handle_timeout(dtls->ssl);
}

unsigned bf_dtls_timer_cb(SSL *ssl, unsigned previous_us)
{
	struct bf_dtls *dtls = SSL_get_app_data(ssl);

	if (previous_us == 0)
		dtls->interval_us = INTERVAL_FIRST_US;
	else if (previous_us < INTERVAL_MAX_US / 2)
		dtls->interval_us = previous_us * 2;
	else
		dtls->interval_us = INTERVAL_MAX_US;
	return dtls->interval_us;
}

BIO_METHOD *bf_dtls_bio_method_new(void)
{
	/* no index of its own: a process has only 127, and nobody looks for this type */
	BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "belfry datagrams");

	if (!method)
		return NULL;
	if (!BIO_meth_set_write(method, bio_write) || !BIO_meth_set_read(method, bio_read) ||
		!BIO_meth_set_ctrl(method, bio_ctrl)) {
		BIO_meth_free(method);
		return NULL;
	}
	return method;
}

BIO *bf_dtls_bio_new(const BIO_METHOD *method, struct bf_dtls *dtls)
{
	BIO *bio = BIO_new(method);

	if (!bio)
		return NULL;
	BIO_set_data(bio, dtls);
	BIO_set_init(bio, 1);
	return bio;
}
