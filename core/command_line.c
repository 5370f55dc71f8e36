#include "core/command_line.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHY_BYTES 4096
#define DEMO_FLAG "--server.demo=true"

static const char settings_help[] =
	"\nSettings come from the defaults, then FILE (YAML), then BELFRY_SECTION_KEY variables, "
	"then\n"
	"flags; the last one counts. `belfry config print` shows every key. --io=X is short for\n"
	"--media.io=X, --demo for --server.demo=true.\n";

/* What was typed, taken apart. The pointers are argv's own but for `io`. */
struct arguments {
	const char *command;
	const char *config;
	char **flags;
	int flag_count;
	char **words;
	int word_count;
	char *io;
	char demo[sizeof(DEMO_FLAG)];
	bool wants_help;
};

/* Every line of `text` on standard error, with our name before it. */
static void complain(const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		fprintf(stderr, "belfry: %.*s\n", (int)len, text);
		text += len + (text[len] == '\n');
	}
}

static int print_usage(const struct bf_command *commands, FILE *out)
{
	fputs("usage: belfry COMMAND [--config=FILE] [--section.key=value ...]\n\n", out);
	for (; commands->name; commands++)
		fprintf(out, "  %-9s %s\n", commands->name, commands->summary);
	fputs("\n`belfry COMMAND --help` tells more. Every key of `belfry config print` is also a "
	      "flag\n"
	      "and a BELFRY_SECTION_KEY variable.\n"
	      "Exit status: 0 good, 1 failed, 2 the command line or the configuration is wrong.\n",
		out);
	return out == stdout ? 0 : 2;
}

static int print_help(const struct bf_command *command)
{
	fputs(command->help, stdout);
	if (command->takes_conf)
		fputs(settings_help, stdout);
	return 0;
}

/* ---- taking apart ---- */

static int split_one(struct arguments *out, char *text)
{
	if (strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0) {
		out->wants_help = true;
	} else if (!out->command && (strcmp(text, "--version") == 0 || strcmp(text, "-V") == 0)) {
		out->command = "version";
	} else if (strncmp(text, "--config=", 9) == 0 && text[9]) {
		out->config = text + 9;
	} else if (strcmp(text, "--config") == 0 || strcmp(text, "--config=") == 0) {
		complain("--config: needs a value: --config=FILE");
		return -EINVAL;
	} else if (strncmp(text, "--io=", 5) == 0 || strcmp(text, "--io") == 0) {
		free(out->io); /* given twice: the last one counts */
		if (asprintf(&out->io, "--media.%s", text + 2) < 0) {
			out->io = NULL;
			return -ENOMEM;
		}
	} else if (strncmp(text, "--", 2) == 0) {
		out->flags[out->flag_count++] = text;
	} else if (text[0] == '-' && text[1]) {
		fprintf(stderr, "belfry: unknown flag %s\n", text);
		return -EINVAL;
	} else if (!out->command) {
		out->command = text;
	} else {
		out->words[out->word_count++] = text;
	}
	return 0;
}

static int split(struct arguments *out, int argc, char **argv)
{
	int err = 0;

	out->flags = calloc((size_t)argc + 1, sizeof(*out->flags));
	out->words = calloc((size_t)argc + 1, sizeof(*out->words));
	if (!out->flags || !out->words)
		return -ENOMEM;
	for (int i = 1; i < argc && !err; i++)
		err = split_one(out, argv[i]);
	if (!err && out->io)
		out->flags[out->flag_count++] = out->io; /* the slot is free: --io took none */
	return err;
}

/* ---- running ---- */

static const struct bf_command *find(const struct bf_command *commands, const char *name)
{
	for (; commands->name; commands++)
		if (strcmp(commands->name, name) == 0)
			return commands;
	return NULL;
}

static int refuse_command(const struct bf_command *commands, const char *name)
{
	const char *meant = NULL;

	for (const struct bf_command *at = commands; at->name && !meant; at++)
		if (bf_conf_resembles(name, at->name))
			meant = at->name;
	fprintf(stderr, "belfry: unknown command '%s'", name);
	if (meant)
		fprintf(stderr, " (did you mean '%s'?)", meant);
	fputs("\n\n", stderr);
	return print_usage(commands, stderr);
}

static int check_words(const struct bf_command *command, const struct arguments *arguments)
{
	if (!command->takes_conf && (arguments->flag_count > 0 || arguments->config)) {
		fprintf(stderr, "belfry: %s takes no flags\n", command->name);
		return -EINVAL;
	}
	if (arguments->word_count > command->word_count_max) {
		fprintf(stderr,
			"belfry: %s: what is '%s'? `belfry %s --help` shows what it takes\n",
			command->name, arguments->words[command->word_count_max], command->name);
		return -EINVAL;
	}
	return 0;
}

static bool is_option(const struct bf_command *command, const char *flag)
{
	for (size_t i = 0; command->options && command->options[i]; i++)
		if (strcmp(flag, command->options[i]) == 0)
			return true;
	return false;
}

/* Flags that are the command's own are no settings: they go behind the words. --demo is short for a setting. */
static void take_options(const struct bf_command *command, struct arguments *arguments)
{
	int kept = 0;

	memcpy(arguments->demo, DEMO_FLAG, sizeof(DEMO_FLAG));
	for (int i = 0; i < arguments->flag_count; i++) {
		if (is_option(command, arguments->flags[i]))
			arguments->words[arguments->word_count++] = arguments->flags[i];
		else if (strcmp(arguments->flags[i], "--demo") == 0)
			arguments->flags[kept++] = arguments->demo;
		else
			arguments->flags[kept++] = arguments->flags[i];
	}
	arguments->flag_count = kept;
}

static int run(const struct bf_command *command, struct arguments *arguments, char *const *envp)
{
	struct bf_conf *conf = NULL;
	char why[WHY_BYTES] = "";
	int result = 2;

	take_options(command, arguments);
	if (command->takes_conf) {
		if (bf_conf_new(&conf)) {
			complain("out of memory");
			return 1;
		}
		if (bf_conf_load(conf, arguments->config, envp, arguments->flag_count,
			    arguments->flags, why, sizeof(why)) ||
			bf_conf_check(conf, why, sizeof(why))) {
			complain(why[0] ? why : "out of memory");
			bf_conf_free(conf);
			return 2;
		}
	}
	if (check_words(command, arguments) == 0)
		result = command->run(conf, arguments->word_count, arguments->words);
	bf_conf_free(conf);
	return result;
}

/* `help` is not in the table, because it is about the table. */
static int dispatch(
	const struct bf_command *commands, struct arguments *arguments, char *const *envp)
{
	const struct bf_command *command;
	const char *name = arguments->command;
	bool wants_help = arguments->wants_help;

	if (name && strcmp(name, "help") == 0) {
		wants_help = true;
		name = arguments->word_count > 0 ? arguments->words[0] : NULL;
	}
	if (!name)
		return print_usage(commands, wants_help ? stdout : stderr);
	command = find(commands, name);
	if (!command)
		return refuse_command(commands, name);
	return wants_help ? print_help(command) : run(command, arguments, envp);
}

int bf_command_line_run(const struct bf_command *commands, int argc, char **argv, char *const *envp)
{
	struct arguments arguments = {0};
	int result = 2;
	int err = split(&arguments, argc, argv);

	if (!err)
		result = dispatch(commands, &arguments, envp);
	else if (err == -ENOMEM)
		complain("out of memory");
	free(arguments.flags);
	free(arguments.words);
	free(arguments.io);
	if (fflush(stdout) || ferror(stdout)) { /* a full disk must not pass for a printed token */
		fprintf(stderr, "belfry: standard output: %s\n", strerror(errno));
		result = result ? result : 1;
	}
	return result;
}
