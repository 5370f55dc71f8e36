/* core/loop/tls_priv.h - the TLS side of one stream: bytes of the network in and out, plain text out and in.
 *
 * Does no I/O: the stream feeds what came from the socket, and after every call takes what is to be sent.
 * Owner:   the stream.   Thread: the loop's.
 */
#ifndef BF_CORE_LOOP_TLS_PRIV_H
#define BF_CORE_LOOP_TLS_PRIV_H

#include "core/base/bytes.h"
#include "core/loop/tls.h"

#include <sys/types.h>

struct bf_tls;

int bf_tls_new(struct bf_tls **out, struct bf_tls_server *server);
void bf_tls_free(struct bf_tls *tls);

/* Bytes from the network. -ENOMEM. */
int bf_tls_feed(struct bf_tls *tls, struct bf_bytes data);

/* Go on with the handshake. 0: done; -EAGAIN: needs more bytes; -EPROTO: failed. */
int bf_tls_handshake(struct bf_tls *tls);

/* Plain text: its length, 0 after the peer's close_notify, -EAGAIN, -EPROTO. */
ssize_t bf_tls_read(struct bf_tls *tls, uint8_t *out, size_t size);

/* Encrypt all of `data`, after the handshake. -EPROTO: the session is broken. */
int bf_tls_write(struct bf_tls *tls, struct bf_bytes data);

/* Say close_notify. */
void bf_tls_finish(struct bf_tls *tls);

/* What is to be sent; the view is good until the next call. */
struct bf_bytes bf_tls_output(struct bf_tls *tls);
void bf_tls_output_clear(struct bf_tls *tls);

#endif
