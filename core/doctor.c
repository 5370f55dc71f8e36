#include "core/doctor.h"

#include "core/base/ifaddr.h"
#include "core/loop/loop.h"
#include "core/loop/tcp.h"
#include "core/loop/tls.h"
#include "core/loop/udp.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define UDP_BUFFER_WANTED (4 * 1024 * 1024)

struct doctor {
	const struct bf_conf *conf;
	FILE *out;
	int error_count;
	struct bf_loop *loop;
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

static void check_io(struct doctor *doctor)
{
	struct bf_loop *loop;
	int err = bf_loop_new(&loop, BF_IO_URING);

	if (!err) {
		say(doctor, GOOD, "io_uring", "available");
		bf_loop_free(loop);
		return;
	}
	say(doctor, strcmp(doctor->conf->media.io, "uring") == 0 ? BAD : NOTE, "io_uring",
		"refused by the kernel: %s", strerror(-err));
	advise(doctor, "The server runs on epoll instead, at a few percent more CPU. Containers "
		       "often forbid io_uring (seccomp);");
	advise(doctor, "some hosts do so by the sysctl kernel.io_uring_disabled.");
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
		"limit %llu is below http.connection_count_max (%u) and some",
		(unsigned long long)limit.rlim_max, doctor->conf->http.connection_count_max);
	advise(doctor, "Raise it with `ulimit -n` or LimitNOFILE= in the systemd unit.");
}

static void on_no_packets(
	void *arg, struct bf_udp *udp, struct bf_udp_packet *packets, size_t count)
{
	(void)arg;
	(void)udp;
	(void)packets;
	(void)count;
}

static void check_udp_port(struct doctor *doctor, unsigned worker)
{
	const struct bf_udp_conf conf = {.rcvbuf_bytes = UDP_BUFFER_WANTED};
	unsigned port = doctor->conf->media.udp_port ? doctor->conf->media.udp_port + worker : 0;
	struct bf_addr any;
	struct bf_udp *udp;
	int err;

	(void)bf_addr_parse_ip(&any, "0.0.0.0", (uint16_t)port);
	err = bf_udp_open(&udp, doctor->loop, &any, &conf, on_no_packets, NULL);
	if (err) {
		say(doctor, BAD, "media port", "UDP %u: %s", port, strerror(-err));
		advise(doctor, err == -EADDRINUSE ? "Another program uses it (`ss -ulpn` shows "
						    "which); stop it or set media.udp_port."
						  : "The server cannot open it.");
		return;
	}
	say(doctor, GOOD, "media port", "UDP %u is free%s", port,
		doctor->conf->media.tcp ? "; TCP too is wanted" : "");
	if (worker == 0) {
		uint64_t granted = bf_udp_counters(udp)->rcvbuf_bytes;
		bool is_enough = granted >= UDP_BUFFER_WANTED;
		say(doctor, is_enough ? GOOD : NOTE, "UDP buffers",
			"%llu KiB granted of %d KiB asked for", (unsigned long long)granted / 1024,
			UDP_BUFFER_WANTED / 1024);
		if (!is_enough)
			advise(doctor, "Bursts may be lost under load: sysctl -w "
				       "net.core.rmem_max=8388608 net.core.wmem_max=8388608");
		if (!bf_udp_counters(udp)->has_gso)
			say(doctor, NOTE, "UDP GSO",
				"not offered by this kernel: sending costs more CPU");
	}
	bf_udp_close(udp);
}

static void on_no_stream(void *arg, struct bf_tcp *tcp)
{
	(void)arg;
	bf_tcp_abort(tcp);
}

static void check_tcp_port(struct doctor *doctor, const char *subject, const struct bf_addr *addr)
{
	struct bf_tcp_listener *listener;
	char text[BF_ADDR_TEXT];
	int err = bf_tcp_listen(
		&listener, doctor->loop, addr, &(struct bf_tcp_listen_conf){0}, on_no_stream, NULL);

	bf_addr_format(addr, text);
	if (err) {
		say(doctor, BAD, subject, "%s: %s", text, strerror(-err));
		advise(doctor, err == -EADDRINUSE ? "Another program uses it (`ss -tlpn` shows "
						    "which); stop it or choose another."
			       : err == -EACCES	  ? "Ports below 1024 need CAP_NET_BIND_SERVICE."
			       : err == -EADDRNOTAVAIL
				       ? "No interface of this host has that address."
				       : "The server cannot listen there.");
		return;
	}
	say(doctor, GOOD, subject, "%s is free", text);
	bf_tcp_listener_close(listener);
}

static void check_http(struct doctor *doctor)
{
	const struct bf_conf *conf = doctor->conf;
	struct bf_addr addr;

	if (bf_addr_parse(&addr, conf->http.listen))
		return; /* bf_conf_check has said so */
	check_tcp_port(doctor, "HTTP", &addr);
	if (conf->rtc.join_keys_count > 0)
		say(doctor, GOOD, "join tokens", "%u public keys", conf->rtc.join_keys_count);
	else if (bf_addr_is_loopback(&addr))
		say(doctor, NOTE, "join tokens",
			"none configured: open development mode, on loopback only");
	else {
		say(doctor, BAD, "join tokens",
			"http.listen is reachable from other hosts and rtc.join_keys is empty");
		advise(doctor, "Make a key with `belfry token keygen`, set rtc.join_keys, or "
			       "listen on 127.0.0.1.");
	}
}

static void check_certificate(struct doctor *doctor)
{
	const struct bf_conf *conf = doctor->conf;
	struct bf_tls_server *tls;
	char why[256] = "";

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
	say(doctor, GOOD, "certificate", "%s", conf->http.tls_cert);
	bf_tls_server_free(tls);
}

static void check_addresses(struct doctor *doctor)
{
	const struct bf_conf *conf = doctor->conf;
	struct bf_addr addrs[32];
	char text[BF_ADDR_TEXT];
	int count = bf_ifaddr_list(addrs, 32, true);

	for (unsigned i = 0; i < conf->media.announced_count; i++)
		say(doctor, GOOD, "announced", "%s (from media.announced)",
			conf->media.announced[i]);
	if (conf->media.announced_count > 0)
		return;
	for (int i = 0; i < count; i++)
		say(doctor, GOOD, "announced", "%s%s", bf_addr_format_ip(&addrs[i], text),
			bf_addr_is_loopback(&addrs[i]) ? " (only while HTTP listens on loopback)"
						       : "");
	if (count <= 0)
		say(doctor, BAD, "announced", "this host has no address to offer to clients");
	else
		advise(doctor, "Behind NAT or a cloud's mapped address set media.announced to the "
			       "public one.");
}

int bf_doctor_run(const struct bf_conf *conf, FILE *out)
{
	struct doctor doctor = {.conf = conf, .out = out};
	unsigned workers =
		conf->media.workers ? conf->media.workers : (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	int err = bf_loop_new(&doctor.loop, BF_IO_EPOLL);

	if (err) {
		say(&doctor, BAD, "event loop", "%s", strerror(-err));
		return doctor.error_count;
	}
	check_io(&doctor);
	check_memlock(&doctor);
	check_files(&doctor);
	check_http(&doctor);
	check_certificate(&doctor);
	for (unsigned i = 0; i < workers; i++) {
		struct bf_addr any;
		check_udp_port(&doctor, i);
		(void)bf_addr_parse_ip(&any, "0.0.0.0", (uint16_t)(conf->media.udp_port + i));
		if (conf->media.tcp && conf->media.udp_port)
			check_tcp_port(&doctor, "media port", &any);
	}
	check_addresses(&doctor);
	(void)bf_loop_turn(doctor.loop, 0);
	bf_loop_free(doctor.loop);
	fprintf(out,
		doctor.error_count ? "\n%d problem(s) keep the server from starting.\n"
				   : "\nNothing keeps the server from starting.\n",
		doctor.error_count);
	return doctor.error_count;
}
