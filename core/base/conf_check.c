#include "core/base/conf.h"

#include "core/base/addr.h"
#include "core/base/cidr.h"
#include "core/base/conf_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define SRTP_PROFILES "AEAD_AES_128_GCM,AEAD_AES_256_GCM,AES_CM_128_HMAC_SHA1_80"

/* What loading checks as it goes, once more: a caller may have changed the struct. */
static void check_ranges(const struct bf_conf *conf, struct conf_why *why)
{
	char name[CONF_NAME_BYTES];

	for (size_t i = 0; i < conf_key_count; i++) {
		const struct conf_key *key = &conf_keys[i];

		if (key->type == CONF_UINT) {
			unsigned value = *conf_uint_at(conf, key);

			if (value < key->min || value > key->max)
				conf_why_add(why, "%s: %u is not within %u..%u",
					conf_path(key, name), value, key->min, key->max);
		} else if (key->type == CONF_STR && key->choices) {
			const char *text = *conf_str_at(conf, key);

			if (!conf_is_choice(key->choices, text))
				conf_why_add(why, "%s: '%.64s' is none of %s", conf_path(key, name),
					text, key->choices);
		}
	}
}

static void check_file(const char *key, const char *path, struct conf_why *why)
{
	if (path[0] && access(path, R_OK) < 0)
		conf_why_add(why, "%s: %.256s: %s", key, path, strerrordesc_np(errno));
}

/* scheme://host[:port] with nothing behind it, as browsers write an origin. */
static bool is_origin(const char *text)
{
	const char *host = NULL;

	if (strncmp(text, "http://", 7) == 0)
		host = text + 7;
	else if (strncmp(text, "https://", 8) == 0)
		host = text + 8;
	return host && host[0] && strcspn(host, "/?#@ ") == strlen(host);
}

static void check_proxies(const struct bf_conf *conf, struct conf_why *why)
{
	struct bf_cidr cidr;

	for (unsigned i = 0; i < conf->http.trusted_proxies_count; i++)
		if (bf_cidr_parse(&cidr, conf->http.trusted_proxies[i]) < 0)
			conf_why_add(why,
				"http.trusted_proxies: '%.64s' is not an address or a network, as "
				"10.0.0.0/8",
				conf->http.trusted_proxies[i]);
	if (conf->http.proxy_protocol && conf->http.trusted_proxies_count == 0)
		conf_why_add(why, "http.proxy_protocol: http.trusted_proxies must say from whom");
}

static void check_redirect(const struct bf_conf *conf, struct conf_why *why)
{
	struct bf_addr addr;

	if (!conf->http.redirect_listen[0])
		return;
	if (bf_addr_parse(&addr, conf->http.redirect_listen) < 0)
		conf_why_add(why,
			"http.redirect_listen: '%.64s' is not an IP address and port, as "
			"0.0.0.0:80",
			conf->http.redirect_listen);
	if (!conf->http.tls_cert[0])
		conf_why_add(why, "http.redirect_listen: without http.tls_cert there is no https");
}

/* Passwords and tokens in the clear, over a network, in production: somebody has forgotten something. */
static void check_secure(const struct bf_conf *conf, struct conf_why *why)
{
	struct bf_addr addr;

	if (strcmp(conf->server.profile, "production") != 0 || conf->http.tls_cert[0] ||
		bf_addr_parse(&addr, conf->http.listen) < 0 || bf_addr_is_loopback(&addr))
		return;
	if (!conf->http.trust_proxy && conf->http.trusted_proxies_count == 0)
		conf_why_add(why,
			"http.listen: %.64s would be plain HTTP on a network, in production: set "
			"http.tls_cert and http.tls_key, or, behind a proxy that speaks https, "
			"http.trusted_proxies",
			conf->http.listen);
}

static void check_http(const struct bf_conf *conf, struct conf_why *why)
{
	struct bf_addr addr;

	if (bf_addr_parse(&addr, conf->http.listen) < 0)
		conf_why_add(why,
			"http.listen: '%.64s' is not an IP address and port, as 0.0.0.0:7008",
			conf->http.listen);
	if (conf->http.public_url[0] && !is_origin(conf->http.public_url))
		conf_why_add(why, "http.public_url: '%.128s' is not of the form https://host",
			conf->http.public_url);
	if ((conf->http.tls_cert[0] == '\0') != (conf->http.tls_key[0] == '\0'))
		conf_why_add(why, "http.tls_cert and http.tls_key: both or neither");
	check_proxies(conf, why);
	check_redirect(conf, why);
	check_secure(conf, why);
	check_file("http.tls_cert", conf->http.tls_cert, why);
	check_file("http.tls_key", conf->http.tls_key, why);
	for (unsigned i = 0; i < conf->http.origins_count; i++) {
		const char *origin = conf->http.origins[i];

		if (strcmp(origin, "*") != 0 && !is_origin(origin))
			conf_why_add(why, "http.origins: '%.128s' is not of the form https://host",
				origin);
	}
}

static void check_addresses(
	const char *key, char *const *list, unsigned count, bool may_be_any, struct conf_why *why)
{
	struct bf_addr addr;

	for (unsigned i = 0; i < count; i++) {
		if (bf_addr_parse_ip(&addr, list[i], 0) < 0)
			conf_why_add(why, "%s: '%.64s' is not an IP address", key, list[i]);
		else if (!may_be_any && bf_addr_is_any(&addr))
			conf_why_add(why, "%s: %.64s cannot be reached by anybody", key, list[i]);
	}
}

static void check_profiles(const char *profiles, struct conf_why *why)
{
	const char *at = profiles;

	while (at) {
		size_t len = strcspn(at, ",");
		char name[64] = "";

		if (len < sizeof(name))
			memcpy(name, at, len);
		if (!conf_is_choice(SRTP_PROFILES, name))
			conf_why_add(why, "media.srtp_profiles: '%.*s' is none of %s",
				(int)(len < 64 ? len : 64), at, SRTP_PROFILES);
		else if (at[len] == ',' && conf_is_choice(at + len + 1, name))
			conf_why_add(why, "media.srtp_profiles: %s stands there twice", name);
		at = at[len] == ',' ? at + len + 1 : NULL;
	}
}

static unsigned worker_count(const struct bf_conf *conf)
{
	long cores;

	if (conf->media.workers > 0)
		return conf->media.workers;
	cores = sysconf(_SC_NPROCESSORS_ONLN);
	return cores > 0 ? (unsigned)cores : 1;
}

static void check_ports(const struct bf_conf *conf, struct conf_why *why)
{
	unsigned first = conf->media.udp_port, last = first + worker_count(conf) - 1;
	struct bf_addr listen;

	if (first == 0)
		return;
	if (last > UINT16_MAX)
		conf_why_add(why, "media.udp_port: %u workers from port %u on go past 65535",
			worker_count(conf), first);
	if (conf->media.tcp && bf_addr_parse(&listen, conf->http.listen) == 0 &&
		listen.port >= first && listen.port <= last)
		conf_why_add(why, "http.listen: port %u is one of the media ports %u..%u",
			listen.port, first, last);
}

static void check_rtc(const struct bf_conf *conf, struct conf_why *why)
{
	for (unsigned i = 0; i < conf->rtc.join_keys_count; i++)
		check_file("rtc.join_keys", conf->rtc.join_keys[i], why);
	for (unsigned i = 0; i < conf->rtc.ice_servers_count; i++) {
		const char *server = conf->rtc.ice_servers[i];
		const char *colon = strchr(server, ':');
		bool is_turn =
			strncmp(server, "turn:", 5) == 0 || strncmp(server, "turns:", 6) == 0;
		bool is_stun =
			strncmp(server, "stun:", 5) == 0 || strncmp(server, "stuns:", 6) == 0;

		if ((!is_turn && !is_stun) || colon[1] == '\0')
			conf_why_add(why, "rtc.ice_servers: '%.128s' is not stun:host or turn:host",
				server);
		else if (is_turn && conf->rtc.turn_secret[0] == '\0')
			/* Browsers refuse a TURN server that comes without credentials. */
			conf_why_add(why, "rtc.ice_servers: %.128s needs rtc.turn_secret", server);
	}
}

/* What it is is not repeated: it may hold a password. */
static void check_database_url(const char *key, const char *url, struct conf_why *why)
{
	if (url[0] && strncmp(url, "postgres://", 11) != 0 &&
		strncmp(url, "postgresql://", 13) != 0)
		conf_why_add(why, "%s: it does not begin with postgres://", key);
}

static void check_storage(const struct bf_conf *conf, struct conf_why *why)
{
	check_database_url("storage.url", conf->storage.url, why);
	check_database_url("storage.owner_url", conf->storage.owner_url, why);
	if (conf->storage.owner_url[0] && !conf->storage.url[0])
		conf_why_add(why, "storage.owner_url: without storage.url it does nothing");
	if (!conf->storage.folder[0])
		conf_why_add(why, "storage.folder: it is empty");
	if (conf->storage.pool_min > conf->storage.pool_max)
		conf_why_add(why, "storage.pool_min: %u is more than storage.pool_max, %u",
			conf->storage.pool_min, conf->storage.pool_max);
}

/* Lower case letters, digits and `others`, from `min` to `max` of them. */
static bool is_plain(const char *text, const char *others, size_t min, size_t max)
{
	size_t len = strlen(text);

	if (len < min || len > max)
		return false;
	for (const char *at = text; *at; at++)
		if (!(*at >= 'a' && *at <= 'z') && !(*at >= '0' && *at <= '9') &&
			!strchr(others, *at))
			return false;
	return true;
}

static void check_s3(const struct bf_conf *conf, struct conf_why *why)
{
	bool has_key = conf->storage.blob_s3_secret_key[0] != '\0';
	bool has_file = conf->storage.blob_s3_secret_file[0] != '\0';

	if (!is_plain(conf->storage.blob_s3_bucket, ".-", 3, 63) ||
		strstr(conf->storage.blob_s3_bucket, "..") ||
		conf->storage.blob_s3_bucket[0] == '.')
		conf_why_add(why,
			"storage.blob_s3_bucket: '%.64s' is not 3 to 63 of a-z, 0-9, dot and dash",
			conf->storage.blob_s3_bucket);
	if (!is_plain(conf->storage.blob_s3_region, "-", 1, 32))
		conf_why_add(why, "storage.blob_s3_region: '%.64s' is not a region, as us-east-1",
			conf->storage.blob_s3_region);
	if (conf->storage.blob_s3_endpoint[0] && !is_origin(conf->storage.blob_s3_endpoint))
		conf_why_add(
			why, "storage.blob_s3_endpoint: it is not of the form https://host[:port]");
	if (!conf->storage.blob_s3_access_key[0])
		conf_why_add(why, "storage.blob_s3_access_key: it is empty");
	if (has_key == has_file)
		conf_why_add(why,
			"storage.blob_s3_secret_key, storage.blob_s3_secret_file: one of them");
	check_file("storage.blob_s3_secret_file", conf->storage.blob_s3_secret_file, why);
}

static void check_blobs(const struct bf_conf *conf, struct conf_why *why)
{
	bool is_s3_meant =
		conf->storage.blob_s3_endpoint[0] || conf->storage.blob_s3_access_key[0] ||
		conf->storage.blob_s3_secret_key[0] || conf->storage.blob_s3_secret_file[0];

	if (conf->storage.blob_s3_bucket[0])
		check_s3(conf, why);
	else if (is_s3_meant)
		conf_why_add(why,
			"storage.blob_s3_bucket: it is empty, though other settings of S3 are not");
	if (conf->storage.blob_s3_bucket[0] && conf->storage.blob_folder[0])
		conf_why_add(why, "storage.blob_folder, storage.blob_s3_bucket: not more than one");
}

int bf_conf_check(const struct bf_conf *conf, char *why, size_t why_size)
{
	struct conf_why wrong;

	conf_why_init(&wrong, why, why_size);
	check_ranges(conf, &wrong);
	check_http(conf, &wrong);
	check_addresses("media.announced", conf->media.announced, conf->media.announced_count,
		false, &wrong);
	check_addresses("media.interfaces", conf->media.interfaces, conf->media.interfaces_count,
		true, &wrong);
	check_profiles(conf->media.srtp_profiles, &wrong);
	check_ports(conf, &wrong);
	check_rtc(conf, &wrong);
	check_storage(conf, &wrong);
	check_blobs(conf, &wrong);
	return wrong.count > 0 ? -EINVAL : 0;
}
