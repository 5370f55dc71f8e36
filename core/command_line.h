/* core/command_line.h - `belfry COMMAND [word ...] [--flag=value ...]`: finds the command, reads the configuration for it, and
 * says what is wrong with what was typed.
 *
 * Thread: main, before any other.
 * Exit statuses: 0 good, 1 failed, 2 the command line or the configuration is wrong.
 */
#ifndef BF_CORE_COMMAND_LINE_H
#define BF_CORE_COMMAND_LINE_H

#include "core/base/conf.h"

struct bf_command {
	const char *name;
	const char *summary; /* one line of `belfry help` */
	const char *help;    /* what `belfry NAME --help` prints */
	bool takes_conf;     /* else run gets NULL, and flags are refused */
	int word_count_max;  /* after the name */
	const char *const *
		options; /* flags of its own, as "--yes", ending with NULL; they follow the words. NULL: none */
	/* Returns the exit status. */
	int (*run)(const struct bf_conf *conf, int argc, char **argv);
};

/* `commands` ends with a name of NULL. Returns the exit status of the process. */
int bf_command_line_run(
	const struct bf_command *commands, int argc, char **argv, char *const *envp);

#endif
