-- What somebody shows beside a password: codes of an app, and codes on paper for who has lost it.
-- +up

CREATE TABLE authenticators (
	user_id BLOB PRIMARY KEY CHECK (length(user_id) = 16),
	org_id BLOB NOT NULL,
	secret BLOB NOT NULL CHECK (length(secret) BETWEEN 20 AND 200), -- sealed: only who has the server's key can read it
	last_step INTEGER NOT NULL DEFAULT 0, -- of the last code that was used: none is good twice
	confirmed_at INTEGER, -- NULL: the app has not shown yet that it has it
	created_at INTEGER NOT NULL,
	FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) ON DELETE CASCADE
) STRICT;
CREATE UNIQUE INDEX authenticators_org_id_user_id_key ON authenticators (org_id, user_id);

CREATE TABLE recovery_codes (
	id BLOB PRIMARY KEY CHECK (length(id) = 16),
	org_id BLOB NOT NULL,
	user_id BLOB NOT NULL,
	code_hash BLOB NOT NULL CHECK (length(code_hash) = 32),
	created_at INTEGER NOT NULL,
	used_at INTEGER,
	FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) ON DELETE CASCADE
) STRICT;
CREATE UNIQUE INDEX recovery_codes_user_key ON recovery_codes (org_id, user_id, code_hash);

/* +down
DROP TABLE recovery_codes;
DROP TABLE authenticators;
*/
