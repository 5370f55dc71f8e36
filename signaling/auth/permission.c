#include "signaling/auth/permission.h"

const struct bf_permission_info bf_permissions[BF_PERMISSION_COUNT] = {
	[BF_SKILLS_READ] = {"skills:read", "See skills"},
	[BF_SKILLS_WRITE] = {"skills:write", "Make, change and remove skills"},
	[BF_SKILLS_EXECUTE] = {"skills:execute", "Run skills"},
	[BF_EXECUTIONS_READ] = {"executions:read", "See what was run, and what came of it"},
	[BF_EXECUTIONS_WRITE] = {"executions:write", "Cancel what runs, and take back what ran"},
	[BF_USERS_MANAGE] = {"users:manage", "Make, change, disable and remove users"},
	[BF_WORKFLOWS_READ] = {"workflows:read", "See workflows"},
	[BF_WORKFLOWS_WRITE] = {"workflows:write", "Make, change and remove workflows"},
	[BF_API_KEYS_MANAGE] = {"api-keys:manage", "Make and revoke API keys"},
	[BF_ANALYTICS_READ] = {"analytics:read", "See statistics"},
	[BF_ADMIN_FULL] = {"admin:full", "Everything"},
	[BF_WEBHOOKS_MANAGE] = {"webhooks:manage", "Make, change and remove webhooks"},
	[BF_AUDIT_READ] = {"audit:read", "Read the audit trail"},
	[BF_SETTINGS_WRITE] = {"settings:write", "Change settings while the server runs"},
	[BF_ORGS_MANAGE] = {"orgs:manage", "Change the organization and its invitations"},
	[BF_ROLES_MANAGE] = {"roles:manage", "Make, change and grant roles"},
	[BF_CHANNELS_READ] = {"channels:read", "See channels"},
	[BF_CHANNELS_WRITE] = {"channels:write", "Make, change and remove channels"},
	[BF_CALLS_JOIN] = {"calls:join", "Join rooms and listen"},
	[BF_CALLS_PUBLISH] = {"calls:publish", "Speak and show in rooms"},
	[BF_CALLS_MODERATE] = {"calls:moderate", "Mute, move and remove others in rooms"},
	[BF_CALLS_READ] = {"calls:read", "See which calls there were"},
	[BF_MESSAGES_READ] = {"messages:read", "Read one's conversations"},
	[BF_MESSAGES_WRITE] = {"messages:write", "Write in one's conversations"},
	[BF_VAULT_READ] = {"vault:read", "Fetch files from one's vault"},
	[BF_VAULT_WRITE] = {"vault:write", "Put files into one's vault, and remove them"},
	[BF_MCP_USE] = {"mcp:use", "Use tools over MCP"},
	[BF_MCP_MANAGE] = {"mcp:manage", "Change which tools MCP offers"},
	[BF_SETTINGS_READ] = {"settings:read", "See settings"},
};

#define TALK                                                                                    \
	(BF_PERMIT(BF_CHANNELS_READ) | BF_PERMIT(BF_CALLS_JOIN) | BF_PERMIT(BF_CALLS_PUBLISH) | \
		BF_PERMIT(BF_MESSAGES_READ) | BF_PERMIT(BF_MESSAGES_WRITE))
#define VIEW                                                         \
	(BF_PERMIT(BF_SKILLS_READ) | BF_PERMIT(BF_EXECUTIONS_READ) | \
		BF_PERMIT(BF_WORKFLOWS_READ) | BF_PERMIT(BF_ANALYTICS_READ))

const struct bf_builtin_role bf_builtin_roles[] = {
	{"admin", "Looks after everything", BF_PERMIT(BF_ADMIN_FULL), true},
	{"developer", "Builds skills and workflows",
		VIEW | TALK | BF_PERMIT(BF_SKILLS_WRITE) | BF_PERMIT(BF_SKILLS_EXECUTE) |
			BF_PERMIT(BF_EXECUTIONS_WRITE) | BF_PERMIT(BF_WORKFLOWS_WRITE) |
			BF_PERMIT(BF_API_KEYS_MANAGE) | BF_PERMIT(BF_MCP_USE),
		true},
	{"executor", "Runs skills",
		BF_PERMIT(BF_SKILLS_EXECUTE) | BF_PERMIT(BF_EXECUTIONS_READ) |
			BF_PERMIT(BF_EXECUTIONS_WRITE) | BF_PERMIT(BF_MCP_USE),
		true},
	{"user", "Talks, writes and keeps files",
		TALK | BF_PERMIT(BF_VAULT_READ) | BF_PERMIT(BF_VAULT_WRITE), true},
	{"viewer", "Looks on", VIEW, true},
	{"service", "A program: runs skills, looks after webhooks",
		BF_PERMIT(BF_SKILLS_EXECUTE) | BF_PERMIT(BF_WEBHOOKS_MANAGE) |
			BF_PERMIT(BF_MCP_USE),
		false},
	{"guest", "Listens", BF_PERMIT(BF_CHANNELS_READ) | BF_PERMIT(BF_CALLS_JOIN), true},
};
const size_t bf_builtin_role_count = sizeof(bf_builtin_roles) / sizeof(bf_builtin_roles[0]);

uint64_t bf_permission_of(struct bf_bytes name)
{
	for (size_t i = 0; i < BF_PERMISSION_COUNT; i++)
		if (bf_bytes_is(name, bf_permissions[i].name))
			return BF_PERMIT(i);
	return 0;
}

bool bf_permits(uint64_t held, uint64_t needed)
{
	return (held & BF_PERMIT(BF_ADMIN_FULL)) != 0 || (held & needed) == needed;
}
