#include "signaling/http/rates.h"

#include "core/base/cidr.h"
#include "core/base/hash.h"
#include "core/base/rand.h"

#include <stdio.h>

/* Tokens end while people are away, and many may share an address: for what was no good there is ten times as much room as for what
 * came without any. */
#define DENIED_FACTOR 10

static const char *const names[] = {
	[BF_HTTP_RATES_ANONYMOUS] = "anonymous",
	[BF_HTTP_RATES_AUTH] = "auth",
	[BF_HTTP_RATES_JOIN] = "join",
	[BF_HTTP_RATES_DENIED] = "denied",
	[BF_HTTP_RATES_NAME] = "name",
	[BF_HTTP_RATES_USER] = "user",
};

void bf_http_rates_set(struct bf_http_rates *rates, const struct bf_conf *conf)
{
	int64_t window_us = (int64_t)conf->limits.window_ms * 1000;
	const unsigned counts[] = {
		[BF_HTTP_RATES_ANONYMOUS] = conf->limits.anonymous,
		[BF_HTTP_RATES_AUTH] = conf->limits.auth,
		[BF_HTTP_RATES_JOIN] = conf->limits.join,
		[BF_HTTP_RATES_DENIED] = conf->limits.anonymous * DENIED_FACTOR,
		[BF_HTTP_RATES_NAME] = conf->limits.auth,
		[BF_HTTP_RATES_USER] = conf->limits.user,
	};

	rates->is_on = !conf->limits.mode || strcmp(conf->limits.mode, "off") != 0;
	rates->counts_loopback = conf->limits.loopback;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		/* More than one in a microsecond is no limit. */
		bool is_none = (int64_t)counts[i] > window_us;

		rates->limits[i] = (struct bf_gcra_limit){is_none ? 0 : counts[i], window_us};
	}
}

int bf_http_rates_init(struct bf_http_rates *rates, const struct bf_conf *conf)
{
	*rates = (struct bf_http_rates){.is_on = false};
	bf_rand_bytes(rates->seeds, sizeof(rates->seeds));
	bf_http_rates_set(rates, conf);
	return bf_gcra_init(&rates->gcra, BF_HTTP_RATES_MAX);
}

void bf_http_rates_deinit(struct bf_http_rates *rates)
{
	bf_gcra_deinit(&rates->gcra);
}

/* ---- keys: 16 bytes, of which the upper half of the seventh is the kind, where UUIDs have their version ---- */

static void put_kind(struct bf_gcra_key *key, enum bf_http_rates_kind kind)
{
	key->bytes[6] = (uint8_t)((key->bytes[6] & 0x0f) | (unsigned)kind << 4);
}

static struct bf_gcra_key key_of_address(enum bf_http_rates_kind kind, const struct bf_addr *addr)
{
	struct bf_addr prefix = bf_addr_prefix(addr, 64);
	struct bf_gcra_key key = {{addr->family}};

	memcpy(key.bytes + 8, prefix.ip, 8);
	put_kind(&key, kind);
	return key;
}

static struct bf_gcra_key key_of_user(struct bf_uuid user)
{
	struct bf_gcra_key key;

	memcpy(key.bytes, user.bytes, sizeof(key.bytes));
	put_kind(&key, BF_HTTP_RATES_USER);
	return key;
}

static struct bf_gcra_key key_of_name(const struct bf_http_rates *rates, struct bf_bytes name)
{
	const uint64_t hashes[2] = {bf_hash(rates->seeds[0], name), bf_hash(rates->seeds[1], name)};
	struct bf_gcra_key key;

	memcpy(key.bytes, hashes, sizeof(key.bytes));
	put_kind(&key, BF_HTTP_RATES_NAME);
	return key;
}

bool bf_http_rates_is_lasting(const struct bf_gcra_key *key)
{
	return key->bytes[6] >> 4 != BF_HTTP_RATES_NAME;
}

/* ---- asking ---- */

static struct bf_http_rates_answer answer_of(
	const struct bf_http_rates *rates, enum bf_http_rates_kind kind)
{
	return (struct bf_http_rates_answer){
		.is_counted = rates->is_on && rates->limits[kind].count > 0,
		.kind = kind,
		.limit = rates->limits[kind],
		.verdict = {.is_allowed = true},
	};
}

static struct bf_http_rates_answer answer_of_address(
	const struct bf_http_rates *rates, enum bf_http_rates_kind kind, const struct bf_addr *addr)
{
	struct bf_http_rates_answer answer = answer_of(rates, kind);

	if (!rates->counts_loopback && bf_addr_is_loopback(addr))
		answer.is_counted = false;
	return answer;
}

struct bf_http_rates_answer bf_http_rates_charge_address(struct bf_http_rates *rates,
	enum bf_http_rates_kind kind, const struct bf_addr *addr, int64_t now_us)
{
	struct bf_http_rates_answer answer = answer_of_address(rates, kind, addr);
	struct bf_gcra_key key = key_of_address(kind, addr);

	if (answer.is_counted)
		answer.verdict = bf_gcra_charge(&rates->gcra, &key, &answer.limit, now_us);
	return answer;
}

struct bf_http_rates_answer bf_http_rates_look_address(const struct bf_http_rates *rates,
	enum bf_http_rates_kind kind, const struct bf_addr *addr, int64_t now_us)
{
	struct bf_http_rates_answer answer = answer_of_address(rates, kind, addr);
	struct bf_gcra_key key = key_of_address(kind, addr);

	if (answer.is_counted)
		answer.verdict = bf_gcra_look(&rates->gcra, &key, &answer.limit, now_us);
	return answer;
}

struct bf_http_rates_answer bf_http_rates_charge_user(
	struct bf_http_rates *rates, struct bf_uuid user, int64_t now_us)
{
	struct bf_http_rates_answer answer = answer_of(rates, BF_HTTP_RATES_USER);
	struct bf_gcra_key key = key_of_user(user);

	if (answer.is_counted)
		answer.verdict = bf_gcra_charge(&rates->gcra, &key, &answer.limit, now_us);
	return answer;
}

struct bf_http_rates_answer bf_http_rates_charge_name(
	struct bf_http_rates *rates, struct bf_bytes name, int64_t now_us)
{
	struct bf_http_rates_answer answer = answer_of(rates, BF_HTTP_RATES_NAME);
	struct bf_gcra_key key = key_of_name(rates, name);

	if (answer.is_counted)
		answer.verdict = bf_gcra_charge(&rates->gcra, &key, &answer.limit, now_us);
	return answer;
}

/* ---- saying so ---- */

static long long seconds_up(int64_t us)
{
	return (us + 999999) / 1000000;
}

const char *bf_http_rates_policy(
	const struct bf_http_rates_answer *answer, char out[static BF_HTTP_RATES_TEXT])
{
	snprintf(out, BF_HTTP_RATES_TEXT, "\"%s\";q=%u;w=%lld", names[answer->kind],
		answer->limit.count, seconds_up(answer->limit.window_us));
	return out;
}

const char *bf_http_rates_state(
	const struct bf_http_rates_answer *answer, char out[static BF_HTTP_RATES_TEXT])
{
	const struct bf_gcra_verdict *verdict = &answer->verdict;

	snprintf(out, BF_HTTP_RATES_TEXT, "\"%s\";r=%u;t=%lld", names[answer->kind], verdict->left,
		seconds_up(verdict->is_allowed ? verdict->reset_us : verdict->retry_us));
	return out;
}

int64_t bf_http_rates_retry_s(const struct bf_http_rates_answer *answer)
{
	int64_t seconds = seconds_up(answer->verdict.retry_us);

	return seconds > 0 ? seconds : 1;
}
