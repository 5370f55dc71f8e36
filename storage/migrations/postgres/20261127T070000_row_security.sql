-- A wall between organizations: a transaction sees the rows of the organization in app.org, or, with app.system = on, all; without
-- either none. It binds the tables' owner as well. SQLite has no such wall: there the statements' own conditions stand alone.
-- For psql: SET app.system = 'on';
-- +up

ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
ALTER TABLE organizations FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON organizations USING ((SELECT current_setting('app.system', true)) = 'on'
	OR id = (SELECT nullif(current_setting('app.org', true), '')::uuid));

ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE users FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON users USING ((SELECT current_setting('app.system', true)) = 'on'
	OR org_id = (SELECT nullif(current_setting('app.org', true), '')::uuid));

ALTER TABLE roles ENABLE ROW LEVEL SECURITY;
ALTER TABLE roles FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON roles USING ((SELECT current_setting('app.system', true)) = 'on'
	OR org_id = (SELECT nullif(current_setting('app.org', true), '')::uuid));

ALTER TABLE user_roles ENABLE ROW LEVEL SECURITY;
ALTER TABLE user_roles FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON user_roles USING ((SELECT current_setting('app.system', true)) = 'on'
	OR org_id = (SELECT nullif(current_setting('app.org', true), '')::uuid));

ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON sessions USING ((SELECT current_setting('app.system', true)) = 'on'
	OR org_id = (SELECT nullif(current_setting('app.org', true), '')::uuid));

ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON api_keys USING ((SELECT current_setting('app.system', true)) = 'on'
	OR org_id = (SELECT nullif(current_setting('app.org', true), '')::uuid));

ALTER TABLE settings ENABLE ROW LEVEL SECURITY;
ALTER TABLE settings FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON settings USING ((SELECT current_setting('app.system', true)) = 'on'
	OR org_id = (SELECT nullif(current_setting('app.org', true), '')::uuid));

ALTER TABLE channels ENABLE ROW LEVEL SECURITY;
ALTER TABLE channels FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON channels USING ((SELECT current_setting('app.system', true)) = 'on'
	OR org_id = (SELECT nullif(current_setting('app.org', true), '')::uuid));

ALTER TABLE channel_acl ENABLE ROW LEVEL SECURITY;
ALTER TABLE channel_acl FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON channel_acl USING ((SELECT current_setting('app.system', true)) = 'on'
	OR org_id = (SELECT nullif(current_setting('app.org', true), '')::uuid));

ALTER TABLE call_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE call_sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON call_sessions USING ((SELECT current_setting('app.system', true)) = 'on'
	OR org_id = (SELECT nullif(current_setting('app.org', true), '')::uuid));

ALTER TABLE webrtc_connections ENABLE ROW LEVEL SECURITY;
ALTER TABLE webrtc_connections FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON webrtc_connections USING ((SELECT current_setting('app.system', true)) = 'on'
	OR org_id = (SELECT nullif(current_setting('app.org', true), '')::uuid));

-- Of no organization: the server's own.
ALTER TABLE rate_limits ENABLE ROW LEVEL SECURITY;
ALTER TABLE rate_limits FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON rate_limits USING ((SELECT current_setting('app.system', true)) = 'on');

-- The server makes it before anything else; psql -f has not.
CREATE TABLE IF NOT EXISTS migrations (
	name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL, took_us bigint NOT NULL
);
ALTER TABLE migrations ENABLE ROW LEVEL SECURITY;
ALTER TABLE migrations FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON migrations USING ((SELECT current_setting('app.system', true)) = 'on');

-- Views show what who asks may see, not what their owner may.
ALTER VIEW organization_stats SET (security_invoker = true);
ALTER VIEW call_stats SET (security_invoker = true);
ALTER VIEW room_stats SET (security_invoker = true);

/* +down
ALTER VIEW room_stats RESET (security_invoker);
ALTER VIEW call_stats RESET (security_invoker);
ALTER VIEW organization_stats RESET (security_invoker);
DROP POLICY system ON migrations;
ALTER TABLE migrations NO FORCE ROW LEVEL SECURITY;
ALTER TABLE migrations DISABLE ROW LEVEL SECURITY;
DROP POLICY system ON rate_limits;
ALTER TABLE rate_limits NO FORCE ROW LEVEL SECURITY;
ALTER TABLE rate_limits DISABLE ROW LEVEL SECURITY;
DROP POLICY tenant ON webrtc_connections;
ALTER TABLE webrtc_connections NO FORCE ROW LEVEL SECURITY;
ALTER TABLE webrtc_connections DISABLE ROW LEVEL SECURITY;
DROP POLICY tenant ON call_sessions;
ALTER TABLE call_sessions NO FORCE ROW LEVEL SECURITY;
ALTER TABLE call_sessions DISABLE ROW LEVEL SECURITY;
DROP POLICY tenant ON channel_acl;
ALTER TABLE channel_acl NO FORCE ROW LEVEL SECURITY;
ALTER TABLE channel_acl DISABLE ROW LEVEL SECURITY;
DROP POLICY tenant ON channels;
ALTER TABLE channels NO FORCE ROW LEVEL SECURITY;
ALTER TABLE channels DISABLE ROW LEVEL SECURITY;
DROP POLICY tenant ON settings;
ALTER TABLE settings NO FORCE ROW LEVEL SECURITY;
ALTER TABLE settings DISABLE ROW LEVEL SECURITY;
DROP POLICY tenant ON api_keys;
ALTER TABLE api_keys NO FORCE ROW LEVEL SECURITY;
ALTER TABLE api_keys DISABLE ROW LEVEL SECURITY;
DROP POLICY tenant ON sessions;
ALTER TABLE sessions NO FORCE ROW LEVEL SECURITY;
ALTER TABLE sessions DISABLE ROW LEVEL SECURITY;
DROP POLICY tenant ON user_roles;
ALTER TABLE user_roles NO FORCE ROW LEVEL SECURITY;
ALTER TABLE user_roles DISABLE ROW LEVEL SECURITY;
DROP POLICY tenant ON roles;
ALTER TABLE roles NO FORCE ROW LEVEL SECURITY;
ALTER TABLE roles DISABLE ROW LEVEL SECURITY;
DROP POLICY tenant ON users;
ALTER TABLE users NO FORCE ROW LEVEL SECURITY;
ALTER TABLE users DISABLE ROW LEVEL SECURITY;
DROP POLICY tenant ON organizations;
ALTER TABLE organizations NO FORCE ROW LEVEL SECURITY;
ALTER TABLE organizations DISABLE ROW LEVEL SECURITY;
*/
