/* OpenSSL's algorithms, as far as DTLS needs them.
 *
 * To read the public key of a certificate, OpenSSL 3.0 looks through all kinds of keys and all decoders of its providers, several times
 * over: a quarter of what a handshake costs. So associations live in a library context whose only provider is the one below: it hands
 * out the default provider's algorithms, but of keys and decoders only those that may be met here. */
#include "media/dtls/dtls_priv.h"

#include <errno.h>
#include <openssl/core_dispatch.h>
#include <pthread.h>

#define NAME	       "belfry-dtls"
#define ALGORITHMS_MAX 16

/* Keys in certificates (RFC 8827 section 6.5: P-256 and RSA), and of the key exchange. */
static const char *const key_names[] = {"EC", "RSA", "X25519"};

/* A provider is asked with the context that its algorithms get, which is the default provider's, so this cannot be in it. Written
 * once, and the same for all. */
static struct {
	OSSL_PROVIDER *base;
	OSSL_ALGORITHM keys[ALGORITHMS_MAX],
		decoders[ALGORITHMS_MAX]; /* the last one has no name */
} filtered;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* `names` are separated by colons; the first counts. */
static bool is_key(const char *names)
{
	size_t len = strcspn(names, ":");

	for (size_t i = 0; i < sizeof(key_names) / sizeof(key_names[0]); i++)
		if (strlen(key_names[i]) == len && memcmp(names, key_names[i], len) == 0)
			return true;
	return false;
}

/* Out of the SubjectPublicKeyInfo of a certificate. */
static bool is_decoder(const OSSL_ALGORITHM *algorithm)
{
	return is_key(algorithm->algorithm_names) &&
	       strstr(algorithm->property_definition, "structure=SubjectPublicKeyInfo");
}

static void filter(void)
{
	const OSSL_ALGORITHM *at;
	size_t key_count = 0, decoder_count = 0;
	int no_cache;

	filtered.base =
		OSSL_PROVIDER_load(NULL, "default"); /* for good, as libcrypto does itself */
	if (!filtered.base)
		return;
	at = OSSL_PROVIDER_query_operation(filtered.base, OSSL_OP_KEYMGMT, &no_cache);
	for (; at && at->algorithm_names && key_count < ALGORITHMS_MAX - 1; at++)
		if (is_key(at->algorithm_names))
			filtered.keys[key_count++] = *at;
	at = OSSL_PROVIDER_query_operation(filtered.base, OSSL_OP_DECODER, &no_cache);
	for (; at && at->algorithm_names && decoder_count < ALGORITHMS_MAX - 1; at++)
		if (is_decoder(at))
			filtered.decoders[decoder_count++] = *at;
}

static const OSSL_ALGORITHM *query(void *context, int operation, int *no_cache)
{
	(void)context;
	*no_cache = 0;
	switch (operation) {
	case OSSL_OP_KEYMGMT:
		return filtered.keys;
	case OSSL_OP_DECODER:
		return filtered.decoders;
	default:
		return OSSL_PROVIDER_query_operation(filtered.base, operation, no_cache);
	}
}

/* The groups of the key exchange. */
static int get_capabilities(
	void *context, const char *capability, OSSL_CALLBACK *callback, void *arg)
{
	(void)context;
	return OSSL_PROVIDER_get_capabilities(filtered.base, capability, callback, arg);
}

static int start(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
	void **context)
{
	static const OSSL_DISPATCH functions[] = {
		{OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
		{OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (void (*)(void))get_capabilities}, {0, NULL}};

	(void)handle;
	(void)in;
	pthread_once(&once, filter);
	if (!filtered.base)
		return 0;
	*out = functions;
	*context = OSSL_PROVIDER_get0_provider_ctx(filtered.base);
	return 1;
}

int bf_dtls_lib_init(struct bf_dtls_lib *lib)
{
	lib->provider = NULL;
	lib->ctx = OSSL_LIB_CTX_new();
	if (lib->ctx && OSSL_PROVIDER_add_builtin(lib->ctx, NAME, start))
		lib->provider = OSSL_PROVIDER_load(lib->ctx, NAME);
	if (lib->provider)
		return 0;
	bf_dtls_lib_deinit(lib);
	return -ENOMEM;
}

void bf_dtls_lib_deinit(struct bf_dtls_lib *lib)
{
	if (lib->provider)
		OSSL_PROVIDER_unload(lib->provider);
	OSSL_LIB_CTX_free(lib->ctx);
	*lib = (struct bf_dtls_lib){0};
}
