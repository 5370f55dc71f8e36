/* media/srtp/ipsec_mb_priv.h - the engine on libipsec-mb as another CPU would have it; for tests. */
#ifndef BF_MEDIA_SRTP_IPSEC_MB_PRIV_H
#define BF_MEDIA_SRTP_IPSEC_MB_PRIV_H

#include "media/srtp/srtp_priv.h"

struct bf_srtp_ipsec_mb_cpu {
	bool no_avx;	/* SSE only */
	bool no_avx2;	/* nor AVX-512 */
	bool no_sha_ni; /* no instructions for SHA-1 */
	bool no_aes_ni;
};

/* Pretend that this CPU lacks what `cpu` says. As bf_srtp_ipsec_mb_new. */
int bf_srtp_ipsec_mb_new_on(struct bf_srtp_engine **out, const struct bf_srtp_ipsec_mb_cpu *cpu,
	char *why, size_t why_size);

#endif
