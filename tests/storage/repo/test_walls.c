/* What keeps tenants apart, and texts from becoming anything but texts. */
#include "tests/storage/repo/repo_fixture.h"

#include <errno.h>

static const uint8_t hash_a[32] = {1}, hash_b[32] = {2};

/* ---- tenants ---- */

/* One of everything, whose ids are `base` and those after it. */
static void fill(struct db_fixture *fixture, struct bf_uuid org, uint8_t base, const uint8_t *hash)
{
	const struct bf_user user = make_user(base, "ann");
	const struct bf_role role = make_role((uint8_t)(base + 1), "r");
	struct bf_channel channel = make_channel((uint8_t)(base + 2), "c");
	const struct bf_channel_acl entry = {.id = id_of((uint8_t)(base + 3)),
		.channel_id = channel.id,
		.subject_kind = TEXT("everyone")};
	const struct bf_session session = make_session((uint8_t)(base + 4), base, hash);
	const struct bf_api_key key = {.id = id_of((uint8_t)(base + 5)),
		.user_id = user.id,
		.name = TEXT("k"),
		.public_id = bf_bytes(hash, 1), /* another for each */
		.secret_hash = {hash, 32},
		.last_four = TEXT("last")};
	const struct bf_setting setting = {
		.id = id_of((uint8_t)(base + 6)), .key = TEXT("k"), .value = TEXT("1")};
	struct bf_tx tx;

	bf_tx_begin(&tx, org, NOBODY);
	bf_user_add(&tx, &user);
	bf_role_add(&tx, &role);
	bf_user_role_grant(&tx, user.id, role.id, NOBODY, 1);
	bf_channel_add(&tx, &channel);
	bf_channel_acl_add(&tx, &entry);
	bf_session_add(&tx, &session);
	bf_api_key_add(&tx, &key);
	bf_setting_put(&tx, &setting);
	must_commit(fixture, &tx);
}

/* Each way to read; as many rows as it finds are added up. */
static void add_reads(struct bf_tx *tx, size_t way, uint8_t base)
{
	const struct bf_page page = {.row_count = 100};

	switch (way) {
	case 0:
		bf_user_get(tx, id_of(base));
		break;
	case 1:
		bf_role_get(tx, id_of((uint8_t)(base + 1)));
		break;
	case 2:
		bf_role_list_of_user(tx, id_of(base));
		break;
	case 3:
		bf_channel_get(tx, id_of((uint8_t)(base + 2)));
		break;
	case 4:
		bf_channel_list_above(tx, id_of((uint8_t)(base + 2)));
		break;
	case 5:
		bf_channel_acl_list(tx, id_of((uint8_t)(base + 2)));
		break;
	case 6:
		bf_session_get(tx, id_of((uint8_t)(base + 4)));
		break;
	case 7:
		bf_session_list(tx, id_of(base), 1);
		break;
	case 8:
		bf_api_key_get(tx, id_of((uint8_t)(base + 5)));
		break;
	case 9:
		bf_api_key_list(tx, id_of(base));
		break;
	case 10:
		bf_user_list(tx, &page);
		break;
	case 11:
		bf_role_list(tx);
		break;
	case 12:
		bf_channel_list(tx, NOBODY, 100);
		break;
	case 13:
		bf_channel_list_below(tx, NOBODY);
		break;
	case 14:
		bf_channel_acl_list_all(tx, NOBODY, 100);
		break;
	case 15:
		bf_setting_list(tx);
		break;
	}
}

#define BY_ID_COUNT 10
#define WAY_COUNT   16

static void a_tenant_reads_its_own_rows_only(void **state)
{
	struct db_fixture *fixture = *state;

	fill(fixture, ACME, 0x10, hash_a);
	fill(fixture, BOLT, 0x20, hash_b);
	for (size_t way = 0; way < WAY_COUNT; way++) {
		struct bf_tx tx;
		size_t own, others;

		bf_tx_begin(&tx, ACME, NOBODY);
		add_reads(&tx, way, 0x10);
		own = commit(fixture, &tx)->row_count;
		bf_tx_begin(&tx, ACME, NOBODY);
		add_reads(&tx, way, 0x20);
		others = commit(fixture, &tx)->row_count;
		if (own != 1 || others != (way < BY_ID_COUNT ? 0 : 1))
			fail_msg("way %zu: %zu own, %zu others'", way, own, others);
	}
}

/* Each way to change what has an id. */
static void add_change(struct bf_tx *tx, size_t way, uint8_t base)
{
	struct bf_user user = make_user(base, "taken");
	struct bf_role role = make_role((uint8_t)(base + 1), "taken");
	struct bf_channel channel = make_channel((uint8_t)(base + 2), "taken");
	const uint8_t *hash = base == 0x20 ? hash_b : hash_a;
	static const uint8_t stolen[32] = {9};

	switch (way) {
	case 0:
		bf_user_update(tx, &user);
		break;
	case 1:
		bf_user_set_email(tx, user.id, TEXT("e@x"), TEXT("e@x"), 1, 1);
		break;
	case 2:
		bf_user_set_password(tx, user.id, TEXT("p"), false, 1);
		break;
	case 3:
		bf_user_logged_in(tx, user.id, 1);
		break;
	case 4:
		bf_user_login_failed(tx, user.id, 1);
		break;
	case 5:
		bf_user_disable(tx, user.id, 1, 1);
		break;
	case 6:
		bf_role_update(tx, &role);
		break;
	case 7:
		bf_user_role_revoke(tx, user.id, role.id);
		break;
	case 8:
		bf_channel_update(tx, &channel);
		break;
	case 9:
		bf_session_rotate(tx, id_of((uint8_t)(base + 4)), bf_bytes(hash, 32),
			bf_bytes(stolen, 32), 1, 2);
		break;
	case 10:
		bf_session_set_mfa(tx, id_of((uint8_t)(base + 4)), 1);
		break;
	case 11:
		bf_session_revoke(tx, id_of((uint8_t)(base + 4)), 1);
		break;
	case 12:
		bf_api_key_revoke(tx, id_of((uint8_t)(base + 5)), 1);
		break;
	case 13:
		bf_channel_remove(tx, channel.id);
		break;
	case 14:
		bf_role_remove(tx, role.id);
		break;
	case 15:
		bf_user_remove(tx, user.id);
		break;
	}
}

static void a_tenant_changes_its_own_rows_only(void **state)
{
	struct db_fixture *fixture = *state;

	fill(fixture, ACME, 0x10, hash_a);
	fill(fixture, BOLT, 0x20, hash_b);
	for (size_t way = 0; way < 16; way++) {
		struct bf_tx tx;
		enum bf_db_status others;

		bf_tx_begin(&tx, ACME, NOBODY);
		add_change(&tx, way, 0x20);
		others = commit(fixture, &tx)->status;
		bf_tx_begin(&tx, ACME, NOBODY);
		add_change(&tx, way, 0x10);
		must_commit(fixture, &tx);
		if (others != BF_DB_UNEXPECTED)
			fail_msg("way %zu: %s", way, bf_db_status_name(others));
	}
}

static void rows_refer_to_those_of_their_own_tenant_only(void **state)
{
	struct bf_channel channel = make_channel(0x30, "below");
	const struct bf_session session = make_session(0x31, 0x20, (const uint8_t[32]){7});
	const struct bf_channel_acl entry = {.id = id_of(0x32),
		.channel_id = id_of(0x12),
		.position = 5,
		.subject_kind = TEXT("role"),
		.role_id = id_of(0x21)};
	struct bf_tx tx;

	fill(*state, ACME, 0x10, hash_a);
	fill(*state, BOLT, 0x20, hash_b);
	channel.parent_id = id_of(0x22);
	bf_tx_begin(&tx, ACME, NOBODY);
	bf_channel_add(&tx, &channel);
	assert_int_equal(commit(*state, &tx)->status, BF_DB_NO_PARENT);
	bf_tx_begin(&tx, ACME, NOBODY);
	bf_session_add(&tx, &session);
	assert_int_equal(commit(*state, &tx)->status, BF_DB_NO_PARENT);
	bf_tx_begin(&tx, ACME, NOBODY);
	bf_channel_acl_add(&tx, &entry);
	assert_int_equal(commit(*state, &tx)->status, BF_DB_NO_PARENT);
}

/* ---- texts ---- */

static const char *const corpus[] = {
	"'",
	"''",
	"\"",
	"\\",
	"' OR '1'='1",
	"'; DROP TABLE users; --",
	"\"; DROP TABLE users; --",
	"\\'; DROP TABLE users; --",
	"1); DELETE FROM organizations; --",
	"$1",
	"$$; SELECT pg_sleep(10); $$",
	"%s%s%n",
	"x' UNION SELECT password_hash FROM users --",
	"' || (SELECT password_hash FROM users LIMIT 1) || '",
	"/* */",
	"-- ",
	"\xc2\xa0' OR 1=1",
	"\xef\xbc\x87 OR 1=1", /* a quote of another script */
	"{\"a\": \"'; --\"}",
	"a\nb\tc\rd",
	"\xf0\x9f\x94\x94",
	"NULL",
	"true",
	"\x01\x02\x7f",
};

/* In every text that a repository takes; what was written is found again, and nothing else has happened. */
static void a_text_is_nothing_but_a_text(void **state)
{
	struct bf_tx tx;

	for (size_t i = 0; i < sizeof(corpus) / sizeof(corpus[0]); i++) {
		const char *text = corpus[i];
		uint8_t id = (uint8_t)(i + 1);
		struct bf_user user = make_user(id, text);
		struct bf_role role = make_role(id, text);
		struct bf_channel channel = make_channel(id, text);
		struct bf_organization organization = {
			.id = id_of(id), .slug = TEXT(text), .name = TEXT(text), .created_at = 1};
		const struct bf_setting setting = {
			.id = id_of(id), .key = TEXT(text), .value = TEXT("1")};
		const struct bf_rate_limit limit = {.key = TEXT(text)};

		user.full_name = role.description = channel.description = TEXT(text);
		user.password_hash = channel.password_hash = TEXT(text);
		bf_tx_begin_system(&tx);
		bf_organization_add(&tx, &organization);
		bf_rate_limit_put(&tx, &limit);
		bf_organization_find(&tx, TEXT(text));
		assert_int_equal(commit(*state, &tx)->row_count, 1);
		bf_tx_begin(&tx, ACME, NOBODY);
		bf_user_add(&tx, &user);
		bf_role_add(&tx, &role);
		bf_channel_add(&tx, &channel);
		bf_setting_put(&tx, &setting);
		bf_setting_get(&tx, TEXT(text));
		assert_int_equal(commit(*state, &tx)->row_count, 1);
		bf_tx_begin(&tx, ACME, NOBODY);
		bf_role_find(&tx, TEXT(text));
		assert_non_null(strstr(commit(*state, &tx)->text, text));
		bf_tx_begin_system(&tx);
		bf_user_find_by_username(&tx, TEXT(text));
		assert_non_null(strstr(commit(*state, &tx)->text, text));
		bf_tx_begin(&tx, ACME, NOBODY);
		bf_call_list_of_room(&tx, TEXT(text), &(struct bf_page){.row_count = 5});
		assert_int_equal(commit(*state, &tx)->row_count, 0);
	}
	bf_tx_begin(&tx, ACME, NOBODY);
	bf_user_count(&tx);
	assert_int_equal(atoi(commit(*state, &tx)->text), sizeof(corpus) / sizeof(corpus[0]));
}

static void what_is_no_text_is_refused_before_anybody_sees_it(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} wrong[] = {
		{"a\0b", 3},		 /* NUL */
		{"\xff", 1},		 /* no UTF-8 at all */
		{"\xc3", 1},		 /* cut off */
		{"\xed\xa0\x80", 3},	 /* a surrogate */
		{"\xc0\xaf", 2},	 /* longer than need be */
		{"\xf4\x90\x80\x80", 4}, /* beyond Unicode */
	};
	struct db_fixture *fixture = *state;
	struct kept kept = {0};
	struct bf_tx tx;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		bf_tx_begin(&tx, ACME, NOBODY);
		bf_role_find(&tx, bf_bytes(wrong[i].bytes, wrong[i].len));
		assert_int_equal(bf_tx_ask(&tx, fixture->client, on_kept, &kept), -EINVAL);
	}
	assert_false(kept.is_answered);
}

static void a_text_that_is_too_long_is_refused_and_loses_nothing(void **state)
{
	struct db_fixture *fixture = *state;
	struct bf_user user = make_user(1, "ann");
	struct kept kept = {0};
	struct bf_tx tx;
	size_t size = (size_t)2 << 20;
	char *text = malloc(size);

	memset(text, 'x', size);
	user.full_name = bf_bytes(text, 201);
	bf_tx_begin(&tx, ACME, NOBODY);
	bf_user_add(&tx, &user);
	assert_int_equal(commit(fixture, &tx)->status, BF_DB_INVALID);
	user.full_name = bf_bytes(text, size);
	bf_tx_begin(&tx, ACME, NOBODY);
	bf_user_add(&tx, &user);
	assert_int_equal(bf_tx_ask(&tx, fixture->client, on_kept, &kept), -EMSGSIZE);
	user.full_name = bf_bytes(text, 200);
	user.metadata = TEXT("{broken");
	bf_tx_begin(&tx, ACME, NOBODY);
	bf_user_add(&tx, &user);
	assert_int_equal(commit(fixture, &tx)->status, BF_DB_INVALID);
	user.metadata = TEXT("{}");
	bf_tx_begin(&tx, ACME, NOBODY);
	bf_user_add(&tx, &user);
	must_commit(fixture, &tx);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_tenant_reads_its_own_rows_only),
		TEST(a_tenant_changes_its_own_rows_only),
		TEST(rows_refer_to_those_of_their_own_tenant_only),
		TEST(a_text_is_nothing_but_a_text),
		TEST(what_is_no_text_is_refused_before_anybody_sees_it),
		TEST(a_text_that_is_too_long_is_refused_and_loses_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
