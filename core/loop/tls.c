#include "core/loop/tls.h"

#include "core/loop/tls_priv.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Forward secrecy and an AEAD; TLS 1.3 has nothing else. */
#define TLS12_CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

/* Two keys of 32 bytes and a name of 16: what OpenSSL 3 keeps to encrypt session tickets. */
#define TICKET_KEYS_BYTES_MAX 128

struct bf_tls_server {
	/* owned */
	SSL_CTX *ctx;
	char *cert_path;
	char *key_path;
};

struct bf_tls {
	/* owned */
	SSL *ssl;
	/* borrowed from ssl */
	BIO *in;
	BIO *out;
};

/* --- contexts --- */

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
	const unsigned char *in, unsigned in_len, void *arg)
{
	static const unsigned char http11[] = "\x08http/1.1";
	unsigned char *chosen;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&chosen, out_len, http11, sizeof(http11) - 1, in, in_len) !=
		OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL; /* RFC 7301 section 3.2 */
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* OpenSSL would ask on the terminal. */
static int on_passphrase(char *out, int size, int is_writing, void *arg)
{
	(void)out;
	(void)size;
	(void)is_writing;
	(void)arg;
	return -1;
}

static SSL_CTX *new_ctx(void)
{
	static const unsigned char session_context[] = "belfry";
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (!ctx)
		return NULL;
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
		SSL_CTX_set_cipher_list(ctx, TLS12_CIPHERS) != 1 ||
		SSL_CTX_set_session_id_context(ctx, session_context, sizeof(session_context) - 1) !=
			1) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE |
					 SSL_OP_PRIORITIZE_CHACHA);
	/* Tickets resume sessions without memory of ours; the cache would only cost. An idle stream keeps no
	 * record buffers: 34 kB each. */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
	SSL_CTX_set_default_passwd_cb(ctx, on_passphrase);
	return ctx;
}

static void explain(char *why, size_t why_size, const char *path, const char *cause)
{
	snprintf(why, why_size, "%s: %s", path, cause ? cause : "unknown error");
}

/* OpenSSL tells why a file could not be opened only in words. */
static int check_readable(const char *path, char *why, size_t why_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err;

	if (fd < 0) {
		err = -errno;
		explain(why, why_size, path, strerror(errno));
		return err;
	}
	close(fd);
	return 0;
}

/* OpenSSL's own words, "no start line" or "unsupported", say nothing to somebody who mixed up two files. */
static int refuse(char *why, size_t why_size, const char *path, const char *cause)
{
	explain(why, why_size, path, cause);
	ERR_clear_error();
	return -EINVAL;
}

static int load_pair(SSL_CTX *ctx, const struct bf_tls_server *tls, char *why, size_t why_size)
{
	int err = check_readable(tls->cert_path, why, why_size);

	if (!err)
		err = check_readable(tls->key_path, why, why_size);
	if (err)
		return err;
	ERR_clear_error();
	if (SSL_CTX_use_certificate_chain_file(ctx, tls->cert_path) != 1)
		return refuse(why, why_size, tls->cert_path,
			"holds no certificate in PEM that can be used");
	if (SSL_CTX_use_PrivateKey_file(ctx, tls->key_path, SSL_FILETYPE_PEM) == 1 &&
		SSL_CTX_check_private_key(ctx) == 1)
		return 0;
	return refuse(why, why_size, tls->key_path,
		ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH ||
				ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_TYPE_MISMATCH
			? "is not the key of the certificate (its first one, if there are several)"
			: "holds no private key in PEM, or one with a passphrase");
}

static int load(SSL_CTX **out, const struct bf_tls_server *tls, char *why, size_t why_size)
{
	SSL_CTX *ctx = new_ctx();
	int err;

	if (!ctx) {
		explain(why, why_size, "openssl", "no memory for a context");
		return -ENOMEM;
	}
	err = load_pair(ctx, tls, why, why_size);
	if (err) {
		SSL_CTX_free(ctx);
		return err;
	}
	*out = ctx;
	return 0;
}

int bf_tls_server_new(struct bf_tls_server **out, const char *cert_path, const char *key_path,
	char *why, size_t why_size)
{
	struct bf_tls_server *tls = calloc(1, sizeof(*tls));
	int err = -ENOMEM;

	assert(out);
	if (!tls)
		return -ENOMEM;
	tls->cert_path = strdup(cert_path);
	tls->key_path = strdup(key_path);
	if (tls->cert_path && tls->key_path)
		err = load(&tls->ctx, tls, why, why_size);
	else
		explain(why, why_size, cert_path, "no memory");
	if (err) {
		bf_tls_server_free(tls);
		return err;
	}
	*out = tls;
	return 0;
}

/* So that a renewed certificate does not make every client handshake in full. */
static void keep_ticket_keys(SSL_CTX *from, SSL_CTX *to)
{
	unsigned char keys[TICKET_KEYS_BYTES_MAX];
	long len = SSL_CTX_get_tlsext_ticket_keys(from, NULL, 0);

	if (len <= 0 || len > TICKET_KEYS_BYTES_MAX)
		return;
	if (SSL_CTX_get_tlsext_ticket_keys(from, keys, len) == 1)
		SSL_CTX_set_tlsext_ticket_keys(to, keys, len);
	OPENSSL_cleanse(keys, sizeof(keys));
}

int bf_tls_server_reload(struct bf_tls_server *tls, char *why, size_t why_size)
{
	SSL_CTX *ctx;
	int err = load(&ctx, tls, why, why_size);

	if (err)
		return err;
	keep_ticket_keys(tls->ctx, ctx);
	SSL_CTX_free(tls->ctx); /* streams hold references of their own */
	tls->ctx = ctx;
	return 0;
}

int64_t bf_tls_server_expires_s(const struct bf_tls_server *tls)
{
	const X509 *cert = SSL_CTX_get0_certificate(tls->ctx);
	struct tm end;

	if (!cert || ASN1_TIME_to_tm(X509_get0_notAfter(cert), &end) != 1)
		return INT64_MAX;
	return timegm(&end);
}

void bf_tls_server_free(struct bf_tls_server *tls)
{
	if (!tls)
		return;
	SSL_CTX_free(tls->ctx);
	free(tls->cert_path);
	free(tls->key_path);
	free(tls);
}

/* --- streams --- */

int bf_tls_new(struct bf_tls **out, struct bf_tls_server *server)
{
	struct bf_tls *tls = calloc(1, sizeof(*tls));

	if (!tls)
		return -ENOMEM;
	tls->ssl = SSL_new(server->ctx);
	tls->in = BIO_new(BIO_s_mem());
	tls->out = BIO_new(BIO_s_mem());
	if (!tls->ssl || !tls->in || !tls->out) {
		BIO_free(tls->in);
		BIO_free(tls->out);
		SSL_free(tls->ssl);
		free(tls);
		return -ENOMEM;
	}
	SSL_set_bio(tls->ssl, tls->in, tls->out); /* takes both */
	SSL_set_accept_state(tls->ssl);
	*out = tls;
	return 0;
}

void bf_tls_free(struct bf_tls *tls)
{
	if (!tls)
		return;
	SSL_free(tls->ssl);
	free(tls);
}

int bf_tls_feed(struct bf_tls *tls, struct bf_bytes data)
{
	size_t written;

	if (data.len == 0)
		return 0;
	if (BIO_write_ex(tls->in, data.data, data.len, &written) != 1) {
		ERR_clear_error();
		return -ENOMEM;
	}
	assert(written == data.len); /* memory takes all or nothing */
	return 0;
}

/* The cause stays out of logs: it is the peer's doing, and any stranger can repeat it. */
static int to_errno(const struct bf_tls *tls, int result)
{
	int error = SSL_get_error(tls->ssl, result);

	ERR_clear_error();
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? -EAGAIN : -EPROTO;
}

int bf_tls_handshake(struct bf_tls *tls)
{
	int result;

	ERR_clear_error(); /* the queue is the thread's, and SSL_get_error looks at it */
	result = SSL_do_handshake(tls->ssl);
	return result == 1 ? 0 : to_errno(tls, result);
}

ssize_t bf_tls_read(struct bf_tls *tls, uint8_t *out, size_t size)
{
	size_t len;
	int result;

	ERR_clear_error();
	result = SSL_read_ex(tls->ssl, out, size, &len);
	if (result == 1)
		return (ssize_t)len;
	if (SSL_get_error(tls->ssl, result) == SSL_ERROR_ZERO_RETURN)
		return 0;
	return to_errno(tls, result);
}

int bf_tls_write(struct bf_tls *tls, struct bf_bytes data)
{
	size_t written;
	int result;

	if (data.len == 0)
		return 0;
	ERR_clear_error();
	result = SSL_write_ex(tls->ssl, data.data, data.len, &written);
	if (result != 1) {
		ERR_clear_error();
		return -EPROTO;
	}
	assert(written == data.len); /* partial writes are off */
	return 0;
}

void bf_tls_finish(struct bf_tls *tls)
{
	ERR_clear_error();
	if (SSL_is_init_finished(tls->ssl))
		SSL_shutdown(tls->ssl);
	ERR_clear_error();
}

struct bf_bytes bf_tls_output(struct bf_tls *tls)
{
	char *data = NULL;
	long len = BIO_get_mem_data(tls->out, &data);

	return bf_bytes(data, len > 0 ? (size_t)len : 0);
}

void bf_tls_output_clear(struct bf_tls *tls)
{
	(void)BIO_reset(tls->out);
}
