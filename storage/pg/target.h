/* storage/pg/target.h - how to connect to what storage.url names: as it says, and encrypted unless the server is on this machine.
 *
 * Thread: any.   Source: postgresql.org/docs/15/libpq-connect.html, libpq-ssl.html
 */
#ifndef BF_STORAGE_PG_TARGET_H
#define BF_STORAGE_PG_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#define BF_PG_TARGET_KEYS	10 /* with the NULL after them */
#define BF_PG_TARGET_LISTS	3
#define BF_PG_TARGET_LIST_BYTES 1024

/* Arguments of PQconnectStartParams and PQconnectdbParams, with expand_dbname. They lend from `url` and `timeout_s`, which may be NULL,
 * and from this, which therefore stays where it is. */
struct bf_pg_target {
	const char *keys[BF_PG_TARGET_KEYS];
	const char *values[BF_PG_TARGET_KEYS];
	char lists[BF_PG_TARGET_LISTS]
		  [BF_PG_TARGET_LIST_BYTES]; /* of several hosts: names, addresses, ports */
	unsigned turn_count;
};

/* Where the URL leaves sslmode out and one of its hosts is another machine, sslmode is verify-full. -EINVAL: it is no URL of
 * PostgreSQL's; `why` says what is wrong with it. -ENOMEM. */
int bf_pg_target(struct bf_pg_target *out, const char *url, const char *timeout_s, char *why,
	size_t why_size);

/* The same server, but this database of it. */
void bf_pg_target_database(struct bf_pg_target *target, const char *database);

/* Part of what a URL says: "user", "password", "dbname"; copied. "": it does not say. -EMSGSIZE; -EINVAL; -ENOMEM. */
int bf_pg_target_part(const char *url, const char *keyword, char *out, size_t size);

/* Of several hosts, the first becomes the last. Connecting step by step, as our connections do, libpq itself goes on to the next host only
 * when one refuses, not when it never answers. Lists longer than BF_PG_TARGET_LIST_BYTES stay as they are. */
void bf_pg_target_turn(struct bf_pg_target *target);

#endif
