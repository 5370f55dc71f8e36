/* storage/repo/statements.h - all statements there are, so that a test can prepare each on both engines.
 *
 * Thread: constants.
 */
#ifndef BF_STORAGE_REPO_STATEMENTS_H
#define BF_STORAGE_REPO_STATEMENTS_H

#include "storage/db.h"

#define BF_STATEMENT_COUNT(array) (sizeof(array) / sizeof((array)[0]))

extern const struct bf_db_statement bf_organization_statements[], bf_user_statements[],
	bf_role_statements[], bf_second_factor_statements[], bf_session_statements[],
	bf_api_key_statements[], bf_setting_statements[], bf_channel_statements[],
	bf_history_statements[], bf_seed_statements[];
extern const size_t bf_organization_statement_count, bf_user_statement_count,
	bf_role_statement_count, bf_second_factor_statement_count, bf_session_statement_count,
	bf_api_key_statement_count, bf_setting_statement_count, bf_channel_statement_count,
	bf_history_statement_count, bf_seed_statement_count;

struct bf_repo {
	const char *name;
	const struct bf_db_statement *statements;
	const size_t *statement_count;
};

extern const struct bf_repo bf_repos[];
extern const size_t bf_repo_count;

#endif
