#include "tests/core/loop/peer.h"

#include "core/loop/tcp_priv.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>

/* --- certificates, made anew for each run --- */

struct files {
	char dir[64];
	char cert[96], key[96], other_cert[96], other_key[96], empty[96];
};

static struct files files;

static void make_pair(const char *cert_path, const char *key_path, const char *name)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	FILE *out;

	assert_non_null(key);
	assert_non_null(cert);
	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
		(const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	out = fopen(cert_path, "w");
	assert_non_null(out);
	assert_int_equal(PEM_write_X509(out, cert), 1);
	fclose(out);
	out = fopen(key_path, "w");
	assert_non_null(out);
	assert_int_equal(PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(out);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static int make_files(void **state)
{
	FILE *out;

	(void)state;
	strcpy(files.dir, "/tmp/bf_test_tls.XXXXXX");
	if (!mkdtemp(files.dir))
		return -1;
	snprintf(files.cert, sizeof(files.cert), "%s/cert.pem", files.dir);
	snprintf(files.key, sizeof(files.key), "%s/key.pem", files.dir);
	snprintf(files.other_cert, sizeof(files.other_cert), "%s/other_cert.pem", files.dir);
	snprintf(files.other_key, sizeof(files.other_key), "%s/other_key.pem", files.dir);
	snprintf(files.empty, sizeof(files.empty), "%s/empty.pem", files.dir);
	make_pair(files.cert, files.key, "first");
	make_pair(files.other_cert, files.other_key, "second");
	out = fopen(files.empty, "w");
	if (!out)
		return -1;
	return fclose(out);
}

static int remove_files(void **state)
{
	(void)state;
	unlink(files.cert);
	unlink(files.key);
	unlink(files.other_cert);
	unlink(files.other_key);
	unlink(files.empty);
	return rmdir(files.dir);
}

/* --- a server with TLS, and an OpenSSL client in the same thread --- */

struct pair {
	struct server server;
	struct peer *peer; /* the first */
	struct bf_tls_server *tls;
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
};

static void pair_open(struct pair *pair, void **state)
{
	struct bf_tcp_listen_conf conf = {.queue_bytes_max = 2 << 20};
	struct bf_loop *loop = both_loop(state);
	char why[256];

	*pair = (struct pair){.fd = -1};
	assert_int_equal(bf_tls_server_new(&pair->tls, files.cert, files.key, why, sizeof(why)), 0);
	conf.tls = pair->tls;
	server_open(&pair->server, loop, "127.0.0.1:0", &conf);
	pair->peer = &pair->server.peers[0];
	pair->ctx = SSL_CTX_new(TLS_client_method());
	assert_non_null(pair->ctx);
}

static void pair_connect(struct pair *pair)
{
	pair->fd = client_connect(&pair->server);
	pair->ssl = SSL_new(pair->ctx);
	assert_non_null(pair->ssl);
	assert_int_equal(SSL_set_fd(pair->ssl, pair->fd), 1);
}

static void pair_disconnect(struct pair *pair)
{
	SSL_free(pair->ssl);
	close(pair->fd);
	pair->ssl = NULL;
	pair->fd = -1;
}

static void pair_close(struct pair *pair)
{
	if (pair->fd >= 0)
		pair_disconnect(pair);
	SSL_CTX_free(pair->ctx);
	server_close(&pair->server);
	bf_tls_server_free(pair->tls);
}

/* Whether a result of OpenSSL means "not yet"; then the server has had a turn. */
static bool is_again(struct pair *pair, int result)
{
	int error = SSL_get_error(pair->ssl, result);

	ERR_clear_error();
	if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
		return false;
	assert_int_equal(bf_loop_turn(pair->server.loop, 500), 0);
	return true;
}

/* The last result of SSL_connect: 1 when it worked. */
static int shake_hands(struct pair *pair)
{
	int64_t end_us = bf_clock_mono_us() + BF_SEC(10);
	int result;

	do {
		assert_true(bf_clock_mono_us() < end_us);
		result = SSL_connect(pair->ssl);
	} while (result != 1 && is_again(pair, result));
	return result;
}

static void write_text(struct pair *pair, const char *text)
{
	assert_int_equal(SSL_write(pair->ssl, text, (int)strlen(text)), (int)strlen(text));
}

/* Read until `size` bytes or the end; returns the bytes read. */
static size_t read_bytes(struct pair *pair, uint8_t *out, size_t size)
{
	int64_t end_us = bf_clock_mono_us() + BF_SEC(10);
	size_t done = 0;

	while (done < size) {
		int result = SSL_read(pair->ssl, out + done, (int)(size - done));

		assert_true(bf_clock_mono_us() < end_us);
		if (result > 0)
			done += (size_t)result;
		else if (!is_again(pair, result))
			break;
	}
	return done;
}

static void wait_for_close(struct pair *pair, int err)
{
	TURN_UNTIL(pair->server.loop, pair->server.peer_count > 0 && pair->peer->close_count == 1);
	assert_int_equal(pair->peer->close_err, err);
}

static void echo(struct peer *peer, struct bf_bytes data)
{
	assert_int_equal(bf_tcp_write(peer->tcp, data), 0);
}

/* --- what works --- */

#define LONG_BYTES (1u << 20)

static void a_megabyte_comes_back(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

	for (size_t i = 0; i < 2; i++) {
		uint8_t *bytes = malloc(LONG_BYTES), *back = malloc(LONG_BYTES);
		size_t sent = 0, got = 0;
		struct pair pair;

		memset(bytes, 0x5a + (int)i, LONG_BYTES);
		pair_open(&pair, state);
		pair.server.on_data = echo;
		SSL_CTX_set_max_proto_version(pair.ctx, versions[i]);
		pair_connect(&pair);
		assert_int_equal(shake_hands(&pair), 1);
		assert_int_equal(SSL_version(pair.ssl), versions[i]);
		assert_true(bf_tcp_is_tls(pair.peer->tcp));
		while (got < LONG_BYTES) {
			size_t step = LONG_BYTES - sent < 60000 ? LONG_BYTES - sent : 60000;
			int result = step ? SSL_write(pair.ssl, bytes + sent, (int)step) : 0;

			if (result > 0)
				sent += (size_t)result;
			else if (step)
				assert_true(is_again(&pair, result));
			if (sent > got)
				got += read_bytes(&pair, back + got, sent - got);
		}
		assert_memory_equal(bytes, back, LONG_BYTES);
		pair_close(&pair);
		free(bytes);
		free(back);
	}
}

static void alpn_chooses_http11(void **state)
{
	static const unsigned char both[] = "\x02h2\x08http/1.1", only_h2[] = "\x02h2";
	const unsigned char *chosen;
	unsigned chosen_len;
	struct pair pair;

	pair_open(&pair, state);
	SSL_CTX_set_alpn_protos(pair.ctx, both, sizeof(both) - 1);
	pair_connect(&pair);
	assert_int_equal(shake_hands(&pair), 1);
	SSL_get0_alpn_selected(pair.ssl, &chosen, &chosen_len);
	assert_int_equal(chosen_len, 8);
	assert_memory_equal(chosen, "http/1.1", 8);
	pair_disconnect(&pair);

	SSL_CTX_set_alpn_protos(pair.ctx, only_h2, sizeof(only_h2) - 1);
	pair.peer = &pair.server.peers[1];
	pair_connect(&pair);
	assert_int_not_equal(shake_hands(&pair), 1);
	pair_disconnect(&pair);
	wait_for_close(&pair, -EPROTO);
	pair_close(&pair);
}

static void greet(struct peer *peer)
{
	assert_int_equal(bf_tcp_write(peer->tcp, bf_bytes_str("welcome")), 0);
	assert_int_equal(bf_tcp_queued_bytes(peer->tcp), 7);
}

static void what_is_written_before_the_handshake_follows_it(void **state)
{
	uint8_t back[20];
	struct pair pair;

	pair_open(&pair, state);
	pair.server.on_accept = greet;
	pair_connect(&pair);
	assert_int_equal(shake_hands(&pair), 1);
	assert_int_equal(read_bytes(&pair, back, 7), 7);
	assert_memory_equal(back, "welcome", 7);
	pair_close(&pair);
}

static void greet_and_close(struct peer *peer)
{
	greet(peer);
	bf_tcp_close(peer->tcp);
}

static void closing_before_the_handshake_still_sends_what_is_queued(void **state)
{
	uint8_t back[20];
	struct pair pair;

	pair_open(&pair, state);
	pair.server.on_accept = greet_and_close;
	pair_connect(&pair);
	assert_int_equal(shake_hands(&pair), 1);
	assert_int_equal(read_bytes(&pair, back, sizeof(back)), 7);
	assert_memory_equal(back, "welcome", 7);
	assert_true(SSL_get_shutdown(pair.ssl) & SSL_RECEIVED_SHUTDOWN);
	pair_disconnect(&pair);
	wait_for_close(&pair, 0);
	pair_close(&pair);
}

static void close_now(struct peer *peer)
{
	bf_tcp_close(peer->tcp);
}

static void closing_before_the_handshake_with_nothing_queued_ends_it(void **state)
{
	struct pair pair;

	pair_open(&pair, state);
	pair.server.on_accept = close_now;
	pair_connect(&pair);
	assert_int_not_equal(shake_hands(&pair), 1);
	pair_disconnect(&pair);
	wait_for_close(&pair, 0);
	pair_close(&pair);
}

static void a_close_notify_ends_one_direction(void **state)
{
	uint8_t back[20];
	struct pair pair;

	pair_open(&pair, state);
	pair_connect(&pair);
	assert_int_equal(shake_hands(&pair), 1);
	write_text(&pair, "question");
	SSL_shutdown(pair.ssl);
	TURN_UNTIL(pair.server.loop, pair.peer->end_count == 1);
	assert_int_equal(pair.peer->got_len, 8);
	assert_int_equal(bf_tcp_write(pair.peer->tcp, bf_bytes_str("answer")), 0);
	bf_tcp_close(pair.peer->tcp);
	assert_int_equal(read_bytes(&pair, back, sizeof(back)), 6);
	assert_memory_equal(back, "answer", 6);
	assert_true(SSL_get_shutdown(pair.ssl) & SSL_RECEIVED_SHUTDOWN);
	pair_disconnect(&pair);
	wait_for_close(&pair, 0);
	assert_int_equal(pair.peer->end_count, 1);
	pair_close(&pair);
}

static void a_fin_without_close_notify_is_an_end_too(void **state)
{
	struct pair pair;

	pair_open(&pair, state);
	pair_connect(&pair);
	assert_int_equal(shake_hands(&pair), 1);
	write_text(&pair, "x");
	shutdown(pair.fd, SHUT_WR);
	TURN_UNTIL(pair.server.loop, pair.peer->end_count == 1);
	assert_int_equal(pair.peer->got_len, 1);
	assert_int_equal(pair.peer->close_count, 0);
	pair_close(&pair);
}

static void pause_now(struct peer *peer, struct bf_bytes data)
{
	(void)data;
	bf_tcp_pause(peer->tcp);
}

static void a_paused_stream_keeps_what_is_decrypted(void **state)
{
	struct pair pair;

	pair_open(&pair, state);
	pair.server.on_data = pause_now;
	pair_connect(&pair);
	assert_int_equal(shake_hands(&pair), 1);
	for (int i = 0; i < 10; i++) /* ten records, likely in one read */
		write_text(&pair, "ten bytes!");
	SSL_shutdown(pair.ssl);
	TURN_UNTIL(pair.server.loop, pair.peer->data_count == 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(bf_loop_turn(pair.server.loop, 1000), 0);
	for (int count = 1; count < 10; count++) {
		assert_int_equal(pair.peer->data_count, count);
		assert_int_equal(pair.peer->end_count, 0);
		bf_tcp_resume(pair.peer->tcp);
		TURN_UNTIL(pair.server.loop, pair.peer->data_count > count);
	}
	bf_tcp_resume(pair.peer->tcp);
	TURN_UNTIL(pair.server.loop, pair.peer->end_count == 1);
	assert_int_equal(pair.peer->got_len, 100);
	pair_close(&pair);
}

/* --- what does not --- */

/* Send `bytes` in steps of `step`, and see the connection end in order: alert or not, then FIN. */
static void expect_refusal(void **state, const void *bytes, size_t len, size_t step)
{
	uint8_t back[4096];
	struct pair pair;
	size_t back_len;

	pair_open(&pair, state);
	pair_connect(&pair);
	for (size_t at = 0; at < len; at += step) {
		size_t piece = len - at < step ? len - at : step;

		if (send(pair.fd, (const uint8_t *)bytes + at, piece, MSG_NOSIGNAL) < 0)
			break; /* it has seen enough */
		assert_int_equal(bf_loop_turn(pair.server.loop, 500), 0);
	}
	assert_int_equal(client_read_all(&pair.server, pair.fd, back, sizeof(back), &back_len), 0);
	assert_int_equal(pair.peer->close_count, 0);
	pair_disconnect(&pair);
	wait_for_close(&pair, -EPROTO);
	assert_int_equal(pair.peer->data_count, 0);
	assert_int_equal(pair.peer->end_count, 0);
	pair_close(&pair);
}

static void plain_http_on_a_tls_port_ends_in_order(void **state)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n";

	expect_refusal(state, request, sizeof(request) - 1, sizeof(request));
}

static void garbage_ends_in_order_also_when_it_comes_slowly(void **state)
{
	uint8_t garbage[300];
	/* a record that promises a ClientHello and holds none */
	static const uint8_t record[] = {22, 3, 1, 0, 8, 1, 0, 0, 4, 9, 9, 9, 9};

	for (size_t i = 0; i < sizeof(garbage); i++)
		garbage[i] = (uint8_t)(i * 7 + 1);
	expect_refusal(state, garbage, sizeof(garbage), sizeof(garbage));
	expect_refusal(state, garbage, 40, 1);
	expect_refusal(state, record, sizeof(record), 1);
}

static void old_versions_are_refused(void **state)
{
	struct pair pair;

	pair_open(&pair, state);
	SSL_CTX_set_security_level(pair.ctx, 0);
	SSL_CTX_set_min_proto_version(pair.ctx, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(pair.ctx, TLS1_1_VERSION);
	pair_connect(&pair);
	assert_int_not_equal(shake_hands(&pair), 1);
	pair_disconnect(&pair);
	wait_for_close(&pair, -EPROTO);
	pair_close(&pair);
}

static void a_handshake_that_does_not_end_is_given_up(void **state)
{
	struct pair pair;

	pair_open(&pair, state);
	pair_connect(&pair);
	TURN_UNTIL(pair.server.loop, pair.server.peer_count == 1);
	assert_in_range(pair.peer->tcp->deadline.at_us,
		bf_loop_now_us(pair.server.loop) + BF_TCP_HANDSHAKE_US - BF_SEC(1),
		bf_loop_now_us(pair.server.loop) + BF_TCP_HANDSHAKE_US);
	bf_timer_arm(&pair.peer->tcp->deadline, 0);
	wait_for_close(&pair, -ETIMEDOUT);
	pair_close(&pair);
}

static void the_deadline_of_the_handshake_ends_with_it(void **state)
{
	struct pair pair;

	pair_open(&pair, state);
	pair_connect(&pair);
	assert_int_equal(shake_hands(&pair), 1);
	write_text(&pair, "x");
	TURN_UNTIL(pair.server.loop, pair.peer->data_count == 1);
	assert_false(pair.peer->tcp->deadline.is_armed);
	pair_close(&pair);
}

static void a_fin_within_the_handshake_is_an_error(void **state)
{
	struct pair pair;

	pair_open(&pair, state);
	pair_connect(&pair);
	assert_int_equal(SSL_connect(pair.ssl), -1); /* the ClientHello leaves */
	shutdown(pair.fd, SHUT_WR);
	wait_for_close(&pair, -EPROTO);
	pair_close(&pair);
}

static void garbage_after_the_handshake_is_an_error(void **state)
{
	struct pair pair;

	pair_open(&pair, state);
	pair_connect(&pair);
	assert_int_equal(shake_hands(&pair), 1);
	client_send(pair.fd, "no record at all");
	TURN_UNTIL(pair.server.loop, pair.peer->tcp->state == BF_TCP_LINGERING);
	pair_disconnect(&pair);
	wait_for_close(&pair, -EPROTO);
	assert_int_equal(pair.peer->data_count, 0);
	pair_close(&pair);
}

static void renegotiation_is_refused(void **state)
{
	struct pair pair;
	uint8_t back[10];
	int result;

	pair_open(&pair, state);
	pair.server.on_data = echo;
	SSL_CTX_set_max_proto_version(pair.ctx, TLS1_2_VERSION);
	pair_connect(&pair);
	assert_int_equal(shake_hands(&pair), 1);
	assert_int_equal(SSL_renegotiate(pair.ssl), 1);
	do {
		result = SSL_do_handshake(pair.ssl);
	} while (result != 1 && is_again(&pair, result));
	assert_int_not_equal(result, 1);
	assert_int_equal(read_bytes(&pair, back, sizeof(back)), 0);
	pair_close(&pair);
}

/* --- sessions and certificates --- */

static SSL_SESSION *kept_session;

static int on_session(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	SSL_SESSION_free(kept_session);
	kept_session = session;
	return 1; /* taken */
}

static void connect_and_echo(struct pair *pair, bool is_resumed)
{
	uint8_t back[2];

	pair_connect(pair);
	if (kept_session)
		assert_int_equal(SSL_set_session(pair->ssl, kept_session), 1);
	assert_int_equal(shake_hands(pair), 1);
	assert_int_equal(SSL_session_reused(pair->ssl), is_resumed);
	write_text(pair, "x");
	assert_int_equal(read_bytes(pair, back, 1), 1); /* the tickets came before it */
	SSL_shutdown(pair->ssl);
	pair_disconnect(pair);
}

static void assert_serves(struct pair *pair, const char *name)
{
	char text[64];
	X509 *cert;

	pair_connect(pair);
	assert_int_equal(shake_hands(pair), 1);
	cert = SSL_get1_peer_certificate(pair->ssl);
	X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, text, sizeof(text));
	assert_string_equal(text, name);
	X509_free(cert);
	pair_disconnect(pair);
}

static void a_ticket_resumes_a_session_also_after_a_reload(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

	for (size_t i = 0; i < 2; i++) {
		struct pair pair;
		char why[256];

		pair_open(&pair, state);
		pair.server.on_data = echo;
		SSL_CTX_set_max_proto_version(pair.ctx, versions[i]);
		SSL_CTX_set_session_cache_mode(
			pair.ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
		SSL_CTX_sess_set_new_cb(pair.ctx, on_session);
		connect_and_echo(&pair, false);
		assert_non_null(kept_session);
		connect_and_echo(&pair, true);
		assert_int_equal(bf_tls_server_reload(pair.tls, why, sizeof(why)), 0);
		connect_and_echo(&pair, true);
		SSL_SESSION_free(kept_session);
		kept_session = NULL;
		pair_close(&pair);
	}
}

static void copy_file(const char *from, const char *to)
{
	char bytes[4096];
	FILE *in = fopen(from, "r"), *out = fopen(to, "w");
	size_t len;

	assert_non_null(in);
	assert_non_null(out);
	len = fread(bytes, 1, sizeof(bytes), in);
	assert_int_equal(fwrite(bytes, 1, len, out), len);
	fclose(in);
	fclose(out);
}

static void a_reload_serves_the_new_pair_and_a_bad_one_changes_nothing(void **state)
{
	struct pair pair;
	char why[256] = "";

	pair_open(&pair, state);
	assert_serves(&pair, "first");
	copy_file(files.other_cert, files.cert); /* does not fit the key any more */
	assert_int_equal(bf_tls_server_reload(pair.tls, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, files.key));
	assert_serves(&pair, "first");
	copy_file(files.other_key, files.key);
	assert_int_equal(bf_tls_server_reload(pair.tls, why, sizeof(why)), 0);
	assert_serves(&pair, "second");
	make_pair(files.cert, files.key, "first");
	pair_close(&pair);
}

static void bad_files_are_named(void **state)
{
	struct bf_tls_server *tls;
	char why[256];

	(void)state;
	assert_int_equal(bf_tls_server_new(&tls, "/nonexistent/c.pem", files.key, why, sizeof(why)),
		-ENOENT);
	assert_string_equal(why, "/nonexistent/c.pem: No such file or directory");
	assert_int_equal(
		bf_tls_server_new(&tls, files.cert, "/nonexistent/k.pem", why, sizeof(why)),
		-ENOENT);
	assert_non_null(strstr(why, "/nonexistent/k.pem: "));
	assert_int_equal(
		bf_tls_server_new(&tls, files.empty, files.key, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, files.empty));
	assert_int_equal(
		bf_tls_server_new(&tls, files.cert, files.empty, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, files.empty));
	assert_int_equal(
		bf_tls_server_new(&tls, files.cert, files.other_key, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, files.other_key));
	assert_int_equal(bf_tls_server_new(&tls, files.key, files.cert, why, sizeof(why)), -EINVAL);
	assert_null(strchr(why, '\n'));
	bf_tls_server_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BOTH(a_megabyte_comes_back),
		ON_BOTH(alpn_chooses_http11),
		ON_BOTH(what_is_written_before_the_handshake_follows_it),
		ON_BOTH(closing_before_the_handshake_still_sends_what_is_queued),
		ON_BOTH(closing_before_the_handshake_with_nothing_queued_ends_it),
		ON_BOTH(a_close_notify_ends_one_direction),
		ON_BOTH(a_fin_without_close_notify_is_an_end_too),
		ON_BOTH(a_paused_stream_keeps_what_is_decrypted),
		ON_BOTH(plain_http_on_a_tls_port_ends_in_order),
		ON_BOTH(garbage_ends_in_order_also_when_it_comes_slowly),
		ON_BOTH(old_versions_are_refused),
		ON_BOTH(a_handshake_that_does_not_end_is_given_up),
		ON_BOTH(the_deadline_of_the_handshake_ends_with_it),
		ON_BOTH(a_fin_within_the_handshake_is_an_error),
		ON_BOTH(garbage_after_the_handshake_is_an_error),
		ON_BOTH(renegotiation_is_refused),
		ON_BOTH(a_ticket_resumes_a_session_also_after_a_reload),
		ON_BOTH(a_reload_serves_the_new_pair_and_a_bad_one_changes_nothing),
		cmocka_unit_test(bad_files_are_named),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
