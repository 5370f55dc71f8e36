/* core/user/user_command.h - `belfry user`, `belfry hash-password`, `belfry import`: people, from the command line.
 *
 * All of them may run beside a server, which notices within a second.
 * Thread: main.
 */
#ifndef BF_CORE_USER_USER_COMMAND_H
#define BF_CORE_USER_USER_COMMAND_H

#include "core/base/conf.h"

extern const char bf_user_help[], bf_import_help[], bf_hash_password_help[];
extern const char *const bf_user_options[];

/* The words after the command's name. Each returns the exit status. */
int bf_user_command(const struct bf_conf *conf, int argc, char **argv);
int bf_import_command(const struct bf_conf *conf, int argc, char **argv);
int bf_hash_password_command(const struct bf_conf *conf, int argc, char **argv);

#endif
