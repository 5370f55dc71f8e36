#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/conf.h"
#include "core/base/conf_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A configuration, and a file of a name of its own in the working directory of the test. */
struct fixture {
	struct bf_conf *conf;
	char path[32];
	char why[2048];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int fd;

	assert_non_null(f);
	strcpy(f->path, "conf-test-XXXXXX");
	fd = mkstemp(f->path);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(bf_conf_new(&f->conf), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	unlink(f->path);
	bf_conf_free(f->conf);
	free(f);
	return 0;
}

static void write_file(const struct fixture *f, const char *text)
{
	FILE *file = fopen(f->path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static int load_file(struct fixture *f, const char *text)
{
	write_file(f, text);
	return bf_conf_load(f->conf, f->path, NULL, 0, NULL, f->why, sizeof(f->why));
}

static int load_env(struct fixture *f, const char *a, const char *b)
{
	char *env[] = {strdup(a), b ? strdup(b) : NULL, NULL};
	int err = bf_conf_load(f->conf, NULL, env, 0, NULL, f->why, sizeof(f->why));

	free(env[0]);
	free(env[1]);
	return err;
}

static int load_flag(struct fixture *f, const char *flag)
{
	char *argv[] = {strdup(flag)};
	int err = bf_conf_load(f->conf, NULL, NULL, 1, argv, f->why, sizeof(f->why));

	free(argv[0]);
	return err;
}

/* That the file `text` is refused with `expected`, in which '%' stands for the file's name. */
static void check_refused(struct fixture *f, const char *text, const char *expected)
{
	char full[1024];
	const char *percent = strchr(expected, '%');

	if (percent)
		snprintf(full, sizeof(full), "%.*s%s%s", (int)(percent - expected), expected,
			f->path, percent + 1);
	else
		snprintf(full, sizeof(full), "%s", expected);
	assert_int_equal(load_file(f, text), -EINVAL);
	assert_string_equal(f->why, full);
}

static void everything_has_a_default_that_passes_the_check(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(f->conf->http.listen, "127.0.0.1:7008");
	assert_string_equal(f->conf->http.public_url, "");
	assert_int_equal(f->conf->http.origins_count, 0);
	assert_int_equal(f->conf->http.connection_count_max, 10000);
	assert_false(f->conf->http.trust_proxy);
	assert_int_equal(f->conf->media.udp_port, 7100);
	assert_true(f->conf->media.tcp);
	assert_int_equal(f->conf->media.workers, 0);
	assert_string_equal(f->conf->media.io, "auto");
	assert_string_equal(f->conf->media.srtp_engine, "auto");
	assert_string_equal(f->conf->media.srtp_profiles,
		"AEAD_AES_128_GCM,AEAD_AES_256_GCM,AES_CM_128_HMAC_SHA1_80");
	assert_int_equal(f->conf->media.room_participant_count_max, 1000);
	assert_int_equal(f->conf->media.org_packets_max, 0);
	assert_int_equal(f->conf->media.org_kbps_max, 0);
	assert_int_equal(f->conf->media.room_packets_max, 0);
	assert_int_equal(f->conf->media.room_kbps_max, 0);
	assert_int_equal(f->conf->media.transport_count_max, 4096);
	assert_int_equal(f->conf->media.cache_mib, 64);
	assert_string_equal(f->conf->log.format, "logfmt");
	assert_string_equal(f->conf->log.level, "info");
	assert_int_equal(bf_conf_check(f->conf, f->why, sizeof(f->why)), 0);
	assert_string_equal(f->why, "");
}

/* Catches a member of struct bf_conf whose line in the table is missing, or stands for another one. */
static void the_table_covers_the_struct_without_overlap(void **state)
{
	uint8_t covered[sizeof(struct bf_conf)] = {0};
	static const size_t sizes[] = {[CONF_STR] = sizeof(char *),
		[CONF_UINT] = sizeof(unsigned),
		[CONF_BOOL] = sizeof(bool),
		[CONF_LIST] = sizeof(char **)};
	size_t gap = 0, gap_max = 0;

	(void)state;
	for (size_t i = 0; i < conf_key_count; i++) {
		const struct conf_key *key = &conf_keys[i];

		for (size_t k = 0; k < sizes[key->type]; k++)
			assert_int_equal(covered[key->at + k]++, 0);
		for (size_t k = 0; key->type == CONF_LIST && k < sizeof(unsigned); k++)
			assert_int_equal(covered[key->count_at + k]++, 0);
		assert_non_null(key->fallback);
		assert_true(strlen(key->comment) > 0);
	}
	for (size_t i = 0; i < sizeof(covered); i++) {
		gap = covered[i] ? 0 : gap + 1;
		gap_max = gap > gap_max ? gap : gap_max;
	}
	assert_true(gap_max < sizeof(char *)); /* padding only */
}

static void a_file_sets_what_it_holds_and_leaves_the_rest(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load_file(f, "# comment\n"
				      "http:\n"
				      "  listen: 0.0.0.0:80\n"
				      "  origins: [https://a, \"https://b\"]\n"
				      "  trust_proxy: yes\n"
				      "media:\n"
				      "  announced:\n"
				      "    - 192.0.2.1\n"
				      "    - 2001:db8::1\n"
				      "  udp_port: 0100\n"
				      "  tcp: false\n"
				      "log: {level: debug}\n"
				      "rtc:\n"
				      "  # all commented out\n"),
		0);
	assert_string_equal(f->conf->http.listen, "0.0.0.0:80");
	assert_int_equal(f->conf->http.origins_count, 2);
	assert_string_equal(f->conf->http.origins[1], "https://b");
	assert_true(f->conf->http.trust_proxy);
	assert_int_equal(f->conf->http.connection_count_max, 10000);
	assert_int_equal(f->conf->media.announced_count, 2);
	assert_string_equal(f->conf->media.announced[1], "2001:db8::1");
	assert_int_equal(f->conf->media.udp_port, 100);
	assert_false(f->conf->media.tcp);
	assert_string_equal(f->conf->log.level, "debug");
	assert_string_equal(f->conf->log.format, "logfmt");
}

static void an_empty_file_changes_nothing(void **state)
{
	static const char *const texts[] = {"", "\n", "# nothing\n", "---\n", "http:\n"};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(load_file(f, texts[i]), 0);
	assert_string_equal(f->conf->http.listen, "127.0.0.1:7008");
}

static void unknown_keys_are_refused_with_line_and_suggestion(void **state)
{
	struct fixture *f = *state;

	check_refused(f, "http:\n  listen: 127.0.0.1:1\nmedai:\n  tcp: true\n",
		"%:3: unknown key 'medai' (did you mean 'media'?)");
	check_refused(f, "# udp_prot: 1\nmedia:\n\n  tcp: true\n  udp_prot: 7\n",
		"%:5: unknown key 'udp_prot' in 'media' (did you mean 'udp_port'?)");
	check_refused(f, "http:\n  udp_port: 7\n",
		"%:2: unknown key 'udp_port' in 'http' (did you mean 'media.udp_port'?)");
	check_refused(
		f, "udp_port: 7\n", "%:1: unknown key 'udp_port' (did you mean 'media.udp_port'?)");
	check_refused(f, "http: {listen: a, \"lisen\": b}\n",
		"%:1: unknown key 'lisen' in 'http' (did you mean 'listen'?)");
	check_refused(f, "log:\n  qwertz: 1\n", "%:2: unknown key 'qwertz' in 'log'");
	/* The same word as a value, in another section, or as a part of a key, is not the place. */
	check_refused(f,
		"media:\n  io: lisen\n  announced: [lisen]\nhttp:\n  listen: a\n  lisen: b\n",
		"%:6: unknown key 'lisen' in 'http' (did you mean 'listen'?)");
}

static void bad_values_are_refused_with_line_and_reason(void **state)
{
	struct fixture *f = *state;

	check_refused(f, "http:\n\n  connection_count_max: 0\n",
		"%:3: http.connection_count_max: 0 is not within 1..1000000");
	check_refused(f, "media:\n  udp_port: 65536\n",
		"%:2: media.udp_port: 65536 is not within 0..65535");
	check_refused(f, "media:\n  udp_port: 99999999999999999999\n",
		"%:2: media.udp_port: 99999999999999999999 is not within 0..65535");
	check_refused(f, "media:\n  udp_port: 0x10\n",
		"%:2: media.udp_port: '0x10' is not a whole number");
	check_refused(
		f, "media:\n  udp_port: -1\n", "%:2: media.udp_port: '-1' is not a whole number");
	check_refused(f, "media:\n  udp_port:\n", "%:2: media.udp_port: '' is not a whole number");
	check_refused(
		f, "media:\n  tcp: maybe\n", "%:2: media.tcp: 'maybe' is neither true nor false");
	check_refused(f, "media:\n  io: uring,epoll\n",
		"%:2: media.io: 'uring,epoll' is none of auto,uring,epoll");
	check_refused(f, "media:\n  io: \"\"\n", "%:2: media.io: '' is none of auto,uring,epoll");
	check_refused(
		f, "http:\n  listen: \"a\\nb\"\n", "%:2: http.listen: holds a control character");
	check_refused(f, "http:\n  origins: [a, '']\n", "%:2: http.origins: entry 2 is empty");
}

static void several_complaints_come_together(void **state)
{
	struct fixture *f = *state;
	char *env[] = {strdup("BELFRY_LOG_LEVEL=loud"), NULL};
	char *argv[] = {strdup("--media.workers=many")};
	char expected[512];

	write_file(f, "media:\n  io: x\n  tcp: y\n");
	assert_int_equal(
		bf_conf_load(f->conf, f->path, env, 1, argv, f->why, sizeof(f->why)), -EINVAL);
	snprintf(expected, sizeof(expected),
		"%s:3: media.tcp: 'y' is neither true nor false\n"
		"%s:2: media.io: 'x' is none of auto,uring,epoll\n"
		"BELFRY_LOG_LEVEL: 'loud' is none of debug,info,warn,error\n"
		"--media.workers: 'many' is not a whole number",
		f->path, f->path);
	assert_string_equal(f->why, expected);
	/* In a buffer of any size: cut, never overrun. */
	for (size_t size = 0; size < 300; size++) {
		memset(f->why, 'x', sizeof(f->why));
		assert_int_equal(
			bf_conf_load(f->conf, f->path, env, 1, argv, f->why, size), -EINVAL);
		assert_int_equal(f->why[size], 'x');
		if (size > 0)
			assert_true(strlen(f->why) < size);
	}
	free(env[0]);
	free(argv[0]);
}

static void text_that_is_no_such_yaml_is_refused(void **state)
{
	struct fixture *f = *state;

	check_refused(f, "http:\n  listen: a\n  tls_key: k\n  listen: b\n",
		"%:4: 'listen' is given twice");
	check_refused(f, "http:\n  listen: a\nlog:\n  level: info\nhttp:\n  tls_key: b\n",
		"%:5: 'http' is given twice");
	check_refused(f, "http: x\n", "%:1: 'http': 'key: value' lines expected");
	check_refused(f, "http:\n  listen: [a]\n", "%:2: 'listen': one value expected");
	check_refused(f, "http:\n  origins: a\n",
		"%:2: 'origins': a list expected, as [a, b] or lines of '- a'");
	check_refused(f, "- a\n", "%: 'key: value' lines expected");
	check_refused(f, "http:\n  listen: a\n---\nhttp:\n  listen: b\n",
		"%: more than one document ('---')");
	assert_int_equal(load_file(f, "http:\n  listen: \"open\n"), -EINVAL);
	assert_non_null(strstr(f->why, ":2: found unexpected end of stream"));
	assert_int_equal(load_file(f, "http:\n\tlisten: a\n"), -EINVAL);
	assert_int_equal(load_file(f, "http: &x\n  listen: a\nlog: *x\n"), -EINVAL);
	assert_int_equal(load_file(f, "http:\n  ? [a]\n  : b\n"), -EINVAL);
	assert_int_equal(load_file(f, "http:\n  listen: \xff\n"), -EINVAL);
	assert_true(strlen(f->why) > strlen(f->path));
}

static void a_file_that_cannot_be_read_says_so(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		bf_conf_load(f->conf, "no-such.yaml", NULL, 0, NULL, f->why, sizeof(f->why)),
		-ENOENT);
	assert_string_equal(f->why, "no-such.yaml: No such file or directory");
	assert_int_equal(
		bf_conf_load(f->conf, ".", NULL, 0, NULL, f->why, sizeof(f->why)), -EISDIR);
}

static void a_file_that_is_too_long_or_binary_is_refused(void **state)
{
	struct fixture *f = *state;
	FILE *file = fopen(f->path, "w");

	assert_non_null(file);
	for (int i = 0; i < 1024 * 1024; i++)
		fputc('#', file);
	fclose(file);
	assert_int_equal(
		bf_conf_load(f->conf, f->path, NULL, 0, NULL, f->why, sizeof(f->why)), -EFBIG);
	file = fopen(f->path, "w");
	assert_non_null(file);
	fwrite("http:\0x", 1, 7, file);
	fclose(file);
	assert_int_equal(
		bf_conf_load(f->conf, f->path, NULL, 0, NULL, f->why, sizeof(f->why)), -EINVAL);
}

static void what_is_refused_changes_nothing(void **state)
{
	struct fixture *f = *state;
	char *before = bf_conf_print(f->conf, true), *after;

	assert_int_equal(load_file(f, "http:\n  listen: 1.2.3.4:5\nmedia:\n  io: x\n"), -EINVAL);
	after = bf_conf_print(f->conf, true);
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void later_sources_win(void **state)
{
	struct fixture *f = *state;
	char *env[] = {strdup("BELFRY_MEDIA_WORKERS=2"), strdup("BELFRY_MEDIA_CACHE_MIB=2"), NULL};
	char *argv[] = {strdup("--media.cache-mib=3")};

	write_file(f, "media: {udp_port: 1, workers: 1, cache_mib: 1}\n");
	assert_int_equal(bf_conf_load(f->conf, f->path, env, 1, argv, f->why, sizeof(f->why)), 0);
	assert_int_equal(f->conf->media.udp_port, 1);
	assert_int_equal(f->conf->media.workers, 2);
	assert_int_equal(f->conf->media.cache_mib, 3);
	free(env[0]);
	free(env[1]);
	free(argv[0]);
}

static void variables_are_refused_if_unknown_and_others_ignored(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load_env(f, "HOME=/x", "BELFRYX=1"), 0);
	assert_int_equal(load_env(f, "BELFRY_MEDIA_UDP_PROT=1", NULL), -EINVAL);
	assert_string_equal(f->why,
		"unknown variable BELFRY_MEDIA_UDP_PROT (did you mean BELFRY_MEDIA_UDP_PORT?)");
	assert_int_equal(load_env(f, "BELFRY_QWERTZ=1", NULL), -EINVAL);
	assert_string_equal(f->why, "unknown variable BELFRY_QWERTZ");
	assert_int_equal(load_env(f, "BELFRY_HTTP_LISTEN_=1", "BELFRY_=1"), -EINVAL);
	assert_int_equal(load_env(f, "BELFRY_HTTP_TRUST_PROXY=1", NULL), 0);
	assert_true(f->conf->http.trust_proxy);
	assert_int_equal(load_env(f, "BELFRY_HTTP_LISTEN=\xff", NULL), -EINVAL);
	assert_string_equal(f->why, "BELFRY_HTTP_LISTEN: not UTF-8");
}

static void lists_in_variables_are_cut_at_commas(void **state)
{
	struct fixture *f = *state;
	char many[2 * CONF_LIST_MAX + 64] = "BELFRY_HTTP_ORIGINS=a";

	assert_int_equal(load_env(f, "BELFRY_HTTP_ORIGINS=https://a, https://b ,c", NULL), 0);
	assert_int_equal(f->conf->http.origins_count, 3);
	assert_string_equal(f->conf->http.origins[0], "https://a");
	assert_string_equal(f->conf->http.origins[1], "https://b");
	assert_string_equal(f->conf->http.origins[2], "c");
	assert_int_equal(load_env(f, "BELFRY_HTTP_ORIGINS=a,,b", NULL), -EINVAL);
	assert_int_equal(load_env(f, "BELFRY_HTTP_ORIGINS=a,", NULL), -EINVAL);
	assert_int_equal(f->conf->http.origins_count, 3);
	assert_int_equal(load_env(f, "BELFRY_HTTP_ORIGINS=", NULL), 0);
	assert_int_equal(f->conf->http.origins_count, 0);

	for (int i = 1; i < CONF_LIST_MAX; i++)
		strcat(many, ",a");
	assert_int_equal(load_env(f, many, NULL), 0);
	assert_int_equal(f->conf->http.origins_count, CONF_LIST_MAX);
	strcat(many, ",a");
	assert_int_equal(load_env(f, many, NULL), -EINVAL);
	assert_string_equal(f->why, "BELFRY_HTTP_ORIGINS: more than 256 entries");
}

static void port_replaces_the_port_of_listen_wherever_it_stands(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load_env(f, "PORT=8080", NULL), 0);
	assert_string_equal(f->conf->http.listen, "127.0.0.1:8080");
	assert_int_equal(load_env(f, "PORT=80", "BELFRY_HTTP_LISTEN=[::]:9"), 0);
	assert_string_equal(f->conf->http.listen, "[::]:80");
	assert_int_equal(load_env(f, "PORT=", NULL), 0);
	assert_string_equal(f->conf->http.listen, "[::]:80");
	assert_int_equal(load_env(f, "PORT=65536", NULL), -EINVAL);
	assert_int_equal(load_env(f, "PORT=http", NULL), -EINVAL);
	assert_string_equal(f->why, "PORT: 'http' is not a port");
	assert_int_equal(load_env(f, "PORT=1", "BELFRY_HTTP_LISTEN=localhost"), -EINVAL);
}

static void names_that_others_give_are_understood(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load_env(f, "NODE_ENV=production", "DB_POOL_MAX=7"), 0);
	assert_string_equal(f->conf->server.profile, "production");
	assert_int_equal(f->conf->storage.pool_max, 7);
	assert_int_equal(load_env(f, "CORS_ORIGIN=https://a", "NODE_ENV="), 0);
	assert_string_equal(f->conf->http.origins[0], "https://a");
	assert_int_equal(load_env(f, "NODE_ENV=test", "BELFRY_SERVER_PROFILE=development"), 0);
	assert_string_equal(f->conf->server.profile, "development"); /* the own name wins */
	assert_int_equal(load_env(f, "NODE_ENV=staging", NULL), -EINVAL);
	assert_non_null(strstr(f->why, "NODE_ENV: "));
}

static void a_database_in_pieces_becomes_a_url(void **state)
{
	struct fixture *f = *state;
	char *env[] = {"DB_HOST=db.example", "DB_PORT=5433", "DB_USER=me", "DB_PASSWORD=p@ss/w?rd%",
		"DB_NAME=x y", NULL};
	char *own[] = {"DB_HOST=db.example", "BELFRY_STORAGE_URL=postgres://own/x", NULL};
	char *whole[] = {"DB_HOST=db.example", "DATABASE_URL=postgres://whole/x", NULL};

	assert_int_equal(bf_conf_load(f->conf, NULL, env, 0, NULL, f->why, sizeof(f->why)), 0);
	assert_string_equal(
		f->conf->storage.url, "postgres://me:p%40ss%2Fw%3Frd%25@db.example:5433/x%20y");
	assert_int_equal(load_env(f, "DB_HOST=db.example", NULL), 0);
	assert_string_equal(f->conf->storage.url, "postgres://db.example");
	assert_int_equal(load_env(f, "DB_HOST=/run/postgresql", "DB_NAME=x"), 0);
	assert_string_equal(f->conf->storage.url, "postgres://%2Frun%2Fpostgresql/x");
	assert_int_equal(bf_conf_load(f->conf, NULL, own, 0, NULL, f->why, sizeof(f->why)), 0);
	assert_string_equal(f->conf->storage.url, "postgres://own/x");
	assert_int_equal(bf_conf_load(f->conf, NULL, whole, 0, NULL, f->why, sizeof(f->why)), 0);
	assert_string_equal(f->conf->storage.url, "postgres://whole/x");
}

static void flags_take_dashes_or_underscores_and_suggest(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load_flag(f, "--media.udp-port=9"), 0);
	assert_int_equal(f->conf->media.udp_port, 9);
	assert_int_equal(load_flag(f, "--media.udp_port=8"), 0);
	assert_int_equal(f->conf->media.udp_port, 8);
	assert_int_equal(load_flag(f, "--rtc.ice-servers=stun:a-b:1,stun:c=d"), 0);
	assert_string_equal(f->conf->rtc.ice_servers[0], "stun:a-b:1");
	assert_string_equal(f->conf->rtc.ice_servers[1], "stun:c=d");
	assert_int_equal(load_flag(f, "--media.udp-prot=9"), -EINVAL);
	assert_string_equal(
		f->why, "unknown flag --media.udp_prot (did you mean --media.udp_port?)");
	assert_int_equal(load_flag(f, "--zzzzzzzz=9"), -EINVAL);
	assert_string_equal(f->why, "unknown flag --zzzzzzzz");
	assert_int_equal(load_flag(f, "--media.tcp"), -EINVAL);
	assert_string_equal(f->why, "--media.tcp: needs a value: --media.tcp=...");
	assert_int_equal(load_flag(f, "media.tcp=1"), -EINVAL);
	assert_int_equal(load_flag(f, "--"), -EINVAL);
	assert_int_equal(load_flag(f, "-=1"), -EINVAL);
	assert_int_equal(load_flag(f, "--=1"), -EINVAL);
}

static void what_is_printed_loads_again_and_is_equal(void **state)
{
	struct fixture *f = *state;
	char *first, *second;

	assert_int_equal(
		load_file(f,
			"http:\n  public_url: 'it''s \"quoted\" \\ # : - [x] "
			"\xc3\xa9\xf0\x9f\x94\x94'\n"
			"  origins: ['a, b', 'null', '~', ' lead', '- x', \"*\"]\n"
			"  tls_cert: \"true\"\n  tls_key: '123'\n  connection_count_max: 7\n"
			"  trust_proxy: on\n"
			"media: {tcp: off, announced: [192.0.2.1], workers: 3, io: epoll}\n"
			"rtc: {turn_secret: 'p%w', join_keys: [x.pem]}\nlog: {format: json}\n"),
		0);
	first = bf_conf_print(f->conf, true);
	assert_non_null(first);
	bf_conf_free(f->conf);
	assert_int_equal(bf_conf_new(&f->conf), 0);
	assert_int_equal(load_file(f, first), 0);
	assert_string_equal(
		f->conf->http.public_url, "it's \"quoted\" \\ # : - [x] \xc3\xa9\xf0\x9f\x94\x94");
	assert_int_equal(f->conf->http.origins_count, 6);
	assert_string_equal(f->conf->http.origins[0], "a, b");
	assert_string_equal(f->conf->http.origins[2], "~");
	assert_string_equal(f->conf->rtc.turn_secret, "p%w");
	second = bf_conf_print(f->conf, true);
	assert_string_equal(first, second);
	free(first);
	free(second);
}

static void defaults_print_with_a_comment_for_every_key(void **state)
{
	struct fixture *f = *state;
	char *text = bf_conf_print(f->conf, false), variable[CONF_NAME_BYTES];

	assert_non_null(text);
	for (size_t i = 0; i < conf_key_count; i++)
		assert_non_null(strstr(text, conf_variable(&conf_keys[i], variable)));
	assert_non_null(strstr(text, "  # BELFRY_MEDIA_UDP_PORT, 0 to 65535\n  udp_port: 7100\n"));
	assert_non_null(
		strstr(text, "  # BELFRY_MEDIA_IO, one of auto,uring,epoll\n  io: \"auto\"\n"));
	assert_int_equal(load_file(f, text), 0);
	free(text);
}

static void secrets_are_printed_only_on_request(void **state)
{
	struct fixture *f = *state;
	char *text;

	assert_int_equal(load_env(f, "BELFRY_RTC_TURN_SECRET=hunter2", NULL), 0);
	text = bf_conf_print(f->conf, false);
	assert_null(strstr(text, "hunter2"));
	assert_non_null(strstr(text, "\n  # turn_secret: [redacted]\n"));
	bf_conf_free(f->conf);
	assert_int_equal(bf_conf_new(&f->conf), 0);
	assert_int_equal(load_file(f, text), 0); /* and nobody's secret is now "[redacted]" */
	assert_string_equal(f->conf->rtc.turn_secret, "");
	free(text);
}

static void the_check_finds_what_does_not_go_together(void **state)
{
	static const struct {
		const char *flag, *why;
	} cases[] = {
		{"--storage.url=mysql://me:secret@host/x",
			"storage.url: it does not begin with postgres://"},
		{"--storage.pool-min=21", "storage.pool_min: 21 is more than storage.pool_max, 20"},
		{"--storage.blob_s3_secret_key=deep",
			"storage.blob_s3_bucket: it is empty, though other settings of S3 are not"},
		{"--http.listen=localhost:1", "http.listen: 'localhost:1' is not an IP address and "
					      "port, as 0.0.0.0:7008"},
		{"--http.public_url=example.org",
			"http.public_url: 'example.org' is not of the form https://host"},
		{"--http.public_url=https://example.org/x",
			"http.public_url: 'https://example.org/x' is not of the form https://host"},
		{"--http.tls_cert=/dev/null", "http.tls_cert and http.tls_key: both or neither"},
		{"--http.origins=https://a,b", "http.origins: 'b' is not of the form https://host"},
		{"--media.announced=0.0.0.0",
			"media.announced: 0.0.0.0 cannot be reached by anybody"},
		{"--media.announced=example.org",
			"media.announced: 'example.org' is not an IP address"},
		{"--media.interfaces=eth0", "media.interfaces: 'eth0' is not an IP address"},
		{"--media.srtp_profiles=AEAD_AES_128_GCM,NULL",
			"media.srtp_profiles: 'NULL' is none of "
			"AEAD_AES_128_GCM,AEAD_AES_256_GCM,AES_CM_128_HMAC_SHA1_80"},
		{"--media.srtp_profiles=",
			"media.srtp_profiles: '' is none of "
			"AEAD_AES_128_GCM,AEAD_AES_256_GCM,AES_CM_128_HMAC_SHA1_80"},
		{"--media.srtp_profiles=AEAD_AES_128_GCM,AEAD_AES_128_GCM",
			"media.srtp_profiles: AEAD_AES_128_GCM stands there twice"},
		{"--http.listen=0.0.0.0:7100",
			"http.listen: port 7100 is one of the media ports 7100..7101"},
		{"--media.udp_port=65535",
			"media.udp_port: 2 workers from port 65535 on go past 65535"},
		{"--rtc.join_keys=no-such.pem",
			"rtc.join_keys: no-such.pem: No such file or directory"},
		{"--rtc.ice_servers=http://a",
			"rtc.ice_servers: 'http://a' is not stun:host or turn:host"},
		{"--rtc.ice_servers=stun:",
			"rtc.ice_servers: 'stun:' is not stun:host or turn:host"},
		{"--rtc.ice_servers=nothing",
			"rtc.ice_servers: 'nothing' is not stun:host or turn:host"},
		{"--rtc.ice_servers=turn:a", "rtc.ice_servers: turn:a needs rtc.turn_secret"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bf_conf_free(f->conf);
		assert_int_equal(bf_conf_new(&f->conf), 0);
		assert_int_equal(load_flag(f, "--media.workers=2"), 0);
		assert_int_equal(load_flag(f, cases[i].flag), 0);
		assert_int_equal(bf_conf_check(f->conf, f->why, sizeof(f->why)), -EINVAL);
		assert_string_equal(f->why, cases[i].why);
	}
}

static void the_check_finds_what_a_bucket_lacks(void **state)
{
	static const char *const flags[] = {"--storage.blob_s3_bucket=A_b",
		"--storage.blob_s3_region=EU", "--storage.blob_s3_endpoint=s3.example/x",
		"--storage.blob_s3_secret_key=deep", "--storage.blob_s3_secret_file=no-such",
		"--storage.blob_folder=x"};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		assert_int_equal(load_flag(f, flags[i]), 0);
	assert_int_equal(bf_conf_check(f->conf, f->why, sizeof(f->why)), -EINVAL);
	assert_string_equal(f->why,
		"storage.blob_s3_bucket: 'A_b' is not 3 to 63 of a-z, 0-9, dot and dash\n"
		"storage.blob_s3_region: 'EU' is not a region, as us-east-1\n"
		"storage.blob_s3_endpoint: it is not of the form https://host[:port]\n"
		"storage.blob_s3_access_key: it is empty\n"
		"storage.blob_s3_secret_key, storage.blob_s3_secret_file: one of them\n"
		"storage.blob_s3_secret_file: no-such: No such file or directory\n"
		"storage.blob_folder, storage.blob_s3_bucket: not more than one");
}

static void the_check_lets_good_values_pass(void **state)
{
	static const char *const flags[] = {"--http.listen=[::]:0",
		"--http.public-url=https://a.example:8443", "--http.tls_cert=/dev/null",
		"--http.tls_key=/dev/null", "--http.origins=*,http://localhost:3000",
		"--media.announced=192.0.2.1,2001:db8::1", "--media.interfaces=0.0.0.0",
		"--media.srtp_profiles=AES_CM_128_HMAC_SHA1_80", "--media.workers=1",
		"--media.udp_port=65535", "--rtc.turn_secret=x",
		"--rtc.ice_servers=stun:a:1,turns:b?transport=tcp",
		"--storage.blob_s3_bucket=my.files-1", "--storage.blob_s3_region=eu-central-1",
		"--storage.blob_s3_endpoint=https://s3.example:9000",
		"--storage.blob_s3_access_key=a", "--storage.blob_s3_secret_file=/dev/null"};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		assert_int_equal(load_flag(f, flags[i]), 0);
	assert_int_equal(bf_conf_check(f->conf, f->why, sizeof(f->why)), 0);
	f->conf->media.workers = 1000; /* set by a caller, not by loading */
	assert_int_equal(load_flag(f, "--media.udp_port=0"), 0);
	assert_int_equal(bf_conf_check(f->conf, f->why, sizeof(f->why)), -EINVAL);
	assert_string_equal(f->why, "media.workers: 1000 is not within 0..256");
}

static void edits_are_counted_with_swaps_as_one(void **state)
{
	(void)state;
	assert_int_equal(conf_distance("", ""), 0);
	assert_int_equal(conf_distance("", "abc"), 3);
	assert_int_equal(conf_distance("abc", ""), 3);
	assert_int_equal(conf_distance("port", "prot"), 1);
	assert_int_equal(conf_distance("port", "ports"), 1);
	assert_int_equal(conf_distance("port", "part"), 1);
	assert_int_equal(conf_distance("kitten", "sitting"), 3);
	assert_int_equal(conf_distance("listen", "log"), 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(everything_has_a_default_that_passes_the_check),
		TEST(the_table_covers_the_struct_without_overlap),
		TEST(a_file_sets_what_it_holds_and_leaves_the_rest),
		TEST(an_empty_file_changes_nothing),
		TEST(unknown_keys_are_refused_with_line_and_suggestion),
		TEST(bad_values_are_refused_with_line_and_reason),
		TEST(several_complaints_come_together),
		TEST(text_that_is_no_such_yaml_is_refused),
		TEST(a_file_that_cannot_be_read_says_so),
		TEST(a_file_that_is_too_long_or_binary_is_refused),
		TEST(what_is_refused_changes_nothing),
		TEST(later_sources_win),
		TEST(variables_are_refused_if_unknown_and_others_ignored),
		TEST(lists_in_variables_are_cut_at_commas),
		TEST(port_replaces_the_port_of_listen_wherever_it_stands),
		TEST(names_that_others_give_are_understood),
		TEST(a_database_in_pieces_becomes_a_url),
		TEST(flags_take_dashes_or_underscores_and_suggest),
		TEST(what_is_printed_loads_again_and_is_equal),
		TEST(defaults_print_with_a_comment_for_every_key),
		TEST(secrets_are_printed_only_on_request),
		TEST(the_check_finds_what_does_not_go_together),
		TEST(the_check_finds_what_a_bucket_lacks),
		TEST(the_check_lets_good_values_pass),
		TEST(edits_are_counted_with_swaps_as_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
