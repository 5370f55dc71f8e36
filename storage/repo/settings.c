#include "storage/repo/settings.h"

#include "storage/repo/statements.h"

#define NAMES	    BF_TABLE_NAMES(BF_SETTING_COLUMNS)
#define TYPES	    BF_TABLE_TYPES(BF_SETTING_COLUMNS)
#define LIMIT_NAMES BF_TABLE_NAMES(BF_RATE_LIMIT_COLUMNS)
#define LIMIT_TYPES BF_TABLE_TYPES(BF_RATE_LIMIT_COLUMNS)
#define CHANGE                                                                                   \
	" DO UPDATE SET value = excluded.value, updated_by = excluded.updated_by, updated_at = " \
	"excluded.updated_at"

BF_TABLE_READER(setting, BF_SETTING_COLUMNS)
BF_TABLE_WRITER(setting, BF_SETTING_COLUMNS)
BF_TABLE_READER(rate_limit, BF_RATE_LIMIT_COLUMNS)
BF_TABLE_WRITER(rate_limit, BF_RATE_LIMIT_COLUMNS)
_Static_assert(BF_TABLE_COUNT(BF_SETTING_COLUMNS) == 6, "as many parameters as columns");
_Static_assert(BF_TABLE_COUNT(BF_RATE_LIMIT_COLUMNS) == 3, "as many parameters as columns");

/* Each of the first four twice: the server's, then an organization's. */
enum {
	GET,
	LIST = GET + 2,
	PUT = LIST + 2,
	REMOVE = PUT + 2,
	LIMIT_PUT = REMOVE + 2,
	LIMIT_LIST,
	LIMIT_PURGE,
};

const struct bf_db_statement bf_setting_statements[] = {
	[GET] = {"setting_get_of_server",
		"SELECT " NAMES " FROM settings WHERE org_id IS NULL AND key = $1", NULL, "t",
		TYPES, true},
	[GET + 1] = {"setting_get", "SELECT " NAMES " FROM settings WHERE org_id = $1 AND key = $2",
		NULL, "ut", TYPES, false},
	[LIST] = {"setting_list_of_server",
		"SELECT " NAMES " FROM settings WHERE org_id IS NULL ORDER BY key LIMIT 500", NULL,
		"", TYPES, true},
	[LIST + 1] = {"setting_list",
		"SELECT " NAMES " FROM settings WHERE org_id = $1 ORDER BY key LIMIT 500", NULL,
		"u", TYPES, false},
	[PUT] = {"setting_put_of_server",
		"INSERT INTO settings (" NAMES ") VALUES (NULL, $1, $2, $3, $4, $5)"
		" ON CONFLICT (key) WHERE org_id IS NULL" CHANGE,
		NULL, "utjuz", "", true},
	[PUT + 1] = {"setting_put",
		"INSERT INTO settings (" NAMES ") VALUES (" BF_SQL_PARAMS_6 ")"
		" ON CONFLICT (org_id, key)" CHANGE,
		NULL, TYPES, "", false},
	[REMOVE] = {"setting_remove_of_server",
		"DELETE FROM settings WHERE org_id IS NULL AND key = $1", NULL, "t", "", true},
	[REMOVE + 1] = {"setting_remove", "DELETE FROM settings WHERE org_id = $1 AND key = $2",
		NULL, "ut", "", false},
	[LIMIT_PUT] = {"rate_limit_put",
		"INSERT INTO rate_limits (" LIMIT_NAMES ") VALUES ($1, $2, $3) ON CONFLICT (key)"
		" DO UPDATE SET level = excluded.level, updated_at = excluded.updated_at",
		NULL, LIMIT_TYPES, "", true},
	[LIMIT_LIST] = {"rate_limit_list",
		"SELECT " LIMIT_NAMES " FROM rate_limits WHERE updated_at >= $1"
		" ORDER BY updated_at DESC LIMIT 10000",
		NULL, "z", LIMIT_TYPES, true},
	[LIMIT_PURGE] = {"rate_limit_purge", "DELETE FROM rate_limits WHERE updated_at < $1", NULL,
		"z", "", true},
};
const size_t bf_setting_statement_count = BF_STATEMENT_COUNT(bf_setting_statements);

static void add(struct bf_tx *tx, int idx, const struct bf_db_value *params, int64_t expected)
{
	bf_tx_add(tx, &bf_setting_statements[idx], params, expected);
}

/* The server's, or an organization's. */
static int of(const struct bf_tx *tx, int idx)
{
	return idx + !tx->scope.is_system;
}

void bf_setting_get(struct bf_tx *tx, struct bf_bytes key)
{
	add(tx, of(tx, GET), (struct bf_db_value[]){bf_db_bytes(key)}, BF_DB_ANY);
}

void bf_setting_list(struct bf_tx *tx)
{
	add(tx, of(tx, LIST), NULL, BF_DB_ANY);
}

void bf_setting_put(struct bf_tx *tx, const struct bf_setting *setting)
{
	struct bf_db_value values[BF_TABLE_COUNT(BF_SETTING_COLUMNS)];

	put_setting(values, setting);
	add(tx, of(tx, PUT), values + 1, 1);
}

void bf_setting_remove(struct bf_tx *tx, struct bf_bytes key)
{
	add(tx, of(tx, REMOVE), (struct bf_db_value[]){bf_db_bytes(key)}, 1);
}

void bf_rate_limit_put(struct bf_tx *tx, const struct bf_rate_limit *limit)
{
	struct bf_db_value values[BF_TABLE_COUNT(BF_RATE_LIMIT_COLUMNS)];

	put_rate_limit(values, limit);
	add(tx, LIMIT_PUT, values, 1);
}

void bf_rate_limit_list(struct bf_tx *tx, int64_t since_us)
{
	add(tx, LIMIT_LIST, (struct bf_db_value[]){bf_db_time(since_us)}, BF_DB_ANY);
}

void bf_rate_limit_purge(struct bf_tx *tx, int64_t before_us)
{
	add(tx, LIMIT_PURGE, (struct bf_db_value[]){bf_db_time(before_us)}, BF_DB_ANY);
}
