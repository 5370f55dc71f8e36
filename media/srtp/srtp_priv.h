/* media/srtp/srtp_priv.h - what an engine is, and what engines share. Not for other folders.
 *
 * srtp.c checks shape and size of every packet before an engine sees it; the engine does the cryptography and keeps
 * roll-over counters and replay windows.
 */
#ifndef BF_MEDIA_SRTP_SRTP_PRIV_H
#define BF_MEDIA_SRTP_SRTP_PRIV_H

#include "media/srtp/srtp.h"

/* A set of SSRCs that grows by doubling up to BF_SRTP_SSRC_MAX. */
struct bf_ssrc_set {
	/* owned */
	uint64_t *slots; /* 0: free; else the SSRC with bit 32 set */
	/* state */
	size_t slot_count; /* 0 or a power of two, at least twice `count` */
	size_t count;
};

bool bf_ssrc_set_has(const struct bf_ssrc_set *set, uint32_t ssrc);

/* Make sure that one more fits, so that a later bf_ssrc_set_add cannot fail. -ENOBUFS at the limit, -ENOMEM. */
int bf_ssrc_set_reserve(struct bf_ssrc_set *set);
void bf_ssrc_set_add(struct bf_ssrc_set *set, uint32_t ssrc); /* reserved before; not in the set */
void bf_ssrc_set_remove(struct bf_ssrc_set *set, uint32_t ssrc);
void bf_ssrc_set_deinit(struct bf_ssrc_set *set);

/* The part of a bf_srtp that every engine begins its own with. */
struct bf_srtp {
	struct bf_srtp_engine *engine;
	enum bf_srtp_profile profile;
	bool is_outgoing;
};

/* Batches handed to an engine belong to it alone; jobs of a batch may be of different bf_srtp. */
struct bf_srtp_engine_ops {
	const char *name;
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
	size_t srtp_count; /* that borrow it */
};

/* Engines. -ENOTSUP with `why`, -ENOMEM. Each sets `ops`. */
int bf_srtp_libsrtp2_new(struct bf_srtp_engine **out, char *why, size_t why_size);

#endif
