#include "storage/repo/users.h"

#include "storage/repo/statements.h"

#define NAMES BF_TABLE_NAMES(BF_USER_COLUMNS)
#define TYPES BF_TABLE_TYPES(BF_USER_COLUMNS)

BF_TABLE_READER(user, BF_USER_COLUMNS)
BF_TABLE_WRITER(user, BF_USER_COLUMNS)
_Static_assert(BF_TABLE_COUNT(BF_USER_COLUMNS) == 17, "as many parameters as columns");

enum {
	FIND_BY_EMAIL,
	FIND_BY_USERNAME,
	ADD,
	GET,
	LIST,
	COUNT,
	ANY,
	UPDATE,
	SET_EMAIL,
	SET_PASSWORD,
	LOGGED_IN,
	LOGIN_FAILED,
	UNLOCK,
	DISABLE,
	REMOVE,
};

const struct bf_db_statement bf_user_statements[] = {
	[FIND_BY_EMAIL] = {"user_find_by_email",
		"SELECT " NAMES " FROM users WHERE email_key = $1 ORDER BY created_at LIMIT 16",
		NULL, "t", TYPES, true},
	[FIND_BY_USERNAME] = {"user_find_by_username",
		"SELECT " NAMES " FROM users WHERE username_key = $1 ORDER BY created_at LIMIT 16",
		NULL, "t", TYPES, true},
	[ADD] = {"user_add", "INSERT INTO users (" NAMES ") VALUES (" BF_SQL_PARAMS_17 ")", NULL,
		TYPES, "", false},
	[GET] = {"user_get", "SELECT " NAMES " FROM users WHERE org_id = $1 AND id = $2", NULL,
		"uu", TYPES, false},
	[LIST] = {"user_list",
		"SELECT " NAMES " FROM users WHERE org_id = $1 AND (created_at, id) > ($2, $3)"
		" ORDER BY created_at, id LIMIT $4",
		NULL, "uzui", TYPES, false},
	[COUNT] = {"user_count", "SELECT count(*) FROM users WHERE org_id = $1", NULL, "u", "i",
		false},
	[ANY] = {"user_any", "SELECT count(*) FROM (SELECT 1 AS one FROM users LIMIT 1) AS first",
		NULL, "", "i", true},
	[UPDATE] = {"user_update",
		"UPDATE users SET username = $3, username_key = $4, full_name = $5, metadata = $6,"
		" updated_at = $7 WHERE org_id = $1 AND id = $2",
		NULL, "uutttjz", "", false},
	[SET_EMAIL] = {"user_set_email",
		"UPDATE users SET email = $3, email_key = $4, email_verified_at = $5,"
		" updated_at = $6 WHERE org_id = $1 AND id = $2",
		NULL, "uuttzz", "", false},
	[SET_PASSWORD] = {"user_set_password",
		"UPDATE users SET password_hash = $3, must_change_password = $4,"
		" failed_login_count = 0, locked_until = NULL, updated_at = $5"
		" WHERE org_id = $1 AND id = $2",
		NULL, "uutbz", "", false},
	[LOGGED_IN] = {"user_logged_in",
		"UPDATE users SET last_login_at = $3, failed_login_count = 0, locked_until = NULL"
		" WHERE org_id = $1 AND id = $2",
		NULL, "uuz", "", false},
	[LOGIN_FAILED] = {"user_login_failed",
		"UPDATE users SET failed_login_count = failed_login_count + 1,"
		" locked_until = coalesce($3, locked_until) WHERE org_id = $1 AND id = $2",
		NULL, "uuz", "", false},
	[UNLOCK] = {"user_unlock",
		"UPDATE users SET failed_login_count = 0, locked_until = NULL, updated_at = $3"
		" WHERE org_id = $1 AND id = $2",
		NULL, "uuz", "", false},
	[DISABLE] = {"user_disable",
		"UPDATE users SET disabled_at = $3, updated_at = $4 WHERE org_id = $1 AND id = $2",
		NULL, "uuzz", "", false},
	[REMOVE] = {"user_remove", "DELETE FROM users WHERE org_id = $1 AND id = $2", NULL, "uu",
		"", false},
};
const size_t bf_user_statement_count = BF_STATEMENT_COUNT(bf_user_statements);

static void add(struct bf_tx *tx, int idx, const struct bf_db_value *params, int64_t expected)
{
	bf_tx_add(tx, &bf_user_statements[idx], params, expected);
}

void bf_user_find_by_email(struct bf_tx *tx, struct bf_bytes email_key)
{
	add(tx, FIND_BY_EMAIL, (struct bf_db_value[]){bf_db_bytes(email_key)}, BF_DB_ANY);
}

void bf_user_find_by_username(struct bf_tx *tx, struct bf_bytes username_key)
{
	add(tx, FIND_BY_USERNAME, (struct bf_db_value[]){bf_db_bytes(username_key)}, BF_DB_ANY);
}

void bf_user_add(struct bf_tx *tx, const struct bf_user *user)
{
	struct bf_db_value values[BF_TABLE_COUNT(BF_USER_COLUMNS)];

	put_user(values, user);
	add(tx, ADD, values + 1, 1);
}

void bf_user_get(struct bf_tx *tx, struct bf_uuid id)
{
	add(tx, GET, (struct bf_db_value[]){bf_db_uuid(id)}, BF_DB_ANY);
}

void bf_user_list(struct bf_tx *tx, const struct bf_page *page)
{
	const struct bf_db_value params[] = {bf_db_time(page->after_us), bf_db_uuid(page->after_id),
		bf_db_int(bf_page_rows(page))};

	add(tx, LIST, params, BF_DB_ANY);
}

void bf_user_count(struct bf_tx *tx)
{
	add(tx, COUNT, NULL, BF_DB_ANY);
}

void bf_user_any(struct bf_tx *tx)
{
	add(tx, ANY, NULL, BF_DB_ANY);
}

void bf_user_update(struct bf_tx *tx, const struct bf_user *user)
{
	const struct bf_db_value params[] = {bf_db_uuid(user->id), bf_db_bytes(user->username),
		bf_db_bytes(user->username_key), bf_db_bytes(user->full_name),
		bf_kind_put_JSON(user->metadata), bf_db_time(user->updated_at)};

	add(tx, UPDATE, params, 1);
}

void bf_user_set_email(struct bf_tx *tx, struct bf_uuid id, struct bf_bytes email,
	struct bf_bytes email_key, int64_t verified_us, int64_t now_us)
{
	const struct bf_db_value params[] = {bf_db_uuid(id), bf_kind_put_TEXT_OR_NULL(email),
		bf_kind_put_TEXT_OR_NULL(email_key), bf_kind_put_TIME_OR_NULL(verified_us),
		bf_db_time(now_us)};

	add(tx, SET_EMAIL, params, 1);
}

void bf_user_set_password(struct bf_tx *tx, struct bf_uuid id, struct bf_bytes password_hash,
	bool must_change, int64_t now_us)
{
	const struct bf_db_value params[] = {bf_db_uuid(id),
		bf_kind_put_TEXT_OR_NULL(password_hash), bf_db_bool(must_change),
		bf_db_time(now_us)};

	add(tx, SET_PASSWORD, params, 1);
}

void bf_user_logged_in(struct bf_tx *tx, struct bf_uuid id, int64_t now_us)
{
	add(tx, LOGGED_IN, (struct bf_db_value[]){bf_db_uuid(id), bf_db_time(now_us)}, 1);
}

void bf_user_login_failed(struct bf_tx *tx, struct bf_uuid id, int64_t locked_us)
{
	const struct bf_db_value params[] = {bf_db_uuid(id), bf_kind_put_TIME_OR_NULL(locked_us)};

	add(tx, LOGIN_FAILED, params, 1);
}

void bf_user_unlock(struct bf_tx *tx, struct bf_uuid id, int64_t now_us)
{
	add(tx, UNLOCK, (struct bf_db_value[]){bf_db_uuid(id), bf_db_time(now_us)}, 1);
}

void bf_user_disable(struct bf_tx *tx, struct bf_uuid id, int64_t disabled_us, int64_t now_us)
{
	const struct bf_db_value params[] = {
		bf_db_uuid(id), bf_kind_put_TIME_OR_NULL(disabled_us), bf_db_time(now_us)};

	add(tx, DISABLE, params, 1);
}

void bf_user_remove(struct bf_tx *tx, struct bf_uuid id)
{
	add(tx, REMOVE, (struct bf_db_value[]){bf_db_uuid(id)}, 1);
}
