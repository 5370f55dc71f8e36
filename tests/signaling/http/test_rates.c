/* Which limit counts for whom, on virtual time. */
#include "signaling/http/rates.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SEC(s) ((int64_t)(s)*1000000)

struct fixture {
	struct bf_conf *conf;
	struct bf_http_rates rates;
};

static int set_up(void **state)
{
	static struct fixture f;

	assert_int_equal(bf_conf_new(&f.conf), 0);
	assert_int_equal(bf_http_rates_init(&f.rates, f.conf), 0);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	bf_http_rates_deinit(&f->rates);
	bf_conf_free(f->conf);
	return 0;
}

static struct bf_addr address(const char *text)
{
	struct bf_addr addr;

	assert_int_equal(bf_addr_parse_ip(&addr, text, 4711), 0);
	return addr;
}

static unsigned count_allowed(
	struct fixture *f, enum bf_http_rates_kind kind, const char *text, unsigned tries)
{
	struct bf_addr addr = address(text);
	unsigned count = 0;

	for (unsigned i = 0; i < tries; i++)
		count += bf_http_rates_charge_address(&f->rates, kind, &addr, SEC(5))
				 .verdict.is_allowed;
	return count;
}

static void an_address_has_a_hundred_in_a_quarter_of_an_hour_and_ten_tries_to_sign_in(void **state)
{
	struct fixture *f = *state;
	struct bf_addr addr = address("192.0.2.1");
	char text[BF_HTTP_RATES_TEXT];
	struct bf_http_rates_answer answer =
		bf_http_rates_charge_address(&f->rates, BF_HTTP_RATES_ANONYMOUS, &addr, SEC(5));

	assert_string_equal(bf_http_rates_policy(&answer, text), "\"anonymous\";q=100;w=900");
	assert_string_equal(bf_http_rates_state(&answer, text), "\"anonymous\";r=99;t=9");
	assert_int_equal(count_allowed(f, BF_HTTP_RATES_ANONYMOUS, "192.0.2.1", 200), 99);
	answer = bf_http_rates_charge_address(&f->rates, BF_HTTP_RATES_ANONYMOUS, &addr, SEC(6));
	assert_string_equal(bf_http_rates_state(&answer, text), "\"anonymous\";r=0;t=8");
	assert_int_equal(bf_http_rates_retry_s(&answer), 8);
	assert_int_equal(count_allowed(f, BF_HTTP_RATES_AUTH, "192.0.2.1", 20), 10);
	assert_int_equal(count_allowed(f, BF_HTTP_RATES_ANONYMOUS, "192.0.2.2", 200), 100);
}

static void of_ipv6_the_first_64_bits_count(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(count_allowed(f, BF_HTTP_RATES_AUTH, "2001:db8:1:2::1", 6), 6);
	assert_int_equal(count_allowed(f, BF_HTTP_RATES_AUTH, "2001:db8:1:2:ffff::2", 6), 4);
	assert_int_equal(count_allowed(f, BF_HTTP_RATES_AUTH, "2001:db8:1:3::1", 6), 6);
	assert_int_equal(count_allowed(f, BF_HTTP_RATES_AUTH, "::ffff:192.0.2.7", 6), 6);
	assert_int_equal(count_allowed(f, BF_HTTP_RATES_AUTH, "192.0.2.7", 6), 4);
}

static void users_and_names_count_apart(void **state)
{
	static const struct bf_uuid ann = {{1}}, bob = {{2}};
	struct fixture *f = *state;
	unsigned count = 0;

	for (unsigned i = 0; i < 1500; i++)
		count += bf_http_rates_charge_user(&f->rates, ann, SEC(5)).verdict.is_allowed;
	assert_int_equal(count, 1000);
	assert_true(bf_http_rates_charge_user(&f->rates, bob, SEC(5)).verdict.is_allowed);
	count = 0;
	for (unsigned i = 0; i < 15; i++)
		count += bf_http_rates_charge_name(&f->rates, bf_bytes_str("ann"), SEC(5))
				 .verdict.is_allowed;
	assert_int_equal(count, 10);
	assert_true(bf_http_rates_charge_name(&f->rates, bf_bytes_str("bob"), SEC(5))
			    .verdict.is_allowed);
}

static void keys_of_addresses_and_users_last_and_those_of_names_do_not(void **state)
{
	static const struct bf_uuid ann = {{1}};
	struct fixture *f = *state;
	struct bf_addr addr = address("2001:db8:4444:4444::1");
	struct bf_gcra_debt debts[8];

	bf_http_rates_charge_name(&f->rates, bf_bytes_str("ann"), SEC(5));
	bf_http_rates_charge_user(&f->rates, ann, SEC(5));
	bf_http_rates_charge_address(&f->rates, BF_HTTP_RATES_AUTH, &addr, SEC(5));
	assert_int_equal(bf_gcra_export(&f->rates.gcra, debts, 8, SEC(5)), 3);
	assert_true(bf_http_rates_is_lasting(&debts[0].key));
	assert_true(bf_http_rates_is_lasting(&debts[1].key));
	assert_false(bf_http_rates_is_lasting(&debts[2].key));
}

static void limits_can_be_changed_and_turned_off(void **state)
{
	struct fixture *f = *state;

	f->conf->limits.auth = 3;
	bf_http_rates_set(&f->rates, f->conf);
	assert_int_equal(count_allowed(f, BF_HTTP_RATES_AUTH, "192.0.2.1", 20), 3);
	f->conf->limits.auth = 0;
	bf_http_rates_set(&f->rates, f->conf);
	assert_int_equal(count_allowed(f, BF_HTTP_RATES_AUTH, "192.0.2.1", 20), 20);
	f->conf->limits.auth = 3;
	f->conf->limits.loopback = false;
	bf_http_rates_set(&f->rates, f->conf);
	assert_int_equal(count_allowed(f, BF_HTTP_RATES_AUTH, "127.0.0.1", 20), 20);
	assert_int_equal(count_allowed(f, BF_HTTP_RATES_AUTH, "192.0.2.9", 20), 3);
	f->rates.is_on = false;
	assert_int_equal(count_allowed(f, BF_HTTP_RATES_AUTH, "192.0.2.9", 20), 20);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(an_address_has_a_hundred_in_a_quarter_of_an_hour_and_ten_tries_to_sign_in),
		TEST(of_ipv6_the_first_64_bits_count),
		TEST(users_and_names_count_apart),
		TEST(keys_of_addresses_and_users_last_and_those_of_names_do_not),
		TEST(limits_can_be_changed_and_turned_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
