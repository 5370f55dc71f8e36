#include "tests/media/srtp/srtp_ref.h"

#include "tests/media/srtp/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
/* cmocka wants the three above first */
#include <cmocka.h>

/* RFC 3711 appendix B.2. */
static void aes_counter_mode_keystream(void **state)
{
	uint8_t key[16], iv[16];
	uint8_t *stream = malloc(0xff03 * 16);

	(void)state;
	assert_non_null(stream);
	unhex(key, "2B7E151628AED2A6ABF7158809CF4F3C");
	unhex(iv, "F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000");
	srtp_ref_keystream(stream, 0xff03 * 16, key, 16, iv);
	assert_hex(stream, 48,
		"E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB "
		"41E95B3BB0A2E8DD477901E4FCA894C0");
	assert_hex(stream + 0xfeff * 16, 48,
		"EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE "
		"6A2CC3787889374FBEB4C81B17BA6C44");
	free(stream);
}

/* RFC 3711 appendix B.3. */
static void key_derivation(void **state)
{
	struct bf_srtp_key master;
	struct srtp_ref ref;

	(void)state;
	unhex(master.bytes, "E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6");
	srtp_ref_init(&ref, BF_SRTP_AES128_CM_SHA1_80, &master);
	assert_hex(ref.rtp.key, 16, "C61E7A93744F39EE10734AFE3FF7A087");
	assert_hex(ref.rtp.salt, 14, "30CBBC08863D8C85D49DB34A9AE1");
	assert_hex(ref.rtp.auth, 20, "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4");
}

/* RFC 6188 section 7.2: 256 bits. */
static void key_derivation_of_256_bits(void **state)
{
	uint8_t key[32], salt[14], out[32];

	(void)state;
	unhex(key, "f0f04914b513f2763a1b1fa130f10e29 98f6f6e43e4309d1e622a0e332b9f1b6");
	unhex(salt, "3b04803de51ee7c96423ab5b78d2");
	srtp_ref_derive(out, 32, key, 32, salt, 14, 0);
	assert_hex(out, 32, "5ba1064e30ec51613cad926c5a28ef73 1ec7fb397f70a960653caf06554cd8c4");
	srtp_ref_derive(out, 20, key, 32, salt, 14, 1);
	assert_hex(out, 20, "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05");
	srtp_ref_derive(out, 14, key, 32, salt, 14, 2);
	assert_hex(out, 14, "fa31791685ca444a9e07c6c64e93");
}

/* RFC 7714 sections 16.1.1 and 16.2.1 give session keys. */
static void gcm_rtp(void **state)
{
	static const char *const sealed[] = {
		"8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f "
		"42a5f47a"
		"51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce",
		"8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 "
		"b50b2a02"
		"76ffae0f 1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13"};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct srtp_ref ref = {
			.profile = i == 0 ? BF_SRTP_AEAD_AES_128_GCM : BF_SRTP_AEAD_AES_256_GCM};
		uint8_t packet[128];
		size_t len = unhex(packet, gcm_plain_rtp);

		for (uint8_t at = 0; at < 32; at++)
			ref.rtp.key[at] = at;
		unhex(ref.rtp.salt, "517569642070726f2071756f");
		len = srtp_ref_protect(&ref, packet, len, 12, 0);
		assert_hex(packet, len, sealed[i]);
	}
}

/* RFC 7714 section 17.1. */
static void gcm_rtcp(void **state)
{
	struct srtp_ref ref = {.profile = BF_SRTP_AEAD_AES_128_GCM};
	uint8_t packet[128];
	size_t len = unhex(packet, gcm_plain_rtcp);

	(void)state;
	for (uint8_t at = 0; at < 16; at++)
		ref.rtcp.key[at] = at;
	unhex(ref.rtcp.salt, "517569642070726f2071756f");
	len = srtp_ref_protect_rtcp(&ref, packet, len, 0x5d4);
	assert_hex(packet, len,
		"81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 "
		"730d6fda"
		"4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(aes_counter_mode_keystream),
		cmocka_unit_test(key_derivation),
		cmocka_unit_test(key_derivation_of_256_bits),
		cmocka_unit_test(gcm_rtp),
		cmocka_unit_test(gcm_rtcp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
