#include "tests/media/srtp/engines.h"

#include <assert.h>
#include <stdio.h>

#ifdef BF_HAVE_IPSEC_MB
#include "media/srtp/ipsec_mb_priv.h"

static void open_older(struct srtp_engines *engines)
{
	static const struct {
		const char *name;
		struct bf_srtp_ipsec_mb_cpu cpu;
	} olders[] = {
		{"ipsec-mb without SHA instructions", {.no_sha_ni = true}},
		{"ipsec-mb without AVX2", {.no_avx2 = true}},
		{"ipsec-mb without AVX", {.no_avx = true}},
		{"ipsec-mb without AVX and SHA instructions", {.no_avx = true, .no_sha_ni = true}},
	};
	char why[256];

	for (size_t i = 0; i < sizeof(olders) / sizeof(olders[0]); i++) {
		struct srtp_engine_case *next = &engines->cases[engines->count];

		if (bf_srtp_ipsec_mb_new_on(&next->engine, &olders[i].cpu, why, sizeof(why)))
			continue;
		next->name = olders[i].name;
		engines->count++;
	}
}
#else
static void open_older(struct srtp_engines *engines)
{
	(void)engines;
}
#endif

void srtp_engines_open(struct srtp_engines *engines)
{
	static const enum bf_srtp_engine_kind kinds[] = {
		BF_SRTP_ENGINE_LIBSRTP2, BF_SRTP_ENGINE_OPENSSL, BF_SRTP_ENGINE_IPSEC_MB};
	char why[256];

	memset(engines, 0, sizeof(*engines));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct srtp_engine_case *next = &engines->cases[engines->count];

		if (bf_srtp_engine_new(&next->engine, kinds[i], why, sizeof(why))) {
			printf("left out: %s\n", why);
			assert(kinds[i] == BF_SRTP_ENGINE_IPSEC_MB); /* the others are everywhere */
			continue;
		}
		next->name = bf_srtp_engine_kind_name(kinds[i]);
		engines->count++;
	}
	open_older(engines);
}

void srtp_engines_close(struct srtp_engines *engines)
{
	for (size_t i = 0; i < engines->count; i++)
		bf_srtp_engine_free(engines->cases[i].engine);
}
