/* signaling/http/rates.h - how often somebody may ask: which limit counts for whom, and how the answer says it.
 *
 * An address counts as it is, of IPv6 its /64: that is what one customer has. A user counts wherever he comes from.
 * Owner:   the server embeds it.   Thread: control.   Limits: BF_HTTP_RATES_MAX callers; see core/base/gcra.h.
 * Source:  draft-ietf-httpapi-ratelimit-headers-09 (RateLimit, RateLimit-Policy), RFC 6585 section 4.
 */
#ifndef BF_SIGNALING_HTTP_RATES_H
#define BF_SIGNALING_HTTP_RATES_H

#include "core/base/addr.h"
#include "core/base/conf.h"
#include "core/base/gcra.h"
#include "core/base/id.h"

#define BF_HTTP_RATES_MAX  65536
#define BF_HTTP_RATES_TEXT 64

/* What is counted. The numbers are part of keys that outlive the process. */
enum bf_http_rates_kind {
	BF_HTTP_RATES_ANONYMOUS = 0, /* requests of an address that say nothing of who asks */
	BF_HTTP_RATES_AUTH = 1,	     /* tries to sign in, of an address */
	BF_HTTP_RATES_JOIN = 2,	     /* WebSockets, WHIP and WHEP, of an address */
	BF_HTTP_RATES_DENIED = 3,    /* requests of an address whose credentials were no good */
	BF_HTTP_RATES_NAME = 4,	     /* tries to sign in, for a name */
	BF_HTTP_RATES_USER = 7,	     /* requests of one who is signed in */
};

struct bf_http_rates {
	/* owned */
	struct bf_gcra gcra;
	/* state */
	uint64_t seeds[2][2]; /* names are hashed: nobody shall find two that count as one */
	struct bf_gcra_limit limits[8]; /* by kind; count 0: none */
	bool is_on, counts_loopback;
};

/* -ENOMEM. */
int bf_http_rates_init(struct bf_http_rates *rates, const struct bf_conf *conf);
void bf_http_rates_deinit(struct bf_http_rates *rates);

/* What `conf` says from now on; what was counted stays. */
void bf_http_rates_set(struct bf_http_rates *rates, const struct bf_conf *conf);

struct bf_http_rates_answer {
	bool is_counted; /* false: there is no limit, and the rest means nothing */
	enum bf_http_rates_kind kind;
	struct bf_gcra_limit limit;
	struct bf_gcra_verdict verdict;
};

struct bf_http_rates_answer bf_http_rates_charge_address(struct bf_http_rates *rates,
	enum bf_http_rates_kind kind, const struct bf_addr *addr, int64_t now_us);
struct bf_http_rates_answer bf_http_rates_look_address(const struct bf_http_rates *rates,
	enum bf_http_rates_kind kind, const struct bf_addr *addr, int64_t now_us);
struct bf_http_rates_answer bf_http_rates_charge_user(
	struct bf_http_rates *rates, struct bf_uuid user, int64_t now_us);
struct bf_http_rates_answer bf_http_rates_charge_name(
	struct bf_http_rates *rates, struct bf_bytes name, int64_t now_us);

/* The values of RateLimit-Policy ("user";q=1000;w=900) and RateLimit ("user";r=999;t=1); both return `out`. */
const char *bf_http_rates_policy(
	const struct bf_http_rates_answer *answer, char out[static BF_HTTP_RATES_TEXT]);
const char *bf_http_rates_state(
	const struct bf_http_rates_answer *answer, char out[static BF_HTTP_RATES_TEXT]);

/* Whole seconds until one more may be asked, at least 1: the value of Retry-After. */
int64_t bf_http_rates_retry_s(const struct bf_http_rates_answer *answer);

/* Whether a key may be kept beyond the process: those of names mean nothing to the next one. */
bool bf_http_rates_is_lasting(const struct bf_gcra_key *key);

#endif
