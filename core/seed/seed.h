/* core/seed/seed.h - fills a database with organizations and who is in them: of a JSON file, for a demonstration, or for tests.
 *
 *   {"organizations": [{
 *     "slug": "acme", "name": "Acme",
 *     "roles":    [{"name": "moderator", "description": "...", "permissions": 7}],
 *     "users":    [{"username": "ann", "email": "ann@acme.example", "full_name": "Ann",
 *                   "password": "..." or "password_hash": "$argon2id$...", "roles": ["moderator"]}],
 *     "channels": [{"name": "Lobby", "parent": "...", "description": "...", "position": 0, "participant_count_max": 10,
 *                   "acl": [{"user" or "role": "..." or "everyone": true, "allow": 4, "deny": 0, "here": true, "below": true}]}]}]}
 *
 * All of it is checked before anything is written, by the rules that requests are checked by (signaling/auth/rules.h). An
 * organization that is there already is left as it is. What is made is noted in seeded_rows.
 * Owner:   a command, or main.c before it opens the database.   Thread: main. Waits for the database.
 * Limits:  files of BF_SEED_FILE_BYTES.
 * Errors:  negative errnos; `why` names the place in the file, or the cause.
 */
#ifndef BF_CORE_SEED_SEED_H
#define BF_CORE_SEED_SEED_H

#include "core/base/conf.h"
#include "core/base/log.h"

#define BF_SEED_FILE_BYTES ((size_t)16 << 20)

struct bf_seed {
	const struct bf_conf *conf;
	struct bf_log *log;
	char *why;
	size_t why_size;
	/* what was made; and how many organizations were there already, or hold rows that were not seeded and stay */
	size_t organizations, users, roles, channels, left;
};

int bf_seed_file(struct bf_seed *seed, const char *path);

/* One organization "demo", four users, four roles, five channels. `unused` for all of one form. */
int bf_seed_demo(struct bf_seed *seed, const char *unused);

/* `count` users (a text) in organizations of a thousand, the same rows for the same number each time. */
int bf_seed_test(struct bf_seed *seed, const char *count);

/* Removes what was seeded. What holds rows that were not, stays. */
int bf_seed_clear(struct bf_seed *seed, const char *unused);

#endif
