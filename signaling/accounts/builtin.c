#include "signaling/accounts/builtin.h"

#include "signaling/auth/permission.h"
#include "storage/repo/roles.h"

void bf_accounts_add_roles(struct bf_tx *tx, int64_t now_us)
{
	for (size_t i = 0; i < bf_builtin_role_count; i++) {
		const struct bf_role role = {.id = bf_uuid_make(),
			.name = bf_bytes_str(bf_builtin_roles[i].name),
			.description = bf_bytes_str(bf_builtin_roles[i].text),
			.permissions = (int64_t)bf_builtin_roles[i].permissions,
			.is_builtin = true,
			.created_at = now_us,
			.updated_at = now_us};

		bf_role_add_missing(tx, &role);
	}
}
