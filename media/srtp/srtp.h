/* media/srtp/srtp.h - SRTP and SRTCP through engines, in batches.
 *
 * A bf_srtp holds the keys of one transport in one direction and a context for each SSRC. An engine is the code
 * that does the cryptography; all engines produce the same bytes.
 * Owner:   a bf_srtp: the transport; an engine: the worker.   Thread: the one that made the engine.
 * Limits:  BF_SRTP_SSRC_MAX contexts for each bf_srtp. Receiving: a context comes into being only after a packet
 *          of that SSRC has been authenticated.
 * Source:  RFC 3711, RFC 7714, RFC 5764 section 4.2 (keys out of DTLS).
 */
#ifndef BF_MEDIA_SRTP_SRTP_H
#define BF_MEDIA_SRTP_SRTP_H

#include "core/base/bytes.h"
#include "media/drop.h"

#define BF_SRTP_SSRC_MAX     1024
#define BF_SRTP_KEY_MAX	     46 /* AES-256-GCM: 32 + 12; AES_CM_128: 16 + 14 */
#define BF_SRTP_OVERHEAD_MAX 20 /* 16 bytes of tag and 4 of SRTCP index */

/* The values of RFC 5764 and RFC 7714. */
enum bf_srtp_profile {
	BF_SRTP_NONE = 0,
	BF_SRTP_AES128_CM_SHA1_80 = 0x0001,
	BF_SRTP_AEAD_AES_128_GCM = 0x0007,
	BF_SRTP_AEAD_AES_256_GCM = 0x0008,
};

/* "AEAD_AES_128_GCM" ... and back; BF_SRTP_NONE if unknown. */
const char *bf_srtp_profile_name(enum bf_srtp_profile profile);
enum bf_srtp_profile bf_srtp_profile_from_name(struct bf_bytes name);
size_t bf_srtp_key_len(enum bf_srtp_profile profile);
size_t bf_srtp_salt_len(enum bf_srtp_profile profile);
size_t bf_srtp_tag_len(enum bf_srtp_profile profile); /* behind an RTP packet */

/* One direction's master key and salt, one after the other. */
struct bf_srtp_key {
	uint8_t bytes[BF_SRTP_KEY_MAX];
};

struct bf_srtp;
struct bf_srtp_engine;

/* Their names are the values of media.srtp_engine: "auto", "ipsec-mb" ... */
enum bf_srtp_engine_kind {
	BF_SRTP_ENGINE_AUTO,	 /* ipsec-mb where the CPU suits, else openssl */
	BF_SRTP_ENGINE_IPSEC_MB, /* many packets at once; x86-64 only */
	BF_SRTP_ENGINE_OPENSSL,
	BF_SRTP_ENGINE_LIBSRTP2, /* the reference; never chosen by itself, for it is slow */
};

const char *bf_srtp_engine_kind_name(enum bf_srtp_engine_kind kind);

/* -EINVAL: none has that name. */
int bf_srtp_engine_kind_from_name(enum bf_srtp_engine_kind *out, struct bf_bytes name);

/* An engine for one thread, with scratch memory of its own. -ENOTSUP: not on this machine (the CPU lacks something, the library
 * is not there or has failed its self-test); -ENOMEM. On error `why` says so in words. */
int bf_srtp_engine_new(
	struct bf_srtp_engine **out, enum bf_srtp_engine_kind kind, char *why, size_t why_size);

/* After all its bf_srtp. Accepts NULL. */
void bf_srtp_engine_free(struct bf_srtp_engine *engine);

/* "ipsec-mb" ...: which it is, also where AUTO was asked for. */
const char *bf_srtp_engine_name(const struct bf_srtp_engine *engine);

/* Borrows `engine`. -EINVAL unknown profile, -ENOMEM. */
int bf_srtp_new(struct bf_srtp **out, struct bf_srtp_engine *engine, enum bf_srtp_profile profile,
	const struct bf_srtp_key *key, bool is_outgoing);

/* Wipes the keys. Accepts NULL. */
void bf_srtp_free(struct bf_srtp *srtp);

/* Outgoing. What differs from one receiver to the next the caller writes to `dst` itself: the RTP header, complete (RFC
 * 3550) with CSRCs and extensions, and `front_len` bytes that begin the payload, still plain (a rewritten descriptor, the
 * number before a retransmission's payload). The rest of the payload is only read: it stands elsewhere, at any alignment, and
 * serves many jobs. Encryption puts it behind the front, and the tag behind it.
 *
 *   dst:  | header_len: RTP header | front_len | payload.len: written | tag: written |      payload: elsewhere
 *
 * The same packet may be protected again (a retransmission), as long as it is within 1024 of the newest: the result is the
 * same. Another packet with the SSRC and sequence number of an earlier one must never be: it would use a nonce twice, which
 * breaks AES-GCM for good (RFC 7714 section 9.1). So a retransmission keeps its header bit by bit, extensions included. */
struct bf_srtp_protect_job {
	struct bf_srtp *srtp;
	uint8_t *dst;
	size_t dst_size; /* at least all of the above; BF_SRTP_OVERHEAD_MAX for the tag is always enough */
	size_t header_len;
	size_t front_len;
	struct bf_bytes payload;
	size_t dst_len; /* out: length of the packet; 0 on failure, and `dst` may be spoilt */
};
void bf_srtp_protect(struct bf_srtp_protect_job *jobs, size_t count);

/* In place. On failure no state has changed but the counter of the caller; the bytes may be spoilt. A batch may hold
 * packets of one SSRC, in any order, and the same packet twice. */
struct bf_srtp_unprotect_job {
	struct bf_srtp *srtp;
	uint8_t *data;
	size_t len;	   /* in: as received; out: decrypted packet */
	enum bf_drop drop; /* out */
};
void bf_srtp_unprotect(struct bf_srtp_unprotect_job *jobs, size_t count);

/* SRTCP, one at a time, in place. protect: returns the new length or -ENOBUFS when `size` lacks
 * BF_SRTP_OVERHEAD_MAX; unprotect sets *len. */
int bf_srtp_protect_rtcp(struct bf_srtp *srtp, uint8_t *data, size_t len, size_t size);
enum bf_drop bf_srtp_unprotect_rtcp(struct bf_srtp *srtp, uint8_t *data, size_t *len);

/* Forget one outgoing or incoming SSRC. An outgoing one must not be used again under the same key: its roll-over counter
 * would begin at 0 and nonces would repeat. An incoming one loses its replay window, so an old packet may pass once. */
void bf_srtp_remove_ssrc(struct bf_srtp *srtp, uint32_t ssrc);

#endif
