#include "storage/repo/second_factors.h"
#include "tests/storage/repo/repo_fixture.h"

#include <errno.h>

static const uint8_t hash_a[32] = {1}, hash_b[32] = {2}, hash_c[32] = {3};

static void begin(struct bf_tx *tx)
{
	bf_tx_begin(tx, ACME, NOBODY);
}

/* The only text, or the texts, that a step brings. */
static void expect(struct db_fixture *fixture, struct bf_tx *tx, const char *text)
{
	struct kept *kept = commit(fixture, tx);

	assert_string_equal(kept->why, "");
	assert_int_equal(kept->status, BF_DB_OK);
	assert_string_equal(kept->text, text);
}

static void expect_status(struct db_fixture *fixture, struct bf_tx *tx, enum bf_db_status status,
	const char *constraint)
{
	struct kept *kept = commit(fixture, tx);

	assert_string_equal(bf_db_status_name(kept->status), bf_db_status_name(status));
	assert_string_equal(kept->constraint, constraint);
}

static void add_user(struct db_fixture *fixture, struct bf_uuid org, const struct bf_user *user)
{
	struct bf_tx tx;

	bf_tx_begin(&tx, org, NOBODY);
	bf_user_add(&tx, user);
	must_commit(fixture, &tx);
}

/* ---- rows come back as they were written ---- */

/* Compares structs column by column, by the same list that made them. */
#define SAME_UUID(a, b)		assert_memory_equal(&(a), &(b), sizeof(a))
#define SAME_TEXT(a, b)		assert_true(bf_bytes_equal(a, b))
#define SAME_NUMBER(a, b)	assert_int_equal(a, b)
#define SAME_UUID_OR_NULL(a, b) SAME_UUID(a, b)
#define SAME_TEXT_OR_NULL(a, b)                         \
	do {                                            \
		assert_int_equal(!(a).data, !(b).data); \
		SAME_TEXT(a, b);                        \
	} while (0)
#define SAME_JSON(a, b)		SAME_TEXT(a, b)
#define SAME_BYTES(a, b)	SAME_TEXT(a, b)
#define SAME_INT(a, b)		SAME_NUMBER(a, b)
#define SAME_INT_OR_NULL(a, b)	SAME_NUMBER(a, b)
#define SAME_BOOL(a, b)		SAME_NUMBER(a, b)
#define SAME_TIME(a, b)		SAME_NUMBER(a, b)
#define SAME_TIME_OR_NULL(a, b) SAME_NUMBER(a, b)
#define SAME_COLUMN(kind, name) SAME_##kind(row.name, wanted->name);
#define CHECK_COLUMNS(noun, COLUMNS)                                           \
	static void check_##noun(void *arg, const struct bf_db_answer *answer) \
	{                                                                      \
		struct checking *checking = arg;                               \
		const struct bf_##noun *wanted = checking->wanted;             \
		struct bf_##noun row;                                          \
		struct bf_db_rows rows;                                        \
                                                                               \
		if (answer->status != BF_DB_OK)                                \
			fail_msg("%s", answer->why);                           \
		rows = answer->steps[answer->row_steps - 1];                   \
		assert_true(bf_##noun##_next(&rows, &row));                    \
		COLUMNS(SAME_COLUMN, SAME_COLUMN)                              \
		assert_false(bf_##noun##_next(&rows, &row));                   \
		checking->is_done = true;                                      \
	}

struct checking {
	const void *wanted;
	bool is_done;
};

CHECK_COLUMNS(organization, BF_ORGANIZATION_COLUMNS)
CHECK_COLUMNS(user, BF_USER_COLUMNS)
CHECK_COLUMNS(role, BF_ROLE_COLUMNS)
CHECK_COLUMNS(session, BF_SESSION_COLUMNS)
CHECK_COLUMNS(api_key, BF_API_KEY_COLUMNS)
CHECK_COLUMNS(authenticator, BF_AUTHENTICATOR_COLUMNS)
CHECK_COLUMNS(setting, BF_SETTING_COLUMNS)
CHECK_COLUMNS(rate_limit, BF_RATE_LIMIT_COLUMNS)
CHECK_COLUMNS(channel, BF_CHANNEL_COLUMNS)
CHECK_COLUMNS(channel_acl, BF_CHANNEL_ACL_COLUMNS)

static void check(struct db_fixture *fixture, struct bf_tx *tx, bf_db_on_answer *on_answer,
	const void *wanted)
{
	struct checking checking = {.wanted = wanted};

	assert_true(bf_tx_ask(tx, fixture->client, on_answer, &checking) > 0);
	WAIT_FOR(fixture, checking.is_done);
}

static const struct bf_user whole_user = {.email = {(const uint8_t *)"Ann@x.org", 9},
	.email_key = {(const uint8_t *)"ann@x.org", 9},
	.username = {(const uint8_t *)"Ann", 3},
	.username_key = {(const uint8_t *)"ann", 3},
	.full_name = {(const uint8_t *)"Ann A\xc3\xa9", 7},
	.password_hash = {(const uint8_t *)"$argon2id$", 10},
	.must_change_password = true,
	.email_verified_at = 11,
	.last_login_at = 12,
	.failed_login_count = 13,
	.locked_until = 14,
	.metadata = {(const uint8_t *)"{\"a\": 1}", 8},
	.created_at = 15,
	.updated_at = 16,
	.disabled_at = 17};

static void organizations_users_and_roles_come_back_as_they_were_written(void **state)
{
	const struct bf_organization organization = {.id = id_of(1),
		.slug = TEXT("one"),
		.name = TEXT("One"),
		.settings = TEXT("{\"x\": true}"),
		.created_at = 5,
		.updated_at = 6,
		.disabled_at = 7};
	struct bf_role role = {.org_id = ACME,
		.id = id_of(3),
		.name = TEXT("moderator"),
		.description = TEXT("keeps order"),
		.permissions = INT64_MIN + 5, /* the highest bit too */
		.is_builtin = true,
		.created_at = 1,
		.updated_at = 2};
	struct bf_user user = whole_user;
	struct bf_tx tx;

	bf_tx_begin_system(&tx);
	bf_organization_add(&tx, &organization);
	bf_organization_find(&tx, TEXT("one"));
	check(*state, &tx, check_organization, &organization);
	user.org_id = ACME;
	user.id = id_of(2);
	begin(&tx);
	bf_user_add(&tx, &user);
	bf_user_get(&tx, user.id);
	check(*state, &tx, check_user, &user);
	begin(&tx);
	bf_role_add(&tx, &role);
	bf_role_get(&tx, role.id);
	check(*state, &tx, check_role, &role);
}

static void what_may_be_missing_comes_back_missing(void **state)
{
	struct bf_user user = make_user(1, "bare");
	struct bf_channel channel = make_channel(2, "bare");
	struct bf_tx tx;

	user.org_id = channel.org_id = ACME;
	user.metadata = channel.settings = TEXT("{}");
	begin(&tx);
	bf_user_add(&tx, &user);
	bf_user_get(&tx, user.id);
	check(*state, &tx, check_user, &user);
	begin(&tx);
	bf_channel_add(&tx, &channel);
	bf_channel_get(&tx, channel.id);
	check(*state, &tx, check_channel, &channel);
}

static void sessions_and_keys_come_back_as_they_were_written(void **state)
{
	const struct bf_user user = make_user(1, "ann");
	const struct bf_session session = {.org_id = ACME,
		.id = id_of(2),
		.user_id = id_of(1),
		.refresh_family = id_of(3),
		.refresh_hash = {hash_a, 32},
		.ip = TEXT("2001:db8::1"),
		.user_agent = TEXT("Firefox"),
		.mfa_at = 4,
		.created_at = 5,
		.last_seen_at = 6,
		.expires_at = 7,
		.revoked_at = 8};
	const struct bf_api_key key = {.org_id = ACME,
		.id = id_of(4),
		.user_id = id_of(1),
		.name = TEXT("ci"),
		.public_id = TEXT("abc"),
		.secret_hash = {hash_b, 32},
		.last_four = TEXT("wxyz"),
		.permissions = 9,
		.requests_per_minute = 10,
		.created_at = 11,
		.expires_at = 12,
		.last_used_at = 13,
		.revoked_at = 14};
	struct bf_tx tx;

	add_user(*state, ACME, &user);
	begin(&tx);
	bf_session_add(&tx, &session);
	bf_session_get(&tx, session.id);
	check(*state, &tx, check_session, &session);
	begin(&tx);
	bf_api_key_add(&tx, &key);
	bf_api_key_get(&tx, key.id);
	check(*state, &tx, check_api_key, &key);
	bf_tx_begin_system(&tx);
	bf_session_find(&tx, session.refresh_hash);
	check(*state, &tx, check_session, &session);
	bf_tx_begin_system(&tx);
	bf_api_key_find(&tx, TEXT("abc"));
	check(*state, &tx, check_api_key, &key);
}

static void channels_come_back_as_they_were_written(void **state)
{
	const struct bf_user user = make_user(1, "ann");
	const struct bf_channel parent = make_channel(2, "top");
	const struct bf_channel channel = {.org_id = ACME,
		.id = id_of(3),
		.parent_id = id_of(2),
		.name = TEXT("Below"),
		.name_key = TEXT("below"),
		.description = TEXT("where we talk"),
		.position = -4,
		.participant_count_max = 5,
		.is_temporary = true,
		.password_hash = TEXT("$argon2id$"),
		.settings = TEXT("{\"codec\": \"opus\"}"),
		.created_by = id_of(1),
		.created_at = 6,
		.updated_at = 7};
	const struct bf_channel_acl entry = {.org_id = ACME,
		.id = id_of(4),
		.channel_id = id_of(3),
		.position = 1,
		.subject_kind = TEXT("user"),
		.user_id = id_of(1),
		.allow = INT64_MIN,
		.deny = 3,
		.applies_here = true};
	struct bf_tx tx;

	add_user(*state, ACME, &user);
	begin(&tx);
	bf_channel_add(&tx, &parent);
	bf_channel_add(&tx, &channel);
	bf_channel_get(&tx, channel.id);
	check(*state, &tx, check_channel, &channel);
	begin(&tx);
	bf_channel_acl_add(&tx, &entry);
	bf_channel_acl_list(&tx, channel.id);
	check(*state, &tx, check_channel_acl, &entry);
	begin(&tx);
	bf_channel_acl_list_all(&tx, NOBODY, 10);
	check(*state, &tx, check_channel_acl, &entry);
}

/* ---- organizations ---- */

static void a_slug_names_one_organization(void **state)
{
	const struct bf_organization same = {
		.id = id_of(1), .slug = TEXT("acme"), .name = TEXT("A")};
	struct bf_organization changed = {
		.slug = TEXT("acme2"), .name = TEXT("Acme 2"), .updated_at = 5};
	struct bf_tx tx;

	bf_tx_begin_system(&tx);
	bf_organization_add(&tx, &same);
	expect_status(*state, &tx, BF_DB_EXISTS, "organizations_slug_key");
	begin(&tx);
	bf_organization_update(&tx, &changed);
	must_commit(*state, &tx);
	bf_tx_begin_system(&tx);
	bf_organization_find(&tx, TEXT("acme"));
	expect(*state, &tx, "");
	bf_tx_begin_system(&tx);
	bf_organization_count(&tx);
	expect(*state, &tx, "3\n"); /* with the default one */
}

static void all_of_an_organization_goes_with_it(void **state)
{
	const struct bf_user user = make_user(1, "ann");
	const struct bf_role role = make_role(2, "r");
	const struct bf_channel channel = make_channel(3, "c");
	const struct bf_session session = make_session(4, 1, hash_a);
	struct bf_tx tx;

	begin(&tx);
	bf_user_add(&tx, &user);
	bf_role_add(&tx, &role);
	bf_user_role_grant(&tx, user.id, role.id, NOBODY, 1);
	bf_channel_add(&tx, &channel);
	bf_session_add(&tx, &session);
	must_commit(*state, &tx);
	bf_tx_begin_system(&tx);
	bf_organization_remove(&tx, ACME);
	bf_user_find_by_username(&tx, TEXT("ann"));
	expect(*state, &tx, "");
	begin(&tx);
	bf_role_list(&tx);
	expect(*state, &tx, "");
	begin(&tx);
	bf_channel_list_below(&tx, NOBODY);
	expect(*state, &tx, "");
	bf_tx_begin_system(&tx);
	bf_session_find(&tx, bf_bytes(hash_a, 32));
	expect(*state, &tx, "");
}

/* ---- users ---- */

static void a_name_or_an_address_is_taken_once_in_an_organization(void **state)
{
	struct bf_user first = make_user(1, "ann"), second = make_user(2, "ann");
	struct bf_tx tx;

	first.email = first.email_key = second.email = second.email_key = TEXT("a@x");
	add_user(*state, ACME, &first);
	begin(&tx);
	bf_user_add(&tx, &second);
	assert_int_equal(commit(*state, &tx)->status, BF_DB_EXISTS);
	second.username = second.username_key = TEXT("bob");
	begin(&tx);
	bf_user_add(&tx, &second);
	expect_status(*state, &tx, BF_DB_EXISTS, "users_org_id_email_key_key");
	second.email = second.email_key = bf_bytes(NULL, 0);
	second.username_key = TEXT("ann");
	begin(&tx);
	bf_user_add(&tx, &second);
	expect_status(*state, &tx, BF_DB_EXISTS, "users_org_id_username_key_key");
	add_user(*state, BOLT, &second); /* elsewhere it is free */
}

static void a_login_finds_who_it_may_mean_in_all_organizations(void **state)
{
	struct bf_user acmes = make_user(1, "ann"), bolts = make_user(2, "ann");
	struct bf_tx tx;

	acmes.email = acmes.email_key = TEXT("a@x");
	add_user(*state, ACME, &acmes);
	add_user(*state, BOLT, &bolts);
	bf_tx_begin_system(&tx);
	bf_user_find_by_username(&tx, TEXT("ann"));
	assert_int_equal(commit(*state, &tx)->row_count, 2);
	bf_tx_begin_system(&tx);
	bf_user_find_by_email(&tx, TEXT("a@x"));
	assert_int_equal(commit(*state, &tx)->row_count, 1);
}

static void failed_logins_are_counted_until_one_goes_well(void **state)
{
	struct bf_user user = make_user(1, "ann");
	struct bf_tx tx;

	user.org_id = ACME;
	user.metadata = TEXT("{}");
	add_user(*state, ACME, &user);
	begin(&tx);
	bf_user_login_failed(&tx, user.id, 0);
	bf_user_login_failed(&tx, user.id, 5000);
	bf_user_login_failed(&tx, user.id, 0); /* stays locked */
	bf_user_get(&tx, user.id);
	user.failed_login_count = 3;
	user.locked_until = 5000;
	check(*state, &tx, check_user, &user);
	begin(&tx);
	bf_user_logged_in(&tx, user.id, 6000);
	bf_user_get(&tx, user.id);
	user.failed_login_count = user.locked_until = 0;
	user.last_login_at = 6000;
	check(*state, &tx, check_user, &user);
}

static void what_is_changed_of_a_user_is_changed_and_nothing_else(void **state)
{
	struct bf_user user = whole_user;
	struct bf_tx tx;

	user.org_id = ACME;
	user.id = id_of(1);
	add_user(*state, ACME, &user);
	user.username = TEXT("Anna");
	user.username_key = TEXT("anna");
	user.full_name = TEXT("");
	user.metadata = TEXT("[]");
	user.updated_at = 100;
	begin(&tx);
	bf_user_update(&tx, &user);
	bf_user_get(&tx, user.id);
	check(*state, &tx, check_user, &user);
	user.email = user.email_key = bf_bytes(NULL, 0);
	user.email_verified_at = 0;
	user.updated_at = 101;
	begin(&tx);
	bf_user_set_email(&tx, user.id, user.email, user.email_key, 0, 101);
	bf_user_get(&tx, user.id);
	check(*state, &tx, check_user, &user);
	user.password_hash = TEXT("$new$");
	user.must_change_password = false;
	user.failed_login_count = user.locked_until = 0;
	user.updated_at = 102;
	begin(&tx);
	bf_user_set_password(&tx, user.id, user.password_hash, false, 102);
	bf_user_get(&tx, user.id);
	check(*state, &tx, check_user, &user);
	user.disabled_at = 0;
	user.updated_at = 103;
	begin(&tx);
	bf_user_disable(&tx, user.id, 0, 103);
	bf_user_get(&tx, user.id);
	check(*state, &tx, check_user, &user);
}

static void lists_come_in_pages_that_neither_skip_nor_repeat(void **state)
{
	char name[8], wanted[1024] = "";
	struct bf_page page = {.row_count = 7};
	size_t count = 0;
	struct bf_tx tx;

	for (uint8_t i = 1; i <= 20; i++) {
		struct bf_user user;

		snprintf(name, sizeof(name), "u%02d", i);
		user = make_user(i, name);
		user.created_at = 1000 + i / 3; /* some at the same time */
		add_user(*state, ACME, &user);
	}
	for (int pages = 0; pages < 4; pages++) {
		struct kept *kept;

		begin(&tx);
		bf_user_list(&tx, &page);
		kept = commit(*state, &tx);
		for (char *line = strtok(kept->text, "\n"); line; line = strtok(NULL, "\n")) {
			char *at = strstr(line, "|u");

			strncat(wanted, at + 1, 4);
			count++;
			page.after_id = id_of((uint8_t)count);
			page.after_us = 1000 + (int64_t)count / 3;
		}
		assert_int_equal(kept->row_count, pages < 2 ? 7 : pages == 2 ? 6 : 0);
	}
	assert_int_equal(count, 20);
	assert_memory_equal(wanted, "u01|u02|u03|", 12);
	begin(&tx);
	bf_user_count(&tx);
	expect(*state, &tx, "20\n");
}

/* ---- roles ---- */

static void roles_are_granted_once_and_revoked_once(void **state)
{
	const struct bf_user user = make_user(1, "ann"), other = make_user(2, "bob");
	const struct bf_role role = make_role(3, "moderator");
	struct bf_tx tx;

	add_user(*state, ACME, &user);
	add_user(*state, BOLT, &other);
	begin(&tx);
	bf_role_add(&tx, &role);
	bf_user_role_grant(&tx, user.id, role.id, user.id, 1);
	bf_user_role_grant(&tx, user.id, role.id, NOBODY, 2);
	bf_role_list_of_user(&tx, user.id);
	assert_int_equal(commit(*state, &tx)->row_count, 1);
	begin(&tx);
	bf_role_user_count(&tx, role.id);
	expect(*state, &tx, "1\n");
	begin(&tx);
	bf_user_role_grant(&tx, other.id, role.id, NOBODY, 1); /* of another organization */
	assert_int_equal(commit(*state, &tx)->status, BF_DB_NO_PARENT);
	begin(&tx);
	bf_user_disable(&tx, user.id, 5, 5);
	bf_role_user_count(&tx, role.id);
	expect(*state, &tx, "0\n");
	begin(&tx);
	bf_user_role_revoke(&tx, user.id, role.id);
	must_commit(*state, &tx);
	begin(&tx);
	bf_user_role_revoke(&tx, user.id, role.id);
	assert_int_equal(commit(*state, &tx)->status, BF_DB_UNEXPECTED);
}

static void a_builtin_role_stays_as_it_is(void **state)
{
	struct bf_role role = make_role(1, "admin");
	struct bf_tx tx;

	role.is_builtin = true;
	begin(&tx);
	bf_role_add(&tx, &role);
	must_commit(*state, &tx);
	role.permissions = 5;
	begin(&tx);
	bf_role_update(&tx, &role);
	assert_int_equal(commit(*state, &tx)->status, BF_DB_UNEXPECTED);
	begin(&tx);
	bf_role_remove(&tx, role.id);
	assert_int_equal(commit(*state, &tx)->status, BF_DB_UNEXPECTED);
	begin(&tx);
	bf_role_find(&tx, TEXT("admin"));
	assert_int_equal(commit(*state, &tx)->row_count, 1);
}

/* ---- sessions, keys ---- */

static void a_refresh_token_is_exchanged_once(void **state)
{
	const struct bf_user user = make_user(1, "ann");
	const struct bf_session session = make_session(2, 1, hash_a);
	struct bf_tx tx;

	add_user(*state, ACME, &user);
	begin(&tx);
	bf_session_add(&tx, &session);
	bf_session_rotate(&tx, session.id, bf_bytes(hash_a, 32), bf_bytes(hash_b, 32), 20, 30);
	must_commit(*state, &tx);
	begin(&tx);
	bf_session_rotate(&tx, session.id, bf_bytes(hash_a, 32), bf_bytes(hash_c, 32), 20, 30);
	assert_int_equal(commit(*state, &tx)->status, BF_DB_UNEXPECTED);
	begin(&tx);
	bf_session_revoke_family(&tx, session.refresh_family, 25);
	must_commit(*state, &tx);
	begin(&tx);
	bf_session_rotate(&tx, session.id, bf_bytes(hash_b, 32), bf_bytes(hash_c, 32), 20, 30);
	assert_int_equal(commit(*state, &tx)->status, BF_DB_UNEXPECTED);
}

static void sessions_end_one_by_one_or_all_but_this(void **state)
{
	const struct bf_user user = make_user(1, "ann");
	const struct bf_session sessions[] = {
		make_session(2, 1, hash_a), make_session(3, 1, hash_b), make_session(4, 1, hash_c)};
	struct bf_tx tx;

	add_user(*state, ACME, &user);
	begin(&tx);
	for (int i = 0; i < 3; i++)
		bf_session_add(&tx, &sessions[i]);
	bf_session_list(&tx, user.id, 10);
	assert_int_equal(commit(*state, &tx)->row_count, 3);
	begin(&tx);
	bf_session_list(&tx, user.id, 9000); /* they are over by then */
	assert_int_equal(commit(*state, &tx)->row_count, 0);
	begin(&tx);
	bf_session_revoke(&tx, id_of(2), 11);
	bf_session_list(&tx, user.id, 10);
	assert_int_equal(commit(*state, &tx)->row_count, 2);
	begin(&tx);
	bf_session_revoke(&tx, id_of(2), 12);
	assert_int_equal(commit(*state, &tx)->status, BF_DB_UNEXPECTED);
	begin(&tx);
	bf_session_revoke_of_user(&tx, user.id, id_of(4), 13);
	bf_session_list(&tx, user.id, 10);
	assert_int_equal(commit(*state, &tx)->row_count, 1);
	bf_tx_begin_system(&tx);
	bf_session_purge(&tx, 9001);
	bf_session_find(&tx, bf_bytes(hash_c, 32));
	expect(*state, &tx, "");
}

static void a_key_is_used_later_never_earlier_and_revoked_once(void **state)
{
	const struct bf_user user = make_user(1, "ann");
	struct bf_api_key key = {.org_id = ACME,
		.id = id_of(2),
		.user_id = id_of(1),
		.name = TEXT("ci"),
		.public_id = TEXT("abc"),
		.secret_hash = {hash_b, 32},
		.last_four = TEXT("wxyz"),
		.created_at = 1};
	struct bf_tx tx;

	add_user(*state, ACME, &user);
	begin(&tx);
	bf_api_key_add(&tx, &key);
	bf_api_key_used(&tx, key.id, 50);
	bf_api_key_used(&tx, key.id, 40);
	bf_api_key_list(&tx, user.id);
	key.last_used_at = 50;
	check(*state, &tx, check_api_key, &key);
	begin(&tx);
	bf_api_key_revoke(&tx, key.id, 60);
	bf_api_key_get(&tx, key.id);
	key.revoked_at = 60;
	check(*state, &tx, check_api_key, &key);
	begin(&tx);
	bf_api_key_revoke(&tx, key.id, 61);
	assert_int_equal(commit(*state, &tx)->status, BF_DB_UNEXPECTED);
}

/* ---- settings, limits ---- */

static void a_setting_of_the_server_is_none_of_an_organizations(void **state)
{
	struct bf_setting servers = {
		.id = id_of(1), .key = TEXT("k"), .value = TEXT("1"), .updated_at = 5};
	struct bf_setting own = {.org_id = ACME,
		.id = id_of(2),
		.key = TEXT("k"),
		.value = TEXT("\"two\""),
		.updated_by = id_of(9),
		.updated_at = 6};
	struct bf_tx tx;

	bf_tx_begin_system(&tx);
	bf_setting_put(&tx, &servers);
	bf_setting_get(&tx, TEXT("k"));
	check(*state, &tx, check_setting, &servers);
	begin(&tx);
	bf_setting_put(&tx, &own);
	bf_setting_list(&tx);
	check(*state, &tx, check_setting, &own);
	own.id = id_of(3); /* the row that is there keeps its id */
	own.value = TEXT("[1, 2]");
	own.updated_at = 7;
	begin(&tx);
	bf_setting_put(&tx, &own);
	bf_setting_get(&tx, TEXT("k"));
	own.id = id_of(2);
	check(*state, &tx, check_setting, &own);
	servers.id = id_of(4);
	servers.value = TEXT("2");
	bf_tx_begin_system(&tx);
	bf_setting_put(&tx, &servers);
	bf_setting_list(&tx);
	servers.id = id_of(1);
	check(*state, &tx, check_setting, &servers);
	begin(&tx);
	bf_setting_remove(&tx, TEXT("k"));
	bf_setting_get(&tx, TEXT("k"));
	expect(*state, &tx, "");
	bf_tx_begin_system(&tx);
	bf_setting_remove(&tx, TEXT("k"));
	bf_setting_get(&tx, TEXT("k"));
	expect(*state, &tx, "");
}

static void limits_are_remembered_until_they_are_old(void **state)
{
	const struct bf_rate_limit old = {.key = TEXT("a"), .level = 5, .updated_at = 10};
	struct bf_rate_limit limit = {.key = TEXT("b"), .level = 6, .updated_at = 20};
	struct bf_tx tx;

	bf_tx_begin_system(&tx);
	bf_rate_limit_put(&tx, &old);
	bf_rate_limit_put(&tx, &limit);
	limit.level = 7;
	bf_rate_limit_put(&tx, &limit);
	bf_rate_limit_list(&tx, 0);
	expect(*state, &tx, "b|7|20\na|5|10\n");
	bf_tx_begin_system(&tx);
	bf_rate_limit_purge(&tx, 20);
	bf_rate_limit_list(&tx, 0);
	check(*state, &tx, check_rate_limit, &limit);
}

/* ---- channels ---- */

static void a_name_is_taken_once_at_the_top_and_once_below_each(void **state)
{
	struct bf_channel top = make_channel(1, "c"), below = make_channel(2, "c");
	struct bf_channel again = make_channel(3, "c"), orphan = make_channel(4, "d");
	struct bf_tx tx;

	below.parent_id = top.id;
	begin(&tx);
	bf_channel_add(&tx, &top);
	bf_channel_add(&tx, &below);
	must_commit(*state, &tx);
	begin(&tx);
	bf_channel_add(&tx, &again);
	assert_int_equal(commit(*state, &tx)->status, BF_DB_EXISTS);
	again.parent_id = top.id;
	begin(&tx);
	bf_channel_add(&tx, &again);
	expect_status(*state, &tx, BF_DB_EXISTS, "channels_org_id_parent_id_name_key_key");
	orphan.parent_id = id_of(99);
	begin(&tx);
	bf_channel_add(&tx, &orphan);
	assert_int_equal(commit(*state, &tx)->status, BF_DB_NO_PARENT);
}

static void the_tree_is_listed_downwards_and_upwards_and_falls_as_one(void **state)
{
	struct bf_channel channels[] = {make_channel(1, "a"), make_channel(2, "b"),
		make_channel(3, "c"), make_channel(4, "d")};
	char above[256];
	char text[BF_UUID_TEXT];
	struct bf_tx tx;

	channels[1].parent_id = channels[0].id;
	channels[2].parent_id = channels[1].id;
	channels[3].parent_id = channels[0].id;
	channels[3].position = -1; /* before b */
	begin(&tx);
	for (int i = 0; i < 4; i++)
		bf_channel_add(&tx, &channels[i]);
	bf_channel_list_below(&tx, channels[0].id);
	assert_int_equal(commit(*state, &tx)->row_count, 2);
	snprintf(above, sizeof(above), "%s\n", bf_uuid_format(channels[2].id, text));
	snprintf(above + strlen(above), sizeof(above) - strlen(above), "%s\n",
		bf_uuid_format(channels[1].id, text));
	snprintf(above + strlen(above), sizeof(above) - strlen(above), "%s\n",
		bf_uuid_format(channels[0].id, text));
	begin(&tx);
	bf_channel_list_above(&tx, channels[2].id);
	expect(*state, &tx, above);
	channels[2].parent_id = NOBODY; /* moved to the top */
	begin(&tx);
	bf_channel_update(&tx, &channels[2]);
	bf_channel_list_below(&tx, NOBODY);
	assert_int_equal(commit(*state, &tx)->row_count, 2);
	begin(&tx);
	bf_channel_remove(&tx, channels[0].id);
	bf_channel_list(&tx, NOBODY, 100);
	assert_int_equal(commit(*state, &tx)->row_count, 1);
}

static void an_acl_is_replaced_as_a_whole_or_not_at_all(void **state)
{
	const struct bf_channel channel = make_channel(1, "c");
	struct bf_channel_acl entry = {.id = id_of(2),
		.channel_id = id_of(1),
		.subject_kind = TEXT("everyone"),
		.allow = 1};
	struct bf_channel_acl wrong = entry;
	struct bf_tx tx;

	wrong.id = id_of(3);
	wrong.position = 1;
	wrong.subject_kind = TEXT("user"); /* but which? */
	begin(&tx);
	bf_channel_add(&tx, &channel);
	bf_channel_acl_add(&tx, &entry);
	must_commit(*state, &tx);
	begin(&tx);
	bf_channel_acl_clear(&tx, channel.id);
	bf_channel_acl_add(&tx, &wrong);
	assert_int_equal(commit(*state, &tx)->status, BF_DB_INVALID);
	begin(&tx);
	bf_channel_acl_list(&tx, channel.id);
	assert_int_equal(commit(*state, &tx)->row_count, 1);
}

static void of_each_code_of_an_app_and_on_paper_only_the_first_use_counts(void **state)
{
	const struct bf_user user = make_user(1, "ann");
	uint8_t secret[40] = {1}, other[40] = {2};
	struct bf_authenticator app = {
		.org_id = ACME, .user_id = id_of(1), .secret = {secret, 40}, .created_at = 1};
	struct bf_tx tx;

	add_user(*state, ACME, &user);
	begin(&tx);
	bf_authenticator_put(&tx, &app);
	app.secret = bf_bytes(other, 40); /* the app was not confirmed: set up anew */
	bf_authenticator_put(&tx, &app);
	bf_authenticator_get(&tx, user.id);
	check(*state, &tx, check_authenticator, &app);
	begin(&tx);
	bf_authenticator_use(&tx, user.id, 50, 2);
	bf_authenticator_use(&tx, user.id, 51, 3);
	app.secret = bf_bytes(secret, 40); /* now it is */
	bf_authenticator_put(&tx, &app);
	bf_authenticator_get(&tx, user.id);
	app = (struct bf_authenticator){.org_id = ACME,
		.user_id = id_of(1),
		.secret = {other, 40},
		.last_step = 51,
		.confirmed_at = 2,
		.created_at = 1};
	check(*state, &tx, check_authenticator, &app);
	begin(&tx);
	bf_authenticator_use(&tx, user.id, 51, 4);
	assert_int_equal(commit(*state, &tx)->status, BF_DB_UNEXPECTED);
	begin(&tx);
	bf_recovery_code_add(&tx, id_of(2), user.id, bf_bytes(hash_a, 32), 1);
	bf_recovery_code_add(&tx, id_of(3), user.id, bf_bytes(hash_b, 32), 1);
	bf_recovery_code_use(&tx, user.id, bf_bytes(hash_a, 32), 5);
	bf_recovery_code_count(&tx, user.id);
	expect(*state, &tx, "1\n");
	begin(&tx);
	bf_recovery_code_use(&tx, user.id, bf_bytes(hash_a, 32), 6);
	assert_int_equal(commit(*state, &tx)->status, BF_DB_UNEXPECTED);
	begin(&tx);
	bf_authenticator_remove(&tx, user.id);
	bf_recovery_code_count(&tx, user.id);
	expect(*state, &tx, "0\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(organizations_users_and_roles_come_back_as_they_were_written),
		TEST(what_may_be_missing_comes_back_missing),
		TEST(sessions_and_keys_come_back_as_they_were_written),
		TEST(channels_come_back_as_they_were_written),
		TEST(a_slug_names_one_organization),
		TEST(all_of_an_organization_goes_with_it),
		TEST(a_name_or_an_address_is_taken_once_in_an_organization),
		TEST(a_login_finds_who_it_may_mean_in_all_organizations),
		TEST(failed_logins_are_counted_until_one_goes_well),
		TEST(what_is_changed_of_a_user_is_changed_and_nothing_else),
		TEST(lists_come_in_pages_that_neither_skip_nor_repeat),
		TEST(roles_are_granted_once_and_revoked_once),
		TEST(a_builtin_role_stays_as_it_is),
		TEST(a_refresh_token_is_exchanged_once),
		TEST(sessions_end_one_by_one_or_all_but_this),
		TEST(a_key_is_used_later_never_earlier_and_revoked_once),
		TEST(of_each_code_of_an_app_and_on_paper_only_the_first_use_counts),
		TEST(a_setting_of_the_server_is_none_of_an_organizations),
		TEST(limits_are_remembered_until_they_are_old),
		TEST(a_name_is_taken_once_at_the_top_and_once_below_each),
		TEST(the_tree_is_listed_downwards_and_upwards_and_falls_as_one),
		TEST(an_acl_is_replaced_as_a_whole_or_not_at_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
