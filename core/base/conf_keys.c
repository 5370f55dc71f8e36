#include "core/base/conf_priv.h"

#include "core/base/utf8.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define KEY(s, k) .section = #s, .name = #k, .at = offsetof(struct bf_conf, s.k)

#define STR(s, k, fallback_, comment_)                                                      \
	{                                                                                   \
		KEY(s, k), .type = CONF_STR, .fallback = (fallback_), .comment = (comment_) \
	}
#define CHOICE(s, k, fallback_, choices_, comment_)                                          \
	{                                                                                    \
		KEY(s, k), .type = CONF_STR, .fallback = (fallback_), .choices = (choices_), \
			   .comment = (comment_)                                             \
	}
#define SECRET(s, k, comment_)                                                  \
	{                                                                       \
		KEY(s, k), .type = CONF_STR, .fallback = "", .is_secret = true, \
			   .comment = (comment_)                                \
	}
#define UINT(s, k, fallback_, min_, max_, comment_)                                  \
	{                                                                            \
		KEY(s, k), .type = CONF_UINT, .fallback = #fallback_, .min = (min_), \
			   .max = (max_), .comment = (comment_)                      \
	}
#define BOOL(s, k, fallback_, comment_)                                                     \
	{                                                                                   \
		KEY(s, k), .type = CONF_BOOL, .fallback = #fallback_, .comment = (comment_) \
	}
#define LIST(s, k, comment_)                                                                     \
	{                                                                                        \
		KEY(s, k), .type = CONF_LIST, .count_at = offsetof(struct bf_conf, s.k##_count), \
			   .fallback = "", .comment = (comment_)                                 \
	}

/* clang-format off */
const struct conf_key conf_keys[] = {
	STR(http, listen, "127.0.0.1:7008", "Address and port of HTTP and WebSocket. PORT in the environment overrides the port."),
	STR(http, public_url, "", "scheme://host of links handed out, as clients see it. Empty: taken from the request."),
	STR(http, tls_cert, "", "PEM file of the certificate chain. Both or neither of tls_cert and tls_key."),
	STR(http, tls_key, "", "PEM file of the private key."),
	LIST(http, origins, "Origins (scheme://host[:port]) that may open WebSockets and make cross-origin requests.\nEmpty: the same origin only. \"*\": any."),
	UINT(http, connection_count_max, 10000, 1, 1000000, "Connections at once; more are closed on arrival."),
	BOOL(http, trust_proxy, false, "Believe Forwarded, X-Forwarded-For and X-Forwarded-Proto. Only behind a proxy that sets them."),
	LIST(http, trusted_proxies, "Addresses or networks (10.0.0.0/8) of the proxies whose word on the client is taken. Empty: nobody's,\nor, with trust_proxy, everybody's."),
	BOOL(http, proxy_protocol, false, "Connections begin with a PROXY header, version 1 or 2, as load balancers send it.\nThose that do not come from trusted_proxies are closed."),
	STR(http, redirect_listen, "", "Address and port of plain HTTP, where every request is answered with a redirect to https://. Needs tls_cert.\nEmpty: there is none."),
	UINT(http, body_max_kib, 10240, 1, 1048576, "The longest body of a request, KiB, where its route does not say otherwise."),

	CHOICE(limits, mode, "on", "on,off", "Whether requests are counted. off: for benchmarks."),
	UINT(limits, window_ms, 900000, 1000, 86400000, "The time that the numbers below are for."),
	UINT(limits, anonymous, 100, 0, 1000000, "Requests of an address (IPv6: of a /64) that say nothing of who asks. 0: no limit."),
	UINT(limits, user, 1000, 0, 1000000, "Requests of one who is signed in. 0: no limit."),
	UINT(limits, auth, 10, 0, 1000000, "Tries to sign in, of an address, and for a name. 0: no limit."),
	UINT(limits, join, 10000, 0, 1000000, "WebSockets, WHIP and WHEP requests of an address. 0: no limit."),
	BOOL(limits, loopback, true, "Whether clients on this machine are counted as well."),

	UINT(media, udp_port, 7100, 0, 65535, "UDP port of the first worker; worker i has udp_port + i. 0: any free port."),
	BOOL(media, tcp, true, "ICE over TCP on the same port numbers."),
	LIST(media, announced, "IP addresses put into candidates instead of those of the interfaces (NAT, clouds)."),
	LIST(media, interfaces, "Offer clients only these of the interfaces' IP addresses. Empty: all."),
	UINT(media, workers, 0, 0, 256, "Media threads. 0: one per core."),
	CHOICE(media, pin, "auto", "auto,off", "auto: each media thread stays on a processor of its own, as long as there are enough."),
	CHOICE(media, spread, "prefer-one", "prefer-one,round-robin", "How rooms use media threads. prefer-one: a room stays on one until that is busy or has 64 of its participants,\nthen goes on on another. round-robin: each participant of a room on the next one, from the start."),
	CHOICE(media, io, "auto", "auto,uring,epoll", "Kernel interface. auto: io_uring where it is allowed, else epoll."),
	CHOICE(media, gso, "auto", "auto,off", "Send datagrams as trains (UDP segmentation offload). auto: where the kernel takes them."),
	UINT(media, coalesce_us, 500, 0, 10000, "Under load, packets that arrive within so many microseconds are handled together. 0: each at once."),
	UINT(media, transit_budget_us, 5000, 100, 1000000, "A busy worker in which 1 of 100 packets takes longer than this refuses joins, then sends lower layers, then less video."),
	STR(media, srtp_profiles, "AEAD_AES_128_GCM,AEAD_AES_256_GCM,AES_CM_128_HMAC_SHA1_80", "SRTP protection profiles in order of preference, comma separated."),
	CHOICE(media, srtp_engine, "auto", "auto,ipsec-mb,openssl,libsrtp2", "What encrypts. auto: ipsec-mb where CPU and build allow it, else openssl.\nlibsrtp2 is several times slower than both, and here to compare with."),
	UINT(media, room_participant_count_max, 1000, 1, 1000000, "Participants of one room."),
	UINT(media, org_packets_max, 0, 0, 1000000000, "RTP packets that all rooms of one organization may send in a second, on each worker.\nOver a budget pictures are left out, sound only when it alone is more; joins are refused. 0: no limit."),
	UINT(media, org_kbps_max, 0, 0, 1000000000, "The same in kbit a second: RTP with its headers, without UDP and IP. 0: no limit."),
	UINT(media, room_packets_max, 0, 0, 1000000000, "RTP packets that one room may send in a second. Where it is on several workers, each has a share of that:\nas large as the share of its participants who may receive. 0: no limit."),
	UINT(media, room_kbps_max, 0, 0, 1000000000, "The same in kbit a second. 0: no limit."),
	UINT(media, transport_count_max, 4096, 1, 65536, "Transports (peer connections) of one worker."),
	UINT(media, cache_mib, 64, 1, 65536, "Memory of one worker for packets that may be sent again, MiB."),
	UINT(media, pipe_kib, 1024, 64, 65536, "Memory for packets on their way from one worker to another, KiB, for each pair that has a room in common."),

	LIST(rtc, join_keys, "Files with public keys (PEM or JWK, ES256) whose join tokens are accepted."),
	LIST(rtc, ice_servers, "Given to clients: \"stun:host:port\", \"turn:host:port?transport=udp\"."),
	SECRET(rtc, turn_secret, "Secret shared with the TURN servers, for credentials that expire (HMAC)."),

	CHOICE(server, profile, "development", "development,test,production", "In production, commands that destroy data refuse. NODE_ENV in the environment sets it as well."),
	BOOL(server, demo, false, "Add the demonstration set (one organization, four users, five channels) at the start. Loopback only.\n--demo is short for it."),

	SECRET(storage, url, "Database: postgres://user:password@host[,host]/name[?sslmode=...]. Empty: SQLite in storage.folder."),
	SECRET(storage, owner_url, "The same database with the role that owns the tables: makes the database, the tables and the role of storage.url\nwhere they are missing. Empty: the role of storage.url owns them."),
	STR(storage, folder, "data", "Folder for the database and for the spool of rows that wait for it. Made if it is not there."),
	UINT(storage, pool_min, 2, 1, 1000, "Connections to PostgreSQL that are kept."),
	UINT(storage, pool_max, 20, 1, 1000, "Connections to PostgreSQL at most."),
	UINT(storage, idle_ms, 30000, 1000, 3600000, "Connections beyond pool_min are closed after this time without use."),
	UINT(storage, connect_ms, 2000, 100, 60000, "How long connecting to PostgreSQL may take."),
	UINT(storage, query_ms, 10000, 100, 600000, "A query that takes longer is cancelled and undone."),
	UINT(storage, slow_ms, 1000, 1, 600000, "A query that takes longer is named in the log, without its values."),
	CHOICE(storage, prepare, "named", "named,unnamed", "named: each connection prepares a statement once. unnamed: each time, as poolers in transaction mode need it."),
	BOOL(storage, migrate, true, "Bring the tables up to date at the start. false: refuse to start while migrations are pending."),
	UINT(storage, spool_mib, 1024, 1, 1000000, "Disk for rows that wait for the database, MiB."),
	STR(storage, blob_folder, "", "Folder for files: recordings, attachments, exports. Empty: \"blobs\" in storage.folder."),
	UINT(storage, blob_max_mib, 1024, 1, 65536, "The largest file that is taken, MiB."),
	STR(storage, blob_s3_bucket, "", "Bucket of an S3 service for files. Empty: storage.blob_folder."),
	STR(storage, blob_s3_endpoint, "", "The S3 service, as https://host[:port]. Empty: Amazon's in storage.blob_s3_region."),
	STR(storage, blob_s3_region, "us-east-1", "Region that requests to S3 are signed for."),
	BOOL(storage, blob_s3_path_style, true, "The bucket is in the URL's path. false: it is the first part of the host's name."),
	STR(storage, blob_s3_access_key, "", "Access key's name at the S3 service."),
	SECRET(storage, blob_s3_secret_key, "Access key's secret. Either this or storage.blob_s3_secret_file."),
	STR(storage, blob_s3_secret_file, "", "File that holds the access key's secret."),

	STR(backup, folder, "", "Folder for scheduled backups of the database. Empty: none are made."),
	UINT(backup, every_hours, 24, 1, 8760, "Hours between two scheduled backups."),
	UINT(backup, keep, 14, 1, 10000, "As many of the newest scheduled backups are kept."),
	STR(backup, key_file, "", "File of 64 hex digits (`openssl rand -hex 32`), mode 0600: backups are encrypted with it. Empty: they are not."),

	CHOICE(accounts, registration, "auto", "auto,open,closed", "Whether people may make accounts for themselves. auto: not where server.profile is production."),
	STR(accounts, totp_issuer, "belfry", "What authenticator apps show as the name of this server."),

	CHOICE(log, format, "logfmt", "logfmt,json", "Form of log lines."),
	CHOICE(log, level, "info", "debug,info,warn,error", "Least level that is logged."),
};
/* clang-format on */

const size_t conf_key_count = sizeof(conf_keys) / sizeof(conf_keys[0]);

/* ---- complaints ---- */

void conf_why_init(struct conf_why *why, char *text, size_t size)
{
	*why = (struct conf_why){.text = text, .size = size};
	if (size > 0)
		text[0] = '\0';
}

void conf_why_add(struct conf_why *why, const char *format, ...)
{
	va_list args;
	size_t left = why->size - why->len;
	int n;

	why->count++;
	if (left < 2)
		return;
	if (why->len > 0) {
		why->text[why->len++] = '\n';
		left--;
	}
	va_start(args, format);
	n = vsnprintf(why->text + why->len, left, format, args);
	va_end(args);
	if (n > 0)
		why->len += (size_t)n < left ? (size_t)n : left - 1;
}

/* ---- places ---- */

/* The one cast of this table: from an offset to the member that the entry was made from. */
static void *place(const struct bf_conf *conf, size_t at)
{
	return (char *)(uintptr_t)conf + at;
}

char **conf_str_at(const struct bf_conf *conf, const struct conf_key *key)
{
	assert(key->type == CONF_STR);
	return place(conf, key->at);
}

unsigned *conf_uint_at(const struct bf_conf *conf, const struct conf_key *key)
{
	assert(key->type == CONF_UINT);
	return place(conf, key->at);
}

bool *conf_bool_at(const struct bf_conf *conf, const struct conf_key *key)
{
	assert(key->type == CONF_BOOL);
	return place(conf, key->at);
}

char ***conf_list_at(const struct bf_conf *conf, const struct conf_key *key, unsigned **count)
{
	assert(key->type == CONF_LIST);
	*count = place(conf, key->count_at);
	return place(conf, key->at);
}

/* ---- setting ---- */

static int refuse(char reason[static CONF_REASON_BYTES], const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int refuse(char reason[static CONF_REASON_BYTES], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(reason, CONF_REASON_BYTES, format, args);
	va_end(args);
	return -EINVAL;
}

/* What no address, path, name or secret needs, and what would not survive printing as YAML. */
static int check_text(const char *text, char reason[static CONF_REASON_BYTES])
{
	struct bf_bytes left = bf_bytes_str(text);
	uint32_t point;

	if (left.len >= CONF_VALUE_BYTES)
		return refuse(reason, "longer than %d bytes", CONF_VALUE_BYTES - 1);
	while (left.len > 0) {
		size_t len = bf_utf8_take(left, &point);

		if (len == 0)
			return refuse(reason, "not UTF-8");
		if (bf_utf8_is_control(point) || point == 0xfffe || point == 0xffff)
			return refuse(reason, "holds a control character");
		left.data += len;
		left.len -= len;
	}
	return 0;
}

bool conf_is_choice(const char *choices, const char *text)
{
	size_t len = strlen(text);

	for (const char *at = choices; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (strcspn(at, ",") == len && memcmp(at, text, len) == 0)
			return true;
	}
	return false;
}

static int set_str(struct bf_conf *conf, const struct conf_key *key, const char *text,
	char reason[static CONF_REASON_BYTES])
{
	char **at = conf_str_at(conf, key);
	char *copy;

	if (key->choices && !conf_is_choice(key->choices, text))
		return refuse(reason, "'%.64s' is none of %s", text, key->choices);
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	free(*at);
	*at = copy;
	return 0;
}

static int set_uint(struct bf_conf *conf, const struct conf_key *key, const char *text,
	char reason[static CONF_REASON_BYTES])
{
	size_t len = strlen(text);
	unsigned long value;

	/* Nine digits fit in any unsigned, so that no overflow needs to be told apart. */
	if (len == 0 || strspn(text, "0123456789") != len)
		return refuse(reason, "'%.64s' is not a whole number", text);
	value = len <= 9 ? strtoul(text, NULL, 10) : 999999999;
	if (value < key->min || value > key->max)
		return refuse(reason, "%.64s is not within %u..%u", text, key->min, key->max);
	*conf_uint_at(conf, key) = (unsigned)value;
	return 0;
}

static int set_bool(struct bf_conf *conf, const struct conf_key *key, const char *text,
	char reason[static CONF_REASON_BYTES])
{
	bool is_true = conf_is_choice("true,yes,on,1", text);

	if (!is_true && !conf_is_choice("false,no,off,0", text))
		return refuse(reason, "'%.64s' is neither true nor false", text);
	*conf_bool_at(conf, key) = is_true;
	return 0;
}

static void free_items(char **items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(items[i]);
	free(items);
}

int conf_set_list(struct bf_conf *conf, const struct conf_key *key, char *const *items,
	size_t count, char reason[static CONF_REASON_BYTES])
{
	unsigned *count_at;
	char ***at = conf_list_at(conf, key, &count_at);
	char **copy = NULL;

	if (count > CONF_LIST_MAX)
		return refuse(reason, "more than %d entries", CONF_LIST_MAX);
	for (size_t i = 0; i < count; i++) {
		if (!items[i] || items[i][0] == '\0')
			return refuse(reason, "entry %zu is empty", i + 1);
		if (check_text(items[i], reason) < 0)
			return -EINVAL;
	}
	if (count > 0) {
		copy = calloc(count, sizeof(*copy));
		if (!copy)
			return -ENOMEM;
	}
	for (size_t i = 0; i < count; i++) {
		copy[i] = strdup(items[i]);
		if (!copy[i]) {
			free_items(copy, i);
			return -ENOMEM;
		}
	}
	free_items(*at, *count_at);
	*at = copy;
	*count_at = (unsigned)count;
	return 0;
}

/* Cuts a copy of `text` at its commas; blanks around entries do not count. */
static int set_list(struct bf_conf *conf, const struct conf_key *key, const char *text,
	char reason[static CONF_REASON_BYTES])
{
	char *items[CONF_LIST_MAX + 1];
	char *copy = strdup(text), *at = copy, *item;
	size_t count = 0;
	int err;

	if (!copy)
		return -ENOMEM;
	while (*text && count <= CONF_LIST_MAX && (item = strsep(&at, ","))) {
		item += strspn(item, " ");
		for (size_t len = strlen(item); len > 0 && item[len - 1] == ' '; len--)
			item[len - 1] = '\0';
		items[count++] = item;
	}
	err = conf_set_list(conf, key, items, count, reason);
	free(copy);
	return err;
}

int conf_set(struct bf_conf *conf, const struct conf_key *key, const char *text,
	char reason[static CONF_REASON_BYTES])
{
	if (key->type == CONF_LIST)
		return set_list(conf, key, text, reason);
	if (check_text(text, reason) < 0)
		return -EINVAL;
	switch (key->type) {
	case CONF_STR:
		return set_str(conf, key, text, reason);
	case CONF_UINT:
		return set_uint(conf, key, text, reason);
	case CONF_BOOL:
		return set_bool(conf, key, text, reason);
	case CONF_LIST:
		break;
	}
	return -EINVAL;
}

/* ---- names ---- */

const char *conf_path(const struct conf_key *key, char out[static CONF_NAME_BYTES])
{
	snprintf(out, CONF_NAME_BYTES, "%s.%s", key->section, key->name);
	return out;
}

const char *conf_variable(const struct conf_key *key, char out[static CONF_NAME_BYTES])
{
	snprintf(out, CONF_NAME_BYTES, "BELFRY_%s_%s", key->section, key->name);
	for (char *at = out; *at; at++)
		*at = (char)toupper((unsigned char)*at);
	return out;
}

/* Optimal string alignment: three rows of the usual table, the third for swaps. Names longer than
 * any of ours are as far away as they are long. */
size_t conf_distance(const char *a, const char *b)
{
	size_t rows[3][CONF_NAME_BYTES + 1];
	size_t a_len = strlen(a), b_len = strlen(b);

	if (a_len > CONF_NAME_BYTES || b_len > CONF_NAME_BYTES)
		return a_len > b_len ? a_len : b_len;
	for (size_t k = 0; k <= b_len; k++)
		rows[0][k] = k;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *row = rows[i % 3], *above = rows[(i + 2) % 3],
		       *two_above = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t k = 1; k <= b_len; k++) {
			size_t best = above[k - 1] + (a[i - 1] != b[k - 1]);

			if (above[k] + 1 < best)
				best = above[k] + 1;
			if (row[k - 1] + 1 < best)
				best = row[k - 1] + 1;
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1] &&
				two_above[k - 2] + 1 < best)
				best = two_above[k - 2] + 1;
			row[k] = best;
		}
	}
	return rows[a_len % 3][b_len];
}

bool conf_is_near(size_t distance, size_t len)
{
	/* A third of the letters may be wrong, and one always: "prot" is "port", "xy" is nothing. */
	return distance <= 1 || distance <= len / 3;
}

bool bf_conf_resembles(const char *given, const char *meant)
{
	return conf_is_near(conf_distance(given, meant), strlen(given));
}
