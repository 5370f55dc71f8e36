#include "tests/media/dtls/dtls_pair.h"

#include <assert.h>

static const enum bf_srtp_profile profiles[] = {
	BF_SRTP_AEAD_AES_128_GCM, BF_SRTP_AEAD_AES_256_GCM, BF_SRTP_AES128_CM_SHA1_80};

#define LATENCY_US 10000

void pair_init(struct pair *pair, uint64_t seed)
{
	memset(pair, 0, sizeof(*pair));
	bf_prng_init(&pair->prng, seed);
	for (int i = 0; i < 2; i++)
		if (bf_dtls_ctx_new(&pair->ctx[i], profiles, 3))
			assert(!"context");
}

void pair_deinit(struct pair *pair)
{
	for (int i = 0; i < 2; i++) {
		bf_dtls_free(pair->end[i]);
		bf_dtls_ctx_free(pair->ctx[i]);
	}
}

void pair_connect_as(struct pair *pair, const char *client_expects, const char *server_expects)
{
	const char *expects[2] = {
		client_expects ? client_expects : bf_dtls_ctx_fingerprint(pair->ctx[1]),
		server_expects ? server_expects : bf_dtls_ctx_fingerprint(pair->ctx[0]),
	};

	for (int i = 0; i < 2; i++) {
		bf_dtls_free(pair->end[i]);
		if (bf_dtls_new(&pair->end[i], pair->ctx[i],
			    i == 0 ? BF_DTLS_CLIENT : BF_DTLS_SERVER, bf_bytes_str("sha-256"),
			    bf_bytes_str(expects[i])))
			assert(!"association");
		bf_dtls_start(pair->end[i], pair->now_us);
	}
	pair_collect(pair);
}

void pair_connect(struct pair *pair)
{
	pair_connect_as(pair, NULL, NULL);
}

static void put(struct pair *pair, size_t to, const uint8_t *bytes, size_t len)
{
	struct link_datagram *datagram;

	pair->sent_count++;
	if (bf_prng_below(&pair->prng, 100) < pair->loss_percent)
		return;
	assert(pair->count < LINK_DATAGRAMS);
	datagram = &pair->flying[pair->count++];
	datagram->to = to;
	datagram->len = len;
	memcpy(datagram->bytes, bytes, len);
	datagram->due_us = pair->now_us + LATENCY_US;
	if (pair->jitter_us > 0)
		datagram->due_us += bf_prng_below(&pair->prng, (uint32_t)pair->jitter_us);
}

void pair_collect(struct pair *pair)
{
	uint8_t bytes[LINK_MTU];
	size_t len;

	for (size_t i = 0; i < 2; i++)
		while ((len = bf_dtls_poll(pair->end[i], bytes, sizeof(bytes))) > 0) {
			put(pair, 1 - i, bytes, len);
			if (bf_prng_below(&pair->prng, 100) < pair->duplicate_percent)
				put(pair, 1 - i, bytes, len);
		}
}

static void drain(struct pair *pair, size_t i)
{
	size_t len;

	while ((len = bf_dtls_read(pair->end[i], pair->read[i], sizeof(pair->read[i]))) > 0) {
		pair->read_len[i] = len;
		pair->read_count[i]++;
	}
}

bool pair_step(struct pair *pair, int64_t until_us)
{
	int64_t next_us = INT64_MAX;
	size_t first = pair->count;
	struct link_datagram datagram;

	for (size_t i = 0; i < pair->count; i++)
		if (pair->flying[i].due_us < next_us) {
			next_us = pair->flying[i].due_us;
			first = i;
		}
	for (size_t i = 0; i < 2; i++)
		if (bf_dtls_deadline_us(pair->end[i]) < next_us) {
			next_us = bf_dtls_deadline_us(pair->end[i]);
			first = pair->count;
		}
	if (next_us > until_us)
		return false;
	pair->now_us = next_us;
	if (first < pair->count) {
		datagram = pair->flying[first];
		pair->count--;
		memmove(&pair->flying[first], &pair->flying[first + 1],
			(pair->count - first) * sizeof(pair->flying[0]));
		(void)bf_dtls_on_datagram(pair->end[datagram.to],
			bf_bytes(datagram.bytes, datagram.len), pair->now_us);
		drain(pair, datagram.to);
	} else {
		for (size_t i = 0; i < 2; i++)
			bf_dtls_on_timer(pair->end[i], pair->now_us);
	}
	pair_collect(pair);
	return true;
}

void pair_run(struct pair *pair, int64_t until_us)
{
	while (pair_step(pair, until_us))
		continue;
	if (pair->now_us < until_us)
		pair->now_us = until_us;
}

bool pair_is_connected(const struct pair *pair)
{
	return bf_dtls_state(pair->end[0]) == BF_DTLS_CONNECTED &&
	       bf_dtls_state(pair->end[1]) == BF_DTLS_CONNECTED;
}
