/* media/transport/transport.h - one peer connection's path: ICE-lite, DTLS, SRTP keys and the data-channel association.
 *
 * The worker hands in packets it has found to belong here and sends what comes out; the owner (a participant's
 * connection in media/room) is told of state changes and of what the data channels say.
 * Owner:   the participant's connection.   Thread: its worker.
 * Rule:    DTLS, SRTP and SCTP are taken only from 5-tuples that ICE has validated.
 * Source:  RFC 8445, RFC 8842, RFC 5764, RFC 8831.
 */
#ifndef BF_MEDIA_TRANSPORT_TRANSPORT_H
#define BF_MEDIA_TRANSPORT_TRANSPORT_H

#include "core/loop/timer.h"
#include "media/dtls/dtls.h"
#include "media/ice/ice.h"
#include "media/sctp/sctp.h"
#include "media/stun/stun.h"

#define BF_TRANSPORT_CONNECT_US \
	(30 * 1000000) /* from the peer's description to connected, else failed */
#define BF_TRANSPORT_RETURN_US (30 * 1000000) /* from disconnected back to connected, else failed */

struct bf_transport;

/* What a transport needs of its worker. Borrowed; the same for all transports of a worker. */
struct bf_transport_env {
	struct bf_loop *loop;
	struct bf_dtls_ctx *dtls;
	struct bf_srtp_engine *srtp;
	struct bf_sctp_stack *sctp;
	unsigned worker;
	void *arg;
	/* Room for one datagram on `path`; NULL if there is none now (counted by the worker). Committed before the next is
	 * reserved. On UDP its bytes may be written later, until the worker calls back before it sends (media/room/outbox.h), and
	 * it may be taken back until then. */
	uint8_t *(*reserve)(void *arg, const struct bf_ice_path *path, size_t size_max);
	void (*commit)(void *arg, const struct bf_ice_path *path, size_t len);
	void (*revoke)(void *arg, uint64_t socket, const uint8_t *data);
	/* Paths by which the worker finds this transport. A path is added again with each valid check: it belongs to the transport
	 * that proved it last. */
	int (*add_path)(void *arg, struct bf_transport *transport, const struct bf_ice_path *path);
	void (*remove_path)(
		void *arg, struct bf_transport *transport, const struct bf_ice_path *path);
};

enum bf_transport_state {
	BF_TRANSPORT_CONNECTING,
	BF_TRANSPORT_CONNECTED,
	BF_TRANSPORT_DISCONNECTED, /* consent ran out; comes back with the next valid check */
	BF_TRANSPORT_FAILED, /* DTLS failed, or nobody came in time; who comes late makes it CONNECTED */
	BF_TRANSPORT_CLOSED, /* by the peer's close_notify */
};

struct bf_transport_ops {
	/* The transport may be freed inside, except from within bf_transport_new. */
	void (*on_state)(void *arg, enum bf_transport_state state, const char *cause);
	void (*on_channel_event)(void *arg, const struct bf_sctp_event *event);
};

/* `id` finds the transport again: it is in the ufrag and in the SCTP state cookie. */
int bf_transport_new(struct bf_transport **out, const struct bf_transport_env *env, uint32_t id,
	const struct bf_transport_ops *ops, void *arg);

/* Says close_notify to the peer if it can. Accepts NULL. */
void bf_transport_free(struct bf_transport *transport);

uint32_t bf_transport_id(const struct bf_transport *transport);

/* The id of the transport a STUN user name is meant for. False if it is none of `worker`'s. */
bool bf_transport_id_from_username(uint32_t *out, unsigned worker, struct bf_bytes username);

/* Our credentials, for a description. */
const struct bf_ice_creds *bf_transport_creds(const struct bf_transport *transport);

/* From the peer's description. The first one starts DTLS in the given role; later ones may only change the ufrag (an ICE
 * restart by the peer). -EINVAL: unusable fingerprint; -EPROTO: another fingerprint than before. */
struct bf_transport_remote {
	struct bf_bytes ufrag;
	struct bf_bytes hash, fingerprint;
	enum bf_dtls_role role; /* ours */
};
int bf_transport_set_remote(
	struct bf_transport *transport, const struct bf_transport_remote *remote);

/* The peer restarts ICE without a whole description (WHIP and WHEP PATCH). */
void bf_transport_set_remote_ufrag(struct bf_transport *transport, struct bf_bytes ufrag);
bool bf_transport_has_remote(const struct bf_transport *transport);

/* DTLS is over, by failure or goodbye: no restart brings it back. */
bool bf_transport_is_dead(const struct bf_transport *transport);
bool bf_transport_is_remote_ufrag(const struct bf_transport *transport, struct bf_bytes ufrag);
bool bf_transport_is_remote_fingerprint(
	const struct bf_transport *transport, struct bf_bytes fingerprint);

/* New credentials of ours. */
void bf_transport_restart_ice(struct bf_transport *transport);

/* Data channels are wanted: the association starts when DTLS is connected. */
int bf_transport_enable_sctp(
	struct bf_transport *transport, uint16_t remote_port, uint64_t remote_max_message);
struct bf_sctp *bf_transport_sctp(struct bf_transport *transport); /* NULL before connected */

/* Packets. Each returns the drop reason. */
enum bf_drop bf_transport_on_stun(
	struct bf_transport *transport, const struct bf_ice_path *path, struct bf_bytes packet);
enum bf_drop bf_transport_on_dtls(
	struct bf_transport *transport, const struct bf_ice_path *path, struct bf_bytes packet);
void bf_transport_on_sctp_output(struct bf_transport *transport, struct bf_bytes packet);
void bf_transport_on_sctp_readable(struct bf_transport *transport);

/* A TCP stream is gone. */
void bf_transport_on_path_lost(struct bf_transport *transport, const struct bf_ice_path *path);

/* NULL before the handshake is over. */
struct bf_srtp *bf_transport_srtp_in(struct bf_transport *transport);
struct bf_srtp *bf_transport_srtp_out(struct bf_transport *transport);
enum bf_srtp_profile bf_transport_profile(const struct bf_transport *transport);

/* What sending media takes, side by side in memory: thousands of transports take turns, and each line of them has to be fetched.
 * Lives as long as the transport. */
struct bf_transport_out {
	bool is_open; /* connected, with a path and keys; else the rest means nothing */
	uint8_t tag_len;
	struct bf_srtp *srtp;
	struct bf_ice_path path;
};
const struct bf_transport_out *bf_transport_out(const struct bf_transport *transport);

/* Where to send; NULL if nowhere. */
const struct bf_ice_path *bf_transport_path(const struct bf_transport *transport);
enum bf_transport_state bf_transport_state(const struct bf_transport *transport);

/* Protect and send one RTCP compound of `len` bytes that stands in data[size]. */
enum bf_drop bf_transport_send_rtcp(
	struct bf_transport *transport, uint8_t *data, size_t len, size_t size);

#endif
