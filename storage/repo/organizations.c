#include "storage/repo/organizations.h"

#include "storage/repo/statements.h"

#define NAMES BF_TABLE_NAMES(BF_ORGANIZATION_COLUMNS)
#define TYPES BF_TABLE_TYPES(BF_ORGANIZATION_COLUMNS)

BF_TABLE_READER(organization, BF_ORGANIZATION_COLUMNS)
BF_TABLE_WRITER(organization, BF_ORGANIZATION_COLUMNS)
_Static_assert(BF_TABLE_COUNT(BF_ORGANIZATION_COLUMNS) == 7, "as many parameters as columns");

enum { ADD, FIND, LIST, COUNT, DISABLE, REMOVE, GET, UPDATE };

const struct bf_db_statement bf_organization_statements[] = {
	[ADD] = {"organization_add",
		"INSERT INTO organizations (" NAMES ") VALUES (" BF_SQL_PARAMS_7 ")", NULL, TYPES,
		"", true},
	[FIND] = {"organization_find", "SELECT " NAMES " FROM organizations WHERE slug = $1", NULL,
		"t", TYPES, true},
	[LIST] = {"organization_list",
		"SELECT " NAMES " FROM organizations WHERE (created_at, id) > ($1, $2)"
		" ORDER BY created_at, id LIMIT $3",
		NULL, "zui", TYPES, true},
	[COUNT] = {"organization_count", "SELECT count(*) FROM organizations", NULL, "", "i", true},
	[DISABLE] = {"organization_disable",
		"UPDATE organizations SET disabled_at = $2, updated_at = $3 WHERE id = $1", NULL,
		"uzz", "", true},
	[REMOVE] = {"organization_remove", "DELETE FROM organizations WHERE id = $1", NULL, "u", "",
		true},
	[GET] = {"organization_get", "SELECT " NAMES " FROM organizations WHERE id = $1", NULL, "u",
		TYPES, false},
	[UPDATE] = {"organization_update",
		"UPDATE organizations SET slug = $2, name = $3, settings = $4, updated_at = $5"
		" WHERE id = $1",
		NULL, "uttjz", "", false},
};
const size_t bf_organization_statement_count = BF_STATEMENT_COUNT(bf_organization_statements);

static void add(struct bf_tx *tx, int idx, const struct bf_db_value *params, int64_t expected)
{
	bf_tx_add(tx, &bf_organization_statements[idx], params, expected);
}

void bf_organization_add(struct bf_tx *tx, const struct bf_organization *organization)
{
	struct bf_db_value params[BF_TABLE_COUNT(BF_ORGANIZATION_COLUMNS)];

	put_organization(params, organization);
	add(tx, ADD, params, 1);
}

void bf_organization_find(struct bf_tx *tx, struct bf_bytes slug)
{
	add(tx, FIND, (struct bf_db_value[]){bf_db_bytes(slug)}, BF_DB_ANY);
}

void bf_organization_list(struct bf_tx *tx, const struct bf_page *page)
{
	const struct bf_db_value params[] = {bf_db_time(page->after_us), bf_db_uuid(page->after_id),
		bf_db_int(bf_page_rows(page))};

	add(tx, LIST, params, BF_DB_ANY);
}

void bf_organization_count(struct bf_tx *tx)
{
	add(tx, COUNT, NULL, BF_DB_ANY);
}

void bf_organization_disable(
	struct bf_tx *tx, struct bf_uuid id, int64_t disabled_us, int64_t now_us)
{
	const struct bf_db_value params[] = {
		bf_db_uuid(id), bf_kind_put_TIME_OR_NULL(disabled_us), bf_db_time(now_us)};

	add(tx, DISABLE, params, 1);
}

void bf_organization_remove(struct bf_tx *tx, struct bf_uuid id)
{
	add(tx, REMOVE, (struct bf_db_value[]){bf_db_uuid(id)}, 1);
}

void bf_organization_get(struct bf_tx *tx)
{
	add(tx, GET, NULL, BF_DB_ANY);
}

void bf_organization_update(struct bf_tx *tx, const struct bf_organization *organization)
{
	const struct bf_db_value params[] = {bf_db_bytes(organization->slug),
		bf_db_bytes(organization->name), bf_kind_put_JSON(organization->settings),
		bf_db_time(organization->updated_at)};

	add(tx, UPDATE, params, 1);
}
