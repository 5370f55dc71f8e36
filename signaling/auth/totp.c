#include "signaling/auth/totp.h"

#include "core/base/rand.h"

#include <errno.h>
#include <liboath/oath.h>
#include <openssl/crypto.h>
#include <stdlib.h>

#define DIGITS	     6
#define STEP_S	     30
#define WINDOW_STEPS 1

void bf_totp_secret_make(uint8_t secret[static BF_TOTP_SECRET_BYTES])
{
	bf_rand_bytes(secret, BF_TOTP_SECRET_BYTES);
}

int bf_totp_secret_format(
	const uint8_t secret[static BF_TOTP_SECRET_BYTES], char out[static BF_TOTP_SECRET_TEXT])
{
	char *text = NULL;
	size_t len = 0;

	if (oath_base32_encode((const char *)secret, BF_TOTP_SECRET_BYTES, &text, &len) != OATH_OK)
		return -ENOMEM;
	memcpy(out, text, BF_TOTP_SECRET_TEXT - 1); /* 20 bytes are 32 letters: no padding */
	out[BF_TOTP_SECRET_TEXT - 1] = '\0';
	OPENSSL_cleanse(text, len);
	free(text);
	return 0;
}

/* All but the unreserved characters, a colon too: it parts issuer from account. */
static void write_encoded(struct bf_wr *wr, const char *text)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	static const char hex[] = "0123456789ABCDEF";

	for (; *text; text++) {
		uint8_t byte = (uint8_t)*text;

		if (strchr(plain, *text)) {
			bf_wr_u8(wr, byte);
			continue;
		}
		bf_wr_u8(wr, '%');
		bf_wr_u8(wr, (uint8_t)hex[byte >> 4]);
		bf_wr_u8(wr, (uint8_t)hex[byte & 15]);
	}
}

int bf_totp_uri(const uint8_t secret[static BF_TOTP_SECRET_BYTES], const char *issuer,
	const char *account, char out[static BF_TOTP_URI_BYTES])
{
	struct bf_wr wr = bf_wr(out, BF_TOTP_URI_BYTES);
	char text[BF_TOTP_SECRET_TEXT];
	int err = bf_totp_secret_format(secret, text);

	if (err)
		return err;
	bf_wr_str(&wr, "otpauth://totp/");
	write_encoded(&wr, issuer);
	bf_wr_u8(&wr, ':');
	write_encoded(&wr, account);
	bf_wr_str(&wr, "?secret=");
	bf_wr_str(&wr, text);
	bf_wr_str(&wr, "&issuer=");
	write_encoded(&wr, issuer);
	bf_wr_str(&wr, "&algorithm=SHA1&digits=6&period=30");
	bf_wr_u8(&wr, '\0');
	OPENSSL_cleanse(text, sizeof(text));
	return wr.is_full ? -ENOBUFS : 0;
}

/* Compared in full whatever comes of it: how long it takes says nothing. */
static bool is_code_of(const uint8_t *secret, int64_t step, struct bf_bytes code)
{
	char right[DIGITS + 1];

	if (oath_hotp_generate((const char *)secret, BF_TOTP_SECRET_BYTES, (uint64_t)step, DIGITS,
		    false, OATH_HOTP_DYNAMIC_TRUNCATION, right) != OATH_OK)
		return false;
	return CRYPTO_memcmp(right, code.data, DIGITS) == 0;
}

int bf_totp_verify(const uint8_t secret[static BF_TOTP_SECRET_BYTES], struct bf_bytes code,
	int64_t now_s, int64_t last_step, int64_t *step)
{
	int64_t now = now_s / STEP_S, found = -1;

	if (code.len != DIGITS || now_s < 0)
		return -EINVAL;
	for (size_t i = 0; i < DIGITS; i++)
		if (code.data[i] < '0' || code.data[i] > '9')
			return -EINVAL;
	for (int64_t at = now - WINDOW_STEPS; at <= now + WINDOW_STEPS; at++)
		if (at > last_step && is_code_of(secret, at, code))
			found = at;
	if (found < 0)
		return -EACCES;
	*step = found;
	return 0;
}
