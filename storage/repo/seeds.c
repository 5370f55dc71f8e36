#include "storage/repo/seeds.h"

#include "storage/repo/statements.h"

#define SEEDED(kind) "id IN (SELECT id FROM seeded_rows WHERE kind = '" kind "')"
#define NONE_IN(table, alias, condition) \
	" AND NOT EXISTS (SELECT 1 FROM " table " " alias " WHERE " condition ")"

enum { ADD, REMOVE_CHANNELS, REMOVE_USERS, REMOVE_ROLES, REMOVE_ORGANIZATIONS, FORGET, COUNT };

const struct bf_db_statement bf_seed_statements[] = {
	[ADD] = {"seeded_add", "INSERT INTO seeded_rows (id, kind, created_at) VALUES ($1, $2, $3)",
		NULL, "utz", "", true},
	[REMOVE_CHANNELS] = {"seeded_remove_channels",
		"DELETE FROM channels WHERE " SEEDED("channel") NONE_IN("channels", "c",
			"c.org_id = channels.org_id AND c.parent_id = channels.id"),
		NULL, "", "", true},
	[REMOVE_USERS] = {"seeded_remove_users", "DELETE FROM users WHERE " SEEDED("user"), NULL,
		"", "", true},
	[REMOVE_ROLES] = {"seeded_remove_roles",
		"DELETE FROM roles WHERE " SEEDED("role") NONE_IN(
			"user_roles", "u", "u.org_id = roles.org_id AND u.role_id = roles.id"),
		NULL, "", "", true},
	[REMOVE_ORGANIZATIONS] = {"seeded_remove_organizations",
		"DELETE FROM organizations WHERE " SEEDED("organization") NONE_IN(
			"users", "u", "u.org_id = organizations.id")
			NONE_IN("roles", "r", "r.org_id = organizations.id") NONE_IN(
				"channels", "c", "c.org_id = organizations.id")
				NONE_IN("settings", "s", "s.org_id = organizations.id") NONE_IN(
					"call_sessions", "x", "x.org_id = organizations.id"),
		NULL, "", "", true},
	[FORGET] = {"seeded_forget",
		"DELETE FROM seeded_rows WHERE id NOT IN (SELECT id FROM organizations UNION ALL"
		" SELECT id FROM users UNION ALL SELECT id FROM roles UNION ALL"
		" SELECT id FROM channels)",
		NULL, "", "", true},
	[COUNT] = {"seeded_count", "SELECT count(*) FROM seeded_rows", NULL, "", "i", true},
};
const size_t bf_seed_statement_count = BF_STATEMENT_COUNT(bf_seed_statements);

static void add(struct bf_tx *tx, int idx, const struct bf_db_value *params)
{
	bf_tx_add(tx, &bf_seed_statements[idx], params, BF_DB_ANY);
}

void bf_seeded_add(struct bf_tx *tx, struct bf_uuid id, const char *kind, int64_t now_us)
{
	add(tx, ADD, (struct bf_db_value[]){bf_db_uuid(id), bf_db_text(kind), bf_db_time(now_us)});
}

void bf_seeded_remove_channels(struct bf_tx *tx)
{
	add(tx, REMOVE_CHANNELS, NULL);
}

void bf_seeded_remove_users(struct bf_tx *tx)
{
	add(tx, REMOVE_USERS, NULL);
}

void bf_seeded_remove_roles(struct bf_tx *tx)
{
	add(tx, REMOVE_ROLES, NULL);
}

void bf_seeded_remove_organizations(struct bf_tx *tx)
{
	add(tx, REMOVE_ORGANIZATIONS, NULL);
}

void bf_seeded_forget(struct bf_tx *tx)
{
	add(tx, FORGET, NULL);
}

void bf_seeded_count(struct bf_tx *tx)
{
	add(tx, COUNT, NULL);
}
