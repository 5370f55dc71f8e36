/* core/loop/tls.h - TLS server contexts for streams (OpenSSL, memory BIOs inside core/loop/tcp.c).
 *
 * Owner:   the caller; outlives the listeners that use it.   Thread: one loop's.
 * Source:  RFC 8446, RFC 5246; TLS 1.2 and 1.3 only, ALPN http/1.1.
 */
#ifndef BF_CORE_LOOP_TLS_H
#define BF_CORE_LOOP_TLS_H

#include <stddef.h>
#include <stdint.h>

struct bf_tls_server;

/* Read a PEM certificate chain and its private key. -ENOENT/-EACCES: a file; -EINVAL: the pair does not
 * fit or is not PEM; `why` then holds one line naming the file and the cause. */
int bf_tls_server_new(struct bf_tls_server **out, const char *cert_path, const char *key_path,
	char *why, size_t why_size);

/* Read the files again; new streams use them. On error the old ones stay. */
int bf_tls_server_reload(struct bf_tls_server *tls, char *why, size_t why_size);

/* When the certificate ends, in seconds since 1970; INT64_MAX if it does not say. */
int64_t bf_tls_server_expires_s(const struct bf_tls_server *tls);

/* Accepts NULL. */
void bf_tls_server_free(struct bf_tls_server *tls);

#endif
