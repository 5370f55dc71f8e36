/* storage/repo/seeds.h - table seeded_rows: what `belfry db seed` made, so that it can be taken away again.
 *
 * Thread: any; steps for a transaction of the server's own (storage/repo/tx.h).
 */
#ifndef BF_STORAGE_REPO_SEEDS_H
#define BF_STORAGE_REPO_SEEDS_H

#include "storage/repo/tx.h"

/* `kind`: "organization", "user", "role", "channel". */
void bf_seeded_add(struct bf_tx *tx, struct bf_uuid id, const char *kind, int64_t now_us);

/* Each removes what was seeded of its kind and holds nothing that was not: of the channels the lowest, so that they are removed again and
 * again until none is any more. In the order they stand here. */
void bf_seeded_remove_channels(struct bf_tx *tx);
void bf_seeded_remove_users(struct bf_tx *tx);
void bf_seeded_remove_roles(struct bf_tx *tx);
void bf_seeded_remove_organizations(struct bf_tx *tx);

/* Forgets those that are not there any more. */
void bf_seeded_forget(struct bf_tx *tx);

/* Brings one number: how many are left. */
void bf_seeded_count(struct bf_tx *tx);

#endif
