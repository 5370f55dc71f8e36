#include "storage/repo/roles.h"

#include "storage/repo/statements.h"

#define NAMES BF_TABLE_NAMES(BF_ROLE_COLUMNS)
#define TYPES BF_TABLE_TYPES(BF_ROLE_COLUMNS)

BF_TABLE_READER(role, BF_ROLE_COLUMNS)
BF_TABLE_WRITER(role, BF_ROLE_COLUMNS)
_Static_assert(BF_TABLE_COUNT(BF_ROLE_COLUMNS) == 8, "as many parameters as columns");

enum {
	ADD,
	ADD_MISSING,
	GRANT_NAMED,
	GET,
	FIND,
	LIST,
	UPDATE,
	REMOVE,
	GRANT,
	REVOKE,
	LIST_OF_USER,
	USER_COUNT,
	LOCK_ADMINS,
	NEED_ADMIN,
};

const struct bf_db_statement bf_role_statements[] = {
	[ADD] = {"role_add", "INSERT INTO roles (" NAMES ") VALUES (" BF_SQL_PARAMS_8 ")", NULL,
		TYPES, "", false},
	[ADD_MISSING] = {"role_add_missing",
		"INSERT INTO roles (" NAMES ") VALUES (" BF_SQL_PARAMS_8
		") ON CONFLICT (org_id, name) DO NOTHING",
		NULL, TYPES, "", false},
	[GRANT_NAMED] = {"user_role_grant_named",
		"INSERT INTO user_roles (org_id, user_id, role_id, granted_by, created_at)"
		" SELECT r.org_id, $2, r.id, $4, $5 FROM roles r WHERE r.org_id = $1 AND r.name = "
		"$3",
		NULL, "uutuz", "", false},
	[GET] = {"role_get", "SELECT " NAMES " FROM roles WHERE org_id = $1 AND id = $2", NULL,
		"uu", TYPES, false},
	[FIND] = {"role_find", "SELECT " NAMES " FROM roles WHERE org_id = $1 AND name = $2", NULL,
		"ut", TYPES, false},
	[LIST] = {"role_list",
		"SELECT " NAMES " FROM roles WHERE org_id = $1 ORDER BY name LIMIT 500", NULL, "u",
		TYPES, false},
	[UPDATE] = {"role_update",
		"UPDATE roles SET name = $3, description = $4, permissions = $5, updated_at = $6"
		" WHERE org_id = $1 AND id = $2 AND NOT is_builtin",
		NULL, "uuttiz", "", false},
	[REMOVE] = {"role_remove",
		"DELETE FROM roles WHERE org_id = $1 AND id = $2 AND NOT is_builtin", NULL, "uu",
		"", false},
	[GRANT] = {"user_role_grant",
		"INSERT INTO user_roles (org_id, user_id, role_id, granted_by, created_at)"
		" VALUES ($1, $2, $3, $4, $5) ON CONFLICT (org_id, user_id, role_id) DO NOTHING",
		NULL, "uuuuz", "", false},
	[REVOKE] = {"user_role_revoke",
		"DELETE FROM user_roles WHERE org_id = $1 AND user_id = $2 AND role_id = $3", NULL,
		"uuu", "", false},
	[LIST_OF_USER] = {"role_list_of_user",
		"SELECT " NAMES " FROM roles WHERE org_id = $1 AND id IN"
		" (SELECT role_id FROM user_roles WHERE org_id = $1 AND user_id = $2) ORDER BY "
		"name",
		NULL, "uu", TYPES, false},
	[USER_COUNT] = {"role_user_count",
		"SELECT count(*) FROM user_roles r JOIN users u ON u.org_id = r.org_id AND"
		" u.id = r.user_id WHERE r.org_id = $1 AND r.role_id = $2 AND u.disabled_at IS "
		"NULL",
		NULL, "uu", "i", false},
	/* changes nothing, but whoever does it waits for who did it before */
	[LOCK_ADMINS] = {"role_lock_admins",
		"UPDATE roles SET updated_at = updated_at WHERE org_id = $1 AND name = 'admin'",
		NULL, "u", "", false},
	[NEED_ADMIN] = {"role_need_admin",
		"SELECT u.id FROM user_roles r JOIN roles a ON a.org_id = r.org_id AND"
		" a.id = r.role_id JOIN users u ON u.org_id = r.org_id AND u.id = r.user_id"
		" WHERE r.org_id = $1 AND a.name = 'admin' AND u.disabled_at IS NULL LIMIT 1",
		NULL, "u", "u", false},
};
const size_t bf_role_statement_count = BF_STATEMENT_COUNT(bf_role_statements);

static void add(struct bf_tx *tx, int idx, const struct bf_db_value *params, int64_t expected)
{
	bf_tx_add(tx, &bf_role_statements[idx], params, expected);
}

void bf_role_add(struct bf_tx *tx, const struct bf_role *role)
{
	struct bf_db_value values[BF_TABLE_COUNT(BF_ROLE_COLUMNS)];

	put_role(values, role);
	add(tx, ADD, values + 1, 1);
}

void bf_role_add_missing(struct bf_tx *tx, const struct bf_role *role)
{
	struct bf_db_value values[BF_TABLE_COUNT(BF_ROLE_COLUMNS)];

	put_role(values, role);
	add(tx, ADD_MISSING, values + 1, BF_DB_ANY);
}

void bf_user_role_grant_named(struct bf_tx *tx, struct bf_uuid user_id, struct bf_bytes role_name,
	struct bf_uuid granted_by, int64_t now_us)
{
	const struct bf_db_value params[] = {bf_db_uuid(user_id), bf_db_bytes(role_name),
		bf_kind_put_UUID_OR_NULL(granted_by), bf_db_time(now_us)};

	add(tx, GRANT_NAMED, params, 1);
}

void bf_role_get(struct bf_tx *tx, struct bf_uuid id)
{
	add(tx, GET, (struct bf_db_value[]){bf_db_uuid(id)}, BF_DB_ANY);
}

void bf_role_find(struct bf_tx *tx, struct bf_bytes name)
{
	add(tx, FIND, (struct bf_db_value[]){bf_db_bytes(name)}, BF_DB_ANY);
}

void bf_role_list(struct bf_tx *tx)
{
	add(tx, LIST, NULL, BF_DB_ANY);
}

void bf_role_update(struct bf_tx *tx, const struct bf_role *role)
{
	const struct bf_db_value params[] = {bf_db_uuid(role->id), bf_db_bytes(role->name),
		bf_db_bytes(role->description), bf_db_int(role->permissions),
		bf_db_time(role->updated_at)};

	add(tx, UPDATE, params, 1);
}

void bf_role_remove(struct bf_tx *tx, struct bf_uuid id)
{
	add(tx, REMOVE, (struct bf_db_value[]){bf_db_uuid(id)}, 1);
}

void bf_user_role_grant(struct bf_tx *tx, struct bf_uuid user_id, struct bf_uuid role_id,
	struct bf_uuid granted_by, int64_t now_us)
{
	const struct bf_db_value params[] = {bf_db_uuid(user_id), bf_db_uuid(role_id),
		bf_kind_put_UUID_OR_NULL(granted_by), bf_db_time(now_us)};

	add(tx, GRANT, params, BF_DB_ANY);
}

void bf_user_role_revoke(struct bf_tx *tx, struct bf_uuid user_id, struct bf_uuid role_id)
{
	add(tx, REVOKE, (struct bf_db_value[]){bf_db_uuid(user_id), bf_db_uuid(role_id)}, 1);
}

void bf_role_list_of_user(struct bf_tx *tx, struct bf_uuid user_id)
{
	add(tx, LIST_OF_USER, (struct bf_db_value[]){bf_db_uuid(user_id)}, BF_DB_ANY);
}

void bf_role_user_count(struct bf_tx *tx, struct bf_uuid role_id)
{
	add(tx, USER_COUNT, (struct bf_db_value[]){bf_db_uuid(role_id)}, BF_DB_ANY);
}

void bf_role_lock_admins(struct bf_tx *tx)
{
	add(tx, LOCK_ADMINS, NULL, 1);
}

void bf_role_need_admin(struct bf_tx *tx)
{
	add(tx, NEED_ADMIN, NULL, 1);
}
