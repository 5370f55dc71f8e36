#include "storage/repo/statements.h"

const struct bf_repo bf_repos[] = {
	{"organizations", bf_organization_statements, &bf_organization_statement_count},
	{"users", bf_user_statements, &bf_user_statement_count},
	{"roles", bf_role_statements, &bf_role_statement_count},
	{"sessions", bf_session_statements, &bf_session_statement_count},
	{"api_keys", bf_api_key_statements, &bf_api_key_statement_count},
	{"second_factors", bf_second_factor_statements, &bf_second_factor_statement_count},
	{"settings", bf_setting_statements, &bf_setting_statement_count},
	{"channels", bf_channel_statements, &bf_channel_statement_count},
	{"seeds", bf_seed_statements, &bf_seed_statement_count},
	{"history", bf_history_statements, &bf_history_statement_count},
};
const size_t bf_repo_count = sizeof(bf_repos) / sizeof(bf_repos[0]);
