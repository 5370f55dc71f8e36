#include "core/db_command.h"

#include "storage/admin.h"
#include "storage/spool/spool.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define WHY_BYTES 1024

const char bf_db_help[] =
	"usage: belfry db status\n"
	"       belfry db health\n"
	"       belfry db migrate\n"
	"       belfry db rollback [MIGRATION] [--yes]\n"
	"       belfry db backup FILE\n"
	"\n"
	"status    migrations, rows of each table, size, and what waits in the spool\n"
	"health    looks at every page and reference, and at the disk; the exit status is 1 if\n"
	"          something is wrong\n"
	"migrate   makes the tables, or brings them up to date, as `belfry run` does\n"
	"rollback  takes back the migrations after MIGRATION, and the tables that they made with "
	"all\n"
	"          that is in them; without a name all migrations. Asks first, or needs --yes.\n"
	"          The server must not be running.\n"
	"backup    a copy as of one moment in a new file, also while the server is running. To "
	"use\n"
	"          it, stop the server and put it in the place of belfry.db in storage.folder;\n"
	"          remove belfry.db-wal and belfry.db-shm there.\n";

struct command {
	const struct bf_conf *conf;
	struct bf_db_admin *admin;
	char why[WHY_BYTES];
};

static int complain(struct command *command)
{
	fprintf(stderr, "belfry: db: %s\n", command->why[0] ? command->why : "out of memory");
	return 1;
}

static void print_line(void *arg, const char *what, const char *said)
{
	(void)arg;
	printf("  %-32s %s\n", what, said);
}

static int open_spool(struct command *command, struct bf_spool **out, struct bf_log *log)
{
	char folder[PATH_MAX];
	struct bf_spool_conf conf = {.folder = folder, .size_max_bytes = UINT64_MAX, .log = log};

	snprintf(folder, sizeof(folder), "%s/spool", command->conf->storage.folder);
	return bf_spool_open(out, &conf, command->why, sizeof(command->why));
}

/* ---- status, health ---- */

static void print_spool(struct command *command)
{
	struct bf_spool *spool;
	struct bf_log *log;
	char said[96];
	int err = bf_log_new(&log, STDERR_FILENO, BF_LOG_LOGFMT, BF_LOG_WARN);

	if (err)
		return;
	err = open_spool(command, &spool, log);
	if (!err) {
		struct bf_spool_status status = bf_spool_status(spool);

		snprintf(said, sizeof(said), "%llu rows wait, %.1f MiB",
			(unsigned long long)status.records, (double)status.bytes / (1 << 20));
		bf_spool_close(spool);
	} else if (err == -EBUSY) {
		snprintf(said, sizeof(said), "in use by a running server, which tells at /metrics");
	} else {
		snprintf(said, sizeof(said), "%s", strerror(-err));
	}
	print_line(NULL, "spool", said);
	bf_log_free(log);
}

static int run_status(struct command *command, const char *unused, bool is_sure)
{
	int pending;

	(void)unused;
	(void)is_sure;
	puts("migrations");
	pending = bf_db_admin_migrations(command->admin, print_line, NULL, command->why, WHY_BYTES);
	if (pending < 0)
		return complain(command);
	puts("rows");
	if (bf_db_admin_counts(command->admin, print_line, NULL, command->why, WHY_BYTES) < 0)
		return complain(command);
	print_spool(command);
	return 0;
}

static int run_health(struct command *command, const char *unused, bool is_sure)
{
	struct statvfs info;
	int wrong;

	(void)unused;
	(void)is_sure;
	wrong = bf_db_admin_check(command->admin, print_line, NULL, command->why, WHY_BYTES);
	if (wrong < 0)
		return complain(command);
	if (statvfs(command->conf->storage.folder, &info) == 0)
		printf("  %-32s %llu MiB free\n", "disk",
			(unsigned long long)info.f_bavail * info.f_frsize >> 20);
	if (wrong == 0)
		puts("The database is in order.");
	return wrong > 0;
}

/* ---- migrations ---- */

static int run_migrate(struct command *command, const char *unused, bool is_sure)
{
	int count = bf_db_admin_migrate(command->admin, command->why, WHY_BYTES);

	(void)unused;
	(void)is_sure;
	if (count < 0)
		return complain(command);
	if (count == 0)
		puts("The tables are up to date.");
	else
		printf("%d migration%s applied.\n", count, count > 1 ? "s" : "");
	return 0;
}

static bool asks_and_hears_yes(const char *question)
{
	char line[16];

	if (!isatty(STDIN_FILENO)) {
		fputs("belfry: db: this destroys data: say --yes\n", stderr);
		return false;
	}
	printf("%s Type yes to go on: ", question);
	fflush(stdout);
	return fgets(line, sizeof(line), stdin) && strcmp(line, "yes\n") == 0;
}

static int run_rollback(struct command *command, const char *target, bool is_sure)
{
	struct bf_spool *spool;
	struct bf_log *log;
	int count, err = bf_log_new(&log, STDERR_FILENO, BF_LOG_LOGFMT, BF_LOG_WARN);

	if (err)
		return complain(command);
	err = open_spool(command, &spool, log); /* held meanwhile, so that no server starts */
	if (err == -EBUSY)
		snprintf(command->why, WHY_BYTES, "a server uses %s: stop it first",
			command->conf->storage.folder);
	if (err) {
		bf_log_free(log);
		return complain(command);
	}
	count = -ECANCELED;
	if (is_sure || asks_and_hears_yes("This drops tables with all that is in them."))
		count = bf_db_admin_rollback(command->admin, target, command->why, WHY_BYTES);
	bf_spool_close(spool);
	bf_log_free(log);
	if (count == -ECANCELED)
		return 1;
	if (count < 0)
		return complain(command);
	printf("%d migration%s taken back.\n", count, count == 1 ? "" : "s");
	return 0;
}

/* ---- backup ---- */

static void print_progress(void *arg, int left, int count)
{
	(void)arg;
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r%3d %%%s", count > 0 ? (count - left) * 100 / count : 100,
			left > 0 ? "" : "\n");
}

static int run_backup(struct command *command, const char *path, bool is_sure)
{
	(void)is_sure;
	if (bf_db_admin_backup(command->admin, path, print_progress, NULL, command->why, WHY_BYTES))
		return complain(command);
	printf("%s: written and checked.\n", path);
	return 0;
}

/* ---- which ---- */

static const struct {
	const char *name;
	bool makes;			    /* the database, if it is not there */
	int word_count_min, word_count_max; /* after the name */
	bool takes_yes;
	int (*run)(struct command *command, const char *word, bool is_sure);
} commands[] = {
	{"status", false, 0, 0, false, run_status},
	{"health", false, 0, 0, false, run_health},
	{"migrate", true, 0, 0, false, run_migrate},
	{"rollback", false, 0, 1, true, run_rollback},
	{"backup", false, 1, 1, false, run_backup},
};

static int run_one(const struct bf_conf *conf, size_t idx, const char *word, bool is_sure)
{
	struct command command = {.conf = conf};
	int result;

	if (conf->storage.url[0]) {
		fputs("belfry: db: storage.url is set, and these commands are for SQLite so far: "
		      "use "
		      "psql and pg_dump\n",
			stderr);
		return 1;
	}
	if (bf_db_admin_open(&command.admin, conf, commands[idx].makes, command.why, WHY_BYTES))
		return complain(&command);
	result = commands[idx].run(&command, word, is_sure);
	bf_db_admin_close(command.admin);
	return result;
}

int bf_db_command(const struct bf_conf *conf, int argc, char **argv)
{
	bool is_sure = argc > 1 && strcmp(argv[argc - 1], "--yes") == 0;
	int word_count = argc - 1 - is_sure;

	for (size_t i = 0; argc > 0 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[0], commands[i].name) == 0 &&
			word_count >= commands[i].word_count_min &&
			word_count <= commands[i].word_count_max &&
			(!is_sure || commands[i].takes_yes))
			return run_one(conf, i, word_count > 0 ? argv[1] : NULL, is_sure);
	fputs(bf_db_help, stderr);
	return 2;
}
