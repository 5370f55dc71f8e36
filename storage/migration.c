#include "storage/migration.h"

#include <errno.h>
#include <stdio.h>

struct bf_bytes bf_migration_down(const struct bf_migration *migration)
{
	static const char begin[] = "\n/* +down\n";
	const char *at = strstr(migration->sql, begin), *end;

	if (!at)
		return bf_bytes(NULL, 0);
	at += strlen(begin);
	end = strstr(at, "*/");
	return end ? bf_bytes(at, (size_t)(end - at)) : bf_bytes(NULL, 0);
}

int bf_migration_refuse(size_t pending, char *why, size_t why_size)
{
	if (pending == 0)
		return 0;
	snprintf(why, why_size,
		"storage.migrate is false, and %zu migrations are pending: `belfry db migrate` "
		"applies them",
		pending);
	return -EINVAL;
}

static const struct bf_migration *find(
	const struct bf_migration *known, size_t known_count, const char *name)
{
	for (size_t i = 0; i < known_count; i++)
		if (strcmp(known[i].name, name) == 0)
			return &known[i];
	return NULL;
}

int bf_migration_check(const struct bf_migration *known, size_t known_count,
	const struct bf_migration_applied *applied, size_t applied_count, char *why,
	size_t why_size)
{
	for (size_t i = 0; i < applied_count; i++) {
		const struct bf_migration *same = find(known, known_count, applied[i].name);

		if (!same) {
			snprintf(why, why_size,
				"the database has the migration %s, which this version does not "
				"know: it was used by a newer one. Use that, or restore a backup.",
				applied[i].name);
			return -EINVAL;
		}
		if (strcmp(same->sha256, applied[i].sha256) != 0) {
			snprintf(why, why_size,
				"the migration %s was changed after it was applied to this "
				"database: put the file back as it was and make a new one.",
				applied[i].name);
			return -EINVAL;
		}
		if (i >= known_count || same != &known[i]) {
			snprintf(why, why_size,
				"the migration %s was never applied to this database, but a later "
				"one was: give it a later date.",
				known[i].name);
			return -EINVAL;
		}
	}
	return 0;
}
