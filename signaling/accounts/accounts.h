/* signaling/accounts/accounts.h - who somebody is: registration, login, sessions; and the guard of routes for those who are known.
 *
 *   POST   /api/auth/register         {email, username, password, full_name}
 *   POST   /api/auth/login            {login or email or username, password}
 *   POST   /api/auth/refresh          {refresh_token}
 *   POST   /api/auth/logout
 *   GET    /api/auth/me
 *   POST   /api/auth/change-password  {current_password, new_password}
 *   GET    /api/users/sessions
 *   DELETE /api/users/sessions/{id}
 *
 * A login makes a session (storage/repo/sessions.h), an access token for an hour and a refresh token, which is exchanged for another each
 * time it is used; one that is used twice ends all that came of it. The guard asks the database once a second and session
 * whether it still stands, so that what is revoked anywhere is over a second later; while the database is away it goes by what it knew.
 * Passwords are hashed by workers (core/loop/workers.h), never here.
 * Owner:   main.c.   Thread: control.
 * Limits:  BF_ACCOUNTS_SESSIONS_MAX sessions remembered; signaling/rest/op.h.
 */
#ifndef BF_SIGNALING_ACCOUNTS_ACCOUNTS_H
#define BF_SIGNALING_ACCOUNTS_ACCOUNTS_H

#include "signaling/auth/access_token.h"
#include "signaling/rest/op.h"

#define BF_ACCOUNTS_SESSIONS_MAX 65536
#define BF_ACCOUNTS_KEYS_MAX	 16384 /* whose requests are counted */

struct bf_accounts;

/* Adds its routes and becomes the server's guard. The key of access tokens is in storage.folder, and is made there if it is not. -EACCES
 * and the like with `why`. */
int bf_accounts_new(struct bf_accounts **out, struct bf_rest *rest, char *why, size_t why_size);

/* After bf_rest_deinit, before the HTTP server. Accepts NULL. */
void bf_accounts_free(struct bf_accounts *accounts);

#endif
