#include "core/base/hash.h"

struct sip {
	uint64_t v0, v1, v2, v3;
};

static uint64_t rotl(uint64_t x, int k)
{
	return (x << k) | (x >> (64 - k));
}

static void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = rotl(s->v1, 13) ^ s->v0;
	s->v3 = rotl(s->v3, 16) ^ s->v2;
	s->v0 = rotl(s->v0, 32);
	s->v2 += s->v1;
	s->v0 += s->v3;
	s->v1 = rotl(s->v1, 17) ^ s->v2;
	s->v3 = rotl(s->v3, 21) ^ s->v0;
	s->v2 = rotl(s->v2, 32);
}

/* Little-endian, as the paper has it; `count` bytes at most 8. */
static uint64_t load(const uint8_t *at, size_t count)
{
	uint64_t word = 0;

	for (size_t i = 0; i < count; i++)
		word |= (uint64_t)at[i] << (8 * i);
	return word;
}

static void sip_word(struct sip *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	s->v0 ^= word;
}

uint64_t bf_hash(const uint64_t seed[static 2], struct bf_bytes bytes)
{
	struct sip s = {
		.v0 = seed[0] ^ 0x736f6d6570736575u, /* "somepseudorandomlygeneratedbytes" */
		.v1 = seed[1] ^ 0x646f72616e646f6du,
		.v2 = seed[0] ^ 0x6c7967656e657261u,
		.v3 = seed[1] ^ 0x7465646279746573u,
	};
	size_t whole = bytes.len & ~(size_t)7;

	for (size_t i = 0; i < whole; i += 8)
		sip_word(&s, load(bytes.data + i, 8));
	sip_word(&s, (uint64_t)bytes.len << 56 | load(bytes.data + whole, bytes.len - whole));
	s.v2 ^= 0xff;
	sip_round(&s);
	sip_round(&s);
	sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
