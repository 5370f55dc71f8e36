/* media/ice/ice.h - ICE-lite of one transport: credentials, validated paths, nomination, consent, restart.
 *
 * Sans-I/O: checks come in with the path they used; answers are written into the caller's memory.
 * Owner:   the transport, which embeds it.   Thread: its worker.
 * Limits:  BF_ICE_PATHS validated paths; the least recently used one that is not selected makes room. A path exists
 *          only after a check with the right password came over it. Never allocates.
 * Source:  RFC 8445 (lite), RFC 7675 (consent: 30 s without a check ends it), RFC 8838 (trickle), RFC 6544 (TCP).
 */
#ifndef BF_MEDIA_ICE_ICE_H
#define BF_MEDIA_ICE_ICE_H

#include "core/base/addr.h"
#include "core/base/bytes.h"
#include "media/drop.h"

#define BF_ICE_PATHS	  8
#define BF_ICE_UFRAG_TEXT 33
#define BF_ICE_PWD_TEXT	  33
#define BF_ICE_CONSENT_US (30 * 1000000) /* RFC 7675 section 5.1 */

/* One 5-tuple. `socket` tells the caller's sockets apart (UDP v4, UDP v6, one number per TCP stream). */
struct bf_ice_path {
	struct bf_addr remote;
	struct bf_addr local;
	uint64_t socket;
	bool is_tcp;
	bool is_default_local; /* the kernel chooses `local` by itself: a hint for who sends, not part of the identity */
};

bool bf_ice_path_equal(const struct bf_ice_path *a, const struct bf_ice_path *b);

enum bf_ice_state {
	BF_ICE_NEW,	  /* no valid check yet */
	BF_ICE_CONNECTED, /* a path is selected: by nomination, before that the first valid one */
	BF_ICE_DISCONNECTED, /* consent ran out, or the last path is gone; a new valid check brings it back */
};

struct bf_ice_creds {
	char ufrag[BF_ICE_UFRAG_TEXT];
	char pwd[BF_ICE_PWD_TEXT];
};

struct bf_ice_valid {
	struct bf_ice_path path;
	int64_t last_check_us;
	uint32_t priority;
	bool is_used;
	bool is_nominated;  /* a check of this generation had USE-CANDIDATE */
	bool is_wanted;	    /* its latest check had */
	uint8_t generation; /* which credentials validated it */
};

struct bf_ice {
	/* given */
	struct bf_ice_creds local;    /* of this generation */
	struct bf_ice_creds previous; /* of the one before, for as long as the peer uses them */
	char remote_ufrag[BF_ICE_PWD_TEXT *
			  8]; /* from the peer's description; empty: not known yet */
	/* state */
	struct bf_ice_valid paths[BF_ICE_PATHS];
	int selected; /* index, or -1 */
	enum bf_ice_state state;
	uint8_t generation;
	bool is_remote_restarted; /* the peer restarted and we have not yet: its user name is in flux */
	bool is_previous_renewed; /* the peer checks its new paths with our previous password */
};

/* `local` must hold at least 24 and 128 random bits (RFC 8445 section 5.3); see bf_ice_creds_make. */
void bf_ice_init(struct bf_ice *ice, const struct bf_ice_creds *local);

/* Credentials whose ufrag starts with `prefix` (letters and digits that let the worker find the transport) followed
 * by random ones out of `random`. */
void bf_ice_creds_make(
	struct bf_ice_creds *out, const char *prefix, const uint8_t random[static 32]);

/* From the remote description; a different one after the first is the peer's restart. -EINVAL if it is not 1 to 256
 * bytes long (RFC 8839 section 5.4): nothing has changed. */
int bf_ice_set_remote(struct bf_ice *ice, struct bf_bytes ufrag);

/* Our side of a restart: the new credentials are in force, the old ones are answered until a check uses the new
 * ones; the selected path stays until then. A peer that began the restart may check its new paths with our old
 * password and its own new user name, before and after it knows the new one: those count as of the new generation. */
void bf_ice_restart(struct bf_ice *ice, const struct bf_ice_creds *local);

/* What a STUN packet led to. */
struct bf_ice_result {
	enum bf_drop drop; /* not NONE: nothing has changed */
	size_t reply_len;  /* bytes of `reply` to send back over the same path */
	bool is_new_path;  /* a path was validated for the first time */
	bool is_selected; /* the selected path changed (also the first time): send there from now on */
	bool is_connected; /* state became CONNECTED */
	int evicted; /* index of a path that was dropped to make room, or -1; its value is in evicted_path */
	struct bf_ice_path evicted_path;
};

/* A STUN packet that came over `path`. `reply` has BF_STUN_MAX bytes. Requests only: others are dropped. */
void bf_ice_on_stun(struct bf_ice *ice, const struct bf_ice_path *path, struct bf_bytes packet,
	int64_t now_us, uint8_t *reply, struct bf_ice_result *out);

/* A TCP stream is gone: forget its path. Returns whether it was the selected one; another valid path is selected if
 * there is one. */
bool bf_ice_remove_path(struct bf_ice *ice, const struct bf_ice_path *path);

/* Where to send; NULL before the first check, and while there is no consent (RFC 7675 section 5.1: send nothing). */
const struct bf_ice_path *bf_ice_selected(const struct bf_ice *ice);

/* Whether this 5-tuple has been validated: DTLS and SRTP are taken from nowhere else. */
bool bf_ice_is_valid_path(const struct bf_ice *ice, const struct bf_ice_path *path);

/* Consent: returns true if the state became DISCONNECTED at `now_us`. */
bool bf_ice_on_timer(struct bf_ice *ice, int64_t now_us);
int64_t bf_ice_deadline_us(const struct bf_ice *ice);

/* Host candidates as a=candidate writes them (without "a="). `component` is 1. `index` distinguishes foundations and
 * lowers the local preference: the first address is the preferred one. Returns `out`. */
#define BF_ICE_CANDIDATE_TEXT 192
const char *bf_ice_candidate_format(char out[static BF_ICE_CANDIDATE_TEXT],
	const struct bf_addr *addr, bool is_tcp, unsigned index);

/* RFC 8445 section 5.1.2.1 with type preference host (126). */
uint32_t bf_ice_host_priority(bool is_tcp, bool is_v6, unsigned index);

#endif
