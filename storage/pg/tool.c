#include "storage/pg/tool.h"

#include "storage/pg/target.h"

#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define VARIABLES_MAX 1024
#define LINE_BYTES    1024

extern char **environ;

/* ---- its environment ---- */

struct variables {
	char *list[VARIABLES_MAX];
	size_t count;
};

static void free_variables(struct variables *variables)
{
	for (size_t i = 0; i < variables->count; i++) {
		explicit_bzero(variables->list[i], strlen(variables->list[i]));
		free(variables->list[i]);
	}
}

/* What stands first counts: ours before those inherited. */
static int add_variable(struct variables *variables, const char *name, const char *value)
{
	char *text;

	if (variables->count + 1 == VARIABLES_MAX)
		return -ENOBUFS;
	if (asprintf(&text, "%s%s%s", name, value ? "=" : "", value ? value : "") < 0)
		return -ENOMEM;
	variables->list[variables->count++] = text;
	return 0;
}

static int add_options(
	struct variables *variables, const struct bf_pg_tool *tool, char *why, size_t why_size)
{
	struct bf_pg_target target;
	PQconninfoOption *options;
	int err = bf_pg_target(&target, tool->url, NULL, why, why_size);

	if (err)
		return err;
	options = PQconninfoParse(tool->url, NULL);
	for (PQconninfoOption *at = options; at && at->keyword && !err; at++) {
		const char *value = at->val;

		for (size_t i = 1; target.keys[i]; i++) /* what is ours to add; 0 is the URL */
			if (strcmp(target.keys[i], at->keyword) == 0)
				value = target.values[i];
		if (tool->database && strcmp(at->keyword, "dbname") == 0)
			value = tool->database;
		if (value && at->envvar)
			err = add_variable(variables, at->envvar, value);
	}
	PQconninfoFree(options);
	return err;
}

/* Row-level security hides every row from a dump, unless it works for everybody. */
static int make_variables(
	struct variables *variables, const struct bf_pg_tool *tool, char *why, size_t why_size)
{
	int err = add_options(variables, tool, why, why_size);

	if (!err)
		err = add_variable(variables, "PGOPTIONS", "-c app.system=on");
	for (char **at = environ; *at && !err; at++)
		err = add_variable(variables, *at, NULL);
	variables->list[variables->count] = NULL;
	return err;
}

/* ---- what it says ---- */

static void take_line(const struct bf_pg_tool *tool, char *line, char *why, size_t why_size)
{
	line[strcspn(line, "\n")] = '\0';
	if (strstr(line, "error: "))
		snprintf(why, why_size, "%s", line);
	if (tool->on_line)
		tool->on_line(tool->arg, line);
}

static void read_lines(const struct bf_pg_tool *tool, int fd, char *why, size_t why_size)
{
	FILE *from = fdopen(fd, "r");
	char line[LINE_BYTES];

	if (!from) {
		close(fd);
		return;
	}
	while (fgets(line, sizeof(line), from))
		take_line(tool, line, why, why_size);
	fclose(from);
}

/* ---- running ---- */

static int spawn(pid_t *pid, const struct bf_pg_tool *tool, char *const *variables, int out)
{
	posix_spawn_file_actions_t actions;
	int err = posix_spawn_file_actions_init(&actions);

	if (!err)
		err = posix_spawn_file_actions_addopen(
			&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (!err)
		err = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (!err)
		err = posix_spawn_file_actions_adddup2(&actions, out, STDERR_FILENO);
	if (!err)
		err = posix_spawnp(pid, tool->argv[0], &actions, NULL,
			(char *const *)(uintptr_t)tool->argv, variables);
	(void)posix_spawn_file_actions_destroy(&actions);
	return -err;
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EINVAL;
}

int bf_pg_tool_run(const struct bf_pg_tool *tool, char *why, size_t why_size)
{
	struct variables variables = {.count = 0};
	int pipes[2], err;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC))
		return -errno;
	snprintf(why, why_size, "%s failed", tool->argv[0]);
	err = make_variables(&variables, tool, why, why_size);
	if (!err)
		err = spawn(&pid, tool, variables.list, pipes[1]);
	close(pipes[1]);
	free_variables(&variables);
	if (err) {
		close(pipes[0]);
		if (err == -ENOENT)
			snprintf(why, why_size,
				"%s is not installed: it comes with PostgreSQL's client programs",
				tool->argv[0]);
		return err;
	}
	read_lines(tool, pipes[0], why, why_size);
	return wait_for(pid);
}
