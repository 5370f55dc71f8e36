/* signaling/auth/permission.h - what somebody may do: a bit each, the same in tokens, in the table roles and in routes.
 *
 * A user's permissions are those of all roles together. admin:full stands for all. What is not permitted is forbidden.
 * Thread: constants.
 */
#ifndef BF_SIGNALING_AUTH_PERMISSION_H
#define BF_SIGNALING_AUTH_PERMISSION_H

#include "core/base/bytes.h"

/* Places of bits: kept in databases and tokens, so never changed and never used again. */
enum bf_permission {
	BF_SKILLS_READ = 0,
	BF_SKILLS_WRITE = 1,
	BF_SKILLS_EXECUTE = 2,
	BF_EXECUTIONS_READ = 3,
	BF_EXECUTIONS_WRITE = 4,
	BF_USERS_MANAGE = 5,
	BF_WORKFLOWS_READ = 6,
	BF_WORKFLOWS_WRITE = 7,
	BF_API_KEYS_MANAGE = 8,
	BF_ANALYTICS_READ = 9,
	BF_ADMIN_FULL = 10,
	BF_WEBHOOKS_MANAGE = 11,
	BF_AUDIT_READ = 12,
	BF_SETTINGS_WRITE = 13,
	BF_ORGS_MANAGE = 14,
	BF_ROLES_MANAGE = 15,
	BF_CHANNELS_READ = 16,
	BF_CHANNELS_WRITE = 17,
	BF_CALLS_JOIN = 18,
	BF_CALLS_PUBLISH = 19,
	BF_CALLS_MODERATE = 20,
	BF_CALLS_READ = 21,
	BF_MESSAGES_READ = 22,
	BF_MESSAGES_WRITE = 23,
	BF_VAULT_READ = 24,
	BF_VAULT_WRITE = 25,
	BF_MCP_USE = 26,
	BF_MCP_MANAGE = 27,
	BF_SETTINGS_READ = 28,
	BF_PERMISSION_COUNT,
};

#define BF_PERMIT(place) (UINT64_C(1) << (place))

struct bf_permission_info {
	const char *name; /* "skills:read" */
	const char *text; /* what it allows, for people */
};

extern const struct bf_permission_info bf_permissions[BF_PERMISSION_COUNT];

/* The bit of this name; 0: there is none. */
uint64_t bf_permission_of(struct bf_bytes name);

/* Whether who has the bits `held` may do what needs all of `needed`. */
bool bf_permits(uint64_t held, uint64_t needed);

/* Roles that each organization has from the start. */
struct bf_builtin_role {
	const char *name;
	const char *text;
	uint64_t permissions;
	bool has_login; /* else it is for API keys only */
};

extern const struct bf_builtin_role bf_builtin_roles[];
extern const size_t bf_builtin_role_count;

#endif
