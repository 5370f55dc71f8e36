/* core/token_command.h - `belfry token`: key pairs for join tokens, and tokens made by hand.
 *
 * Thread: main; no server runs in this process, and no configuration is read.
 */
#ifndef BF_CORE_TOKEN_COMMAND_H
#define BF_CORE_TOKEN_COMMAND_H

#include "core/command_line.h"

extern const char bf_token_help[];

/* The words after `token`. Returns the exit status. */
int bf_token_command(const struct bf_conf *conf, int argc, char **argv);

#endif
