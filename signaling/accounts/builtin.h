/* signaling/accounts/builtin.h - what each organization has from the start: the roles of signaling/auth/permission.h.
 *
 * Thread: any; steps for a transaction (storage/repo/tx.h).
 */
#ifndef BF_SIGNALING_ACCOUNTS_BUILTIN_H
#define BF_SIGNALING_ACCOUNTS_BUILTIN_H

#include "storage/repo/tx.h"

/* Those of the transaction's organization that are missing. */
void bf_accounts_add_roles(struct bf_tx *tx, int64_t now_us);

#endif
