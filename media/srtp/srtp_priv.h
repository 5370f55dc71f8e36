/* media/srtp/srtp_priv.h - what an engine is, and what engines share. Not for other folders.
 *
 * srtp.c checks shape and size of every packet before an engine sees it; the engine does the cryptography and keeps
 * roll-over counters and replay windows.
 */
#ifndef BF_MEDIA_SRTP_SRTP_PRIV_H
#define BF_MEDIA_SRTP_SRTP_PRIV_H

#include "media/srtp/srtp.h"

/* The part of a bf_srtp that every engine begins its own with. */
struct bf_srtp {
	struct bf_srtp_engine *engine;
	enum bf_srtp_profile profile;
	bool is_outgoing;
	size_t tag_len; /* bytes of authentication tag behind an RTP packet */
};

/* Batches handed to an engine belong to it alone; jobs of a batch may be of different bf_srtp. */
struct bf_srtp_engine_ops {
	void (*destroy)(struct bf_srtp_engine *engine);
	/* -ENOMEM. Fills everything but the common part. */
	int (*create)(struct bf_srtp **out, struct bf_srtp_engine *engine,
		enum bf_srtp_profile profile, const struct bf_srtp_key *key, bool is_outgoing);
	void (*destroy_srtp)(struct bf_srtp *srtp);
	/* The header is complete and `dst` has room; sets dst_len, 0 on failure. */
	void (*protect)(
		struct bf_srtp_engine *engine, struct bf_srtp_protect_job *jobs, size_t count);
	/* The header is complete and a tag fits behind it. Jobs whose `drop` is set already are skipped. */
	void (*unprotect)(
		struct bf_srtp_engine *engine, struct bf_srtp_unprotect_job *jobs, size_t count);
	int (*protect_rtcp)(struct bf_srtp *srtp, uint8_t *data, size_t len);
	enum bf_drop (*unprotect_rtcp)(struct bf_srtp *srtp, uint8_t *data, size_t *len);
	void (*remove_ssrc)(struct bf_srtp *srtp, uint32_t ssrc);
};

/* The part that every engine begins with. */
struct bf_srtp_engine {
	const struct bf_srtp_engine_ops *ops;
	const char *name;
	size_t srtp_count; /* that borrow it */
};

/* Engines. -ENOTSUP with `why`, -ENOMEM. Each sets `ops` and `name`. */
int bf_srtp_libsrtp2_new(struct bf_srtp_engine **out, char *why, size_t why_size);
int bf_srtp_openssl_new(struct bf_srtp_engine **out, char *why, size_t why_size);
int bf_srtp_ipsec_mb_new(struct bf_srtp_engine **out, char *why, size_t why_size);

/* What bf_srtp_new does with what an engine has created. */
void bf_srtp_fill_common(struct bf_srtp *srtp, struct bf_srtp_engine *engine,
	enum bf_srtp_profile profile, bool is_outgoing);

/* Length of the RTP header with CSRCs and extension, 0 if it is not all there (RFC 3550 sections 5.1 and 5.3.1). */
size_t bf_srtp_rtp_header_len(const uint8_t *data, size_t len);

#endif
