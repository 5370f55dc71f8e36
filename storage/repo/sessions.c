#include "storage/repo/sessions.h"

#include "storage/repo/statements.h"

#define NAMES BF_TABLE_NAMES(BF_SESSION_COLUMNS)
#define TYPES BF_TABLE_TYPES(BF_SESSION_COLUMNS)

BF_TABLE_READER(session, BF_SESSION_COLUMNS)
BF_TABLE_WRITER(session, BF_SESSION_COLUMNS)
_Static_assert(BF_TABLE_COUNT(BF_SESSION_COLUMNS) == 12, "as many parameters as columns");

enum {
	FIND,
	FIND_FAMILY,
	PURGE,
	ADD,
	GET,
	LIST,
	ROTATE,
	SET_MFA,
	REVOKE,
	REVOKE_OWN,
	REVOKE_FAMILY,
	REVOKE_OF_USER
};

const struct bf_db_statement bf_session_statements[] = {
	[FIND] = {"session_find", "SELECT " NAMES " FROM sessions WHERE refresh_hash = $1", NULL,
		"y", TYPES, true},
	[FIND_FAMILY] = {"session_find_family",
		"SELECT " NAMES " FROM sessions WHERE refresh_family = $1", NULL, "u", TYPES, true},
	[PURGE] = {"session_purge", "DELETE FROM sessions WHERE expires_at < $1", NULL, "z", "",
		true},
	[ADD] = {"session_add", "INSERT INTO sessions (" NAMES ") VALUES (" BF_SQL_PARAMS_12 ")",
		NULL, TYPES, "", false},
	[GET] = {"session_get", "SELECT " NAMES " FROM sessions WHERE org_id = $1 AND id = $2",
		NULL, "uu", TYPES, false},
	[LIST] = {"session_list",
		"SELECT " NAMES " FROM sessions WHERE org_id = $1 AND user_id = $2 AND"
		" revoked_at IS NULL AND expires_at > $3 ORDER BY created_at LIMIT 500",
		NULL, "uuz", TYPES, false},
	[ROTATE] = {"session_rotate",
		"UPDATE sessions SET refresh_hash = $4, last_seen_at = $5, expires_at = $6"
		" WHERE org_id = $1 AND id = $2 AND refresh_hash = $3 AND revoked_at IS NULL",
		NULL, "uuyyzz", "", false},
	[SET_MFA] = {"session_set_mfa",
		"UPDATE sessions SET mfa_at = $3 WHERE org_id = $1 AND id = $2", NULL, "uuz", "",
		false},
	[REVOKE] = {"session_revoke",
		"UPDATE sessions SET revoked_at = $3 WHERE org_id = $1 AND id = $2 AND"
		" revoked_at IS NULL",
		NULL, "uuz", "", false},
	[REVOKE_OWN] = {"session_revoke_own",
		"UPDATE sessions SET revoked_at = $4 WHERE org_id = $1 AND user_id = $2 AND"
		" id = $3 AND revoked_at IS NULL",
		NULL, "uuuz", "", false},
	[REVOKE_FAMILY] = {"session_revoke_family",
		"UPDATE sessions SET revoked_at = $3 WHERE org_id = $1 AND refresh_family = $2 AND"
		" revoked_at IS NULL",
		NULL, "uuz", "", false},
	[REVOKE_OF_USER] = {"session_revoke_of_user",
		"UPDATE sessions SET revoked_at = $4 WHERE org_id = $1 AND user_id = $2 AND"
		" id <> $3 AND revoked_at IS NULL",
		NULL, "uuuz", "", false},
};
const size_t bf_session_statement_count = BF_STATEMENT_COUNT(bf_session_statements);

static void add(struct bf_tx *tx, int idx, const struct bf_db_value *params, int64_t expected)
{
	bf_tx_add(tx, &bf_session_statements[idx], params, expected);
}

void bf_session_find(struct bf_tx *tx, struct bf_bytes refresh_hash)
{
	add(tx, FIND, (struct bf_db_value[]){bf_db_bytes(refresh_hash)}, BF_DB_ANY);
}

void bf_session_find_family(struct bf_tx *tx, struct bf_uuid family)
{
	add(tx, FIND_FAMILY, (struct bf_db_value[]){bf_db_uuid(family)}, BF_DB_ANY);
}

void bf_session_purge(struct bf_tx *tx, int64_t before_us)
{
	add(tx, PURGE, (struct bf_db_value[]){bf_db_time(before_us)}, BF_DB_ANY);
}

void bf_session_add(struct bf_tx *tx, const struct bf_session *session)
{
	struct bf_db_value values[BF_TABLE_COUNT(BF_SESSION_COLUMNS)];

	put_session(values, session);
	add(tx, ADD, values + 1, 1);
}

void bf_session_get(struct bf_tx *tx, struct bf_uuid id)
{
	add(tx, GET, (struct bf_db_value[]){bf_db_uuid(id)}, BF_DB_ANY);
}

void bf_session_list(struct bf_tx *tx, struct bf_uuid user_id, int64_t now_us)
{
	add(tx, LIST, (struct bf_db_value[]){bf_db_uuid(user_id), bf_db_time(now_us)}, BF_DB_ANY);
}

void bf_session_rotate(struct bf_tx *tx, struct bf_uuid id, struct bf_bytes old_hash,
	struct bf_bytes new_hash, int64_t now_us, int64_t expires_us)
{
	const struct bf_db_value params[] = {bf_db_uuid(id), bf_db_bytes(old_hash),
		bf_db_bytes(new_hash), bf_db_time(now_us), bf_db_time(expires_us)};

	add(tx, ROTATE, params, 1);
}

void bf_session_set_mfa(struct bf_tx *tx, struct bf_uuid id, int64_t now_us)
{
	add(tx, SET_MFA, (struct bf_db_value[]){bf_db_uuid(id), bf_db_time(now_us)}, 1);
}

void bf_session_revoke(struct bf_tx *tx, struct bf_uuid id, int64_t now_us)
{
	add(tx, REVOKE, (struct bf_db_value[]){bf_db_uuid(id), bf_db_time(now_us)}, 1);
}

void bf_session_revoke_own(
	struct bf_tx *tx, struct bf_uuid user_id, struct bf_uuid id, int64_t now_us)
{
	const struct bf_db_value params[] = {
		bf_db_uuid(user_id), bf_db_uuid(id), bf_db_time(now_us)};

	add(tx, REVOKE_OWN, params, 1);
}

void bf_session_revoke_family(struct bf_tx *tx, struct bf_uuid family, int64_t now_us)
{
	const struct bf_db_value params[] = {bf_db_uuid(family), bf_db_time(now_us)};

	add(tx, REVOKE_FAMILY, params, BF_DB_ANY);
}

void bf_session_revoke_of_user(
	struct bf_tx *tx, struct bf_uuid user_id, struct bf_uuid except, int64_t now_us)
{
	const struct bf_db_value params[] = {
		bf_db_uuid(user_id), bf_db_uuid(except), bf_db_time(now_us)};

	add(tx, REVOKE_OF_USER, params, BF_DB_ANY);
}
