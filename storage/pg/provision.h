/* storage/pg/provision.h - makes a PostgreSQL database ready for the server: the database, its tables, the server's role.
 *
 * storage.owner_url names the role that owns the tables; storage.url the one that the server works as, which can neither change tables nor
 * go round row-level security. Without an owner_url the server's role owns them: row-level security is forced, and binds it as well.
 * Thread: any that may wait.
 */
#ifndef BF_STORAGE_PG_PROVISION_H
#define BF_STORAGE_PG_PROVISION_H

#include "core/base/conf.h"
#include "core/base/log.h"
#include "storage/pg/session.h"

#include <stdint.h>

/* What is missing is made, where the role may do that; migrations if `may_migrate`. Returns how many migrations were applied. -ENOTCONN: nobody lets us in;
 * -EINVAL, -EIO: `why` says what and why. The log tells what was made, and warns of a role that row-level security does not bind. */
int bf_pg_provision(const struct bf_conf *conf, bool may_migrate, struct bf_log *log, char *why,
	size_t why_size);

/* The URL of the tables' owner. */
const char *bf_pg_owner_url(const struct bf_conf *conf);

/* The database alone, if it is missing; errors as above. */
int bf_pg_provision_database(
	const struct bf_conf *conf, struct bf_log *log, char *why, size_t why_size);

/* Make, and drop, a database of this name on the session's server. -EINVAL: the role may not. */
int bf_pg_make_database(struct bf_pg_session *session, const char *name);
int bf_pg_drop_database(struct bf_pg_session *session, const char *name);

#endif
