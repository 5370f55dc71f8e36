#include "core/db_command.h"

#include "core/base/clock.h"
#include "core/db_backup.h"
#include "core/seed/seed.h"
#include "storage/admin.h"
#include "storage/spool/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define WHY_BYTES 1024

const char *const bf_db_options[] = {"--yes", "--test", "--demo", "--clear", "--create",
	"--migrate", "--rollback", "--status", "--scheduled", NULL};

const char bf_db_help[] =
	"usage: belfry db COMMAND [WORD] [--yes] [--config=FILE] [--section.key=value ...]\n"
	"\n"
	"init, migrate          make what is missing of database and tables; init looks at it, "
	"too\n"
	"status, health         what there is; what is damaged (then the exit status is 1)\n"
	"rollback [MIGRATION]   take back the migrations after that one, or all, with their "
	"tables\n"
	"migrate --create NAME  the files of a new migration, in belfry's source tree\n"
	"seed FILE              add a JSON file's organizations, users, roles and channels;\n"
	"                       --demo a demonstration, --test N as many users, the same each "
	"time\n"
	"seed --clear           remove what was seeded, and nothing else\n"
	"reset [FILE]           empty all tables, then seed\n"
	"backup FILE            a copy as of one moment, also while the server is running\n"
	"backup --scheduled     one more in backup.folder, verified; the oldest go\n"
	"verify FILE            read a backup as a restore would\n"
	"restore FILE           put a backup in the place of all there is\n"
	"\n"
	"rollback, reset, restore and seed --clear destroy data: they ask, or need --yes, and\n"
	"refuse in production (server.profile) and while the server is running.\n";

struct command {
	const struct bf_conf *conf;
	const struct bf_db_admin_ops *ops;
	struct bf_db_admin *admin;
	struct bf_log *log;
	const char *word; /* NULL: none */
	bool is_sure;
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

/* ---- the server shall not run meanwhile ---- */

static int open_spool(struct command *command, struct bf_spool **out)
{
	char folder[PATH_MAX];
	struct bf_spool_conf conf = {
		.folder = folder, .size_max_bytes = UINT64_MAX, .log = command->log};

	(void)mkdir(
		command->conf->storage.folder, 0700); /* with PostgreSQL it may not be there yet */
	snprintf(folder, sizeof(folder), "%s/spool", command->conf->storage.folder);
	return bf_spool_open(out, &conf, command->why, WHY_BYTES);
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

/* The spool is held until the work is done, so that no server starts. Returns 0; else it was refused, and said why. */
static int begin_destroying(struct command *command, const char *question, struct bf_spool **out)
{
	int err;

	if (strcmp(command->conf->server.profile, "production") == 0) {
		fputs("belfry: db: server.profile is production, where nothing is destroyed. Who "
		      "means it says --server.profile=development\n",
			stderr);
		return -EPERM;
	}
	err = open_spool(command, out);
	if (err == -EBUSY)
		snprintf(command->why, WHY_BYTES, "a server uses %s: stop it first",
			command->conf->storage.folder);
	if (err) {
		complain(command);
		return err;
	}
	if (command->is_sure || asks_and_hears_yes(question))
		return 0;
	bf_spool_close(*out);
	return -ECANCELED;
}

/* ---- status, health, init ---- */

static void print_spool(struct command *command)
{
	struct bf_spool *spool;
	char said[96];
	int err = open_spool(command, &spool);

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
}

static int run_status(struct command *command)
{
	puts("migrations");
	if (command->ops->migrations(command->admin, print_line, NULL, command->why, WHY_BYTES) < 0)
		return complain(command);
	puts("rows");
	if (command->ops->counts(command->admin, print_line, NULL, command->why, WHY_BYTES) < 0)
		return complain(command);
	print_spool(command);
	return 0;
}

static int run_health(struct command *command)
{
	int wrong = command->ops->check(command->admin, print_line, NULL, command->why, WHY_BYTES);
	struct statvfs info;

	if (wrong < 0)
		return complain(command);
	if (statvfs(command->conf->storage.folder, &info) == 0)
		printf("  %-32s %llu MiB free\n", "disk",
			(unsigned long long)info.f_bavail * info.f_frsize >> 20);
	if (wrong == 0)
		puts("The database is in order.");
	return wrong > 0;
}

static int run_migrate(struct command *command)
{
	int count = command->ops->migrate(command->admin, command->why, WHY_BYTES);

	if (count < 0)
		return complain(command);
	if (count == 0)
		puts("The tables are up to date.");
	else
		printf("%d migration%s applied.\n", count, count > 1 ? "s" : "");
	return 0;
}

static int run_init(struct command *command)
{
	int result = run_migrate(command);

	return result ? result : run_health(command);
}

/* ---- migrations ---- */

static int run_rollback(struct command *command)
{
	struct bf_spool *spool;
	int count;

	if (begin_destroying(command, "This drops tables with all that is in them.", &spool))
		return 1;
	count = command->ops->rollback(command->admin, command->word, command->why, WHY_BYTES);
	bf_spool_close(spool);
	if (count < 0)
		return complain(command);
	printf("%d migration%s taken back.\n", count, count == 1 ? "" : "s");
	return 0;
}

static int make_migration(const char *engine, const char *stamp, const char *name)
{
	char path[PATH_MAX];
	int fd, err = 0;
	FILE *file;

	snprintf(path, sizeof(path), "storage/migrations/%s/%s_%s.sql", engine, stamp, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!file) {
		err = -errno;
		fprintf(stderr, "belfry: db: %s: %s\n", path, strerror(-err));
		return err;
	}
	fputs("-- What it is for.\n-- +up\n\n\n/* +down\n\n*/\n", file);
	if (fclose(file))
		err = -errno;
	puts(path);
	return err;
}

/* For who works on belfry itself: both dialects of a migration, in the source tree. */
static int run_create(struct command *command)
{
	const char *name = command->word;
	time_t now = time(NULL);
	struct tm utc;
	char stamp[24];

	if (name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] || strlen(name) > 64) {
		fprintf(stderr, "belfry: db: '%s' is no name for a migration: a to z, 0 to 9, _\n",
			name);
		return 2;
	}
	if (access("storage/migrations/sqlite", W_OK)) {
		fputs("belfry: db: migrate --create works in belfry's source tree, which has "
		      "storage/migrations\n",
			stderr);
		return 1;
	}
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%S", gmtime_r(&now, &utc));
	return make_migration("sqlite", stamp, name) || make_migration("postgres", stamp, name);
}

/* ---- seeds ---- */

static struct bf_seed seed_of(struct command *command)
{
	return (struct bf_seed){.conf = command->conf,
		.log = command->log,
		.why = command->why,
		.why_size = WHY_BYTES};
}

static int seed(struct command *command, int (*adds)(struct bf_seed *seed, const char *word),
	const char *word)
{
	struct bf_seed seed = seed_of(command);

	if (adds(&seed, word))
		return complain(command);
	printf("Added: organizations %zu, users %zu, roles %zu, channels %zu.\n",
		seed.organizations, seed.users, seed.roles, seed.channels);
	if (seed.left > 0)
		printf("There already, and left as they are: organizations %zu.\n", seed.left);
	return 0;
}

static int run_seed(struct command *command)
{
	return seed(command, bf_seed_file, command->word);
}

static int run_seed_demo(struct command *command)
{
	return seed(command, bf_seed_demo, NULL);
}

static int run_seed_test(struct command *command)
{
	return seed(command, bf_seed_test, command->word);
}

static int run_seed_clear(struct command *command)
{
	struct bf_seed clear = seed_of(command);
	struct bf_spool *spool;

	if (begin_destroying(command, "This removes all that was seeded.", &spool))
		return 1;
	bf_spool_close(spool); /* the seeder opens it as a server does */
	if (bf_seed_clear(&clear, NULL))
		return complain(command);
	puts("What was seeded is removed.");
	if (clear.left > 0)
		printf("%zu rows stay: they hold what was not seeded.\n", clear.left);
	return 0;
}

static int run_reset(struct command *command)
{
	const char *file = command->word;
	struct bf_spool *spool;
	int count;

	if (begin_destroying(command, "This drops all tables with all that is in them.", &spool))
		return 1;
	count = command->ops->rollback(command->admin, NULL, command->why, WHY_BYTES);
	if (count >= 0)
		count = command->ops->migrate(command->admin, command->why, WHY_BYTES);
	bf_spool_close(spool);
	if (count < 0)
		return complain(command);
	puts("All tables are empty.");
	return file ? seed(command, bf_seed_file, file) : 0;
}

/* ---- backups ---- */

static struct bf_backup backup_of(struct command *command)
{
	return (struct bf_backup){.conf = command->conf,
		.ops = command->ops,
		.admin = command->admin,
		.why = command->why,
		.why_size = WHY_BYTES};
}

static int run_backup(struct command *command)
{
	struct bf_backup backup = backup_of(command);

	if (bf_backup_make(&backup, command->word))
		return complain(command);
	printf("%s: written.\n", command->word);
	return 0;
}

static int run_scheduled(struct command *command)
{
	struct bf_backup backup = backup_of(command);

	return bf_backup_scheduled(&backup, bf_clock_wall_us()) ? complain(command) : 0;
}

static int run_verify(struct command *command)
{
	struct bf_backup backup = backup_of(command);
	int err = bf_backup_verify(&backup, command->word, print_line, NULL);

	if (err < 0)
		return complain(command);
	puts(err == 0 ? "The backup is good."
		      : "The backup's directory is good. No database could be made to restore it "
			"into.");
	return 0;
}

static int run_restore(struct command *command)
{
	struct bf_backup backup = backup_of(command);
	struct bf_spool *spool;
	int err;

	if (begin_destroying(command, "This replaces all there is.", &spool))
		return 1;
	err = bf_backup_restore(&backup, command->word);
	bf_spool_close(spool);
	if (err)
		return complain(command);
	printf("%s: restored.\n", command->word);
	return 0;
}

/* ---- which ---- */

enum opens {
	NOTHING, /* it does that itself, or needs none */
	WHAT_IS_THERE,
	WHAT_IT_MAKES,
};

static const struct entry {
	const char *name;
	const char *option;		    /* that makes it this one; NULL */
	int word_count_min, word_count_max; /* after the name */
	bool takes_yes;
	enum opens opens;
	int (*run)(struct command *command);
} entries[] = {
	{"init", NULL, 0, 0, false, WHAT_IT_MAKES, run_init},
	{"status", NULL, 0, 0, false, WHAT_IS_THERE, run_status},
	{"health", NULL, 0, 0, false, WHAT_IS_THERE, run_health},
	{"migrate", NULL, 0, 0, false, WHAT_IT_MAKES, run_migrate},
	{"migrate", "--migrate", 0, 0, false, WHAT_IT_MAKES, run_migrate},
	{"migrate", "--status", 0, 0, false, WHAT_IS_THERE, run_status},
	{"migrate", "--rollback", 0, 1, true, WHAT_IS_THERE, run_rollback},
	{"migrate", "--create", 1, 1, false, NOTHING, run_create},
	{"rollback", NULL, 0, 1, true, WHAT_IS_THERE, run_rollback},
	{"seed", NULL, 1, 1, false, NOTHING, run_seed},
	{"seed", "--demo", 0, 0, false, NOTHING, run_seed_demo},
	{"seed", "--test", 1, 1, false, NOTHING, run_seed_test},
	{"seed", "--clear", 0, 0, true, NOTHING, run_seed_clear},
	{"reset", NULL, 0, 1, true, WHAT_IT_MAKES, run_reset},
	{"backup", NULL, 1, 1, false, WHAT_IS_THERE, run_backup},
	{"backup", "--scheduled", 0, 0, false, WHAT_IS_THERE, run_scheduled},
	{"verify", NULL, 1, 1, false, WHAT_IT_MAKES, run_verify},
	{"restore", NULL, 1, 1, true, WHAT_IT_MAKES, run_restore},
};

static int run_entry(struct command *command, const struct entry *entry)
{
	int result;

	if (entry->opens != NOTHING &&
		command->ops->open(&command->admin, command->conf, command->log,
			entry->opens == WHAT_IT_MAKES, command->why, WHY_BYTES))
		return complain(command);
	result = entry->run(command);
	command->ops->close(command->admin);
	return result;
}

static const struct entry *find(const char *name, const char *option, int word_count, bool is_sure)
{
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		const struct entry *at = &entries[i];

		if (strcmp(name, at->name) == 0 &&
			(option ? at->option && strcmp(option, at->option) == 0 : !at->option) &&
			word_count >= at->word_count_min && word_count <= at->word_count_max &&
			(!is_sure || at->takes_yes))
			return at;
	}
	return NULL;
}

/* The words, then the options: at most one besides --yes. */
int bf_db_command(const struct bf_conf *conf, int argc, char **argv)
{
	struct command command = {.conf = conf, .ops = bf_db_admin_ops(conf)};
	const char *option = NULL;
	const struct entry *entry = NULL;
	int word_count = 0, option_count = 0, result;

	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--yes") == 0) {
			command.is_sure = true;
		} else if (strncmp(argv[i], "--", 2) == 0) {
			option = argv[i];
			option_count++;
		} else {
			word_count++;
		}
	}
	if (word_count > 0 && option_count <= 1)
		entry = find(argv[0], option, word_count - 1, command.is_sure);
	if (!entry) {
		fputs(bf_db_help, stderr);
		return 2;
	}
	command.word = word_count > 1 ? argv[1] : NULL;
	if (bf_log_new(&command.log, STDERR_FILENO, BF_LOG_LOGFMT, BF_LOG_WARN))
		return complain(&command);
	result = run_entry(&command, entry);
	bf_log_free(command.log);
	return result;
}
