#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "signaling/auth/permission.h"

static const struct bf_builtin_role *role(const char *name)
{
	for (size_t i = 0; i < bf_builtin_role_count; i++)
		if (strcmp(bf_builtin_roles[i].name, name) == 0)
			return &bf_builtin_roles[i];
	fail_msg("no role %s", name);
	return NULL;
}

static void each_permission_has_a_name_of_its_own_and_a_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < BF_PERMISSION_COUNT; i++) {
		assert_non_null(bf_permissions[i].name);
		assert_non_null(strchr(bf_permissions[i].name, ':'));
		assert_true(strlen(bf_permissions[i].text) > 5);
		assert_int_equal(
			bf_permission_of(bf_bytes_str(bf_permissions[i].name)), BF_PERMIT(i));
	}
	assert_int_equal(bf_permission_of(bf_bytes_str("admin")), 0);
	assert_int_equal(bf_permission_of(bf_bytes_str("")), 0);
}

static void what_is_not_permitted_is_forbidden_and_the_admin_may_do_all(void **state)
{
	uint64_t two = BF_PERMIT(BF_SKILLS_READ) | BF_PERMIT(BF_SKILLS_WRITE);

	(void)state;
	assert_true(bf_permits(two, BF_PERMIT(BF_SKILLS_READ)));
	assert_true(bf_permits(two, two));
	assert_false(bf_permits(BF_PERMIT(BF_SKILLS_READ), two)); /* all of them are needed */
	assert_false(bf_permits(0, BF_PERMIT(BF_SKILLS_READ)));
	assert_true(bf_permits(0, 0));
	for (size_t i = 0; i < BF_PERMISSION_COUNT; i++)
		assert_true(bf_permits(role("admin")->permissions, BF_PERMIT(i)));
}

static void roles_may_do_what_their_names_say(void **state)
{
	(void)state;
	assert_int_equal(__builtin_popcountll(role("viewer")->permissions), 4);
	assert_true(bf_permits(role("viewer")->permissions,
		BF_PERMIT(BF_SKILLS_READ) | BF_PERMIT(BF_EXECUTIONS_READ) |
			BF_PERMIT(BF_WORKFLOWS_READ) | BF_PERMIT(BF_ANALYTICS_READ)));
	assert_true(bf_permits(role("developer")->permissions,
		BF_PERMIT(BF_SKILLS_WRITE) | BF_PERMIT(BF_API_KEYS_MANAGE)));
	assert_false(bf_permits(role("developer")->permissions, BF_PERMIT(BF_USERS_MANAGE)));
	assert_true(bf_permits(role("executor")->permissions, BF_PERMIT(BF_SKILLS_EXECUTE)));
	assert_false(bf_permits(role("executor")->permissions, BF_PERMIT(BF_SKILLS_WRITE)));
	assert_false(bf_permits(role("guest")->permissions, BF_PERMIT(BF_CALLS_PUBLISH)));
	assert_false(role("service")->has_login);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_permission_has_a_name_of_its_own_and_a_text),
		cmocka_unit_test(what_is_not_permitted_is_forbidden_and_the_admin_may_do_all),
		cmocka_unit_test(roles_may_do_what_their_names_say),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
