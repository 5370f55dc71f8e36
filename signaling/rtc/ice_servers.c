#include "signaling/rtc/ice_servers.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <strings.h>

#define SHA1_BYTES 20

static bool has_credential(const struct bf_ice_servers *servers, const char *url)
{
	bool is_turn = strncasecmp(url, "turn:", 5) == 0 || strncasecmp(url, "turns:", 6) == 0;

	return is_turn && servers->turn_secret && servers->turn_secret[0];
}

void bf_ice_credential_make(
	struct bf_ice_credential *out, const char *secret, int64_t now_s, const char *name)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned mac_len = 0;
	int len = snprintf(out->username, sizeof(out->username), "%" PRId64 ":%s",
		now_s + BF_ICE_CREDENTIAL_S, name);

	assert(len > 0 && (size_t)len < sizeof(out->username));
	/* Fails only where SHA-1 is switched off as a whole; the credential is then one no server takes. */
	if (!HMAC(EVP_sha1(), secret, (int)strlen(secret), (const unsigned char *)out->username,
		    (size_t)len, mac, &mac_len) ||
		mac_len != SHA1_BYTES)
		memset(mac, 0, SHA1_BYTES);
	EVP_EncodeBlock((unsigned char *)out->password, mac, SHA1_BYTES);
}

struct bf_json *bf_ice_servers_json(
	const struct bf_ice_servers *servers, int64_t now_s, const char *name)
{
	struct bf_json *list = bf_json_array();

	for (unsigned i = 0; i < servers->url_count; i++) {
		struct bf_json *server = bf_json_object();
		struct bf_ice_credential credential;

		bf_json_put_str(server, "urls", servers->urls[i]);
		if (has_credential(servers, servers->urls[i])) {
			bf_ice_credential_make(&credential, servers->turn_secret, now_s, name);
			bf_json_put_str(server, "username", credential.username);
			bf_json_put_str(server, "credential", credential.password);
		}
		bf_json_push(list, server);
	}
	return list;
}

int bf_ice_servers_link(const struct bf_ice_servers *servers, unsigned idx, int64_t now_s,
	const char *name, char *out, size_t size)
{
	const char *url = servers->urls[idx];
	struct bf_ice_credential credential;
	int len;

	if (has_credential(servers, url)) {
		bf_ice_credential_make(&credential, servers->turn_secret, now_s, name);
		len = snprintf(out, size,
			"<%s>; rel=\"ice-server\"; username=\"%s\"; credential=\"%s\"; "
			"credential-type=\"password\"",
			url, credential.username, credential.password);
	} else {
		len = snprintf(out, size, "<%s>; rel=\"ice-server\"", url);
	}
	return len > 0 && (size_t)len < size ? 0 : -ENOBUFS;
}
