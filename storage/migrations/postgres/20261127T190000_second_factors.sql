-- What somebody shows beside a password: codes of an app, and codes on paper for who has lost it.
-- +up

CREATE TABLE authenticators (
	user_id uuid PRIMARY KEY,
	org_id uuid NOT NULL,
	secret bytea NOT NULL CHECK (length(secret) BETWEEN 20 AND 200), -- sealed: only who has the server's key can read it
	last_step bigint NOT NULL DEFAULT 0, -- of the last code that was used: none is good twice
	confirmed_at timestamptz, -- NULL: the app has not shown yet that it has it
	created_at timestamptz NOT NULL,
	FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX authenticators_org_id_user_id_key ON authenticators (org_id, user_id);
COMMENT ON TABLE authenticators IS 'The apps that make one-time codes.';

CREATE TABLE recovery_codes (
	id uuid PRIMARY KEY,
	org_id uuid NOT NULL,
	user_id uuid NOT NULL,
	code_hash bytea NOT NULL CHECK (length(code_hash) = 32),
	created_at timestamptz NOT NULL,
	used_at timestamptz,
	FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX recovery_codes_user_key ON recovery_codes (org_id, user_id, code_hash);
COMMENT ON TABLE recovery_codes IS 'Codes on paper, good once each.';

ALTER TABLE authenticators ENABLE ROW LEVEL SECURITY;
ALTER TABLE authenticators FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON authenticators USING ((SELECT current_setting('app.system', true)) = 'on'
	OR org_id = (SELECT nullif(current_setting('app.org', true), '')::uuid));

ALTER TABLE recovery_codes ENABLE ROW LEVEL SECURITY;
ALTER TABLE recovery_codes FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON recovery_codes USING ((SELECT current_setting('app.system', true)) = 'on'
	OR org_id = (SELECT nullif(current_setting('app.org', true), '')::uuid));

/* +down
DROP TABLE recovery_codes;
DROP TABLE authenticators;
*/
