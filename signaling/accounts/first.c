#include "core/base/clock.h"
#include "signaling/accounts/accounts_priv.h"
#include "signaling/accounts/builtin.h"
#include "signaling/auth/password.h"
#include "storage/repo/organizations.h"
#include "storage/repo/roles.h"
#include "storage/repo/users.h"

#include <string.h>

/* With nobody in the database nobody could let anyone in: then there is an admin, whose password the log tells once. */

static void on_made(void *arg, const struct bf_db_answer *answer)
{
	struct bf_accounts *accounts = arg;

	accounts->first_call = 0;
	if (answer->status == BF_DB_OK)
		BF_LOG(accounts->rest->log, BF_LOG_WARN, "first start: an admin was made",
			BF_STR("user", "admin"), BF_STR("one_time", accounts->first_password),
			BF_STR("remark", "to be changed with the first login"));
	else if (answer->status != BF_DB_EXISTS) /* another server was faster */
		BF_LOG(accounts->rest->log, BF_LOG_WARN, "no admin could be made",
			BF_STR("why", answer->why));
	explicit_bzero(accounts->first_password, sizeof(accounts->first_password));
}

static void make_admin(struct bf_accounts *accounts)
{
	char hash[BF_PASSWORD_HASH_BYTES];
	int64_t now_us = bf_clock_wall_us();
	struct bf_user user = {.id = bf_uuid_make(),
		.username = bf_bytes_str("admin"),
		.username_key = bf_bytes_str("admin"),
		.must_change_password = true,
		.created_at = now_us,
		.updated_at = now_us};
	struct bf_tx tx;
	int64_t call;

	bf_password_make(accounts->first_password);
	if (bf_password_hash(accounts->first_password, NULL, hash))
		return;
	user.password_hash = bf_bytes_str(hash);
	bf_tx_begin(&tx, BF_DEFAULT_ORG, user.id);
	bf_user_add(&tx, &user);
	bf_user_role_grant_named(
		&tx, user.id, bf_bytes_str("admin"), (struct bf_uuid){{0}}, now_us);
	call = bf_tx_ask(&tx, accounts->rest->db, on_made, accounts);
	accounts->first_call = call > 0 ? call : 0;
}

static void on_any(void *arg, const struct bf_db_answer *answer)
{
	struct bf_accounts *accounts = arg;
	struct bf_db_value values[BF_DB_VALUE_COUNT_MAX];
	struct bf_db_rows rows;

	accounts->first_call = 0;
	if (answer->status != BF_DB_OK)
		return;
	rows = answer->steps[0];
	if (bf_db_rows_next(&rows, values) && values[0].as.i64 == 0)
		make_admin(accounts);
}

static void ask_for_any(struct bf_accounts *accounts)
{
	struct bf_tx tx;
	int64_t call;

	bf_tx_begin_system(&tx);
	bf_user_any(&tx);
	call = bf_tx_ask(&tx, accounts->rest->db, on_any, accounts);
	accounts->first_call = call > 0 ? call : 0;
}

static void on_roles(void *arg, const struct bf_db_answer *answer)
{
	struct bf_accounts *accounts = arg;

	accounts->first_call = 0;
	if (answer->status == BF_DB_OK) {
		ask_for_any(accounts);
		return;
	}
	BF_LOG(accounts->rest->log, BF_LOG_WARN, "roles are not made yet",
		BF_STR("why", answer->why));
	bf_timer_arm(&accounts->first_timer, bf_loop_now_us(accounts->rest->loop) + FIRST_AGAIN_US);
}

static void begin(void *arg)
{
	struct bf_accounts *accounts = arg;
	struct bf_tx tx;
	int64_t call;

	bf_tx_begin(&tx, BF_DEFAULT_ORG, (struct bf_uuid){{0}});
	bf_accounts_add_roles(&tx, bf_clock_wall_us());
	call = bf_tx_ask(&tx, accounts->rest->db, on_roles, accounts);
	accounts->first_call = call > 0 ? call : 0;
	if (call <= 0)
		bf_timer_arm(&accounts->first_timer,
			bf_loop_now_us(accounts->rest->loop) + FIRST_AGAIN_US);
}

void first_init(struct bf_accounts *accounts)
{
	bf_timer_init(&accounts->first_timer, accounts->rest->loop, begin, accounts);
}

void first_begin(struct bf_accounts *accounts)
{
	begin(accounts);
}

void first_end(struct bf_accounts *accounts)
{
	if (accounts->first_call)
		bf_db_forget(accounts->rest->db, accounts->first_call);
	bf_timer_disarm(&accounts->first_timer);
}
