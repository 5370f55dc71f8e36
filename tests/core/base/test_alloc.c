/* Every constructor with its n-th allocation failing: an error, no leak (under ASan), nothing half made. The
 * linker sends the allocations of our own objects here (--wrap); jansson's come by its own hook. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/conf.h"
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/base/metrics.h"
#include "core/base/msg.h"
#include "core/base/pool.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
char *__wrap_strdup(const char *text);

static size_t fail_at;	 /* which allocation from now on fails, from 1; 0: none */
static bool fails_after; /* and all that follow */

static bool fails(void)
{
	if (fail_at == 0)
		return false;
	if (fail_at > 1) {
		fail_at--;
		return false;
	}
	if (!fails_after)
		fail_at = 0;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size)
{
	return fails() ? NULL : __real_realloc(block, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return fails() ? NULL : __real_aligned_alloc(alignment, size);
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

static void *json_malloc_hook(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

static int make_conf(void)
{
	struct bf_conf *conf;
	int err = bf_conf_new(&conf);

	if (!err)
		bf_conf_free(conf);
	return err;
}

static int load_conf(void)
{
	static char *const env[] = {"BELFRY_HTTP_ORIGINS=https://a,https://b", "PORT=9", NULL};
	static char *const flags[] = {"--log.level=warn", "--rtc.join_keys=x, y"};
	struct bf_conf *conf;
	char why[256];
	size_t at = fail_at;
	int err;

	fail_at = 0;
	assert_int_equal(bf_conf_new(&conf), 0);
	fail_at = at;
	err = bf_conf_load(conf, NULL, env, 2, flags, why, sizeof(why));
	assert_string_equal(conf->log.level, err ? "info" : "warn");
	assert_int_equal(conf->http.origins_count, err ? 0 : 2);
	bf_conf_free(conf);
	return err;
}

static int make_log(void)
{
	struct bf_log *log;
	int err = bf_log_new(&log, 1, BF_LOG_JSON, BF_LOG_INFO);

	if (!err)
		bf_log_free(log);
	return err;
}

static int make_map(void)
{
	struct bf_map_node nodes[20];
	struct bf_map map;
	uint8_t keys[20];
	int err = bf_map_init(&map, 0, 20);

	if (err)
		return err;
	for (uint8_t i = 0; i < 20 && !err; i++) {
		keys[i] = i;
		err = bf_map_put(&map, &nodes[i], bf_bytes(&keys[i], 1));
	}
	if (err) /* growing failed: all that was there still is */
		assert_int_equal(map.entry_count, 16);
	for (size_t i = 0; i < map.entry_count; i++)
		assert_ptr_equal(bf_map_get(&map, bf_bytes(&keys[i], 1)), &nodes[i]);
	bf_map_deinit(&map);
	return err;
}

static int make_pool(void)
{
	struct bf_pool pool;
	int err = bf_pool_init(&pool, 64, 4);

	if (!err)
		bf_pool_deinit(&pool);
	return err;
}

static int make_msg(void)
{
	struct bf_msg *msg = bf_msg_new(1, 100);

	bf_msg_free(msg);
	return msg ? 0 : -ENOMEM;
}

static int make_metrics(void)
{
	static const uint64_t bounds[] = {1, 2};
	struct bf_metrics *metrics;
	bool is_whole;
	char *text;
	size_t len, at;
	int err = bf_metrics_new(&metrics);

	if (err)
		return err;
	is_whole = bf_metric_new(metrics, BF_METRIC_GAUGE, "a", NULL, "h") &&
		   bf_metric_new(metrics, BF_METRIC_GAUGE, "a", "x=\"1\"", "h") &&
		   bf_histogram_new(metrics, "b", NULL, "h", bounds, 2, 1);
	at = fail_at;
	fail_at = 0;
	assert_int_equal(bf_metrics_print(metrics, &text, &len), 0);
	free(text);
	fail_at = at;
	bf_metrics_free(metrics);
	return is_whole ? 0 : -ENOMEM;
}

static int build_json(void)
{
	struct bf_json *object = bf_json_object();
	struct bf_json *inner = bf_json_array(), *copy;
	bool is_whole;
	char *text;

	bf_json_push_str(inner, "x");
	bf_json_put(object, "inner", inner);
	bf_json_put_str(object, "s", "text");
	bf_json_put_int(object, "i", 1);
	copy = bf_json_copy(object);
	text = bf_json_print(copy, NULL);
	is_whole = text != NULL;
	if (text) /* whatever failed, no half of it is ever printed */
		assert_string_equal(text, "{\"inner\":[\"x\"],\"s\":\"text\",\"i\":1}");
	free(text);
	bf_json_free(copy);
	bf_json_free(object);
	return is_whole ? 0 : -ENOMEM;
}

static int parse_json(void)
{
	struct bf_json *json;
	int err = bf_json_parse(&json, bf_bytes_str("{\"a\":[1,\"x\",2.5,{}]}"), 100, NULL, 0);

	if (!err)
		bf_json_free(json);
	/* Inside a token jansson cannot tell the two apart. */
	return err == -EBADMSG ? -ENOMEM : err;
}

static void check_each(int (*make)(void))
{
	size_t failures = 0;
	int err = -ENOMEM;

	for (size_t n = 1; err; n++) {
		fail_at = n;
		err = make();
		assert_true(err == 0 || err == -ENOMEM);
		failures += err != 0;
		assert_true(n < 1000);
	}
	fail_at = 0;
	assert_true(failures > 0);
}

static void constructors_survive_the_nth_allocation_failing(void **state)
{
	(void)state;
	check_each(make_conf);
	check_each(load_conf);
	check_each(make_log);
	check_each(make_map);
	check_each(make_pool);
	check_each(make_msg);
	check_each(make_metrics);
}

static void json_survives_the_nth_allocation_failing(void **state)
{
	(void)state;
	json_set_alloc_funcs(json_malloc_hook, free);
	check_each(build_json);
	check_each(parse_json);
	json_set_alloc_funcs(malloc, free);
}

/* Not one byte to be had any more: even the mark cannot be stored, and still nothing is printed. */
static void json_without_any_memory_left_prints_nothing(void **state)
{
	struct bf_json *object = bf_json_object(), *array = bf_json_array();

	(void)state;
	json_set_alloc_funcs(json_malloc_hook, free);
	fails_after = true;
	fail_at = 1;
	bf_json_put_int(object, "i", 1);
	bf_json_push_str(array, "x");
	fail_at = 0;
	fails_after = false;
	bf_json_put_int(object, "j", 2);
	bf_json_push_str(array, "y");
	assert_null(bf_json_print(object, NULL));
	assert_null(bf_json_print(array, NULL));
	assert_null(bf_json_copy(object));
	bf_json_free(object);
	bf_json_free(array);
	json_set_alloc_funcs(malloc, free);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(constructors_survive_the_nth_allocation_failing),
		cmocka_unit_test(json_survives_the_nth_allocation_failing),
		cmocka_unit_test(json_without_any_memory_left_prints_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
