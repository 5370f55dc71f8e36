/* core/seed/seed_priv.h - between core/seed's files. */
#ifndef BF_CORE_SEED_SEED_PRIV_H
#define BF_CORE_SEED_SEED_PRIV_H

#include "core/base/json.h"
#include "core/base/rand.h"
#include "core/desk/desk.h"
#include "core/seed/seed.h"
#include "storage/repo/tx.h"

#define SEED_DESCRIPTION_COUNT_MAX 4000

struct seeder {
	/* given */
	struct bf_seed *seed;
	/* owned */
	struct bf_desk desk;
	/* state */
	bool is_test; /* ids, salts and times are made of `prng` and a fixed day */
	struct bf_prng prng;
	int64_t now_us;
};

/* The last step's only number, or its rows changed. */
struct seed_answer {
	size_t row_count;
	int64_t number, changed_count;
};

/* As bf_desk_ask. */
int seed_ask(struct seeder *seeder, struct bf_tx *tx, struct seed_answer *out);

/* Whether the file is one that can be written; -EINVAL with the place. */
int seed_check(struct bf_seed *seed, const struct bf_json *file);

/* One that was checked. */
int seed_write_organization(struct seeder *seeder, const struct bf_json *organization);

/* `user_count` users from number `first` on, as a file has them; NULL without memory. */
struct bf_json *seed_make_organization(size_t idx, size_t first, size_t user_count);

/* A member's text, which lasts as long as the JSON; `fallback` where it is missing. */
const char *seed_text(const struct bf_json *object, const char *key, const char *fallback);

#endif
