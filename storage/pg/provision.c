#include "storage/pg/provision.h"

#include "core/base/clock.h"
#include "storage/pg/migrate.h"
#include "storage/pg/target.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#define NAME_BYTES     64 /* PostgreSQL's names have up to 63 */
#define PASSWORD_BYTES 256
#define SQL_BYTES      1024
#define MAINTENANCE    "postgres" /* a database that every cluster has */

/* Names cannot be parameters: PostgreSQL itself puts them into these, quoted. */
static const char has_database[] = "SELECT 1 FROM pg_database WHERE datname = $1";
static const char make_database[] =
	"SELECT format('CREATE DATABASE %I ENCODING ''UTF8'' TEMPLATE template0', $1::text)";
static const char drop_database[] = "SELECT format('DROP DATABASE IF EXISTS %I', $1::text)";
static const char has_role[] = "SELECT 1 FROM pg_roles WHERE rolname = $1";
static const char make_role[] =
	"SELECT format('CREATE ROLE %I LOGIN', $1::text)"
	" || CASE WHEN $2 = '' THEN '' ELSE format(' PASSWORD %L', $2::text) END";
static const char grant[] =
	"SELECT format('GRANT USAGE ON SCHEMA public TO %1$I;"
	" GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO %1$I;"
	" REVOKE INSERT, UPDATE, DELETE ON migrations FROM %1$I', $1::text)";
static const char find_unbound[] =
	"SELECT rolname FROM pg_roles WHERE rolname = current_user AND (rolsuper OR rolbypassrls)";

struct provision {
	const struct bf_conf *conf;
	struct bf_log *log;
	char *why;
	size_t why_size;
};

const char *bf_pg_owner_url(const struct bf_conf *conf)
{
	return conf->storage.owner_url[0] ? conf->storage.owner_url : conf->storage.url;
}

static int open_session(struct provision *provision, struct bf_pg_session *session, const char *url,
	const char *database)
{
	return bf_pg_session_open(session, url, database,
		BF_MS((int64_t)provision->conf->storage.connect_ms), provision->why,
		provision->why_size);
}

/* Lets PostgreSQL write the statement, and runs it. Another server may have been faster: what is there already is fine. */
static int run_written(struct bf_pg_session *session, const char *what, const char *writes,
	int count, const char *const *values)
{
	char sql[SQL_BYTES];
	int err = bf_pg_session_get(session, what, writes, count, values, sql, sizeof(sql));

	if (!err)
		err = bf_pg_session_run(session, what, sql);
	explicit_bzero(sql, sizeof(sql)); /* perhaps with a password */
	if (err && (strcmp(session->sqlstate, "42P04") == 0 ||
			   strcmp(session->sqlstate, "42710") == 0 ||
			   strcmp(session->sqlstate, "23505") == 0))
		return 0;
	return err;
}

/* ---- the database ---- */

int bf_pg_make_database(struct bf_pg_session *session, const char *name)
{
	return run_written(session, "making a database", make_database, 1, &name);
}

int bf_pg_drop_database(struct bf_pg_session *session, const char *name)
{
	return run_written(session, "dropping a database", drop_database, 1, &name);
}

/* 0: it was missing, and is there now. Else `why` stays what it was. */
static int make_missing_database(struct provision *provision, const char *name)
{
	struct bf_pg_session session;
	char why[256], found[8];
	const char *values[] = {name};
	struct provision quiet = {provision->conf, provision->log, why, sizeof(why)};
	int err = open_session(&quiet, &session, bf_pg_owner_url(provision->conf), MAINTENANCE);

	if (!err)
		err = bf_pg_session_get(&session, "", has_database, 1, values, found,
			      sizeof(found)) == -ENOENT
			      ? 0
			      : -ENOTCONN;
	if (!err) {
		snprintf(provision->why, provision->why_size, "database %s", name);
		err = run_written(
			&session, "it is missing, and making it", make_database, 1, values);
		if (err)
			snprintf(provision->why, provision->why_size, "database %s: %s", name, why);
		else
			BF_LOG(provision->log, BF_LOG_INFO, "database made", BF_STR("name", name));
	}
	bf_pg_session_close(&session);
	return err;
}

static int open_owner(struct provision *provision, struct bf_pg_session *session)
{
	const char *url = bf_pg_owner_url(provision->conf);
	char name[NAME_BYTES];
	int err = open_session(provision, session, url, NULL), made;

	if (err != -ENOTCONN || bf_pg_target_part(url, "dbname", name, sizeof(name)) || !name[0])
		return err;
	bf_pg_session_close(session);
	made = make_missing_database(provision, name);
	return made ? made : open_session(provision, session, url, NULL);
}

int bf_pg_provision_database(
	const struct bf_conf *conf, struct bf_log *log, char *why, size_t why_size)
{
	struct provision provision = {conf, log, why, why_size};
	struct bf_pg_session session;
	int err = open_owner(&provision, &session);

	bf_pg_session_close(&session);
	return err;
}

/* ---- the server's role ---- */

static int provide_role(struct provision *provision, struct bf_pg_session *session)
{
	const char *url = provision->conf->storage.url;
	char name[NAME_BYTES], password[PASSWORD_BYTES], found[8];
	const char *values[] = {name, password};
	int err = bf_pg_target_part(url, "user", name, sizeof(name));

	if (!err)
		err = bf_pg_target_part(url, "password", password, sizeof(password));
	if (err || !name[0]) {
		snprintf(provision->why, provision->why_size,
			"storage.url: it names no user, or names too long a one");
		return -EINVAL;
	}
	err = bf_pg_session_get(session, "role", has_role, 1, values, found, sizeof(found));
	if (err == -ENOENT) {
		err = run_written(session, "the server's role is missing, and making it", make_role,
			2, values);
		if (!err)
			BF_LOG(provision->log, BF_LOG_INFO, "role made", BF_STR("name", name));
	}
	explicit_bzero(password, sizeof(password));
	return err ? err : run_written(session, "rights of the server's role", grant, 1, values);
}

/* A role that sees every tenant's rows whatever the server's statements say. */
static int warn_of_unbound(struct provision *provision)
{
	struct bf_pg_session session;
	char name[NAME_BYTES];
	int err = open_session(provision, &session, provision->conf->storage.url, NULL);

	if (!err && !bf_pg_session_get(&session, "role", find_unbound, 0, NULL, name, sizeof(name)))
		BF_LOG(provision->log, BF_LOG_WARN, "row-level security does not bind this role",
			BF_STR("role", name),
			BF_STR("remedy", "storage.url with a role of its own, this one in "
					 "storage.owner_url"));
	bf_pg_session_close(&session);
	return err;
}

int bf_pg_provision(const struct bf_conf *conf, bool may_migrate, struct bf_log *log, char *why,
	size_t why_size)
{
	struct provision provision = {conf, log, why, why_size};
	struct bf_pg_session session;
	int count = open_owner(&provision, &session), err = 0;

	if (!count)
		count = bf_pg_migrate(
			&session, bf_pg_migrations, bf_pg_migration_count, may_migrate);
	if (count >= 0 && conf->storage.owner_url[0])
		err = provide_role(&provision, &session);
	bf_pg_session_close(&session);
	if (count >= 0 && !err)
		err = warn_of_unbound(&provision);
	if (count > 0)
		BF_LOG(log, BF_LOG_INFO, "tables brought up to date", BF_INT("migrations", count));
	return err ? err : count;
}
