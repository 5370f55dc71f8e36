#include "core/doctor.h"

#include "core/base/clock.h"
#include "core/base/ifaddr.h"
#include "core/loop/loop.h"
#include "core/loop/tcp.h"
#include "core/loop/tls.h"
#include "core/loop/udp.h"
#include "core/port_holder.h"
#include "media/memory.h"
#include "media/srtp/srtp.h"
#include "signaling/auth/join_token.h"
#include "storage/admin.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define UDP_BUFFER_WANTED (4 * 1024 * 1024)
#define ADDRS_MAX	  32
#define DAY_S		  86400
#define EXPIRES_SOON_DAYS \
	14 /* renewal by ACME happens earlier: then something keeps it from happening */

struct doctor {
	const struct bf_conf *conf;
	FILE *out;
	int error_count;
	struct bf_loop *loop;
	struct bf_addr own[ADDRS_MAX]; /* of this host's interfaces */
	int own_count;
};

enum finding {
	GOOD,
	NOTE,
	BAD,
};

__attribute__((format(printf, 4, 5))) static void say(
	struct doctor *doctor, enum finding finding, const char *subject, const char *format, ...)
{
	static const char *const marks[] = {[GOOD] = "ok   ", [NOTE] = "note ", [BAD] = "ERROR"};
	va_list args;

	fprintf(doctor->out, "%s  %-14s ", marks[finding], subject);
	va_start(args, format);
	vfprintf(doctor->out, format, args);
	va_end(args);
	fputc('\n', doctor->out);
	doctor->error_count += finding == BAD;
}

static void advise(struct doctor *doctor, const char *advice)
{
	fprintf(doctor->out, "                      %s\n", advice);
}

/* ---- kernel and limits ---- */

static void check_io(struct doctor *doctor)
{
	const char *wanted = doctor->conf->media.io;
	struct bf_loop *loop;
	int err;

	if (strcmp(wanted, "epoll") == 0) {
		say(doctor, GOOD, "io_uring", "not wanted: media.io is epoll");
		return;
	}
	err = bf_loop_new(&loop, BF_IO_URING);
	if (!err) {
		say(doctor, GOOD, "io_uring", "available");
		bf_loop_free(loop);
		return;
	}
	if (strcmp(wanted, "uring") == 0) {
		say(doctor, BAD, "io_uring", "refused by the kernel: %s", strerror(-err));
		advise(doctor,
			"media.io is uring; with auto the server runs on epoll instead, at a "
			"few percent more CPU.");
	} else {
		say(doctor, NOTE, "io_uring", "refused by the kernel: %s", strerror(-err));
		advise(doctor, "The server runs on epoll instead, at a few percent more CPU.");
	}
	advise(doctor, "Containers often forbid io_uring (seccomp), some hosts do so by the sysctl "
		       "kernel.io_uring_disabled.");
}

/* Which engines this machine runs, and why it does not run the others. */
static void check_srtp(struct doctor *doctor)
{
	static const enum bf_srtp_engine_kind kinds[] = {
		BF_SRTP_ENGINE_IPSEC_MB, BF_SRTP_ENGINE_OPENSSL, BF_SRTP_ENGINE_LIBSRTP2};
	const char *wanted = doctor->conf->media.srtp_engine;
	bool is_auto = strcmp(wanted, "auto") == 0;
	const char *used = NULL;
	char why[256];

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const char *name = bf_srtp_engine_kind_name(kinds[i]);
		bool is_wanted = strcmp(name, wanted) == 0;
		struct bf_srtp_engine *engine;

		if (bf_srtp_engine_new(&engine, kinds[i], why, sizeof(why))) {
			say(doctor, is_wanted ? BAD : NOTE, "SRTP", "%s", why);
			if (is_wanted)
				advise(doctor, "With media.srtp_engine auto the server takes "
					       "another one.");
			continue;
		}
		if (is_wanted || (is_auto && !used))
			used = name;
		say(doctor, GOOD, "SRTP", "engine %s is available%s", name,
			used == name ? ", and used" : "");
		bf_srtp_engine_free(engine);
	}
}

static void check_memlock(struct doctor *doctor)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit))
		return;
	if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= 8u * 1024 * 1024) {
		say(doctor, GOOD, "memlock", "enough for the rings of every worker");
		return;
	}
	say(doctor, NOTE, "memlock",
		"limit is %llu KiB; a worker's rings need about 200 KiB on kernels before 5.12",
		(unsigned long long)limit.rlim_cur / 1024);
	advise(doctor, "Raise it with `ulimit -l 65536` or LimitMEMLOCK=64M in the systemd unit.");
}

/* Against the hard limit: `belfry run` raises the soft one to it. */
static unsigned worker_count(const struct bf_conf *conf)
{
	return conf->media.workers ? conf->media.workers : (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
}

/* What the kernel could give now without swapping; 0: unknown. */
static size_t available_bytes(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long long kib = 0;
	char line[128];

	while (file && kib == 0 && fgets(line, sizeof(line), file))
		(void)sscanf(line, "MemAvailable: %llu kB", &kib);
	if (file)
		fclose(file);
	return (size_t)kib * 1024;
}

static void check_memory(struct doctor *doctor)
{
	static const char *const advice[] = {
		[BF_MEMORY_FITS] = "",
		[BF_MEMORY_TIGHT] = "Not for as many transports as are allowed: lower "
				    "media.transport_count_max or media.cache_mib.",
		[BF_MEMORY_TOO_BIG] = "Lower media.workers, media.cache_mib or "
				      "media.transport_count_max.",
	};
	char text[2048], number[BF_MEMORY_TEXT], *rest;
	size_t available = available_bytes();
	struct bf_memory_plan plan;
	struct bf_memory_sum sum;
	enum bf_memory_fit fit;

	bf_memory_plan(&plan, doctor->conf, BF_IO_URING, worker_count(doctor->conf));
	sum = bf_memory_sum(&plan, worker_count(doctor->conf));
	fit = available ? bf_memory_fit(&sum, available) : BF_MEMORY_FITS;
	say(doctor,
		fit == BF_MEMORY_TOO_BIG ? BAD
		: fit == BF_MEMORY_TIGHT ? NOTE
					 : GOOD,
		"memory", "%s available; of each worker:", bf_memory_format(available, number));
	(void)bf_memory_describe(&plan, worker_count(doctor->conf), text, sizeof(text));
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		advise(doctor, line + strspn(line, " "));
	if (fit != BF_MEMORY_FITS)
		advise(doctor, advice[fit]);
}

static void check_files(struct doctor *doctor)
{
	struct rlimit limit;
	unsigned long long need = doctor->conf->http.connection_count_max + 256ull;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	if (limit.rlim_max >= need) {
		say(doctor, GOOD, "open files", "limit %llu", (unsigned long long)limit.rlim_max);
		return;
	}
	say(doctor, NOTE, "open files",
		"limit %llu is less than http.connection_count_max (%u) needs",
		(unsigned long long)limit.rlim_max, doctor->conf->http.connection_count_max);
	advise(doctor, "Raise it with `ulimit -Hn` or LimitNOFILE= in the systemd unit.");
}

/* ---- storage ---- */

#define SPACE_WANTED ((unsigned long long)1 << 30)

/* What is there of storage.folder, or the folder that it would be made in. */
static bool can_write_folder(struct doctor *doctor, char *where, size_t size)
{
	const char *folder = doctor->conf->storage.folder;
	char *slash;

	snprintf(where, size, "%s", folder);
	if (access(where, F_OK) == 0)
		return access(where, R_OK | W_OK | X_OK) == 0;
	slash = strrchr(where, '/');
	if (!slash)
		snprintf(where, size, ".");
	else if (slash > where)
		*slash = '\0';
	else
		where[1] = '\0';
	return access(where, W_OK | X_OK) == 0;
}

/* As the server will: as the owner it makes what is missing, which is not tried here. */
static void check_postgres(struct doctor *doctor)
{
	const struct bf_db_admin_ops *ops = bf_db_admin_ops(doctor->conf);
	struct bf_db_admin *admin;
	struct bf_log *log;
	char why[512] = "";

	if (bf_log_new(&log, -1, BF_LOG_LOGFMT, BF_LOG_ERROR))
		return;
	if (ops->open(&admin, doctor->conf, log, false, why, sizeof(why))) {
		say(doctor, NOTE, "database", "%s", why);
		advise(doctor, "Until it can be reached calls go on, and rows wait in the spool. "
			       "`belfry db init` makes a");
		advise(doctor, "database that is missing, where the role may do that.");
	} else {
		say(doctor, GOOD, "database", "PostgreSQL lets us in");
		ops->close(admin);
	}
	bf_log_free(log);
}

static void check_storage(struct doctor *doctor)
{
	char where[4096];
	struct statvfs info;
	unsigned long long space;

	if (!can_write_folder(doctor, where, sizeof(where))) {
		say(doctor, BAD, "storage", "storage.folder %s: %s: %s",
			doctor->conf->storage.folder, where, strerror(errno));
		advise(doctor, "The server needs a folder that it may write to.");
		return;
	}
	if (statvfs(where, &info))
		return;
	space = (unsigned long long)info.f_bavail * info.f_frsize;
	say(doctor, space < SPACE_WANTED ? NOTE : GOOD, "storage", "%s in %s, %llu MiB free",
		doctor->conf->storage.url[0] ? "spool" : "SQLite", doctor->conf->storage.folder,
		space >> 20);
	if (space < SPACE_WANTED)
		advise(doctor, "When the disk is full, nothing more is recorded; calls go on.");
	if (doctor->conf->storage.url[0])
		check_postgres(doctor);
}

/* ---- ports ---- */

static void explain_bind(struct doctor *doctor, bool is_tcp, const struct bf_addr *addr, int err)
{
	char holder[BF_PORT_HOLDER_TEXT], text[128];

	switch (err) {
	case -EADDRINUSE:
		bf_port_holder(holder, is_tcp, addr->port);
		snprintf(text, sizeof(text), "Taken by %s.",
			holder[0] ? holder : "a process that cannot be seen from here");
		advise(doctor, text);
		advise(doctor, "All is well if that is the server itself; else stop it or choose "
			       "another port.");
		break;
	case -EACCES:
		advise(doctor, "Ports below 1024 need root or CAP_NET_BIND_SERVICE.");
		break;
	case -EADDRNOTAVAIL:
		advise(doctor, "No interface of this host has that address.");
		break;
	default:
		advise(doctor, "The server cannot open it.");
	}
}

static void on_no_packets(
	void *arg, struct bf_udp *udp, struct bf_udp_packet *packets, size_t count)
{
	(void)arg;
	(void)udp;
	(void)packets;
	(void)count;
}

static void check_udp_buffers(struct doctor *doctor, const struct bf_udp *udp)
{
	uint64_t granted = bf_udp_counters(udp)->rcvbuf_bytes;
	bool is_enough = granted >= UDP_BUFFER_WANTED;

	say(doctor, is_enough ? GOOD : NOTE, "UDP buffers", "%llu KiB granted of %d KiB asked for",
		(unsigned long long)granted / 1024, UDP_BUFFER_WANTED / 1024);
	if (!is_enough)
		advise(doctor, "Bursts may be lost under load: sysctl -w "
			       "net.core.rmem_max=8388608 net.core.wmem_max=8388608");
	if (!bf_udp_counters(udp)->has_gso)
		say(doctor, NOTE, "UDP GSO", "not offered by this kernel: sending costs more CPU");
}

static bool check_udp_port(struct doctor *doctor, const struct bf_addr *addr, bool is_first)
{
	const struct bf_udp_conf conf = {.rcvbuf_bytes = UDP_BUFFER_WANTED};
	struct bf_udp *udp;
	int err = bf_udp_open(&udp, doctor->loop, addr, &conf, on_no_packets, NULL);

	if (err && addr->family == 6) {
		say(doctor, NOTE, "media port", "UDP %u on IPv6: %s", addr->port, strerror(-err));
		advise(doctor, "The server does without IPv6 for media.");
		return false;
	}
	if (err) {
		say(doctor, BAD, "media port", "UDP %u: %s", addr->port, strerror(-err));
		explain_bind(doctor, false, addr, err);
		return false;
	}
	if (is_first)
		check_udp_buffers(doctor, udp);
	bf_udp_close(udp);
	return true;
}

static void on_no_stream(void *arg, struct bf_tcp *tcp)
{
	(void)arg;
	bf_tcp_abort(tcp);
}

static bool check_tcp_port(struct doctor *doctor, const char *subject, const struct bf_addr *addr)
{
	struct bf_tcp_listener *listener;
	char text[BF_ADDR_TEXT];
	int err = bf_tcp_listen(
		&listener, doctor->loop, addr, &(struct bf_tcp_listen_conf){0}, on_no_stream, NULL);

	if (!err) {
		bf_tcp_listener_close(listener);
		return true;
	}
	say(doctor, BAD, subject, "TCP %s: %s", bf_addr_format(addr, text), strerror(-err));
	explain_bind(doctor, true, addr, err);
	return false;
}

static bool has_ipv6(void)
{
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void check_media_port(struct doctor *doctor, unsigned port, bool is_first)
{
	const char *const everywhere[] = {"0.0.0.0", "::"};
	bool is_free = true;

	for (int i = 0; i < (has_ipv6() ? 2 : 1); i++) {
		struct bf_addr addr;

		(void)bf_addr_parse_ip(&addr, everywhere[i], (uint16_t)port);
		if (!check_udp_port(doctor, &addr, is_first && i == 0)) {
			is_free = is_free && i > 0;
			continue;
		}
		if (doctor->conf->media.tcp && port > 0)
			is_free = check_tcp_port(doctor, "media port", &addr) && is_free;
	}
	if (is_free && port > 0)
		say(doctor, GOOD, "media port", "UDP %s%u %s free",
			doctor->conf->media.tcp ? "and TCP " : "", port,
			doctor->conf->media.tcp ? "are" : "is");
	else if (is_free)
		say(doctor, GOOD, "media ports", "any that are free (media.udp_port is 0)");
}

static void check_media_ports(struct doctor *doctor)
{
	const struct bf_conf *conf = doctor->conf;
	unsigned first = conf->media.udp_port;
	unsigned count = worker_count(conf);

	for (unsigned i = 0; i < (first ? count : 1); i++)
		check_media_port(doctor, first ? first + i : 0, i == 0);
}

/* ---- HTTP ---- */

static void check_join_keys(struct doctor *doctor, bool is_loopback)
{
	const struct bf_conf *conf = doctor->conf;
	struct bf_join_verifier *verifier;
	char why[512] = "";

	if (conf->rtc.join_keys_count > 0) {
		if (bf_join_verifier_new(&verifier, conf->rtc.join_keys, conf->rtc.join_keys_count,
			    why, sizeof(why))) {
			say(doctor, BAD, "join tokens", "%s", why);
			return;
		}
		bf_join_verifier_free(verifier);
		say(doctor, GOOD, "join tokens", "%u public key%s", conf->rtc.join_keys_count,
			conf->rtc.join_keys_count > 1 ? "s" : "");
	} else if (is_loopback) {
		say(doctor, NOTE, "join tokens",
			"none configured: open development mode, on loopback only");
	} else {
		say(doctor, BAD, "join tokens",
			"http.listen is reachable from other hosts and rtc.join_keys is empty");
		advise(doctor, "Make a key with `belfry token keygen`, set rtc.join_keys, or "
			       "listen on 127.0.0.1.");
	}
}

static void check_http(struct doctor *doctor)
{
	struct bf_addr addr;
	char text[BF_ADDR_TEXT];

	if (bf_addr_parse(&addr, doctor->conf->http.listen))
		return; /* bf_conf_check has said so */
	if (check_tcp_port(doctor, "HTTP", &addr))
		say(doctor, GOOD, "HTTP", "TCP %s is free", bf_addr_format(&addr, text));
	check_join_keys(doctor, bf_addr_is_loopback(&addr));
}

static void check_expiry(struct doctor *doctor, const struct bf_tls_server *tls)
{
	const char *path = doctor->conf->http.tls_cert;
	int64_t left_s = bf_tls_server_expires_s(tls) - bf_clock_wall_us() / 1000000;

	if (left_s < 0) {
		say(doctor, BAD, "certificate", "%s: expired %lld days ago", path,
			(long long)(-left_s / DAY_S));
		advise(doctor, "Clients will refuse it: renew it (or set this machine's clock).");
	} else if (left_s < EXPIRES_SOON_DAYS * DAY_S) {
		say(doctor, NOTE, "certificate", "%s: expires in %lld days", path,
			(long long)(left_s / DAY_S));
		advise(doctor, "Renew it, and restart the server, which reads it at start.");
	} else {
		say(doctor, GOOD, "certificate", "%s: good for %lld days", path,
			(long long)(left_s / DAY_S));
	}
}

static void check_certificate(struct doctor *doctor)
{
	const struct bf_conf *conf = doctor->conf;
	struct bf_tls_server *tls;
	char why[512] = "";

	if (!conf->http.tls_cert[0]) {
		say(doctor, NOTE, "certificate", "none: plain HTTP");
		advise(doctor, "Browsers allow camera and microphone only on https:// or on this "
			       "machine itself; a proxy with TLS in front will do.");
		return;
	}
	if (bf_tls_server_new(&tls, conf->http.tls_cert, conf->http.tls_key, why, sizeof(why))) {
		say(doctor, BAD, "certificate", "%s", why);
		return;
	}
	check_expiry(doctor, tls);
	bf_tls_server_free(tls);
}

/* ---- addresses for clients ---- */

static bool is_own(const struct doctor *doctor, const struct bf_addr *addr)
{
	for (int i = 0; i < doctor->own_count; i++)
		if (bf_addr_equal(&doctor->own[i], addr))
			return true;
	return false;
}

/* Asks the routing table; nothing is sent. */
static int find_route(const struct bf_addr *addr)
{
	struct sockaddr_storage sa;
	struct bf_addr to = *addr;
	socklen_t sa_len;
	int fd, err;

	to.port = 9; /* any will do */
	sa_len = bf_addr_to_sockaddr(&to, &sa);
	fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	err = connect(fd, (struct sockaddr *)&sa, sa_len) ? -errno : 0;
	close(fd);
	return err;
}

static void check_announced(struct doctor *doctor, const char *text)
{
	const struct bf_conf *conf = doctor->conf;
	struct bf_addr addr, listen;
	int err;

	if (bf_addr_parse_ip(&addr, text, 0) || bf_addr_parse(&listen, conf->http.listen))
		return; /* bf_conf_check has said so */
	err = find_route(&addr);
	if (bf_addr_is_loopback(&addr) && !bf_addr_is_loopback(&listen)) {
		say(doctor, NOTE, "announced", "%s (media.announced) is this machine itself", text);
		advise(doctor, "Clients on other hosts cannot send media there.");
	} else if (is_own(doctor, &addr) || bf_addr_is_loopback(&addr)) {
		say(doctor, GOOD, "announced", "%s (media.announced)", text);
	} else if (err) {
		say(doctor, NOTE, "announced", "%s (media.announced): %s", text, strerror(-err));
		advise(doctor, "It is neither an address of this host nor one it has a way to: is "
			       "it mistyped?");
	} else {
		say(doctor, NOTE, "announced",
			"%s (media.announced) is not an address of this host", text);
		advise(doctor, "Right behind NAT or in a cloud, when UDP and TCP of the media "
			       "ports are forwarded from there to here.");
		advise(doctor, "Whether they are can only be seen from outside; without that "
			       "there is no picture and no sound.");
	}
}

static void check_interface(struct doctor *doctor, const char *text)
{
	struct bf_addr addr;

	if (bf_addr_parse_ip(&addr, text, 0))
		return;
	if (is_own(doctor, &addr)) {
		say(doctor, GOOD, "announced", "%s (media.interfaces)", text);
		return;
	}
	say(doctor, NOTE, "announced", "%s (media.interfaces) is not an address of this host",
		text);
	advise(doctor, "Clients would send media there in vain; for an address that NAT maps use "
		       "media.announced.");
}

static void check_addresses(struct doctor *doctor)
{
	const struct bf_conf *conf = doctor->conf;
	bool is_loopback_only;
	struct bf_addr listen;
	char text[BF_ADDR_TEXT];
	int count = 0;

	for (unsigned i = 0; i < conf->media.announced_count; i++)
		check_announced(doctor, conf->media.announced[i]);
	for (unsigned i = 0; i < conf->media.interfaces_count && !conf->media.announced_count; i++)
		check_interface(doctor, conf->media.interfaces[i]);
	if (conf->media.announced_count > 0 || conf->media.interfaces_count > 0)
		return;
	is_loopback_only =
		bf_addr_parse(&listen, conf->http.listen) == 0 && bf_addr_is_loopback(&listen);
	for (int i = 0; i < doctor->own_count; i++) {
		bool is_loopback = bf_addr_is_loopback(&doctor->own[i]);

		if (is_loopback && !is_loopback_only)
			continue;
		count++;
		say(doctor, GOOD, "announced", "%s%s", bf_addr_format_ip(&doctor->own[i], text),
			is_loopback ? " (only while HTTP listens on loopback)" : "");
	}
	if (count == 0)
		say(doctor, BAD, "announced", "this host has no address to offer to clients");
	else
		advise(doctor, "Behind NAT or a cloud's mapped address set media.announced to the "
			       "public one.");
}

int bf_doctor_run(const struct bf_conf *conf, FILE *out)
{
	struct doctor doctor = {.conf = conf, .out = out};
	int err = bf_loop_new(&doctor.loop, BF_IO_EPOLL);

	if (err) {
		say(&doctor, BAD, "event loop", "%s", strerror(-err));
		return doctor.error_count;
	}
	doctor.own_count = bf_ifaddr_list(doctor.own, ADDRS_MAX, true);
	check_io(&doctor);
	check_srtp(&doctor);
	check_memlock(&doctor);
	check_memory(&doctor);
	check_files(&doctor);
	check_storage(&doctor);
	check_http(&doctor);
	check_certificate(&doctor);
	check_media_ports(&doctor);
	check_addresses(&doctor);
	(void)bf_loop_turn(doctor.loop, 0);
	bf_loop_free(doctor.loop);
	if (doctor.error_count == 0)
		fputs("\nNo problem found: the server will start.\n", out);
	else
		fprintf(out, "\n%d problem%s found.\n", doctor.error_count,
			doctor.error_count > 1 ? "s" : "");
	return doctor.error_count;
}
