-- Lists that the first tables had no index for; and which rows were seeded.
-- +up

CREATE INDEX organizations_created_at_idx ON organizations (created_at, id);
DROP INDEX call_sessions_started_at_idx;
CREATE INDEX call_sessions_started_at_idx ON call_sessions (org_id, started_at, id);
DROP INDEX call_sessions_room_idx;
CREATE INDEX call_sessions_room_idx ON call_sessions (org_id, room, started_at, id);
DROP INDEX webrtc_connections_call_idx;
CREATE INDEX webrtc_connections_call_idx ON webrtc_connections (org_id, call_id, id);
CREATE UNIQUE INDEX channel_acl_org_id_id_key ON channel_acl (org_id, id);

-- What `belfry db seed` made, so that `seed --clear` removes that and nothing else.
CREATE TABLE seeded_rows (
	id uuid PRIMARY KEY,
	kind text NOT NULL CHECK (kind IN ('organization', 'user', 'role', 'channel')),
	created_at timestamptz NOT NULL
);
ALTER TABLE seeded_rows ENABLE ROW LEVEL SECURITY;
ALTER TABLE seeded_rows FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON seeded_rows USING ((SELECT current_setting('app.system', true)) = 'on');

-- As \d+ shows them.
COMMENT ON TABLE organizations IS 'The tenants.';
COMMENT ON TABLE users IS 'Who may log in.';
COMMENT ON TABLE roles IS 'What those who have a role may do: a bit each.';
COMMENT ON TABLE user_roles IS 'Who has which role.';
COMMENT ON TABLE sessions IS 'A login on a device, with the hash of the refresh token that keeps it.';
COMMENT ON TABLE api_keys IS 'What programs show instead of a login; the secret is kept as a hash only.';
COMMENT ON TABLE settings IS 'What can be changed while the server runs; without an organization: of the whole server.';
COMMENT ON TABLE rate_limits IS 'What the server remembers of its limits across a restart.';
COMMENT ON TABLE channels IS 'The tree of channels.';
COMMENT ON TABLE channel_acl IS 'Who may do what in a channel; later entries count more.';
COMMENT ON TABLE call_sessions IS 'A room, from its first participant to its last.';
COMMENT ON TABLE webrtc_connections IS 'A participant of a call, from joining to leaving.';
COMMENT ON TABLE migrations IS 'What was applied to this database, with the checksum of its file.';
COMMENT ON TABLE seeded_rows IS 'What was made by belfry db seed.';
COMMENT ON COLUMN users.email_key IS 'email, case-folded: what must be unique';
COMMENT ON COLUMN users.username_key IS 'username, case-folded: what must be unique';
COMMENT ON COLUMN users.password_hash IS 'PHC string; NULL: cannot log in with a password';
COMMENT ON COLUMN channels.name_key IS 'name, case-folded: what must be unique below one parent';
COMMENT ON COLUMN api_keys.public_id IS 'what a key is looked up by';
COMMENT ON COLUMN call_sessions.ended_at IS 'NULL: it goes on, or its server died';
COMMENT ON COLUMN webrtc_connections.user_id IS 'NULL: came with a join token';

/* +down
DROP TABLE seeded_rows;
DROP INDEX channel_acl_org_id_id_key;
DROP INDEX webrtc_connections_call_idx;
CREATE INDEX webrtc_connections_call_idx ON webrtc_connections (org_id, call_id);
DROP INDEX call_sessions_room_idx;
CREATE INDEX call_sessions_room_idx ON call_sessions (org_id, room, started_at);
DROP INDEX call_sessions_started_at_idx;
CREATE INDEX call_sessions_started_at_idx ON call_sessions (org_id, started_at);
DROP INDEX organizations_created_at_idx;
*/
