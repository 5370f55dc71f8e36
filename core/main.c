/* core/main.c - the command line, and the one place where all the parts meet.
 *
 *   control thread:  HTTP, WebSocket, rooms' registry        (signaling)
 *   media-0 .. n:    sockets, transports, rooms              (media)
 *   main thread:     waits for signals
 */
#include "core/base/clock.h"
#include "core/base/conf.h"
#include "core/base/ifaddr.h"
#include "core/base/log.h"
#include "core/base/metrics.h"
#include "core/doctor.h"
#include "core/loop/inbox.h"
#include "core/loop/loop.h"
#include "core/loop/thread.h"
#include "core/loop/timer.h"
#include "core/version.h"
#include "media/worker.h"
#include "signaling/api/health.h"
#include "signaling/auth/join_token.h"
#include "signaling/http/server.h"
#include "signaling/rtc/rtc.h"
#include "signaling/web/files.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORKERS_MAX   64
#define CONTROL_SLOTS 16384
#define DRAIN_US      BF_MS(500) /* for goodbyes to leave */
#define WHY_MAX	      2048
#define MSG_STOP      0x8000 /* of our own, to the control thread */

struct server {
	/* given */
	const struct bf_conf *conf;
	struct bf_log *log;
	/* owned */
	struct bf_metrics *metrics;
	struct bf_loop *loop;
	struct bf_inbox *inbox;
	struct bf_sctp_stack *sctp;
	struct bf_worker *workers[WORKERS_MAX];
	unsigned worker_count;
	struct bf_join_verifier *verifier;
	struct bf_http_server *http;
	struct bf_health *health;
	struct bf_rtc *rtc;
	struct bf_timer drain_timer;
	/* state */
	bool is_draining;
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

static void on_drained(void *arg)
{
	struct server *server = arg;

	bf_loop_stop(server->loop);
}

static void on_control_message(void *arg, struct bf_msg *msg)
{
	struct server *server = arg;

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
	for (unsigned i = 0; i < want; i++) {
		struct bf_worker_conf worker = {
			.idx = i,
			.io = io_of(conf),
			.conf = conf,
			.log = server->log,
			.metrics = server->metrics,
			.sctp = server->sctp,
			.srtp = bf_srtp_engine_libsrtp2(),
			.candidate_ips = ips,
			.candidate_ip_count = ip_count,
			.arg = server,
			.post = post_to_control,
		};
		err = bf_worker_start(&server->workers[i], &worker, server->why, WHY_MAX);
		if (err)
			return err;
		server->worker_count++;
		BF_LOG(server->log, BF_LOG_INFO, "media worker", BF_UINT("worker", i),
			BF_UINT("port", bf_worker_port(server->workers[i])),
			BF_STR("io", bf_io_name(bf_worker_io(server->workers[i]))));
	}
	return 0;
}

static int start_auth(struct server *server)
{
	const struct bf_conf *conf = server->conf;

	if (conf->rtc.join_keys_count > 0)
		return bf_join_verifier_new(&server->verifier, conf->rtc.join_keys,
			conf->rtc.join_keys_count, server->why, WHY_MAX);
	if (listens_on_loopback(conf)) {
		BF_LOG(server->log, BF_LOG_WARN, "open development mode",
			BF_STR("why",
				"no rtc.join_keys: anyone on this machine may join any room"));
		return 0;
	}
	snprintf(server->why, WHY_MAX,
		"http.listen is %s, which other hosts can reach, but rtc.join_keys is empty: "
		"anyone could join any room.\n"
		"Make a key pair with `belfry token keygen` and set rtc.join_keys to the public "
		"one, or listen on 127.0.0.1.",
		conf->http.listen);
	return -EPERM;
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
	};
	struct bf_rtc_conf rtc = {
		.conf = server->conf,
		.log = server->log,
		.metrics = server->metrics,
		.loop = server->loop,
		.verifier = server->verifier,
		.media = {.arg = server,
			.worker_count = server->worker_count,
			.post = post_to_worker},
		.version = BF_VERSION,
	};
	int err = bf_http_server_new(
		&server->http, server->loop, server->log, server->metrics, server->conf);

	if (err)
		return err;
	health.http = server->http;
	rtc.http = server->http;
	err = bf_health_new(&server->health, &health);
	if (!err)
		err = bf_http_server_add_files(server->http, bf_web_files, bf_web_file_count);
	if (!err)
		err = bf_rtc_new(&server->rtc, &rtc);
	if (!err)
		err = bf_http_server_listen(server->http, server->why, WHY_MAX);
	return err;
}

static void say_where(struct server *server)
{
	struct bf_addr addr = bf_http_server_local(server->http);
	char text[BF_ADDR_TEXT];
	char url[BF_ADDR_TEXT + 16];

	bf_addr_format(&addr, text);
	snprintf(url, sizeof(url), "%s://%s", server->conf->http.tls_cert[0] ? "https" : "http",
		text);
	BF_LOG(server->log, BF_LOG_INFO, "listening", BF_STR("address", text), BF_STR("url", url),
		BF_INT("ready_ms", (bf_clock_mono_us() - server->started_us) / 1000));
}

static void free_all(struct server *server)
{
	bf_rtc_free(server->rtc);
	bf_health_free(server->health);
	bf_http_server_free(server->http);
	for (unsigned i = 0; i < server->worker_count; i++)
		bf_worker_stop(server->workers[i]);
	for (unsigned i = 0; i < server->worker_count; i++)
		bf_worker_free(server->workers[i]); /* none runs any more that could wake another */
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
		err = start_auth(server);
	if (!err)
		err = start_workers(server);
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

	if (err)
		BF_LOG(server->log, BF_LOG_ERROR, "control loop ended", BF_ERRNO("cause", err));
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

static void wait_for_signal(const sigset_t *signals)
{
	int signal_number;

	while (sigwait(signals, &signal_number))
		;
}

static int serve(struct server *server)
{
	struct bf_thread *thread;
	struct bf_msg *stop;
	sigset_t signals;
	int err;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	err = bf_thread_start(&thread, "control", start, run, server);
	if (!err) {
		wait_for_signal(&signals);
		while (!(stop = bf_msg_new(MSG_STOP, sizeof(*stop))) ||
			bf_inbox_post(server->inbox, stop))
			usleep(1000);
		bf_thread_join(thread);
	}
	bf_inbox_free(server->inbox); /* now that nobody posts */
	bf_loop_free(server->loop);
	return err;
}

static int command_run(const struct bf_conf *conf, int argc, char **argv)
{
	struct server server = {.conf = conf, .started_us = bf_clock_mono_us()};
	int err;

	(void)argc;
	(void)argv;
	err = make_log(&server.log, conf);
	if (!err)
		err = bf_metrics_new(&server.metrics);
	if (!err) {
		BF_LOG(server.log, BF_LOG_INFO, "belfry", BF_STR("version", BF_VERSION),
			BF_INT("pid", getpid()));
		err = serve(&server);
		if (err)
			fprintf(stderr, "belfry: cannot start: %s\n", server.why);
		else
			BF_LOG(server.log, BF_LOG_INFO, "stopped");
	}
	bf_metrics_free(server.metrics);
	bf_log_free(server.log);
	return err ? 1 : 0;
}

static int command_config(const struct bf_conf *conf, int argc, char **argv)
{
	char *text;

	if (argc == 1 && strcmp(argv[0], "check") == 0) {
		puts("The configuration is good.");
		return 0;
	}
	if (argc != 1 || strcmp(argv[0], "print") != 0) {
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

static bool is_yes(const char *text)
{
	return strcmp(text, "yes") == 0 || strcmp(text, "true") == 0;
}

/* One word of `token sign`: room=, name=, publish=, subscribe=, data=, ttl=. */
static int set_grant(struct bf_join_grants *grants, const char *word)
{
	static const struct {
		const char *key;
		uint32_t bit;
	} bits[] = {{"publish=", BF_GRANT_PUBLISH}, {"subscribe=", BF_GRANT_SUBSCRIBE},
		{"data=", BF_GRANT_DATA}};
	char *end;

	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		if (strncmp(word, bits[i].key, strlen(bits[i].key)) == 0) {
			grants->grants &= ~bits[i].bit;
			grants->grants |= is_yes(word + strlen(bits[i].key)) ? bits[i].bit : 0;
			return 0;
		}
	if (strncmp(word, "room=", 5) == 0 && strlen(word + 5) < BF_ROOM_TEXT)
		snprintf(grants->room, sizeof(grants->room), "%s", word + 5);
	else if (strncmp(word, "name=", 5) == 0 && strlen(word + 5) < BF_NAME_TEXT)
		snprintf(grants->name, sizeof(grants->name), "%s", word + 5);
	else if (strncmp(word, "ttl=", 4) == 0 &&
		 (grants->expires_s = strtoll(word + 4, &end, 10)) > 0 && !*end)
		return 0;
	else
		return -EINVAL;
	return 0;
}

static int sign_token(const char *key_path, char **words, int word_count)
{
	struct bf_join_grants grants = {
		.grants = BF_GRANT_PUBLISH | BF_GRANT_SUBSCRIBE | BF_GRANT_DATA, .expires_s = 3600};
	int64_t now_s = bf_clock_wall_us() / 1000000;
	char token[BF_JOIN_TOKEN_MAX + 1];
	char why[256] = "";

	for (int i = 0; i < word_count; i++)
		if (set_grant(&grants, words[i])) {
			fprintf(stderr, "belfry: token sign does not understand '%s'\n", words[i]);
			return 2;
		}
	if (!grants.room[0]) {
		fputs("belfry: token sign wants room=NAME (or room=* for any)\n", stderr);
		return 2;
	}
	grants.expires_s += now_s;
	if (bf_join_sign(token, sizeof(token), key_path, &grants, now_s, why, sizeof(why))) {
		fprintf(stderr, "belfry: %s\n", why);
		return 1;
	}
	puts(token);
	return 0;
}

static int command_token(const struct bf_conf *conf, int argc, char **argv)
{
	char why[256] = "";
	char public_path[1024];

	(void)conf;
	if (argc == 2 && strcmp(argv[0], "keygen") == 0) {
		snprintf(public_path, sizeof(public_path), "%s.pub", argv[1]);
		if (bf_join_keygen(argv[1], public_path, why, sizeof(why))) {
			fprintf(stderr, "belfry: %s\n", why);
			return 1;
		}
		printf("private key: %s\npublic key:  %s (set rtc.join_keys to this one)\n",
			argv[1], public_path);
		return 0;
	}
	if (argc >= 2 && strcmp(argv[0], "sign") == 0)
		return sign_token(argv[1], argv + 2, argc - 2);
	fputs("usage: belfry token keygen FILE\n"
	      "       belfry token sign FILE room=NAME [name=NAME] [publish=yes] [subscribe=yes] "
	      "[data=yes] [ttl=3600]\n",
		stderr);
	return 2;
}

static int command_version(const struct bf_conf *conf, int argc, char **argv)
{
	(void)conf;
	(void)argc;
	(void)argv;
	puts("belfry " BF_VERSION);
	return 0;
}

static const struct command {
	const char *name;
	const char *help;
	int (*run)(const struct bf_conf *conf, int argc, char **argv);
} commands[] = {
	{"run", "start the server", command_run},
	{"config", "config check | config print: the configuration as the server sees it",
		command_config},
	{"doctor", "look for what would keep the server from working well", command_doctor},
	{"token", "make join tokens: token keygen FILE | token sign FILE room=NAME ...",
		command_token},
	{"version", "print the version", command_version},
};

static int usage(FILE *out)
{
	fputs("usage: belfry COMMAND [--config=FILE] [--section.key=value ...]\n\n", out);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].help);
	fputs("\nEvery key of `belfry config print` is also a flag and a BELFRY_SECTION_KEY "
	      "variable.\n",
		out);
	return out == stdout ? 0 : 2;
}

/* Flags begin with "--"; all else are words of the command. --io=X is short for --media.io=X. */
struct arguments {
	const char *config;
	char *flags[64];
	int flag_count;
	char *words[16];
	int word_count;
	char io[32];
};

static char *io_flag(struct arguments *out, const char *value)
{
	snprintf(out->io, sizeof(out->io), "--media.io=%s", value);
	return out->io;
}

static int split(struct arguments *out, int argc, char **argv)
{
	for (int i = 2; i < argc; i++) {
		if (strncmp(argv[i], "--config=", 9) == 0)
			out->config = argv[i] + 9;
		else if (strncmp(argv[i], "--io=", 5) == 0 && out->flag_count < 64)
			out->flags[out->flag_count++] = io_flag(out, argv[i] + 5);
		else if (strncmp(argv[i], "--", 2) == 0 && out->flag_count < 64)
			out->flags[out->flag_count++] = argv[i];
		else if (out->word_count < 16)
			out->words[out->word_count++] = argv[i];
		else
			return -EINVAL;
	}
	return 0;
}

static int run_command(const struct command *command, const struct arguments *arguments)
{
	struct bf_conf *conf;
	char why[WHY_MAX] = "";
	int result = 2;

	if (bf_conf_new(&conf))
		return 1;
	if (bf_conf_load(conf, arguments->config, environ, arguments->flag_count, arguments->flags,
		    why, sizeof(why)) ||
		bf_conf_check(conf, why, sizeof(why)))
		fprintf(stderr, "belfry: %s\n", why);
	else
		result = command->run(conf, arguments->word_count, (char **)arguments->words);
	bf_conf_free(conf);
	return result;
}

int main(int argc, char **argv)
{
	struct arguments arguments = {0};

	if (argc < 2)
		return usage(stderr);
	if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
		strcmp(argv[1], "-h") == 0)
		return usage(stdout);
	if (split(&arguments, argc, argv)) {
		fputs("belfry: too many arguments\n", stderr);
		return 2;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return run_command(&commands[i], &arguments);
	fprintf(stderr, "belfry: unknown command '%s'\n\n", argv[1]);
	return usage(stderr);
}
