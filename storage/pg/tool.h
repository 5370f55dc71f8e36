/* storage/pg/tool.h - runs PostgreSQL's own programs, pg_dump and pg_restore, on the database that a URL means.
 *
 * What the URL says goes to the program in its environment (PGHOST, PGPASSWORD and so on), never on its command line, which every
 * user of the machine can read.
 * Thread: any that may wait.   Source: postgresql.org/docs/15/libpq-envars.html
 */
#ifndef BF_STORAGE_PG_TOOL_H
#define BF_STORAGE_PG_TOOL_H

#include <stddef.h>

struct bf_pg_tool {
	const char *url;
	const char *database;	 /* instead of the URL's; NULL */
	const char *const *argv; /* ends with NULL */
	/* each line of its standard output, and of its messages with --verbose; may be NULL */
	void (*on_line)(void *arg, const char *line);
	void *arg;
};

/* Returns 0 if it ended well; -ENOENT: it is not installed; -EINVAL: `why` has its last message. */
int bf_pg_tool_run(const struct bf_pg_tool *tool, char *why, size_t why_size);

#endif
