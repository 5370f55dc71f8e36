-- Channels, who may do what in them, and what calls there were.
-- +up

CREATE TABLE channels (
	id uuid PRIMARY KEY,
	org_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
	parent_id uuid,
	name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
	name_key text NOT NULL,
	description text NOT NULL DEFAULT '' CHECK (length(description) <= 4000),
	position bigint NOT NULL DEFAULT 0,
	participant_count_max bigint CHECK (participant_count_max > 0),
	is_temporary boolean NOT NULL DEFAULT false,
	password_hash text,
	settings jsonb NOT NULL DEFAULT '{}',
	created_by uuid,
	created_at timestamptz NOT NULL,
	updated_at timestamptz NOT NULL,
	UNIQUE (org_id, id),
	UNIQUE (org_id, parent_id, name_key),
	FOREIGN KEY (org_id, parent_id) REFERENCES channels (org_id, id) ON DELETE CASCADE,
	CHECK (parent_id <> id)
);
CREATE UNIQUE INDEX channels_top_key ON channels (org_id, name_key) WHERE parent_id IS NULL;

CREATE TABLE channel_acl (
	id uuid PRIMARY KEY,
	org_id uuid NOT NULL,
	channel_id uuid NOT NULL,
	position bigint NOT NULL, -- later entries count more
	subject_kind text NOT NULL CHECK (subject_kind IN ('user', 'role', 'everyone')),
	user_id uuid,
	role_id uuid,
	allow bigint NOT NULL DEFAULT 0,
	deny bigint NOT NULL DEFAULT 0,
	applies_here boolean NOT NULL DEFAULT true,
	applies_below boolean NOT NULL DEFAULT true,
	UNIQUE (org_id, channel_id, position),
	FOREIGN KEY (org_id, channel_id) REFERENCES channels (org_id, id) ON DELETE CASCADE,
	FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) ON DELETE CASCADE,
	FOREIGN KEY (org_id, role_id) REFERENCES roles (org_id, id) ON DELETE CASCADE,
	CHECK ((subject_kind = 'user') = (user_id IS NOT NULL)),
	CHECK ((subject_kind = 'role') = (role_id IS NOT NULL))
);
CREATE INDEX channel_acl_user_idx ON channel_acl (org_id, user_id);
CREATE INDEX channel_acl_role_idx ON channel_acl (org_id, role_id);

-- A room, from the first participant to the last.
CREATE TABLE call_sessions (
	id uuid PRIMARY KEY,
	org_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
	room text NOT NULL CHECK (length(room) BETWEEN 1 AND 64),
	started_at timestamptz NOT NULL,
	ended_at timestamptz CHECK (ended_at >= started_at),
	UNIQUE (org_id, id)
);
CREATE INDEX call_sessions_started_at_idx ON call_sessions (org_id, started_at);
CREATE INDEX call_sessions_room_idx ON call_sessions (org_id, room, started_at);

-- A participant of a call, from joining to leaving.
CREATE TABLE webrtc_connections (
	id uuid PRIMARY KEY,
	org_id uuid NOT NULL,
	call_id uuid NOT NULL,
	user_id uuid, -- NULL: came with a join token
	name text NOT NULL DEFAULT '' CHECK (length(name) <= 64),
	kind text NOT NULL CHECK (kind IN ('socket', 'whip', 'whep')),
	worker bigint NOT NULL CHECK (worker >= 0),
	joined_at timestamptz NOT NULL,
	left_at timestamptz CHECK (left_at >= joined_at),
	FOREIGN KEY (org_id, call_id) REFERENCES call_sessions (org_id, id) ON DELETE CASCADE,
	FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) ON DELETE CASCADE
);
CREATE INDEX webrtc_connections_call_idx ON webrtc_connections (org_id, call_id);
CREATE INDEX webrtc_connections_user_idx ON webrtc_connections (org_id, user_id, joined_at);

CREATE VIEW call_stats AS
SELECT c.org_id, c.id AS call_id, c.room, c.started_at, c.ended_at,
	count(w.id) AS connection_count,
	coalesce((extract(epoch FROM sum(w.left_at - w.joined_at)) * 1000000)::bigint, 0) AS connected_us
FROM call_sessions c LEFT JOIN webrtc_connections w ON w.org_id = c.org_id AND w.call_id = c.id
GROUP BY c.id;

CREATE VIEW room_stats AS
SELECT org_id, room, count(*) AS call_count, max(started_at) AS last_started_at,
	coalesce((extract(epoch FROM sum(ended_at - started_at)) * 1000000)::bigint, 0) AS ended_calls_us
FROM call_sessions GROUP BY org_id, room;

/* +down
DROP VIEW room_stats;
DROP VIEW call_stats;
DROP TABLE webrtc_connections;
DROP TABLE call_sessions;
DROP TABLE channel_acl;
DROP TABLE channels;
*/
