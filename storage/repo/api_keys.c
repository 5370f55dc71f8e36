#include "storage/repo/api_keys.h"

#include "storage/repo/statements.h"

#define NAMES BF_TABLE_NAMES(BF_API_KEY_COLUMNS)
#define TYPES BF_TABLE_TYPES(BF_API_KEY_COLUMNS)

BF_TABLE_READER(api_key, BF_API_KEY_COLUMNS)
BF_TABLE_WRITER(api_key, BF_API_KEY_COLUMNS)
_Static_assert(BF_TABLE_COUNT(BF_API_KEY_COLUMNS) == 13, "as many parameters as columns");

enum { FIND, ADD, GET, LIST, USED, REVOKE };

const struct bf_db_statement bf_api_key_statements[] = {
	[FIND] = {"api_key_find", "SELECT " NAMES " FROM api_keys WHERE public_id = $1", NULL, "t",
		TYPES, true},
	[ADD] = {"api_key_add", "INSERT INTO api_keys (" NAMES ") VALUES (" BF_SQL_PARAMS_13 ")",
		NULL, TYPES, "", false},
	[GET] = {"api_key_get", "SELECT " NAMES " FROM api_keys WHERE org_id = $1 AND id = $2",
		NULL, "uu", TYPES, false},
	[LIST] = {"api_key_list",
		"SELECT " NAMES " FROM api_keys WHERE org_id = $1 AND user_id = $2"
		" ORDER BY created_at LIMIT 500",
		NULL, "uu", TYPES, false},
	[USED] = {"api_key_used",
		"UPDATE api_keys SET last_used_at = $3 WHERE org_id = $1 AND id = $2 AND"
		" (last_used_at IS NULL OR last_used_at < $3)",
		NULL, "uuz", "", false},
	[REVOKE] = {"api_key_revoke",
		"UPDATE api_keys SET revoked_at = $3 WHERE org_id = $1 AND id = $2 AND"
		" revoked_at IS NULL",
		NULL, "uuz", "", false},
};
const size_t bf_api_key_statement_count = BF_STATEMENT_COUNT(bf_api_key_statements);

static void add(struct bf_tx *tx, int idx, const struct bf_db_value *params, int64_t expected)
{
	bf_tx_add(tx, &bf_api_key_statements[idx], params, expected);
}

void bf_api_key_find(struct bf_tx *tx, struct bf_bytes public_id)
{
	add(tx, FIND, (struct bf_db_value[]){bf_db_bytes(public_id)}, BF_DB_ANY);
}

void bf_api_key_add(struct bf_tx *tx, const struct bf_api_key *key)
{
	struct bf_db_value values[BF_TABLE_COUNT(BF_API_KEY_COLUMNS)];

	put_api_key(values, key);
	add(tx, ADD, values + 1, 1);
}

void bf_api_key_get(struct bf_tx *tx, struct bf_uuid id)
{
	add(tx, GET, (struct bf_db_value[]){bf_db_uuid(id)}, BF_DB_ANY);
}

void bf_api_key_list(struct bf_tx *tx, struct bf_uuid user_id)
{
	add(tx, LIST, (struct bf_db_value[]){bf_db_uuid(user_id)}, BF_DB_ANY);
}

void bf_api_key_used(struct bf_tx *tx, struct bf_uuid id, int64_t now_us)
{
	add(tx, USED, (struct bf_db_value[]){bf_db_uuid(id), bf_db_time(now_us)}, BF_DB_ANY);
}

void bf_api_key_revoke(struct bf_tx *tx, struct bf_uuid id, int64_t now_us)
{
	add(tx, REVOKE, (struct bf_db_value[]){bf_db_uuid(id), bf_db_time(now_us)}, 1);
}
