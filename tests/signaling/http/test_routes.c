#include "signaling/http/routes.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void handler(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	(void)arg;
	(void)exchange;
	(void)request;
}

#define ROUTE(m, p)                                                             \
	{                                                                       \
		.method = (m), .path = (p), .handler = handler, .summary = "s", \
		.access = BF_HTTP_PUBLIC                                        \
	}

static const struct bf_http_route table[] = {
	ROUTE("GET", "/files/{rest*}"),
	ROUTE("GET", "/rooms/{room}"),
	ROUTE("POST", "/rooms/{room}"),
	ROUTE("GET", "/rooms/{room}/members/{id}"),
	ROUTE("DELETE", "/rooms/main"),
	ROUTE("GET", "/"),
	ROUTE("GET", "/rooms/main/members/{who}"),
	ROUTE("HEAD", "/rooms/main/members/{who}"),
	ROUTE("OPTIONS", "/{any*}"),
};

static int find(const struct bf_routes *routes, const char *method, const char *path,
	struct bf_http_request *request, const struct bf_http_route **out,
	char allow[static BF_ROUTES_ALLOW])
{
	const struct bf_routes_entry *entry = NULL;
	int err;

	memset(request, 0, sizeof(*request));
	request->method = bf_bytes_str(method);
	request->path = bf_bytes_str(path);
	err = bf_routes_find(routes, request, &entry, allow);
	*out = entry ? entry->route : NULL;
	return err;
}

static void fill(struct bf_routes *routes)
{
	bf_routes_init(routes);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(bf_routes_add(routes, &table[i], NULL), 0);
}

static void paths_find_the_most_specific_route(void **state)
{
	static const struct {
		const char *method, *path;
		int result, route_idx;
		const char *params[2];
	} cases[] = {
		{"GET", "/", 0, 5, {NULL, NULL}},
		{"GET", "/rooms/demo", 0, 1, {"demo", NULL}},
		{"HEAD", "/rooms/demo", 0, 1, {"demo", NULL}},
		{"POST", "/rooms/demo", 0, 2, {"demo", NULL}},
		{"GET", "/rooms/main", 0, 1,
			{"main", NULL}}, /* the fixed path has another method only */
		{"DELETE", "/rooms/main", 0, 4, {NULL, NULL}},
		{"GET", "/rooms/demo/members/7", 0, 3, {"demo", "7"}},
		{"GET", "/rooms/main/members/7", 0, 6, {"7", NULL}},
		{"HEAD", "/rooms/main/members/7", 0, 7, {"7", NULL}},
		{"HEAD", "/rooms/demo/members/7", 0, 3, {"demo", "7"}},
		{"GET", "/files/a/b.txt", 0, 0, {"a/b.txt", NULL}},
		{"GET", "/files/", 0, 0, {"", NULL}},
		{"OPTIONS", "/rooms/demo", 0, 8, {"rooms/demo", NULL}},
		{"OPTIONS", "/", 0, 8, {"", NULL}},
		{"GET", "/files", -EOPNOTSUPP, -1, {NULL, NULL}},
		{"GET", "/rooms/", -EOPNOTSUPP, -1, {NULL, NULL}}, /* a parameter is never empty */
		{"GET", "/rooms/demo/", -EOPNOTSUPP, -1, {NULL, NULL}},
		{"GET", "/Rooms/demo", -EOPNOTSUPP, -1, {NULL, NULL}},
		{"GET", "/rooms/demo/members", -EOPNOTSUPP, -1, {NULL, NULL}},
		{"get", "/rooms/demo", -EOPNOTSUPP, -1, {NULL, NULL}},
	};
	struct bf_routes routes;

	(void)state;
	fill(&routes);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bf_http_request request;
		const struct bf_http_route *route;
		char allow[BF_ROUTES_ALLOW];
		int err = find(&routes, cases[i].method, cases[i].path, &request, &route, allow);
		unsigned param_count = 0;

		if (err != cases[i].result || (err == 0 && route != &table[cases[i].route_idx]))
			fail_msg("%s %s: %d, %s %s", cases[i].method, cases[i].path, err,
				route ? route->method : "", route ? route->path : "");
		while (param_count < 2 && cases[i].params[param_count]) {
			assert_true(bf_bytes_is(
				request.params[param_count], cases[i].params[param_count]));
			param_count++;
		}
		assert_int_equal(request.param_count, param_count);
	}
	bf_routes_deinit(&routes);
}

static void other_methods_are_listed_once(void **state)
{
	struct bf_routes routes;
	struct bf_http_request request;
	const struct bf_http_route *route;
	char allow[BF_ROUTES_ALLOW];

	(void)state;
	fill(&routes);
	assert_int_equal(find(&routes, "PUT", "/rooms/main/members/7", &request, &route, allow),
		-EOPNOTSUPP);
	assert_string_equal(allow, "GET, HEAD, OPTIONS");
	assert_int_equal(find(&routes, "PUT", "/rooms/main", &request, &route, allow), -EOPNOTSUPP);
	assert_string_equal(allow, "DELETE, GET, HEAD, POST, OPTIONS");
	bf_routes_deinit(&routes);
}

static void unknown_path_is_not_found(void **state)
{
	struct bf_routes routes;
	struct bf_http_request request;
	const struct bf_http_route *route;
	char allow[BF_ROUTES_ALLOW];

	(void)state;
	bf_routes_init(&routes);
	assert_int_equal(find(&routes, "GET", "/", &request, &route, allow), -ENOENT);
	assert_int_equal(bf_routes_add(&routes, &table[1], NULL), 0);
	assert_int_equal(find(&routes, "GET", "/room", &request, &route, allow), -ENOENT);
	assert_int_equal(find(&routes, "GET", "/rooms/a/b", &request, &route, allow), -ENOENT);
	assert_string_equal(allow, "");
	bf_routes_deinit(&routes);
}

static void order_of_adding_does_not_matter(void **state)
{
	(void)state;
	for (unsigned is_reversed = 0; is_reversed < 2; is_reversed++) {
		static const struct bf_http_route both[] = {
			ROUTE("GET", "/a/{x}"), ROUTE("GET", "/a/b")};
		struct bf_routes routes;
		struct bf_http_request request;
		const struct bf_http_route *route;
		char allow[BF_ROUTES_ALLOW];

		bf_routes_init(&routes);
		assert_int_equal(bf_routes_add(&routes, &both[is_reversed], NULL), 0);
		assert_int_equal(bf_routes_add(&routes, &both[!is_reversed], NULL), 0);
		assert_int_equal(find(&routes, "GET", "/a/b", &request, &route, allow), 0);
		assert_ptr_equal(route, &both[1]);
		bf_routes_deinit(&routes);
	}
}

static void bad_routes_are_refused(void **state)
{
	static const struct bf_http_route bad[] = {
		{.method = "GET", .path = "/x", .handler = handler, .summary = "s"},
		{.method = "GET",
			.path = "/x",
			.handler = handler,
			.summary = "s",
			.access = BF_HTTP_PUBLIC,
			.permissions = 1},
		{.method = "GET",
			.path = "/x",
			.handler = handler,
			.summary = NULL,
			.access = BF_HTTP_PUBLIC},
		{.method = "GET",
			.path = "/x",
			.handler = handler,
			.summary = "",
			.access = BF_HTTP_PUBLIC},
		{.method = "GET",
			.path = "/x",
			.handler = NULL,
			.summary = "s",
			.access = BF_HTTP_PUBLIC},
		ROUTE("", "/x"),
		ROUTE("GE T", "/x"),
		ROUTE("GET", ""),
		ROUTE("GET", "x"),
		ROUTE("GET", "//x"),
		ROUTE("GET", "/x/"),
		ROUTE("GET", "/{}"),
		ROUTE("GET", "/{*}"),
		ROUTE("GET", "/{a"),
		ROUTE("GET", "/a}"),
		ROUTE("GET", "/a{b}"),
		ROUTE("GET", "/{a*}/b"),
		ROUTE("GET", "/a*"),
		ROUTE("GET", "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}"),
	};
	static const struct bf_http_route full = ROUTE("GET", "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}");
	static const struct bf_http_route same = ROUTE("GET", "/{1}/{2}/{3}/{4}/{5}/{6}/{7}/{8}");
	struct bf_routes routes;

	(void)state;
	bf_routes_init(&routes);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(bf_routes_add(&routes, &bad[i], NULL), -EINVAL);
	assert_int_equal(bf_routes_add(&routes, &full, NULL), 0);
	assert_int_equal(bf_routes_add(&routes, &same, NULL), -EEXIST);
	bf_routes_deinit(&routes);
}

static void table_may_be_exactly_full(void **state)
{
	static struct bf_http_route many[BF_ROUTES_MAX + 1];
	static char paths[BF_ROUTES_MAX + 1][16];
	struct bf_routes routes;

	(void)state;
	bf_routes_init(&routes);
	for (size_t i = 0; i <= BF_ROUTES_MAX; i++) {
		snprintf(paths[i], sizeof(paths[i]), "/%zu", (i * 7919) % (BF_ROUTES_MAX + 1));
		many[i] = (struct bf_http_route)ROUTE("GET", paths[i]);
		assert_int_equal(
			bf_routes_add(&routes, &many[i], NULL), i < BF_ROUTES_MAX ? 0 : -ENOBUFS);
	}
	for (size_t i = 0; i < BF_ROUTES_MAX; i++) {
		struct bf_http_request request;
		const struct bf_http_route *route;
		char allow[BF_ROUTES_ALLOW];

		assert_int_equal(find(&routes, "GET", paths[i], &request, &route, allow), 0);
		assert_ptr_equal(route, &many[i]);
	}
	bf_routes_deinit(&routes);
}

static void a_path_may_say_its_version(void **state)
{
	static const struct bf_http_route api[] = {
		ROUTE("GET", "/api/users/{user}"), ROUTE("GET", "/api/{rest*}")};
	char allow[BF_ROUTES_ALLOW];
	const struct bf_http_route *found;
	struct bf_http_request request;
	struct bf_routes routes;

	(void)state;
	bf_routes_init(&routes);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(bf_routes_add(&routes, &api[i], NULL), 0);
	assert_int_equal(find(&routes, "GET", "/api/v1/users/ann", &request, &found, allow), 0);
	assert_ptr_equal(found, &api[0]);
	assert_true(bf_bytes_is(request.params[0], "ann"));
	assert_int_equal(find(&routes, "GET", "/api/v1/x", &request, &found, allow), 0);
	assert_ptr_equal(found, &api[1]);
	assert_true(bf_bytes_is(request.params[0], "x"));
	assert_int_equal(find(&routes, "GET", "/api/v1/", &request, &found, allow), 0);
	assert_int_equal(find(&routes, "GET", "/api/v2/users/ann", &request, &found, allow), 0);
	assert_ptr_equal(found, &api[1]); /* of which there is none */
	bf_routes_deinit(&routes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_find_the_most_specific_route),
		cmocka_unit_test(other_methods_are_listed_once),
		cmocka_unit_test(unknown_path_is_not_found),
		cmocka_unit_test(order_of_adding_does_not_matter),
		cmocka_unit_test(bad_routes_are_refused),
		cmocka_unit_test(table_may_be_exactly_full),
		cmocka_unit_test(a_path_may_say_its_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
