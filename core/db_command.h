/* core/db_command.h - `belfry db`: looks after the database: migrations, numbers, checks, copies.
 *
 * Thread: main; a server may run in another process.
 */
#ifndef BF_CORE_DB_COMMAND_H
#define BF_CORE_DB_COMMAND_H

#include "core/command_line.h"

extern const char bf_db_help[];
extern const char *const bf_db_options[];

/* The words after `db`. Returns the exit status. */
int bf_db_command(const struct bf_conf *conf, int argc, char **argv);

#endif
