/* core/base/conf.h - the configuration: defaults, then a YAML file, then BELFRY_* variables, then flags.
 *
 * A key `media.udp_port` is BELFRY_MEDIA_UDP_PORT in the environment and --media.udp-port=N on the command
 * line (underscore or dash). Unknown keys are refused, with the file and line (or the variable, or the
 * flag) and the nearest known key.
 * Owner:   the caller.   Thread: read-only after loading.   Source: libcyaml (only conf_file.c sees it).
 */
#ifndef BF_CORE_BASE_CONF_H
#define BF_CORE_BASE_CONF_H

#include "core/base/bytes.h"

struct bf_conf {
	struct {
		char *listen;	  /* "127.0.0.1:7008"; PORT overrides the port */
		char *public_url; /* scheme://host of links we hand out; empty: from the request */
		char *tls_cert, *tls_key; /* PEM files; both or neither */
		char **origins; /* allowed Origin of WebSockets and CORS; empty: same origin */
		unsigned origins_count;
		unsigned connection_count_max;
		bool trust_proxy;	/* believe Forwarded and X-Forwarded-* */
		char **trusted_proxies; /* CIDR; of whom; empty: of everybody, if trust_proxy */
		unsigned trusted_proxies_count;
		bool proxy_protocol;   /* connections begin with a PROXY header */
		char *redirect_listen; /* plain HTTP that is answered with 308; empty: none */
		unsigned body_max_kib; /* of a request, unless its route says otherwise */
	} http;
	struct {
		char *mode; /* on, off */
		unsigned window_ms;
		unsigned anonymous, user, auth, join; /* requests in a window; 0: no limit */
		bool loopback; /* whether clients on this machine have limits as well */
	} limits;
	struct {
		unsigned udp_port; /* first worker's; worker i has udp_port + i */
		bool tcp;	   /* ICE-TCP on the same numbers */
		char **announced;  /* addresses put into candidates instead of the interfaces' */
		unsigned announced_count;
		char **interfaces; /* offer only these of the interfaces' addresses; empty: all */
		unsigned interfaces_count;
		unsigned workers;	    /* 0: one per core */
		char *pin;		    /* auto, off */
		char *spread;		    /* prefer-one, round-robin */
		char *io;		    /* auto, uring, epoll */
		char *gso;		    /* auto, off */
		unsigned transit_budget_us; /* 99 of 100 packets shall take less */
		unsigned coalesce_us; /* under load, how long packets wait for others; 0: not */
		char *srtp_profiles;  /* order of preference, comma separated */
		char *srtp_engine;    /* auto, ipsec-mb, openssl, libsrtp2 */
		unsigned room_participant_count_max;
		/* budgets of packets and kbit sent in a second, of an organization on each worker, of a room on all; 0: none */
		unsigned org_packets_max, org_kbps_max, room_packets_max, room_kbps_max;
		unsigned transport_count_max; /* of one worker */
		unsigned cache_mib;	      /* retransmission memory of one worker */
		unsigned pipe_kib; /* from one worker to another, once they share a room */
	} media;
	struct {
		char **join_keys; /* public keys of join tokens: PEM or JWK files (ES256) */
		unsigned join_keys_count;
		char **ice_servers; /* "stun:host:port", "turn:host:port?transport=udp" for clients */
		unsigned ice_servers_count;
		char *turn_secret; /* secret: time-limited TURN credentials (HMAC) */
	} rtc;
	struct {
		char *profile; /* development, test, production: what may be destroyed */
		bool demo;     /* seed the demonstration set at the start; loopback only */
	} server;
	struct {
		char *url;	 /* secret: postgres://... ; empty: SQLite in `folder` */
		char *owner_url; /* secret: the role that owns the tables; empty: that of `url` */
		char *folder;	 /* the database's file, and the spool */
		unsigned pool_min, pool_max; /* connections to PostgreSQL */
		unsigned idle_ms, connect_ms, query_ms, slow_ms;
		char *prepare; /* named, unnamed */
		unsigned spool_mib;
		bool migrate;	   /* bring tables up to date at the start */
		char *blob_folder; /* empty: "blobs" in `folder` */
		unsigned blob_max_mib;
		char *blob_s3_bucket;	/* not empty: blobs are there, not in a folder */
		char *blob_s3_endpoint; /* scheme://host[:port]; empty: Amazon's of the region */
		char *blob_s3_region;
		bool blob_s3_path_style; /* the bucket in the path, not in the host's name */
		char *blob_s3_access_key;
		char *blob_s3_secret_key;  /* secret; this or the next one */
		char *blob_s3_secret_file; /* holds the secret and nothing else */
	} storage;
	struct {
		char *folder;	      /* for scheduled backups; empty: none are made */
		unsigned every_hours; /* between two */
		unsigned keep;	      /* as many of the newest */
		char *key_file;	      /* what backups are sealed with; empty: they are not */
	} backup;
	struct {
		char *registration; /* auto, open, closed */
		char *totp_issuer;
	} accounts;
	struct {
		char *format; /* logfmt, json */
		char *level;  /* debug, info, warn, error */
	} log;
};

/* Everything at its default. -ENOMEM. */
int bf_conf_new(struct bf_conf **out);
void bf_conf_free(struct bf_conf *conf);

/* Apply, in this order, the file at `path` (NULL: none), the environment `envp`, and the flags argv[0..argc)
 * of the form --section.key=value. -EINVAL, or -ENOENT and the like when the file cannot be read: `why` holds
 * one or more lines of "file:line: unknown key 'medai' (did you mean 'media'?)", and `conf` is unchanged. */
int bf_conf_load(struct bf_conf *conf, const char *path, char *const *envp, int argc,
	char *const *argv, char *why, size_t why_size);

/* Check values against each other (ports, enums, files there). -EINVAL with `why`. */
int bf_conf_check(const struct bf_conf *conf, char *why, size_t why_size);

/* YAML with a comment for every key, secrets redacted unless `with_secrets`; a fresh block the caller frees. */
char *bf_conf_print(const struct bf_conf *conf, bool with_secrets);

/* Whether `given` looks like a slip of somebody who meant `meant`: the rule behind every "did you mean". */
bool bf_conf_resembles(const char *given, const char *meant);

#endif
