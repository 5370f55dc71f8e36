#include "core/base/rand.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

void bf_rand_bytes(void *out, size_t len)
{
	uint8_t *at = out;

	while (len > 0) {
		ssize_t n = getrandom(at, len, 0);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			/* Keys and ids from anything weaker would be guessable: better no server. */
			perror("getrandom");
			abort();
		}
		at += n;
		len -= (size_t)n;
	}
}

uint32_t bf_rand_u32(void)
{
	uint32_t value;

	bf_rand_bytes(&value, sizeof(value));
	return value;
}

uint64_t bf_rand_u64(void)
{
	uint64_t value;

	bf_rand_bytes(&value, sizeof(value));
	return value;
}

/* splitmix64, which the authors of xoshiro advise for filling its state from a small seed. */
static uint64_t splitmix(uint64_t *x)
{
	uint64_t z = (*x += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static uint64_t rotl(uint64_t x, int k)
{
	return (x << k) | (x >> (64 - k));
}

void bf_prng_init(struct bf_prng *prng, uint64_t seed)
{
	for (size_t i = 0; i < 4; i++)
		prng->s[i] = splitmix(&seed);
}

uint64_t bf_prng_next(struct bf_prng *prng)
{
	uint64_t *s = prng->s;
	uint64_t result = rotl(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return result;
}

uint32_t bf_prng_below(struct bf_prng *prng, uint32_t bound)
{
	uint32_t threshold;

	assert(bound > 0);
	/* Values below 2^32 mod bound are refused, or small results would be more likely. */
	threshold = (0 - bound) % bound;
	for (;;) {
		uint32_t value = (uint32_t)(bf_prng_next(prng) >> 32);

		if (value >= threshold)
			return value % bound;
	}
}
