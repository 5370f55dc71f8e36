-- Organizations and who is in them, with what they may do.
-- *_key columns are the case-folded text that must be unique.
-- +up

CREATE TABLE organizations (
	id uuid PRIMARY KEY,
	slug text NOT NULL UNIQUE CHECK (length(slug) BETWEEN 1 AND 64), -- as join tokens name it
	name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
	settings jsonb NOT NULL DEFAULT '{}',
	created_at timestamptz NOT NULL,
	updated_at timestamptz NOT NULL,
	disabled_at timestamptz
);

-- Whose rooms those are that no token gives to somebody.
INSERT INTO organizations (id, slug, name, created_at, updated_at)
VALUES ('00000000-0000-7000-8000-000000000001', 'default', 'Default', to_timestamp(0), to_timestamp(0));

CREATE TABLE users (
	id uuid PRIMARY KEY,
	org_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
	email text CHECK (length(email) BETWEEN 3 AND 254),
	email_key text,
	username text NOT NULL CHECK (length(username) BETWEEN 1 AND 64),
	username_key text NOT NULL,
	full_name text NOT NULL DEFAULT '' CHECK (length(full_name) <= 200),
	password_hash text, -- PHC string; NULL: cannot log in with a password
	must_change_password boolean NOT NULL DEFAULT false,
	email_verified_at timestamptz,
	last_login_at timestamptz,
	failed_login_count bigint NOT NULL DEFAULT 0 CHECK (failed_login_count >= 0),
	locked_until timestamptz,
	metadata jsonb NOT NULL DEFAULT '{}',
	created_at timestamptz NOT NULL,
	updated_at timestamptz NOT NULL,
	disabled_at timestamptz,
	UNIQUE (org_id, email_key),
	UNIQUE (org_id, username_key),
	UNIQUE (org_id, id),
	CHECK ((email IS NULL) = (email_key IS NULL))
);
CREATE INDEX users_created_at_idx ON users (org_id, created_at, id);
CREATE INDEX users_email_key_idx ON users (email_key);
CREATE INDEX users_username_key_idx ON users (username_key);

CREATE TABLE roles (
	id uuid PRIMARY KEY,
	org_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
	name text NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
	description text NOT NULL DEFAULT '',
	permissions bigint NOT NULL DEFAULT 0, -- a bit each
	is_builtin boolean NOT NULL DEFAULT false,
	created_at timestamptz NOT NULL,
	updated_at timestamptz NOT NULL,
	UNIQUE (org_id, name),
	UNIQUE (org_id, id)
);

CREATE TABLE user_roles (
	org_id uuid NOT NULL,
	user_id uuid NOT NULL,
	role_id uuid NOT NULL,
	granted_by uuid,
	created_at timestamptz NOT NULL,
	PRIMARY KEY (org_id, user_id, role_id),
	FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) ON DELETE CASCADE,
	FOREIGN KEY (org_id, role_id) REFERENCES roles (org_id, id) ON DELETE CASCADE
);
CREATE INDEX user_roles_role_idx ON user_roles (org_id, role_id);

CREATE TABLE sessions (
	id uuid PRIMARY KEY,
	org_id uuid NOT NULL,
	user_id uuid NOT NULL,
	refresh_family uuid NOT NULL,
	refresh_hash bytea NOT NULL UNIQUE CHECK (length(refresh_hash) = 32),
	ip text NOT NULL DEFAULT '',
	user_agent text NOT NULL DEFAULT '' CHECK (length(user_agent) <= 512),
	mfa_at timestamptz,
	created_at timestamptz NOT NULL,
	last_seen_at timestamptz NOT NULL,
	expires_at timestamptz NOT NULL,
	revoked_at timestamptz,
	FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) ON DELETE CASCADE
);
CREATE INDEX sessions_user_idx ON sessions (org_id, user_id, created_at);
CREATE INDEX sessions_family_idx ON sessions (refresh_family);
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);

CREATE TABLE api_keys (
	id uuid PRIMARY KEY,
	org_id uuid NOT NULL,
	user_id uuid NOT NULL,
	name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
	public_id text NOT NULL UNIQUE, -- what it is looked up by; the secret is kept as a hash only
	secret_hash bytea NOT NULL CHECK (length(secret_hash) = 32),
	last_four text NOT NULL CHECK (length(last_four) = 4),
	permissions bigint NOT NULL DEFAULT 0,
	requests_per_minute bigint CHECK (requests_per_minute > 0),
	created_at timestamptz NOT NULL,
	expires_at timestamptz,
	last_used_at timestamptz,
	revoked_at timestamptz,
	FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) ON DELETE CASCADE
);
CREATE INDEX api_keys_user_idx ON api_keys (org_id, user_id, created_at);

CREATE TABLE settings (
	id uuid PRIMARY KEY,
	org_id uuid REFERENCES organizations (id) ON DELETE CASCADE, -- NULL: of the whole server
	key text NOT NULL CHECK (length(key) BETWEEN 1 AND 100),
	value jsonb NOT NULL,
	updated_by uuid,
	updated_at timestamptz NOT NULL,
	UNIQUE (org_id, key)
);
CREATE UNIQUE INDEX settings_server_key ON settings (key) WHERE org_id IS NULL;

CREATE TABLE rate_limits (
	key text PRIMARY KEY CHECK (length(key) <= 200), -- class and who, as "login:203.0.113.5"
	level bigint NOT NULL CHECK (level >= 0),
	updated_at timestamptz NOT NULL
);
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
