/* belfry-bench - a load generator for WebRTC servers: WHIP and WHEP, belfry's own signaling, Janus. */
#include "scripts/bench/scenario.h"
#include "scripts/bench/table.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define FILE_MAX (16 << 20)

static int write_json(const char *path, const struct bf_json *json)
{
	char *text = bf_json_print(json, NULL);
	FILE *file = text ? fopen(path, "we") : NULL;
	int err = file && fputs(text, file) >= 0 && fputc('\n', file) >= 0 ? 0 : -EIO;

	if (file && fclose(file) != 0)
		err = -EIO;
	if (err)
		fprintf(stderr, "belfry-bench: cannot write %s\n", path);
	free(text);
	return err;
}

/* Each client has up to four descriptors. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int command_run(int argc, char **argv)
{
	struct bench_options options;
	struct bench_scenario scenario;
	struct bf_json *report, *runs;
	bool holds = false;
	int err = bench_options_parse(&options, argc, argv);

	if (err)
		return 2;
	raise_descriptor_limit();
	err = bench_scenario_run(&scenario, &options);
	if (err) {
		bench_scenario_free(&scenario);
		return 1;
	}
	report = bench_scenario_report(&scenario, &holds);
	if (options.json)
		err = write_json(options.json, report);
	runs = bf_json_array();
	bf_json_push(runs, report);
	if (!options.json)
		bench_table_print(runs);
	bf_json_free(runs);
	bench_scenario_free(&scenario);
	return err || !holds;
}

static int command_table(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = malloc(FILE_MAX);
	struct bf_json *json = NULL;
	size_t len = file && text ? fread(text, 1, FILE_MAX, file) : 0;
	char why[128] = "cannot be read";
	int err =
		len ? bf_json_parse(&json, bf_bytes(text, len), FILE_MAX, why, sizeof(why)) : -EIO;

	if (file)
		fclose(file);
	free(text);
	if (err || !bf_json_is_array(json)) {
		fprintf(stderr, "belfry-bench: %s: %s\n", path, err ? why : "is no array of runs");
		bf_json_free(json);
		return 1;
	}
	bench_table_print(json);
	bf_json_free(json);
	return 0;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc >= 2 && strcmp(argv[1], "run") == 0)
		return command_run(argc - 1, argv + 1);
	if (argc == 3 && strcmp(argv[1], "table") == 0)
		return command_table(argv[2]);
	bench_options_print_usage();
	return 2;
}
