#include "core/seed/seed_priv.h"

#include "core/base/clock.h"
#include "storage/repo/organizations.h"
#include "storage/repo/seeds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEST_NOW_US    INT64_C(1767225600000000) /* the first of January 2026 */
#define TEST_ORG_USERS 1000
#define TEST_USERS_MAX 1000000
#define TEST_RANDOM    7008

extern const char bf_seed_demo_json[]; /* demo.json, embedded */

/* ---- asking ---- */

static void on_answer(void *arg, const struct bf_db_answer *answer)
{
	struct seed_answer *out = arg;
	struct bf_db_value values[BF_DB_VALUE_COUNT_MAX];
	struct bf_db_rows rows;

	if (answer->row_steps == 0)
		return;
	rows = answer->steps[answer->row_steps - 1];
	out->row_count = rows.row_count;
	out->changed_count = rows.changed_count;
	if (rows.types[0] == 'i' && bf_db_rows_next(&rows, values))
		out->number = values[0].as.i64;
}

int seed_ask(struct seeder *seeder, struct bf_tx *tx, struct seed_answer *out)
{
	*out = (struct seed_answer){0};
	return bf_desk_ask(&seeder->desk, tx, on_answer, out);
}

/* ---- life ---- */

static int open_seeder(struct seeder *seeder, struct bf_seed *seed)
{
	*seeder = (struct seeder){.seed = seed, .now_us = bf_clock_wall_us()};
	return bf_desk_open(&seeder->desk, seed->conf, seed->log, seed->why, seed->why_size);
}

/* ---- files ---- */

static int is_there(struct seeder *seeder, const char *slug)
{
	struct seed_answer answer;
	struct bf_tx tx;
	int err;

	bf_tx_begin_system(&tx);
	bf_organization_find(&tx, bf_bytes_str(slug));
	err = seed_ask(seeder, &tx, &answer);
	return err ? err : answer.row_count > 0;
}

static int write_missing(struct seeder *seeder, const struct bf_json *organization)
{
	const char *slug = seed_text(organization, "slug", "");
	int result = is_there(seeder, slug);

	seeder->seed->left += result > 0;
	return result ? (result > 0 ? 0 : result) : seed_write_organization(seeder, organization);
}

static int write_file(struct bf_seed *seed, const struct bf_json *file)
{
	const struct bf_json *organizations = bf_json_get(file, "organizations");
	struct seeder seeder;
	int err = open_seeder(&seeder, seed);

	for (size_t i = 0; i < bf_json_count(organizations) && !err; i++)
		err = write_missing(&seeder, bf_json_at(organizations, i));
	bf_desk_close(&seeder.desk);
	return err;
}

static int seed_json(struct bf_seed *seed, struct bf_bytes text)
{
	struct bf_json *file;
	int err = bf_json_parse(&file, text, BF_SEED_FILE_BYTES, seed->why, seed->why_size);

	if (err) {
		if (err == -ENOBUFS)
			snprintf(seed->why, seed->why_size, "it is larger than %zu MiB",
				BF_SEED_FILE_BYTES >> 20);
		return err;
	}
	err = seed_check(seed, file);
	if (!err)
		err = write_file(seed, file);
	bf_json_free(file);
	return err;
}

static int read_file(const char *path, char **out, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = fd < 0 ? -errno : 0;
	struct stat info;
	FILE *file;

	if (!err && fstat(fd, &info))
		err = -errno;
	if (!err && (size_t)info.st_size > BF_SEED_FILE_BYTES)
		err = -EFBIG;
	file = err ? NULL : fdopen(fd, "r");
	*out = file ? malloc((size_t)info.st_size + 1) : NULL;
	if (!err && !*out)
		err = -ENOMEM;
	if (!err)
		*len = fread(*out, 1, (size_t)info.st_size + 1, file);
	if (file)
		fclose(file);
	else if (fd >= 0)
		close(fd);
	return err;
}

int bf_seed_file(struct bf_seed *seed, const char *path)
{
	char *text = NULL, said[1024];
	size_t len = 0;
	int err = read_file(path, &text, &len);

	seed->why[0] = '\0';
	if (!err)
		err = seed_json(seed, bf_bytes(text, len));
	free(text);
	if (err) {
		snprintf(said, sizeof(said), "%s: %s", path,
			seed->why[0] ? seed->why : strerror(-err));
		snprintf(seed->why, seed->why_size, "%s", said);
	}
	return err;
}

int bf_seed_demo(struct bf_seed *seed, const char *unused)
{
	(void)unused;
	return seed_json(seed, bf_bytes_str(bf_seed_demo_json));
}

/* ---- tests ---- */

static int write_test(struct seeder *seeder, size_t count)
{
	int err = 0;

	for (size_t first = 0; first < count && !err; first += TEST_ORG_USERS) {
		size_t users = count - first < TEST_ORG_USERS ? count - first : TEST_ORG_USERS;
		struct bf_json *organization =
			seed_make_organization(first / TEST_ORG_USERS, first, users);

		err = organization ? write_missing(seeder, organization) : -ENOMEM;
		bf_json_free(organization);
		if (isatty(STDERR_FILENO))
			fprintf(stderr, "\r%zu of %zu users%s", first + users, count,
				first + users == count ? "\n" : "");
	}
	return err;
}

int bf_seed_test(struct bf_seed *seed, const char *text)
{
	char *end;
	unsigned long count = strtoul(text, &end, 10);
	struct seeder seeder;
	int err;

	if (*end || text[0] < '0' || text[0] > '9' || count < 1 || count > TEST_USERS_MAX) {
		snprintf(seed->why, seed->why_size, "'%.32s' is no number of users: 1 to %d", text,
			TEST_USERS_MAX);
		return -EINVAL;
	}
	err = open_seeder(&seeder, seed);
	seeder.is_test = true;
	seeder.now_us = TEST_NOW_US;
	bf_prng_init(&seeder.prng, TEST_RANDOM);
	if (!err)
		err = write_test(&seeder, count);
	bf_desk_close(&seeder.desk);
	return err;
}

/* ---- clearing ---- */

/* From the leaves up, until none is left that could go. */
static int clear_channels(struct seeder *seeder)
{
	struct seed_answer answer;
	int err;

	do {
		struct bf_tx tx;

		bf_tx_begin_system(&tx);
		bf_seeded_remove_channels(&tx);
		err = seed_ask(seeder, &tx, &answer);
	} while (!err && answer.changed_count > 0);
	return err;
}

static int clear_rest(struct seeder *seeder, struct seed_answer *answer)
{
	struct bf_tx tx;

	bf_tx_begin_system(&tx);
	bf_seeded_remove_users(&tx);
	bf_seeded_remove_roles(&tx);
	bf_seeded_remove_organizations(&tx);
	bf_seeded_forget(&tx);
	bf_seeded_count(&tx);
	return seed_ask(seeder, &tx, answer);
}

int bf_seed_clear(struct bf_seed *seed, const char *unused)
{
	struct seed_answer answer = {.number = 0};
	struct seeder seeder;
	int err = open_seeder(&seeder, seed);

	(void)unused;
	if (!err)
		err = clear_channels(&seeder);
	if (!err)
		err = clear_rest(&seeder, &answer);
	seed->left = (size_t)answer.number;
	bf_desk_close(&seeder.desk);
	return err;
}
