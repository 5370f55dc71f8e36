/* signaling/accounts/accounts_priv.h - what the files of accounts share. */
#ifndef BF_SIGNALING_ACCOUNTS_ACCOUNTS_PRIV_H
#define BF_SIGNALING_ACCOUNTS_ACCOUNTS_PRIV_H

#include "core/base/clock.h"
#include "core/base/gcra.h"
#include "core/base/map.h"
#include "core/loop/timer.h"
#include "core/seal/seal.h"
#include "signaling/accounts/accounts.h"
#include "storage/repo/roles.h"
#include "storage/repo/users.h"

#define REFRESH_SECRET_BYTES 32
#define REFRESH_TEXT	     80 /* base64url of family and secret, and the NUL */
#define REFRESH_US	     (INT64_C(604800) * 1000000) /* seven days */
#define HASH_BYTES	     32
#define KEY_TEXT	     512 /* of a name or an address in small letters */

struct bf_accounts {
	/* given */
	struct bf_rest *rest;
	/* owned */
	struct bf_access_issuer issuer;
	struct bf_access_issuer mfa_issuer; /* of tokens between the first factor and the second */
	uint8_t seal_key[BF_SEAL_KEY_BYTES];
	struct bf_map sessions; /* struct standing, by session */
	struct bf_gcra key_rates;
	struct bf_list recent; /* the same, the last asked for at the end */
	struct bf_list graces; /* refresh tokens exchanged a moment ago */
	struct bf_timer first_timer;
	/* state */
	size_t grace_count;
	int64_t first_call; /* at the database */
	char first_password[BF_PASSWORD_MADE_BYTES];
};

/* ---- the first start ---- */

#define FIRST_AGAIN_US BF_SEC(5) /* while the database is away */

/* The default organization's roles, and an admin where there is nobody. */
void first_init(struct bf_accounts *accounts);
void first_begin(struct bf_accounts *accounts);
void first_end(struct bf_accounts *accounts);

/* ---- sessions ---- */

/* Whether a session stands, as of `checked_us`. */
struct standing {
	struct bf_map_node node;
	struct bf_list recent;
	struct bf_uuid session, user;
	int64_t checked_us;
	int64_t mfa_us; /* when a second factor was shown; 0: never */
	bool has_mfa;	/* the user has one */
	bool is_good;
	bool must_change; /* the password, before anything else */
	uint64_t permissions;
	/* of an API key, which stands in the place of a session under its public id */
	uint8_t key_hash[HASH_BYTES];
	struct bf_uuid org;
	unsigned requests_per_minute; /* 0: no limit of its own */
};

struct standing *guard_find(struct bf_accounts *accounts, struct bf_uuid session);
struct standing *guard_remember(struct bf_accounts *accounts, struct bf_uuid session);
void guard_refuse(struct bf_http_exchange *exchange, const char *detail);

/* Whether what the database said of it still counts. */
bool guard_is_fresh(struct bf_accounts *accounts, const struct standing *standing);

/* The same as guard for who shows an API key. */
void guard_key(struct bf_accounts *accounts, struct bf_http_exchange *exchange, struct bf_bytes key,
	const struct bf_http_route *route);

void guard(void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request,
	const struct bf_http_route *route);

/* It is over, at once, on this server. */
void guard_forget(struct bf_accounts *accounts, struct bf_uuid session);
/* So are all of a user; or what they may do has changed: the database is asked anew. */
void guard_forget_user(struct bf_accounts *accounts, struct bf_uuid user);
void guard_deinit(struct bf_accounts *accounts);

/* The sum of the roles that a step brought. */
uint64_t permissions_of(struct bf_db_rows rows);

/* ---- tokens ---- */

/* A session, and the secret of its refresh token. */
struct signing {
	struct bf_uuid user, org, session, family;
	uint8_t secret[REFRESH_SECRET_BYTES];
};

/* Access and refresh token as members of `body`. -ENOMEM. */
int put_tokens(struct bf_accounts *accounts, struct bf_json *body, const struct signing *signing,
	uint64_t permissions);

/* A login on its way to a session. Requests that end in one have it as the first member of `more`. */
#define AGENT_TEXT 512

struct sign_in {
	struct signing signing;
	const char *wrong; /* what is said where the tables refuse it */
	char ip[BF_ADDR_TEXT], agent[AGENT_TEXT];
	bool must_change;
	char new_hash
		[BF_OP_HASH_TEXT]; /* of the password, as hashes are made today; "": it has one */
	/* the second factor that was shown */
	int64_t step;	     /* of an app's code; 0: it was none */
	bool has_paper_code; /* whose hash this is */
	uint8_t code_hash[HASH_BYTES];
};

void sign_in_note_device(struct sign_in *sign_in, struct bf_http_exchange *exchange,
	const struct bf_http_request *request);

/* Makes the session, which uses up the second factor, and replies with its tokens. */
void sign_in_make_session(struct bf_op *op);

/* Counts a try that was wrong, which may lock the account, and refuses. */
void sign_in_fail(struct bf_op *op, struct bf_uuid org, struct bf_uuid user, int64_t failed_count);
void sign_in_refuse_locked(struct bf_op *op, int64_t left_us);

/* After the password was right: the session, or what asks for the second factor. */
void mfa_continue(struct bf_op *op);

/* A worker compares the body's text `member` with the password of who asks; who has none is refused. */
void verify_own_password(struct bf_op *op, const char *member, bf_op_hashed *next);

void refresh_deinit(struct bf_accounts *accounts);

/* ---- what bodies show ---- */

void put_user(struct bf_json *body, const struct bf_user *user);
struct bf_json *permission_names(uint64_t held);

/* The bits of the body's list `permissions`. False: it was refused: one is not known, or more than whoever asks may do. */
bool read_permissions(struct bf_op *op, uint64_t *out);
void push_role_name(struct bf_json *names, const struct bf_role *role);

/* ---- requests ---- */

typedef void handler(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request);

extern const struct bf_http_route people_routes[], role_routes[], key_routes[], mfa_routes[],
	profile_routes[];
extern const size_t people_route_count, role_route_count, key_route_count, mfa_route_count,
	profile_route_count;

handler on_register, on_login, on_refresh, on_logout, on_me, on_change_password, on_sessions,
	on_session_delete;

#endif
