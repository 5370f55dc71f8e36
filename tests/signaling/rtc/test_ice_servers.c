/* ICE servers: credentials that a TURN server with the same secret computes too. */
#include "signaling/rtc/ice_servers.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOW_S INT64_C(1795946400)
#define NAME  "00000000000000a1"

static char *const urls[] = {(char *)(uintptr_t) "stun:s.example",
	(char *)(uintptr_t) "TURN:t.example?transport=udp",
	(char *)(uintptr_t) "turns:t.example:5349"};

/* printf '1795989600:00000000000000a1' | openssl dgst -sha1 -hmac north -binary | base64 */
#define USERNAME "1795989600:00000000000000a1"
#define PASSWORD "2alFyAnLmmrKM8BpODB5H29ITYg="

static void credential_is_what_openssl_computes(void **state)
{
	struct bf_ice_credential credential;

	(void)state;
	bf_ice_credential_make(&credential, "north", NOW_S, NAME);
	assert_string_equal(credential.username, USERNAME);
	assert_string_equal(credential.password, PASSWORD);
	bf_ice_credential_make(&credential, "south", NOW_S, NAME);
	assert_string_not_equal(credential.password, PASSWORD);
}

static void only_turn_servers_get_credentials(void **state)
{
	const struct bf_ice_servers with = {urls, 3, "north"}, without = {urls, 3, ""},
				    none = {NULL, 0, NULL};
	struct bf_json *json = bf_ice_servers_json(&with, NOW_S, NAME);
	char *text = bf_json_print(json, NULL);

	(void)state;
	assert_string_equal(text,
		"[{\"urls\":\"stun:s.example\"},"
		"{\"urls\":\"TURN:t.example?transport=udp\",\"username\":\"" USERNAME
		"\",\"credential\":\"" PASSWORD "\"},"
		"{\"urls\":\"turns:t.example:5349\",\"username\":\"" USERNAME
		"\",\"credential\":\"" PASSWORD "\"}]");
	free(text);
	bf_json_free(json);
	json = bf_ice_servers_json(&without, NOW_S, NAME);
	assert_null(bf_json_get(bf_json_at(json, 1), "username"));
	bf_json_free(json);
	json = bf_ice_servers_json(&none, NOW_S, NAME);
	assert_int_equal(bf_json_count(json), 0);
	bf_json_free(json);
}

static void links_say_the_same(void **state)
{
	const struct bf_ice_servers servers = {urls, 3, "north"};
	char link[BF_ICE_LINK_TEXT];

	(void)state;
	assert_int_equal(bf_ice_servers_link(&servers, 0, NOW_S, NAME, link, sizeof(link)), 0);
	assert_string_equal(link, "<stun:s.example>; rel=\"ice-server\"");
	assert_int_equal(bf_ice_servers_link(&servers, 1, NOW_S, NAME, link, sizeof(link)), 0);
	assert_string_equal(link,
		"<TURN:t.example?transport=udp>; rel=\"ice-server\"; username=\"" USERNAME
		"\"; credential=\"" PASSWORD "\"; credential-type=\"password\"");
	assert_int_equal(
		bf_ice_servers_link(&servers, 1, NOW_S, NAME, link, strlen(link)), -ENOBUFS);
	assert_int_equal(bf_ice_servers_link(&servers, 0, NOW_S, NAME, link,
				 sizeof("<stun:s.example>; rel=\"ice-server\"")),
		0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(credential_is_what_openssl_computes),
		cmocka_unit_test(only_turn_servers_get_credentials),
		cmocka_unit_test(links_say_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
