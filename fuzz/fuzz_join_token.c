/* Join tokens from strangers, and key files from operators.
 *
 * Input: one byte (1: the rest is a key file; 2: the payload below is signed by the right key, so that claims are reached), then the
 * token, the key file, or the payload.
 */
#include "signaling/auth/join_token.h"

#include "core/base/id.h"

#include <cjose/cjose.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The key of RFC 7515 appendix A.3. */
#define X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define D "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_file(const char *path, const void *data, size_t size)
{
	FILE *file = fopen(path, "w");

	if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0)
		abort();
}

static struct bf_join_verifier *read_key(const void *data, size_t size)
{
	struct bf_join_verifier *verifier = NULL;
	char path[64], why[256] = "";
	char *paths[] = {path};

	snprintf(path, sizeof(path), "/tmp/belfry-fuzz-key-%ld", (long)getpid());
	write_file(path, data, size);
	if (bf_join_verifier_new(&verifier, paths, 1, why, sizeof(why)) < 0 && why[0] == '\0')
		abort();
	remove(path);
	return verifier;
}

static void verify(const struct bf_join_verifier *verifier, struct bf_bytes token)
{
	struct bf_join_grants grants;
	const char *why;

	if (bf_join_verify(&grants, verifier, token, 1795946400, &why) < 0)
		return;
	if (!memchr(grants.room, '\0', sizeof(grants.room)) ||
		!memchr(grants.name, '\0', sizeof(grants.name)) ||
		!memchr(grants.org, '\0', sizeof(grants.org)))
		abort();
	if (grants.room[0] == '\0' || grants.expires_s <= 1795946400 - 30)
		abort();
}

static void verify_signed(
	const struct bf_join_verifier *verifier, const uint8_t *payload, size_t size)
{
	static const char text[] = "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X "\",\"y\":\"" Y
				   "\",\"d\":\"" D "\"}";
	cjose_jwk_t *key = cjose_jwk_import(text, sizeof(text) - 1, NULL);
	cjose_header_t *header = cjose_header_new(NULL);
	cjose_jws_t *jws;
	const char *token;

	if (!key || !header || !cjose_header_set(header, CJOSE_HDR_ALG, CJOSE_HDR_ALG_ES256, NULL))
		abort();
	jws = cjose_jws_sign(key, header, payload, size, NULL);
	if (jws && cjose_jws_export(jws, &token, NULL))
		verify(verifier, bf_bytes_str(token));
	cjose_jws_release(jws);
	cjose_header_release(header);
	cjose_jwk_release(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char key[] =
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X "\",\"y\":\"" Y "\"}";
	static struct bf_join_verifier *verifier;

	if (!verifier)
		verifier = read_key(key, sizeof(key) - 1);
	if (!verifier)
		abort();
	if (size < 2)
		return 0;
	if (data[0] & 1)
		bf_join_verifier_free(read_key(data + 1, size - 1));
	else if (data[0] & 2)
		verify_signed(verifier, data + 1, size - 1);
	else
		verify(verifier, bf_bytes(data + 1, size - 1));
	return 0;
}
