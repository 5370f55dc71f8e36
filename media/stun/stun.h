/* media/stun/stun.h - STUN binding requests and their answers (the door of libnice's STUN library).
 *
 * Owner:   values and views.   Thread: any; no state between calls.   Never allocates.
 * Source:  RFC 8489, RFC 8445 section 7.
 */
#ifndef BF_MEDIA_STUN_STUN_H
#define BF_MEDIA_STUN_STUN_H

#include "core/base/addr.h"
#include "core/base/bytes.h"

#define BF_STUN_MAX	 1280 /* longer messages are refused */
#define BF_STUN_USERNAME 513

enum bf_stun_class {
	BF_STUN_REQUEST,
	BF_STUN_INDICATION,
	BF_STUN_RESPONSE,
	BF_STUN_ERROR,
};

/* What can be known before the password is: nothing here is proved. */
struct bf_stun_peek {
	enum bf_stun_class cls;
	bool is_binding;
	struct bf_bytes username; /* "ours:theirs"; empty when absent */
};

/* First byte 0..3, magic cookie, length, attributes inside the message, fingerprint if present. -EBADMSG. */
int bf_stun_peek(struct bf_stun_peek *out, struct bf_bytes packet);

struct bf_stun_request {
	uint32_t priority;
	bool use_candidate;
	bool is_controlling;
	bool is_controlled;
	uint64_t tie_breaker;
};

/* Check a binding request against our password and read what ICE needs. -EBADMSG malformed, -EACCES integrity
 * missing or wrong, -EPROTO unknown comprehension-required attributes. */
int bf_stun_check_request(
	struct bf_stun_request *out, struct bf_bytes packet, struct bf_bytes our_password);

/* The answers to `request` (the same bytes that were checked). Return the length written into out[size] (size >=
 * BF_STUN_MAX), -ENOBUFS, or -EBADMSG if that is no binding request. */
int bf_stun_write_success(uint8_t *out, size_t size, struct bf_bytes request,
	const struct bf_addr *mapped, struct bf_bytes our_password);

/* 400, 401, 420, 487 ...; integrity only with a password (may be empty). */
int bf_stun_write_error(
	uint8_t *out, size_t size, struct bf_bytes request, int code, struct bf_bytes our_password);

/* A plain binding request without credentials gets the mapped address (RFC 8489 section 6.3.1). */
int bf_stun_write_mapped(
	uint8_t *out, size_t size, struct bf_bytes request, const struct bf_addr *mapped);

#endif
