#include "storage/repo/second_factors.h"

#include "storage/repo/statements.h"

#define NAMES BF_TABLE_NAMES(BF_AUTHENTICATOR_COLUMNS)
#define TYPES BF_TABLE_TYPES(BF_AUTHENTICATOR_COLUMNS)

BF_TABLE_READER(authenticator, BF_AUTHENTICATOR_COLUMNS)
BF_TABLE_WRITER(authenticator, BF_AUTHENTICATOR_COLUMNS)
_Static_assert(BF_TABLE_COUNT(BF_AUTHENTICATOR_COLUMNS) == 6, "as many parameters as columns");

enum { PUT, GET, USE, REMOVE, CODE_ADD, CODE_USE, CODE_CLEAR, CODE_COUNT };

const struct bf_db_statement bf_second_factor_statements[] = {
	[PUT] = {"authenticator_put",
		"INSERT INTO authenticators (" NAMES ") VALUES (" BF_SQL_PARAMS_6
		") ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, last_step = 0,"
		" created_at = excluded.created_at WHERE authenticators.confirmed_at IS NULL",
		NULL, TYPES, "", false},
	[GET] = {"authenticator_get",
		"SELECT " NAMES " FROM authenticators WHERE org_id = $1 AND user_id = $2", NULL,
		"uu", TYPES, false},
	[USE] = {"authenticator_use",
		"UPDATE authenticators SET last_step = $3, confirmed_at = coalesce(confirmed_at, "
		"$4)"
		" WHERE org_id = $1 AND user_id = $2 AND last_step < $3",
		NULL, "uuiz", "", false},
	[REMOVE] = {"authenticator_remove",
		"DELETE FROM authenticators WHERE org_id = $1 AND user_id = $2", NULL, "uu", "",
		false},
	[CODE_ADD] = {"recovery_code_add",
		"INSERT INTO recovery_codes (org_id, id, user_id, code_hash, created_at)"
		" VALUES ($1, $2, $3, $4, $5)",
		NULL, "uuuyz", "", false},
	[CODE_USE] = {"recovery_code_use",
		"UPDATE recovery_codes SET used_at = $4 WHERE org_id = $1 AND user_id = $2"
		" AND code_hash = $3 AND used_at IS NULL",
		NULL, "uuyz", "", false},
	[CODE_CLEAR] = {"recovery_code_clear",
		"DELETE FROM recovery_codes WHERE org_id = $1 AND user_id = $2", NULL, "uu", "",
		false},
	[CODE_COUNT] = {"recovery_code_count",
		"SELECT count(*) FROM recovery_codes WHERE org_id = $1 AND user_id = $2"
		" AND used_at IS NULL",
		NULL, "uu", "i", false},
};
const size_t bf_second_factor_statement_count = BF_STATEMENT_COUNT(bf_second_factor_statements);

static void add(struct bf_tx *tx, int idx, const struct bf_db_value *params, int64_t expected)
{
	bf_tx_add(tx, &bf_second_factor_statements[idx], params, expected);
}

void bf_authenticator_put(struct bf_tx *tx, const struct bf_authenticator *authenticator)
{
	struct bf_db_value values[BF_TABLE_COUNT(BF_AUTHENTICATOR_COLUMNS)];

	put_authenticator(values, authenticator);
	add(tx, PUT, values + 1, BF_DB_ANY);
}

void bf_authenticator_get(struct bf_tx *tx, struct bf_uuid user_id)
{
	add(tx, GET, (struct bf_db_value[]){bf_db_uuid(user_id)}, BF_DB_ANY);
}

void bf_authenticator_use(
	struct bf_tx *tx, struct bf_uuid user_id, int64_t step, int64_t confirmed_us)
{
	const struct bf_db_value params[] = {
		bf_db_uuid(user_id), bf_db_int(step), bf_db_time(confirmed_us)};

	add(tx, USE, params, 1);
}

void bf_authenticator_remove(struct bf_tx *tx, struct bf_uuid user_id)
{
	add(tx, REMOVE, (struct bf_db_value[]){bf_db_uuid(user_id)}, BF_DB_ANY);
	bf_recovery_code_clear(tx, user_id);
}

void bf_recovery_code_add(struct bf_tx *tx, struct bf_uuid id, struct bf_uuid user_id,
	struct bf_bytes code_hash, int64_t now_us)
{
	const struct bf_db_value params[] = {bf_db_uuid(id), bf_db_uuid(user_id),
		bf_kind_put_BYTES(code_hash), bf_db_time(now_us)};

	add(tx, CODE_ADD, params, 1);
}

void bf_recovery_code_use(
	struct bf_tx *tx, struct bf_uuid user_id, struct bf_bytes code_hash, int64_t now_us)
{
	const struct bf_db_value params[] = {
		bf_db_uuid(user_id), bf_kind_put_BYTES(code_hash), bf_db_time(now_us)};

	add(tx, CODE_USE, params, 1);
}

void bf_recovery_code_clear(struct bf_tx *tx, struct bf_uuid user_id)
{
	add(tx, CODE_CLEAR, (struct bf_db_value[]){bf_db_uuid(user_id)}, BF_DB_ANY);
}

void bf_recovery_code_count(struct bf_tx *tx, struct bf_uuid user_id)
{
	add(tx, CODE_COUNT, (struct bf_db_value[]){bf_db_uuid(user_id)}, BF_DB_ANY);
}
