/* media/dtls/dtls_priv.h - the inside of a DTLS association, and how OpenSSL is tied to it. Not for other folders. */
#ifndef BF_MEDIA_DTLS_DTLS_PRIV_H
#define BF_MEDIA_DTLS_DTLS_PRIV_H

#include "media/dtls/dtls.h"

#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <sys/time.h>

#define BF_DTLS_OUT_BYTES 8192
#define BF_DTLS_OUT_COUNT 16
#define BF_DTLS_ERROR	  128

/* What DTLS needs of OpenSSL's default provider, and no more. */
struct bf_dtls_lib {
	OSSL_LIB_CTX *ctx;
	OSSL_PROVIDER *provider;
};

struct bf_dtls_ctx {
	/* owned */
	struct bf_dtls_lib lib;
	SSL_CTX *ssl_ctx;
	BIO_METHOD *bio_method;
	char fingerprint[BF_DTLS_FINGERPRINT_TEXT];
};

/* Datagrams on their way out, oldest first, one behind the other. */
struct bf_dtls_out {
	uint8_t *
		bytes; /* BF_DTLS_OUT_BYTES, or NULL as long as nothing waits in a quiet association */
	uint16_t lens[BF_DTLS_OUT_COUNT];
	size_t start; /* of the oldest datagram in `bytes` */
	size_t end;
	size_t count;
};

/* What the peer's certificate must hash to. */
struct bf_dtls_fingerprint {
	const EVP_MD *hash;
	uint8_t bytes[EVP_MAX_MD_SIZE];
};

struct bf_dtls {
	/* given */
	enum bf_dtls_role role;
	struct bf_dtls_fingerprint peer;
	/* owned */
	SSL *ssl;
	struct bf_dtls_out out;
	/* state */
	enum bf_dtls_state state;
	struct bf_bytes in;    /* the datagram OpenSSL may read, during bf_dtls_on_datagram only */
	bool has_begun;	       /* the ClientHello has come, or gone out */
	bool is_peer_verified; /* its certificate fits */
	bool is_peer_refused;  /* it does not */
	int64_t now_us;	       /* of the call we are in */
	int64_t deadline_us;   /* of the retransmission timer */
	bool has_buffers;      /* OpenSSL's for records */
	int64_t quiet_us; /* when they are given back, unless something comes or goes; INT64_MAX: never */
	unsigned interval_us;	   /* between retransmissions, as it stands */
	struct timeval *ssl_timer; /* OpenSSL's own; see dtls_bio.c */
	char error[BF_DTLS_ERROR];
};

/* -ENOMEM. deinit takes zeroes, too; nothing made with it may be left. */
int bf_dtls_lib_init(struct bf_dtls_lib *lib);
void bf_dtls_lib_deinit(struct bf_dtls_lib *lib);

/* A BIO that reads `in` and writes `out`. NULL without memory. */
BIO_METHOD *bf_dtls_bio_method_new(void);
BIO *bf_dtls_bio_new(const BIO_METHOD *method, struct bf_dtls *dtls);

/* Retransmit if OpenSSL agrees. Returns what DTLSv1_handle_timeout does; 0: not yet, by OpenSSL's clock. */
int bf_dtls_bio_retransmit(struct bf_dtls *dtls);

/* OpenSSL's question how long to wait, `previous_us` being 0 for a new flight. */
unsigned bf_dtls_timer_cb(SSL *ssl, unsigned previous_us);

/* Whether another datagram of `len` bytes can wait in `out`. */
bool bf_dtls_out_fits(const struct bf_dtls_out *out, size_t len);

/* OpenSSL's question about the peer's certificate (SSL_CTX_set_cert_verify_callback). */
int bf_dtls_verify_cb(X509_STORE_CTX *store, void *arg);

/* -EINVAL when the texts cannot be a fingerprint. */
int bf_dtls_fingerprint_parse(
	struct bf_dtls_fingerprint *out, struct bf_bytes hash, struct bf_bytes text);
bool bf_dtls_fingerprint_fits(const struct bf_dtls_fingerprint *fingerprint, X509 *certificate);

/* "AB:CD:..." SHA-256 of a certificate. False if OpenSSL cannot. */
bool bf_dtls_fingerprint_format(char out[static BF_DTLS_FINGERPRINT_TEXT], X509 *certificate);

#endif
