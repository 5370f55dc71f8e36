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
	id BLOB PRIMARY KEY CHECK (length(id) = 16),
	kind TEXT NOT NULL CHECK (kind IN ('organization', 'user', 'role', 'channel')),
	created_at INTEGER NOT NULL
) STRICT;

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
