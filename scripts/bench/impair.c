#include "scripts/bench/impair.h"

#include <errno.h>
#include <stdlib.h>

int bench_impair_init(struct bench_impair *impair, const struct bench_impair_conf *conf)
{
	*impair = (struct bench_impair){.conf = *conf};
	bf_prng_init(&impair->prng, conf->seed);
	impair->held = malloc(BENCH_HELD_MAX * sizeof(*impair->held));
	return impair->held ? 0 : -ENOMEM;
}

void bench_impair_deinit(struct bench_impair *impair)
{
	free(impair->held);
	impair->held = NULL;
}

static bool happens(struct bench_impair *impair, unsigned permille)
{
	return bf_prng_below(&impair->prng, 1000) < permille;
}

bool bench_impair_take(struct bench_impair *impair, void *peer, bool is_outgoing,
	struct bf_bytes datagram, int64_t now_ns)
{
	struct bench_held *held;

	if (!impair->is_on)
		return false;
	if (happens(impair, impair->conf.loss_permille)) {
		impair->lost[is_outgoing]++;
		return true;
	}
	if (!happens(impair, impair->conf.reorder_permille) || datagram.len > BENCH_HELD_BYTES ||
		impair->end - impair->first == BENCH_HELD_MAX)
		return false;
	held = &impair->held[impair->end++ % BENCH_HELD_MAX];
	held->due_ns = now_ns + (int64_t)impair->conf.reorder_ms * 1000000;
	held->peer = peer;
	held->is_outgoing = is_outgoing;
	held->len = datagram.len;
	memcpy(held->data, datagram.data, datagram.len);
	impair->delayed[is_outgoing]++;
	return true;
}

const struct bench_held *bench_impair_poll(struct bench_impair *impair, int64_t now_ns)
{
	const struct bench_held *held = &impair->held[impair->first % BENCH_HELD_MAX];

	if (impair->first == impair->end || held->due_ns > now_ns)
		return NULL;
	impair->first++;
	return held;
}

int64_t bench_impair_deadline_ns(const struct bench_impair *impair)
{
	if (impair->first == impair->end)
		return INT64_MAX;
	return impair->held[impair->first % BENCH_HELD_MAX].due_ns;
}
