#include "media/dtls/dtls.h"

#include "media/dtls/dtls_priv.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

/*    0         1        3          5                11         13
 *   | type    | version | epoch    | sequence       | length   | fragment ...    one or more a datagram (RFC 6347)
 */
#define RECORD_HEADER_LEN 13
#define RECORD_LEN_MAX	  (16384 + 2048)

enum {
	TYPE_CHANGE_CIPHER_SPEC = 20,
	TYPE_ALERT = 21,
	TYPE_HANDSHAKE = 22,
	TYPE_APPLICATION = 23,
};

#define HANDSHAKE_CLIENT_HELLO 1

/* Added to a payload by the ciphers we allow: head, explicit nonce and tag. */
#define RECORD_OVERHEAD (RECORD_HEADER_LEN + 8 + 16)

/* If OpenSSL's clock is behind ours (see dtls_bio.c). */
#define TIMER_RETRY_US 5000

#define ALERT_REASONS \
	1000 /* from here on a reason is an alert of the peer (SSL_AD_REASON_OFFSET) */

_Static_assert(BF_DTLS_MTU + RECORD_OVERHEAD <= BF_DTLS_DATAGRAM_MAX, "a full record fits");

/* Of the 100 KiB that OpenSSL takes for an association, its buffers for a record in each direction are 33, and most associations
 * have nothing to say once they are connected. They go a while after the last record. */
#define QUIET_US 1000000

static const uint8_t state_may_enter[] = {
	[BF_DTLS_HANDSHAKING] = 1 << BF_DTLS_CONNECTED | 1 << BF_DTLS_CLOSED | 1 << BF_DTLS_FAILED,
	[BF_DTLS_CONNECTED] = 1 << BF_DTLS_CLOSED | 1 << BF_DTLS_FAILED,
	[BF_DTLS_CLOSED] = 0,
	[BF_DTLS_FAILED] = 0,
};

static void enter(struct bf_dtls *dtls, enum bf_dtls_state state)
{
	assert(state_may_enter[dtls->state] & 1 << state);
	dtls->state = state;
	dtls->deadline_us = INT64_MAX; /* nothing is in flight any more */
	dtls->quiet_us = INT64_MAX;
}

int bf_dtls_new(struct bf_dtls **out, struct bf_dtls_ctx *ctx, enum bf_dtls_role role,
	struct bf_bytes peer_hash, struct bf_bytes peer_fingerprint)
{
	struct bf_dtls_fingerprint peer;
	struct bf_dtls *dtls;
	BIO *bio;
	int err = bf_dtls_fingerprint_parse(&peer, peer_hash, peer_fingerprint);

	if (err)
		return err;
	dtls = calloc(1, sizeof(*dtls));
	if (!dtls)
		return -ENOMEM;
	dtls->role = role;
	dtls->peer = peer;
	dtls->deadline_us = INT64_MAX;
	dtls->has_buffers = true; /* as soon as it needs them */
	dtls->quiet_us = INT64_MAX;
	dtls->ssl = SSL_new(ctx->ssl_ctx);
	if (!dtls->ssl)
		goto fail;
	bio = bf_dtls_bio_new(ctx->bio_method, dtls);
	if (!bio)
		goto fail;
	SSL_set_bio(dtls->ssl, bio, bio);
	if (!SSL_set_app_data(dtls->ssl, dtls) || !SSL_set_mtu(dtls->ssl, BF_DTLS_MTU))
		goto fail;
	DTLS_set_timer_cb(dtls->ssl, bf_dtls_timer_cb);
	if (role == BF_DTLS_SERVER)
		SSL_set_accept_state(dtls->ssl);
	else
		SSL_set_connect_state(dtls->ssl);
	*out = dtls;
	return 0;

fail:
	bf_dtls_free(dtls);
	return -ENOMEM;
}

void bf_dtls_free(struct bf_dtls *dtls)
{
	if (!dtls)
		return;
	SSL_free(dtls->ssl);
	free(dtls->out.bytes);
	free(dtls);
}

/* Certificates are self-signed; what counts is that the fingerprint came through signaling. Refusing here, inside the
 * handshake, sends the peer an alert and never lets a key come about. */
int bf_dtls_verify_cb(X509_STORE_CTX *store, void *arg)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct bf_dtls *dtls = SSL_get_app_data(ssl);
	X509 *certificate = X509_STORE_CTX_get0_cert(store);

	(void)arg;
	dtls->is_peer_verified = certificate && bf_dtls_fingerprint_fits(&dtls->peer, certificate);
	dtls->is_peer_refused = !dtls->is_peer_verified;
	if (dtls->is_peer_verified)
		return 1;
	X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED); /* alert: bad_certificate */
	return 0;
}

static void fail(struct bf_dtls *dtls)
{
	unsigned long code = ERR_peek_last_error();
	int reason = ERR_GET_REASON(code);

	if (dtls->is_peer_refused)
		snprintf(dtls->error, sizeof(dtls->error),
			"peer certificate does not fit its fingerprint");
	else if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason >= ALERT_REASONS &&
		 reason <= ALERT_REASONS + UINT8_MAX)
		snprintf(dtls->error, sizeof(dtls->error), "peer sent alert: %s",
			SSL_alert_desc_string_long(reason - ALERT_REASONS));
	else if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason == SSL_R_READ_TIMEOUT_EXPIRED)
		snprintf(dtls->error, sizeof(dtls->error), "handshake timed out");
	else
		snprintf(dtls->error, sizeof(dtls->error), "DTLS failed: %s",
			ERR_reason_error_string(code) ? ERR_reason_error_string(code) : "unknown");
	ERR_clear_error();
	enter(dtls, BF_DTLS_FAILED);
}

static void free_out_if_empty(struct bf_dtls *dtls)
{
	if (dtls->has_buffers || dtls->out.count > 0)
		return;
	free(dtls->out.bytes);
	dtls->out.bytes = NULL;
}

static void rest(struct bf_dtls *dtls)
{
	dtls->quiet_us = INT64_MAX;
	if (SSL_pending(dtls->ssl) > 0 || !SSL_free_buffers(dtls->ssl))
		return; /* something in them has not been read */
	dtls->has_buffers = false;
	free_out_if_empty(dtls);
}

/* Before OpenSSL reads or writes in an association that is connected. False: there was no memory, which OpenSSL takes for its end. */
static bool rouse(struct bf_dtls *dtls)
{
	dtls->quiet_us = dtls->now_us + QUIET_US;
	if (dtls->has_buffers)
		return true;
	ERR_clear_error();
	dtls->has_buffers = SSL_alloc_buffers(dtls->ssl);
	if (!dtls->has_buffers)
		fail(dtls);
	return dtls->has_buffers;
}

/* After an OpenSSL call that returned `ret` <= 0. */
static void on_refusal(struct bf_dtls *dtls, int ret)
{
	switch (SSL_get_error(dtls->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return;
	case SSL_ERROR_ZERO_RETURN:
		enter(dtls, BF_DTLS_CLOSED);
		return;
	default:
		fail(dtls);
	}
}

static void handshake(struct bf_dtls *dtls)
{
	int ret = SSL_do_handshake(dtls->ssl);

	if (ret <= 0) {
		on_refusal(dtls, ret);
		return;
	}
	assert(dtls->is_peer_verified); /* nothing resumes, so the certificate has been seen */
	enter(dtls, BF_DTLS_CONNECTED);
}

void bf_dtls_start(struct bf_dtls *dtls, int64_t now_us)
{
	dtls->now_us = now_us;
	if (dtls->role != BF_DTLS_CLIENT || dtls->state != BF_DTLS_HANDSHAKING || dtls->has_begun)
		return;
	dtls->has_begun = true;
	ERR_clear_error();
	handshake(dtls);
}

/* What a datagram holds, as far as its record heads say. */
struct records {
	bool has_epoch_0;
	bool has_later_epoch;
	bool has_client_hello;
};

/* What encryption adds to a record at least: nonce and tag of AES-GCM (RFC 5288 section 3), less only for ChaCha20 (RFC 7905 section 2).
 * OpenSSL 3.0.19 takes a shorter record for an error that ends the association: anybody who can forge an address could send one. */
static size_t protection_len(const struct bf_dtls *dtls)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(dtls->ssl);

	if (!cipher)
		cipher = SSL_get_pending_cipher(dtls->ssl);
	if (!cipher || SSL_CIPHER_get_cipher_nid(cipher) == NID_chacha20_poly1305)
		return 16;
	return 8 + 16;
}

/* Whole records only. Application data in the clear belongs to no handshake and would end one. */
static bool read_records(const struct bf_dtls *dtls, struct records *out, struct bf_bytes datagram)
{
	struct bf_rd rd = bf_rd(datagram);

	memset(out, 0, sizeof(*out));
	while (bf_rd_left(&rd) > 0) {
		uint8_t type = bf_rd_u8(&rd);
		uint16_t version = bf_rd_u16(&rd);
		uint16_t epoch = bf_rd_u16(&rd);
		struct bf_bytes sequence = bf_rd_bytes(&rd, 6);
		uint16_t len = bf_rd_u16(&rd);
		struct bf_bytes fragment = bf_rd_bytes(&rd, len);

		(void)sequence;
		if (rd.is_short || len == 0 || len > RECORD_LEN_MAX || version >> 8 != 0xfe)
			return false;
		if (type < TYPE_CHANGE_CIPHER_SPEC || type > TYPE_APPLICATION)
			return false;
		if (epoch == 0 && type == TYPE_APPLICATION)
			return false;
		if (epoch > 0 && len < protection_len(dtls))
			return false;
		if (epoch == 0)
			out->has_epoch_0 = true;
		else
			out->has_later_epoch = true;
		if (epoch == 0 && type == TYPE_HANDSHAKE &&
			fragment.data[0] == HANDSHAKE_CLIENT_HELLO)
			out->has_client_hello = true;
	}
	return true;
}

/* Whether OpenSSL shall see it. Before the ClientHello, anything else would be taken for a broken handshake; once
 * connected, nothing in the clear has a meaning. */
static bool is_welcome(struct bf_dtls *dtls, struct bf_bytes datagram)
{
	struct records records;

	if (datagram.len == 0 || !read_records(dtls, &records, datagram))
		return false;
	switch (dtls->state) {
	case BF_DTLS_HANDSHAKING:
		if (!dtls->has_begun)
			dtls->has_begun = dtls->role == BF_DTLS_SERVER && records.has_client_hello;
		return dtls->has_begun;
	case BF_DTLS_CONNECTED:
		return records.has_later_epoch;
	default:
		return false;
	}
}

/* Let OpenSSL look at the records of a connected association up to the first application data. */
static enum bf_drop take_records(struct bf_dtls *dtls)
{
	size_t waiting = dtls->out.count;
	uint8_t first;
	int ret = SSL_peek(dtls->ssl, &first, 1);

	if (ret > 0)
		return BF_DROP_NONE;
	on_refusal(dtls, ret);
	if (dtls->state != BF_DTLS_CONNECTED || dtls->out.count != waiting)
		return BF_DROP_NONE; /* an alert, or a retransmission that wanted ours */
	return BF_DROP_DTLS;	     /* forged, replayed or empty */
}

enum bf_drop bf_dtls_on_datagram(struct bf_dtls *dtls, struct bf_bytes datagram, int64_t now_us)
{
	enum bf_drop drop = BF_DROP_NONE;

	dtls->now_us = now_us;
	if (!is_welcome(dtls, datagram))
		return BF_DROP_DTLS;
	ERR_clear_error();
	dtls->in = datagram;
	if (dtls->state == BF_DTLS_HANDSHAKING) {
		handshake(dtls);
		if (dtls->state == BF_DTLS_CONNECTED) {
			/* application data may have come with the last flight */
			(void)take_records(dtls);
			rest(dtls);
		}
	} else if (rouse(dtls)) {
		drop = take_records(dtls);
	}
	if (dtls->in.len > 0)
		drop = BF_DROP_DTLS; /* not even read: the caller has not drained bf_dtls_read */
	dtls->in = bf_bytes(NULL, 0);
	return drop;
}

size_t bf_dtls_poll(struct bf_dtls *dtls, uint8_t *out, size_t size)
{
	struct bf_dtls_out *queue = &dtls->out;
	size_t len;

	if (queue->count == 0)
		return 0;
	len = queue->lens[0];
	assert(len <= size);
	memcpy(out, queue->bytes + queue->start, len);
	queue->start += len;
	queue->count--;
	memmove(queue->lens, queue->lens + 1, queue->count * sizeof(queue->lens[0]));
	if (queue->count == 0)
		queue->start = queue->end = 0;
	free_out_if_empty(dtls);
	return len;
}

size_t bf_dtls_read(struct bf_dtls *dtls, uint8_t *out, size_t size)
{
	int ret;

	if (dtls->state != BF_DTLS_CONNECTED || !dtls->has_buffers)
		return 0;
	ERR_clear_error();
	ret = SSL_read(dtls->ssl, out, size > INT32_MAX ? INT32_MAX : (int)size);
	if (ret > 0)
		return (size_t)ret;
	on_refusal(dtls, ret);
	return 0;
}

int bf_dtls_write(struct bf_dtls *dtls, struct bf_bytes data)
{
	assert(data.len > 0);
	if (dtls->state != BF_DTLS_CONNECTED)
		return -EPROTO;
	if (data.len > BF_DTLS_MTU)
		return -EMSGSIZE;
	if (!bf_dtls_out_fits(&dtls->out, data.len + RECORD_OVERHEAD))
		return -ENOBUFS;
	if (!rouse(dtls))
		return -EPROTO;
	ERR_clear_error();
	if (SSL_write(dtls->ssl, data.data, (int)data.len) <= 0) {
		fail(dtls); /* out of memory, or the last of 2^48 sequence numbers */
		return -EPROTO;
	}
	return 0;
}

int64_t bf_dtls_deadline_us(const struct bf_dtls *dtls)
{
	return dtls->deadline_us < dtls->quiet_us ? dtls->deadline_us : dtls->quiet_us;
}

void bf_dtls_on_timer(struct bf_dtls *dtls, int64_t now_us)
{
	int ret;

	dtls->now_us = now_us;
	if (now_us >= dtls->quiet_us)
		rest(dtls);
	if (now_us < dtls->deadline_us)
		return;
	ERR_clear_error();
	ret = bf_dtls_bio_retransmit(dtls);
	if (ret < 0)
		fail(dtls);
	else if (ret == 0)
		dtls->deadline_us = now_us + TIMER_RETRY_US;
}

void bf_dtls_close(struct bf_dtls *dtls)
{
	if (dtls->state == BF_DTLS_CONNECTED && rouse(dtls)) {
		ERR_clear_error();
		(void)SSL_shutdown(dtls->ssl); /* 0: ours is sent, the peer's we do not wait for */
	}
	if (dtls->state == BF_DTLS_CONNECTED || dtls->state == BF_DTLS_HANDSHAKING)
		enter(dtls, BF_DTLS_CLOSED);
}

enum bf_dtls_state bf_dtls_state(const struct bf_dtls *dtls)
{
	return dtls->state;
}

const char *bf_dtls_error(const struct bf_dtls *dtls)
{
	return dtls->error;
}

/* RFC 5764 section 4.2: client's key, server's key, client's salt, server's salt. */
enum bf_srtp_profile bf_dtls_srtp_keys(
	struct bf_dtls *dtls, struct bf_srtp_key *outgoing, struct bf_srtp_key *incoming)
{
	static const char label[] = "EXTRACTOR-dtls_srtp";
	bool is_client = dtls->role == BF_DTLS_CLIENT;
	SRTP_PROTECTION_PROFILE *chosen;
	enum bf_srtp_profile profile;
	uint8_t material[2 * BF_SRTP_KEY_MAX];
	size_t key_len, salt_len;

	assert(dtls->is_peer_verified);
	memset(outgoing, 0, sizeof(*outgoing));
	memset(incoming, 0, sizeof(*incoming));
	chosen = SSL_get_selected_srtp_profile(dtls->ssl);
	if (!chosen)
		return BF_SRTP_NONE;
	profile = (enum bf_srtp_profile)chosen->id;
	key_len = bf_srtp_key_len(profile);
	salt_len = bf_srtp_salt_len(profile);
	if (key_len == 0 || !SSL_export_keying_material(dtls->ssl, material,
				    2 * (key_len + salt_len), label, sizeof(label) - 1, NULL, 0, 0))
		return BF_SRTP_NONE;
	memcpy(is_client ? outgoing->bytes : incoming->bytes, material, key_len);
	memcpy(is_client ? incoming->bytes : outgoing->bytes, material + key_len, key_len);
	memcpy((is_client ? outgoing->bytes : incoming->bytes) + key_len, material + 2 * key_len,
		salt_len);
	memcpy((is_client ? incoming->bytes : outgoing->bytes) + key_len,
		material + 2 * key_len + salt_len, salt_len);
	OPENSSL_cleanse(material, sizeof(material));
	return profile;
}
