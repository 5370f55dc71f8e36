-- Organizations and who is in them, with what they may do.
-- Ids are UUIDs of 16 bytes; times are microseconds since 1970 UTC; *_key columns are the case-folded text that must be unique.
-- +up

CREATE TABLE organizations (
	id BLOB PRIMARY KEY CHECK (length(id) = 16),
	slug TEXT NOT NULL UNIQUE CHECK (length(slug) BETWEEN 1 AND 64), -- as join tokens name it
	name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
	settings TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(settings)),
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL,
	disabled_at INTEGER
) STRICT;

-- Whose rooms those are that no token gives to somebody.
INSERT INTO organizations (id, slug, name, created_at, updated_at)
VALUES (x'00000000000070008000000000000001', 'default', 'Default', 0, 0);

CREATE TABLE users (
	id BLOB PRIMARY KEY CHECK (length(id) = 16),
	org_id BLOB NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
	email TEXT CHECK (length(email) BETWEEN 3 AND 254),
	email_key TEXT,
	username TEXT NOT NULL CHECK (length(username) BETWEEN 1 AND 64),
	username_key TEXT NOT NULL,
	full_name TEXT NOT NULL DEFAULT '' CHECK (length(full_name) <= 200),
	password_hash TEXT, -- PHC string; NULL: cannot log in with a password
	must_change_password INTEGER NOT NULL DEFAULT 0 CHECK (must_change_password IN (0, 1)),
	email_verified_at INTEGER,
	last_login_at INTEGER,
	failed_login_count INTEGER NOT NULL DEFAULT 0 CHECK (failed_login_count >= 0),
	locked_until INTEGER,
	metadata TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(metadata)),
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL,
	disabled_at INTEGER,
	UNIQUE (org_id, email_key),
	UNIQUE (org_id, username_key),
	UNIQUE (org_id, id),
	CHECK ((email IS NULL) = (email_key IS NULL))
) STRICT;
CREATE INDEX users_created_at_idx ON users (org_id, created_at, id);
CREATE INDEX users_email_key_idx ON users (email_key);
CREATE INDEX users_username_key_idx ON users (username_key);

CREATE TABLE roles (
	id BLOB PRIMARY KEY CHECK (length(id) = 16),
	org_id BLOB NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
	name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
	description TEXT NOT NULL DEFAULT '',
	permissions INTEGER NOT NULL DEFAULT 0, -- a bit each
	is_builtin INTEGER NOT NULL DEFAULT 0 CHECK (is_builtin IN (0, 1)),
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL,
	UNIQUE (org_id, name),
	UNIQUE (org_id, id)
) STRICT;

CREATE TABLE user_roles (
	org_id BLOB NOT NULL,
	user_id BLOB NOT NULL,
	role_id BLOB NOT NULL,
	granted_by BLOB,
	created_at INTEGER NOT NULL,
	PRIMARY KEY (org_id, user_id, role_id),
	FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) ON DELETE CASCADE,
	FOREIGN KEY (org_id, role_id) REFERENCES roles (org_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX user_roles_role_idx ON user_roles (org_id, role_id);

CREATE TABLE sessions (
	id BLOB PRIMARY KEY CHECK (length(id) = 16),
	org_id BLOB NOT NULL,
	user_id BLOB NOT NULL,
	refresh_family BLOB NOT NULL,
	refresh_hash BLOB NOT NULL UNIQUE CHECK (length(refresh_hash) = 32),
	ip TEXT NOT NULL DEFAULT '',
	user_agent TEXT NOT NULL DEFAULT '' CHECK (length(user_agent) <= 512),
	mfa_at INTEGER,
	created_at INTEGER NOT NULL,
	last_seen_at INTEGER NOT NULL,
	expires_at INTEGER NOT NULL,
	revoked_at INTEGER,
	FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX sessions_user_idx ON sessions (org_id, user_id, created_at);
CREATE INDEX sessions_family_idx ON sessions (refresh_family);
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);

CREATE TABLE api_keys (
	id BLOB PRIMARY KEY CHECK (length(id) = 16),
	org_id BLOB NOT NULL,
	user_id BLOB NOT NULL,
	name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
	public_id TEXT NOT NULL UNIQUE, -- what it is looked up by; the secret is kept as a hash only
	secret_hash BLOB NOT NULL CHECK (length(secret_hash) = 32),
	last_four TEXT NOT NULL CHECK (length(last_four) = 4),
	permissions INTEGER NOT NULL DEFAULT 0,
	requests_per_minute INTEGER CHECK (requests_per_minute > 0),
	created_at INTEGER NOT NULL,
	expires_at INTEGER,
	last_used_at INTEGER,
	revoked_at INTEGER,
	FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX api_keys_user_idx ON api_keys (org_id, user_id, created_at);

CREATE TABLE settings (
	id BLOB PRIMARY KEY CHECK (length(id) = 16),
	org_id BLOB REFERENCES organizations (id) ON DELETE CASCADE, -- NULL: of the whole server
	key TEXT NOT NULL CHECK (length(key) BETWEEN 1 AND 100),
	value TEXT NOT NULL CHECK (json_valid(value)),
	updated_by BLOB,
	updated_at INTEGER NOT NULL,
	UNIQUE (org_id, key)
) STRICT;
CREATE UNIQUE INDEX settings_server_key ON settings (key) WHERE org_id IS NULL;

CREATE TABLE rate_limits (
	key TEXT PRIMARY KEY CHECK (length(key) <= 200), -- class and who, as "login:203.0.113.5"
	level INTEGER NOT NULL CHECK (level >= 0),
	updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX rate_limits_updated_at_idx ON rate_limits (updated_at);

CREATE VIEW organization_stats AS
SELECT o.id AS org_id,
	(SELECT count(*) FROM users u WHERE u.org_id = o.id) AS user_count,
	(SELECT count(*) FROM users u WHERE u.org_id = o.id AND u.disabled_at IS NULL) AS active_user_count,
	(SELECT count(*) FROM sessions s WHERE s.org_id = o.id AND s.revoked_at IS NULL) AS session_count
FROM organizations o;

/* +down
DROP VIEW organization_stats;
DROP TABLE rate_limits;
DROP TABLE settings;
DROP TABLE api_keys;
DROP TABLE sessions;
DROP TABLE user_roles;
DROP TABLE roles;
DROP TABLE users;
DROP TABLE organizations;
*/
