/* core/main.c - the one place where all the parts meet, and the commands.
 *
 *   control thread:  HTTP, WebSocket, rooms' registry        (signaling)
 *   media-0 .. n:    sockets, transports, rooms              (media)
 *   storage:         database and spool                      (storage)
 *   main thread:     waits for signals
 */
#include "core/backup_schedule.h"
#include "core/base/clock.h"
#include "core/base/conf.h"
#include "core/base/ifaddr.h"
#include "core/base/log.h"
#include "core/base/metrics.h"
#include "core/command_line.h"
#include "core/db_command.h"
#include "core/doctor.h"
#include "core/loop/inbox.h"
#include "core/loop/loop.h"
#include "core/loop/pipe.h"
#include "core/loop/thread.h"
#include "core/loop/timer.h"
#include "core/loop/tls.h"
#include "core/port_holder.h"
#include "core/seed/seed.h"
#include "core/token_command.h"
#include "core/user/user_command.h"
#include "core/version.h"
#include "media/memory.h"
#include "media/worker.h"
#include "signaling/accounts/accounts.h"
#include "signaling/api/health.h"
#include "signaling/api/openapi.h"
#include "signaling/auth/join_token.h"
#include "signaling/channels/channels.h"
#include "signaling/http/server.h"
#include "signaling/rtc/rtc.h"
#include "signaling/web/files.h"
#include "storage/db.h"
#include "storage/repo/calls.h"
#include "storage/repo/streams.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define WORKERS_MAX    256 /* of media.workers */
#define CONTROL_SLOTS  16384
#define DRAIN_US       BF_MS(500) /* for goodbyes to leave */
#define WHY_MAX	       2048
#define HASHERS	       2  /* threads that hash passwords: each takes a processor for some 25 ms */
#define HASHES_WAITING 64 /* two seconds of that */
#define MSG_STOP       0x8000 /* of our own, to the control thread */
#define MSG_RELOAD     0x8001

struct server {
	/* given */
	const struct bf_conf *conf;
	struct bf_log *log;
	/* owned */
	struct bf_metrics *metrics;
	struct bf_loop *loop;
	struct bf_inbox *inbox;
	struct bf_sctp_stack *sctp;
	struct bf_pipe **pipes; /* between workers */
	unsigned pipe_ends;
	struct bf_worker *workers[WORKERS_MAX];
	unsigned worker_count;
	struct bf_db *db;
	struct bf_db_client *db_client;
	struct bf_calls *calls;
	struct bf_backup_schedule *backups;
	struct bf_join_verifier *verifier;
	struct bf_http_server *http;
	struct bf_workers *hashers;
	struct bf_rest rest;
	struct bf_accounts *accounts;
	struct bf_channels *channels;
	char join_key[PATH_MAX]; /* of tokens that this server gives out */
	struct bf_health *health;
	struct bf_openapi *openapi;
	struct bf_rtc *rtc;
	struct bf_timer drain_timer;
	/* state */
	bool is_draining;
	bool has_failed; /* the control loop ended by itself */
	int64_t started_us;
	char why[WHY_MAX];
};

/* ---- the hooks between the parts ---- */

static int post_to_control(void *arg, struct bf_msg *msg)
{
	struct server *server = arg;

	return bf_inbox_post(server->inbox, msg);
}

static int post_to_worker(void *arg, unsigned worker, struct bf_msg *msg)
{
	struct server *server = arg;

	return bf_worker_post(server->workers[worker], msg);
}

static unsigned load_of_worker(void *arg, unsigned worker)
{
	struct server *server = arg;

	return bf_worker_load(server->workers[worker]);
}

static void wake_worker(void *arg, unsigned worker)
{
	struct server *server = arg;

	if (server->workers[worker])
		bf_worker_wake(server->workers[worker]);
}

static bool is_alive(void *arg)
{
	struct server *server = arg;

	for (unsigned i = 0; i < server->worker_count; i++)
		if (!bf_worker_is_alive(server->workers[i]))
			return false;
	return true;
}

static bool is_draining(void *arg)
{
	struct server *server = arg;

	return server->is_draining;
}

static bool describe(void *arg, struct bf_json *body)
{
	struct server *server = arg;
	struct bf_db_state state = bf_db_state(server->db);
	struct bf_json *database = bf_json_object();

	bf_json_put_str(database, "engine", bf_db_engine_name(server->db));
	bf_json_put_str(database, "state", state.is_up ? "up" : "away");
	bf_json_put_int(database, "spool_records", (int64_t)state.spool_records);
	bf_json_put_int(database, "spool_bytes", (int64_t)state.spool_bytes);
	bf_json_put_int(database, "spool_lag_ms", state.spool_lag_us / 1000);
	bf_json_put_bool(database, "spool_full", state.is_spool_full);
	bf_json_put(body, "database", database);
	return state.is_up && state.spool_records == 0;
}

static void on_presence(void *arg, const struct bf_rtc_presence *presence, bool is_here)
{
	struct server *server = arg;

	if (is_here)
		bf_calls_joined(server->calls, presence);
	else
		bf_calls_left(server->calls, presence);
}

static void on_drained(void *arg)
{
	struct server *server = arg;

	bf_loop_stop(server->loop);
}

/* What can change while connections go on. What is not good stays as it was. */
static void reload(struct server *server)
{
	char why[WHY_MAX] = "";

	if (!server->conf->http.tls_cert[0])
		BF_LOG(server->log, BF_LOG_INFO, "nothing to reload",
			BF_STR("why", "http.tls_cert is not set"));
	else if (bf_http_server_reload_tls(server->http, why, sizeof(why)))
		BF_LOG(server->log, BF_LOG_ERROR, "the certificate stays as it was",
			BF_STR("why", why));
}

static void on_control_message(void *arg, struct bf_msg *msg)
{
	struct server *server = arg;

	if (msg->kind == MSG_RELOAD) {
		bf_msg_free(msg);
		reload(server);
		return;
	}
	if (msg->kind != MSG_STOP) {
		bf_rtc_on_media(server->rtc, msg);
		return;
	}
	bf_msg_free(msg);
	if (server->is_draining)
		return;
	BF_LOG(server->log, BF_LOG_INFO, "stopping");
	server->is_draining = true;
	bf_http_server_drain(server->http);
	bf_rtc_close(server->rtc);
	bf_timer_arm(&server->drain_timer, bf_loop_now_us(server->loop) + DRAIN_US);
}

/* ---- building ---- */

static enum bf_io io_of(const struct bf_conf *conf)
{
	if (strcmp(conf->media.io, "uring") == 0)
		return BF_IO_URING;
	return strcmp(conf->media.io, "epoll") == 0 ? BF_IO_EPOLL : BF_IO_AUTO;
}

static enum bf_srtp_engine_kind srtp_of(const struct bf_conf *conf)
{
	enum bf_srtp_engine_kind kind;
	int err = bf_srtp_engine_kind_from_name(&kind, bf_bytes_str(conf->media.srtp_engine));

	assert(!err); /* the configuration takes no other names */
	return kind;
}

static bool listens_on_loopback(const struct bf_conf *conf)
{
	struct bf_addr addr;

	return bf_addr_parse(&addr, conf->http.listen) == 0 && bf_addr_is_loopback(&addr);
}

/* The addresses clients are told: as configured, or those of the interfaces; loopback ones only while HTTP itself is on loopback. */
static unsigned candidate_ips(struct server *server, struct bf_addr *out, unsigned count_max)
{
	const struct bf_conf *conf = server->conf;
	char **texts = conf->media.announced_count ? conf->media.announced : conf->media.interfaces;
	unsigned text_count = conf->media.announced_count ? conf->media.announced_count
							  : conf->media.interfaces_count;
	unsigned count = 0;

	for (unsigned i = 0; i < text_count && count < count_max; i++)
		if (bf_addr_parse_ip(&out[count], texts[i], 0) == 0)
			count++;
	if (text_count == 0) {
		int found = bf_ifaddr_list(out, count_max, listens_on_loopback(conf));
		count = found > 0 ? (unsigned)found : 0;
	}
	return count;
}

/* Who has the port that `why` says is taken; nothing when it cannot be found out. */
static void name_holder(struct server *server, bool is_tcp, unsigned port)
{
	char holder[BF_PORT_HOLDER_TEXT];
	size_t len = strlen(server->why);

	if (bf_port_holder(holder, is_tcp, (uint16_t)port)[0])
		snprintf(server->why + len, WHY_MAX - len, " (taken by %s)", holder);
}

/* What a worker has chosen, or was left with: a metric that is 1, with the choice as its label. */
static void export_choice(struct server *server, unsigned idx, const char *name, const char *label,
	const char *choice, const char *help)
{
	struct bf_metric *metric;
	char labels[64];

	snprintf(labels, sizeof(labels), "worker=\"%u\",%s=\"%s\"", idx, label, choice);
	metric = bf_metric_new(server->metrics, BF_METRIC_GAUGE, name, labels, help);
	if (metric)
		bf_metric_set(metric, 1);
}

static int start_worker(struct server *server, unsigned idx, const struct bf_worker_conf *conf)
{
	unsigned first_port = server->conf->media.udp_port;
	int err = bf_worker_start(&server->workers[idx], conf, server->why, WHY_MAX);

	if (err) {
		if (err == -EADDRINUSE && first_port)
			name_holder(server, strstr(server->why, "(TCP)") != NULL, first_port + idx);
		return err;
	}
	server->worker_count++;
	export_choice(server, idx, "belfry_io_backend", "backend",
		bf_io_name(bf_worker_io(server->workers[idx])), "1 for the I/O backend in force");
	export_choice(server, idx, "belfry_srtp_engine", "engine",
		bf_worker_srtp(server->workers[idx]), "1 for the SRTP engine in force");
	BF_LOG(server->log, BF_LOG_INFO, "media worker", BF_UINT("worker", idx),
		BF_UINT("port", bf_worker_port(server->workers[idx])),
		BF_STR("io", bf_io_name(bf_worker_io(server->workers[idx]))),
		BF_STR("srtp", bf_worker_srtp(server->workers[idx])),
		BF_STR("gso", server->conf->media.gso));
	return 0;
}

/* What the slabs take, as it is in memory.c's table; the table itself is in `belfry doctor`. */
static void say_memory(struct server *server)
{
	char texts[BF_MEMORY_KIND_COUNT][BF_MEMORY_TEXT];
	struct bf_memory_plan plan;
	struct bf_memory_sum sum;

	bf_memory_plan(&plan, server->conf, bf_worker_io(server->workers[0]), server->worker_count);
	sum = bf_memory_sum(&plan, server->worker_count);
	for (int i = 0; i < BF_MEMORY_KIND_COUNT; i++)
		bf_memory_format(sum.bytes[i], texts[i]);
	BF_LOG(server->log, BF_LOG_INFO, "memory", BF_UINT("workers", server->worker_count),
		BF_STR("at_start", texts[BF_MEMORY_START]),
		BF_STR("kernel_at_most", texts[BF_MEMORY_KERNEL]),
		BF_STR("transports_at_most", texts[BF_MEMORY_GROWTH]));
}

static int start_workers(struct server *server)
{
	const struct bf_conf *conf = server->conf;
	unsigned want =
		conf->media.workers ? conf->media.workers : (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	struct bf_addr ips[16];
	unsigned ip_count = candidate_ips(server, ips, 16);
	int err;

	if (want > WORKERS_MAX)
		want = WORKERS_MAX;
	err = bf_sctp_stack_new(&server->sctp, want, wake_worker, server);
	if (err) {
		snprintf(server->why, WHY_MAX, "SCTP: %s", strerror(-err));
		return err;
	}
	server->pipe_ends = want;
	err = bf_pipe_grid_new(&server->pipes, want);
	if (err)
		return err;
	for (unsigned i = 0; i < want; i++) {
		struct bf_worker_conf worker = {
			.idx = i,
			.io = io_of(conf),
			.conf = conf,
			.log = server->log,
			.metrics = server->metrics,
			.sctp = server->sctp,
			.srtp = srtp_of(conf),
			.candidate_ips = ips,
			.candidate_ip_count = ip_count,
			.arg = server,
			.post = post_to_control,
			.worker_count = want,
			.pipes = server->pipes,
			.post_peer = post_to_worker,
		};
		err = start_worker(server, i, &worker);
		if (err)
			return err;
	}
	say_memory(server);
	return 0;
}

/* Whether who may join is settled. -EPERM with `why`. */
static int check_access(const struct bf_conf *conf, char *why, size_t why_size)
{
	if (conf->server.demo && !listens_on_loopback(conf)) {
		snprintf(why, why_size,
			"server.demo makes users whose passwords everybody knows, and http.listen "
			"is %s, which other hosts can reach: listen on 127.0.0.1.",
			conf->http.listen);
		return -EPERM;
	}
	if (conf->rtc.join_keys_count > 0 || listens_on_loopback(conf))
		return 0;
	snprintf(why, why_size,
		"http.listen is %s, which other hosts can reach, but rtc.join_keys is empty: "
		"anyone could join any room.\n"
		"Make a key pair with `belfry token keygen` and set rtc.join_keys to the public "
		"one, or listen on 127.0.0.1.",
		conf->http.listen);
	return -EPERM;
}

/* Tokens for channels are signed with a key of the server's own, made at the first start. */
static int provide_join_key(struct server *server, char public_path[static PATH_MAX])
{
	const char *folder = server->conf->storage.folder;

	snprintf(server->join_key, PATH_MAX, "%s/join.key", folder);
	snprintf(public_path, PATH_MAX, "%s/join.pub", folder);
	if (access(server->join_key, F_OK) == 0)
		return 0;
	return bf_join_keygen(server->join_key, public_path, server->why, WHY_MAX);
}

/* Whose tokens let in: those of the configured keys, and our own. */
static int make_verifier(struct server *server, char *own_key)
{
	const struct bf_conf *conf = server->conf;
	unsigned count = conf->rtc.join_keys_count;
	char *keys[BF_JOIN_KEYS];

	if (count >= BF_JOIN_KEYS) {
		snprintf(server->why, WHY_MAX, "rtc.join_keys has more than %d keys",
			BF_JOIN_KEYS - 1);
		return -EINVAL;
	}
	for (unsigned i = 0; i < count; i++)
		keys[i] = conf->rtc.join_keys[i];
	keys[count] = own_key;
	return bf_join_verifier_new(&server->verifier, keys, count + 1, server->why, WHY_MAX);
}

/* Whose join tokens let in. storage.folder is there by now. */
static int start_tokens(struct server *server)
{
	char public_path[PATH_MAX];
	int err = provide_join_key(server, public_path);

	if (!err && server->conf->rtc.join_keys_count > 0)
		return make_verifier(server, public_path);
	if (!err)
		BF_LOG(server->log, BF_LOG_WARN, "open development mode",
			BF_STR("why", "no rtc.join_keys: anyone on this machine may join any "
				      "room"));
	return err;
}

static int seed_demo(struct server *server)
{
	struct bf_seed seed = {
		.conf = server->conf, .log = server->log, .why = server->why, .why_size = WHY_MAX};

	int err = bf_seed_demo(&seed, NULL);

	if (!err)
		BF_LOG(server->log, BF_LOG_INFO, "demonstration set",
			BF_UINT("organizations_added", seed.organizations),
			BF_STR("users", "demo, alice, bob, charlie"),
			BF_STR("passwords", "NAME123"));
	return err;
}

static int start_storage(struct server *server)
{
	struct bf_db_conf conf = {
		.conf = server->conf,
		.log = server->log,
		.metrics = server->metrics,
		.io = io_of(server->conf),
		.streams = bf_streams,
		.stream_count = bf_stream_count,
	};
	int err = server->conf->server.demo ? seed_demo(server) : 0;

	if (!err)
		err = bf_db_open(&server->db, &conf, server->why, WHY_MAX);
	if (!err)
		err = bf_db_client_new(&server->db_client, server->db, server->loop);
	if (!err)
		err = bf_calls_new(&server->calls, server->db_client, server->log);
	if (!err)
		err = bf_backup_schedule_new(
			&server->backups, server->conf, server->log, server->metrics, server->loop);
	return err;
}

/* After this what was recorded is in the database, or in the spool. */
static void stop_storage(struct server *server)
{
	if (server->calls)
		bf_calls_close(server->calls, bf_clock_wall_us());
	if (server->db)
		bf_db_close(server->db);
	bf_backup_schedule_free(server->backups);
	bf_calls_free(server->calls);
	bf_db_client_free(server->db_client);
	bf_db_free(server->db);
}

static int listen_http(struct server *server)
{
	struct bf_addr addr;
	int err = bf_http_server_listen(server->http, server->why, WHY_MAX);

	if (err == -EADDRINUSE && bf_addr_parse(&addr, server->conf->http.listen) == 0)
		name_holder(server, true, addr.port);
	return err;
}

static int start_accounts(struct server *server)
{
	int err = bf_workers_new(&server->hashers, HASHERS, HASHES_WAITING);

	server->rest = (struct bf_rest){.http = server->http,
		.loop = server->loop,
		.log = server->log,
		.conf = server->conf,
		.db = server->db_client,
		.database = server->db};
	if (!err)
		err = bf_rest_init(&server->rest, server->hashers);
	if (!err)
		err = bf_accounts_new(&server->accounts, &server->rest, server->why, WHY_MAX);
	return err ? err : bf_channels_new(&server->channels, &server->rest, server->join_key);
}

static int start_signaling(struct server *server)
{
	struct bf_health_conf health = {
		.loop = server->loop,
		.metrics = server->metrics,
		.version = BF_VERSION,
		.arg = server,
		.is_alive = is_alive,
		.is_draining = is_draining,
		.describe = describe,
	};
	struct bf_rtc_conf rtc = {
		.conf = server->conf,
		.log = server->log,
		.metrics = server->metrics,
		.loop = server->loop,
		.verifier = server->verifier,
		.media = {.arg = server,
			.worker_count = server->worker_count,
			.post = post_to_worker,
			.load = load_of_worker},
		.version = BF_VERSION,
		.on_presence = on_presence,
		.presence_arg = server,
	};
	int err = bf_http_server_new(
		&server->http, server->loop, server->log, server->metrics, server->conf);

	if (err)
		return err;
	health.http = server->http;
	rtc.http = server->http;
	err = bf_health_new(&server->health, &health);
	if (!err)
		err = bf_openapi_new(&server->openapi, server->http, BF_VERSION);
	if (!err)
		err = start_accounts(server);
	if (!err)
		err = bf_http_server_add_files(server->http, bf_web_files, bf_web_file_count);
	if (!err)
		err = bf_rtc_new(&server->rtc, &rtc);
	if (!err)
		err = listen_http(server);
	return err;
}

static void say_where(struct server *server)
{
	const char *scheme = server->conf->http.tls_cert[0] ? "https" : "http";
	struct bf_addr addr = bf_http_server_local(server->http), reachable = addr;
	char text[BF_ADDR_TEXT], host[BF_ADDR_TEXT], url[BF_ADDR_TEXT + 16];

	if (bf_addr_is_any(&addr)) /* a URL that a browser on this machine can open */
		(void)bf_addr_parse_ip(
			&reachable, addr.family == 4 ? "127.0.0.1" : "::1", addr.port);
	bf_addr_format(&addr, text);
	snprintf(url, sizeof(url), "%s://%s", scheme, bf_addr_format(&reachable, host));
	BF_LOG(server->log, BF_LOG_INFO, "listening", BF_STR("address", text), BF_STR("url", url),
		BF_INT("ready_ms", (bf_clock_mono_us() - server->started_us) / 1000));
}

static void free_all(struct server *server)
{
	bf_rtc_free(server->rtc);
	bf_openapi_free(server->openapi);
	bf_health_free(server->health);
	bf_rest_deinit(&server->rest);
	bf_channels_free(server->channels);
	bf_accounts_free(server->accounts);
	bf_workers_free(server->hashers);
	bf_http_server_free(server->http);
	stop_storage(server);
	for (unsigned i = 0; i < server->worker_count; i++)
		bf_worker_stop(server->workers[i]);
	for (unsigned i = 0; i < server->worker_count; i++)
		bf_worker_free(server->workers[i]); /* none runs any more that could wake another */
	bf_pipe_grid_free(server->pipes, server->pipe_ends);
	bf_join_verifier_free(server->verifier);
	if (server->sctp)
		bf_sctp_stack_free(server->sctp);
	bf_timer_disarm(&server->drain_timer);
	for (int i = 0; i < 8; i++) /* closing finishes in the loop */
		(void)bf_loop_turn(server->loop, 0);
}

static int start(void *arg)
{
	struct server *server = arg;
	int err = bf_loop_new(&server->loop, io_of(server->conf));

	if (err) {
		snprintf(server->why, WHY_MAX, "event loop (media.io=%s): %s",
			server->conf->media.io, strerror(-err));
		return err;
	}
	bf_timer_init(&server->drain_timer, server->loop, on_drained, server);
	err = bf_inbox_new(&server->inbox, server->loop, CONTROL_SLOTS, on_control_message, server);
	if (!err)
		err = check_access(server->conf, server->why, WHY_MAX);
	if (!err)
		err = start_storage(server);
	if (!err)
		err = start_workers(server);
	if (!err)
		err = start_tokens(server);
	if (!err)
		err = start_signaling(server);
	if (err) {
		if (!server->why[0])
			snprintf(server->why, WHY_MAX, "%s", strerror(-err));
		free_all(server);
		return err;
	}
	say_where(server);
	return 0;
}

static void run(void *arg)
{
	struct server *server = arg;
	int err = bf_loop_run(server->loop);

	if (err) {
		BF_LOG(server->log, BF_LOG_ERROR, "control loop ended", BF_ERRNO("cause", err));
		server->has_failed = true;
		(void)kill(getpid(), SIGTERM); /* the main thread waits for nothing else */
	}
	free_all(server);
}

/* ---- commands ---- */

static int make_log(struct bf_log **out, const struct bf_conf *conf)
{
	static const char *const levels[] = {"debug", "info", "warn", "error"};
	enum bf_log_level level = BF_LOG_INFO;

	for (unsigned i = 0; i < 4; i++)
		if (strcmp(conf->log.level, levels[i]) == 0)
			level = (enum bf_log_level)i;
	return bf_log_new(out, STDERR_FILENO,
		strcmp(conf->log.format, "json") == 0 ? BF_LOG_JSON : BF_LOG_LOGFMT, level);
}

/* A connection is a descriptor: as many as we may have, whatever the shell began with. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void block_signals(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGHUP); /* the terminal has gone */
	pthread_sigmask(SIG_BLOCK, signals, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void tell_control(struct server *server, uint16_t kind)
{
	struct bf_msg *msg;

	while (!(msg = bf_msg_new(kind, sizeof(*msg))))
		usleep(1000);
	while (bf_inbox_post(server->inbox, msg))
		usleep(1000);
}

/* Until one that ends the server. SIGHUP does where there was a terminal, which has gone; elsewhere it means: read again. */
static void wait_for_signal(struct server *server, const sigset_t *signals)
{
	bool has_terminal = isatty(STDERR_FILENO) == 1;
	int signal_number;

	do {
		while (sigwait(signals, &signal_number))
			;
		if (signal_number == SIGHUP && !has_terminal && !server->has_failed)
			tell_control(server, MSG_RELOAD);
	} while (signal_number == SIGHUP && !has_terminal);
}

static int serve(struct server *server, const sigset_t *signals)
{
	struct bf_thread *thread;
	int err = bf_thread_start(&thread, "control", start, run, server);

	if (!err) {
		wait_for_signal(server, signals);
		if (!server->has_failed)
			tell_control(server, MSG_STOP);
		bf_thread_join(thread);
	}
	bf_inbox_free(server->inbox); /* now that nobody posts */
	bf_loop_free(server->loop);
	return err;
}

/* People get the bare words; who reads JSON gets a line of it like all others. */
static void say_why_not(const struct server *server)
{
	if (strcmp(server->conf->log.format, "json") == 0)
		BF_LOG(server->log, BF_LOG_ERROR, "cannot start", BF_STR("why", server->why));
	else
		fprintf(stderr, "belfry: cannot start: %s\n", server->why);
}

static int command_run(const struct bf_conf *conf, int argc, char **argv)
{
	struct server server = {.conf = conf, .started_us = bf_clock_mono_us()};
	sigset_t signals;
	int err;

	(void)argc;
	(void)argv;
	block_signals(
		&signals); /* first of all: a signal while starting ends the server in order, too */
	raise_file_limit();
	err = make_log(&server.log, conf);
	if (!err)
		err = bf_metrics_new(&server.metrics);
	if (!err) {
		BF_LOG(server.log, BF_LOG_INFO, "belfry", BF_STR("version", BF_VERSION),
			BF_INT("pid", getpid()));
		err = serve(&server, &signals);
		if (err)
			say_why_not(&server);
		else
			BF_LOG(server.log, BF_LOG_INFO, "stopped");
	}
	bf_metrics_free(server.metrics);
	bf_log_free(server.log);
	return err || server.has_failed ? 1 : 0;
}

/* What starting would find wrong with the configuration, short of opening ports. */
static int check_usable(const struct bf_conf *conf, char *why, size_t why_size)
{
	struct bf_join_verifier *verifier;
	struct bf_tls_server *tls;
	int err = check_access(conf, why, why_size);

	if (!err && conf->rtc.join_keys_count > 0) {
		err = bf_join_verifier_new(
			&verifier, conf->rtc.join_keys, conf->rtc.join_keys_count, why, why_size);
		if (!err)
			bf_join_verifier_free(verifier);
	}
	if (!err && conf->http.tls_cert[0]) {
		err = bf_tls_server_new(
			&tls, conf->http.tls_cert, conf->http.tls_key, why, why_size);
		if (!err)
			bf_tls_server_free(tls);
	}
	return err;
}

static int check_config(const struct bf_conf *conf)
{
	char why[WHY_MAX] = "";

	if (check_usable(conf, why, sizeof(why))) {
		fprintf(stderr, "belfry: %s\n", why);
		return 2;
	}
	puts("The configuration is good.");
	return 0;
}

static int command_config(const struct bf_conf *conf, int argc, char **argv)
{
	const char *word = argc == 1 ? argv[0] : "";
	char *text;

	if (strcmp(word, "check") == 0)
		return check_config(conf);
	if (strcmp(word, "print") != 0) {
		fputs("belfry: config wants `check` or `print`\n", stderr);
		return 2;
	}
	text = bf_conf_print(conf, false);
	if (!text)
		return 1;
	fputs(text, stdout);
	free(text);
	return 0;
}

static int command_doctor(const struct bf_conf *conf, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return bf_doctor_run(conf, stdout) ? 1 : 0;
}

static int command_version(const struct bf_conf *conf, int argc, char **argv)
{
	(void)conf;
	(void)argc;
	(void)argv;
	puts("belfry " BF_VERSION);
	return 0;
}

static const struct bf_command commands[] = {
	{"run", "start the server",
		"usage: belfry run [--config=FILE] [--section.key=value ...]\n\n"
		"Runs the server until SIGTERM or SIGINT, which end it in order. It stays in the\n"
		"foreground and logs to standard error. Without any setting it serves\n"
		"http://127.0.0.1:7008 to this machine only.\n",
		true, 0, NULL, command_run},
	{"config", "config check, config print: the configuration as the server sees it",
		"usage: belfry config check|print [--config=FILE] [--section.key=value ...]\n\n"
		"check  says whether the server could start with it, ports aside\n"
		"print  shows all of it as YAML that can be loaded again, but for secrets\n",
		true, 1, NULL, command_config},
	{"doctor", "look for what would keep the server from working well",
		"usage: belfry doctor [--config=FILE] [--section.key=value ...]\n\n"
		"Looks at ports, limits, certificate, addresses and kernel features, and says what "
		"to\n"
		"do. ERROR: the server would not start, or clients would not come in. The exit "
		"status\n"
		"is 1 if there is one. Best run while the server is not.\n",
		true, 0, NULL, command_doctor},
	{"db", "look after the database: db init, status, backup, seed and more", bf_db_help, true,
		4, bf_db_options, bf_db_command},
	{"token", "make join tokens: token keygen FILE, token sign FILE room=NAME ...",
		bf_token_help, false, 64, NULL, bf_token_command},
	{"user", "people: user add NAME, list, role, disable, reset-password", bf_user_help, true,
		20, bf_user_options, bf_user_command},
	{"import", "take users from a JSON file: import FILE", bf_import_help, true, 2, NULL,
		bf_import_command},
	{"hash-password", "read a password, print its hash", bf_hash_password_help, false, 0, NULL,
		bf_hash_password_command},
	{"version", "print the version", "usage: belfry version\n", false, 0, NULL,
		command_version},
	{NULL, NULL, NULL, false, 0, NULL, NULL},
};

/* Started without standard streams, the first sockets would get their numbers, and log lines would go to clients. */
static int fill_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	return fd < 0 ? -errno : close(fd);
}

int main(int argc, char **argv)
{
	if (fill_standard_streams())
		return 1;
	return bf_command_line_run(commands, argc, argv, environ);
}
