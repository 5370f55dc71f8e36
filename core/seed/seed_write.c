#include "core/seed/seed_priv.h"
#include "signaling/auth/password.h"
#include "signaling/auth/rules.h"
#include "storage/repo/channels.h"
#include "storage/repo/organizations.h"
#include "storage/repo/roles.h"
#include "storage/repo/seeds.h"
#include "storage/repo/users.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ROWS_A_TIME 8 /* of a transaction */
#define KEY_BYTES   512
#define TEST_PASSWORD \
	"test-password" /* of all test users: one hash, since thousands would take minutes */

/* An organization that is being written. */
struct writing {
	struct seeder *seeder;
	const struct bf_json *organization;
	struct bf_uuid org;
	struct bf_uuid *roles, *users, *channels; /* ids, in the file's order */
	struct bf_tx marks, rows; /* what waits: notes of the system's, rows of the tenant's */
	size_t waiting;
	/* what those rows lend */
	char keys[ROWS_A_TIME][2][KEY_BYTES];
	char hashes[ROWS_A_TIME][BF_PASSWORD_HASH_BYTES];
	char test_hash[BF_PASSWORD_HASH_BYTES];
};

static struct bf_uuid next_id(struct seeder *seeder)
{
	struct bf_uuid id = bf_uuid_make();

	if (seeder->is_test) { /* version 7, of a fixed time */
		bf_put_u64(id.bytes, bf_prng_next(&seeder->prng));
		bf_put_u64(id.bytes + 8, bf_prng_next(&seeder->prng));
		memset(id.bytes, 0, 2);
		id.bytes[6] = (uint8_t)(0x70 | (id.bytes[6] & 0x0f));
		id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 0x3f));
	}
	return id;
}

static int64_t int_of(const struct bf_json *object, const char *key, int64_t fallback)
{
	int64_t number;

	return bf_json_get_int(object, key, &number) ? fallback : number;
}

static bool flag_of(const struct bf_json *object, const char *key, bool fallback)
{
	bool flag;

	return bf_json_get_bool(object, key, &flag) ? fallback : flag;
}

static struct bf_bytes text_of(const struct bf_json *object, const char *key)
{
	return bf_bytes_str(seed_text(object, key, ""));
}

/* NULL where it is missing. */
static struct bf_bytes text_or_null(const struct bf_json *object, const char *key)
{
	const char *text = seed_text(object, key, NULL);

	return text ? bf_bytes_str(text) : bf_bytes(NULL, 0);
}

/* ---- a few rows at a time ---- */

static void begin(struct writing *writing)
{
	bf_tx_begin_system(&writing->marks);
	bf_tx_begin(&writing->rows, writing->org, (struct bf_uuid){{0}});
	writing->waiting = 0;
}

static int flush(struct writing *writing)
{
	struct seed_answer answer;
	int err = 0;

	if (writing->marks.step_count > 0)
		err = seed_ask(writing->seeder, &writing->marks, &answer);
	if (!err && writing->rows.step_count > 0)
		err = seed_ask(writing->seeder, &writing->rows, &answer);
	begin(writing);
	return err;
}

/* After a row was added; `kind` NULL: it goes with another. */
static int added(struct writing *writing, struct bf_uuid id, const char *kind)
{
	if (kind)
		bf_seeded_add(&writing->marks, id, kind, writing->seeder->now_us);
	return ++writing->waiting == ROWS_A_TIME ? flush(writing) : 0;
}

/* The id of the list's item whose `name` is `wanted`; the file was checked: it is there. */
static struct bf_uuid id_of(struct writing *writing, const struct bf_uuid *ids, const char *key,
	const char *name, const char *wanted)
{
	const struct bf_json *list = bf_json_get(writing->organization, key);

	for (size_t i = 0; i < bf_json_count(list); i++)
		if (strcmp(seed_text(bf_json_at(list, i), name, ""), wanted) == 0)
			return ids[i];
	return (struct bf_uuid){{0}};
}

/* ---- each kind ---- */

static int write_role(struct writing *writing, const struct bf_json *item, size_t idx)
{
	int64_t now_us = writing->seeder->now_us;
	const struct bf_role role = {.id = writing->roles[idx] = next_id(writing->seeder),
		.name = text_of(item, "name"),
		.description = text_of(item, "description"),
		.permissions = int_of(item, "permissions", 0),
		.created_at = now_us,
		.updated_at = now_us};

	bf_role_add(&writing->rows, &role);
	writing->seeder->seed->roles++;
	return added(writing, role.id, "role");
}

/* NULL in `data`: it has none. */
static int hash_of(struct writing *writing, const struct bf_json *item, struct bf_bytes *out)
{
	const char *password = seed_text(item, "password", NULL);
	char *hash = writing->hashes[writing->waiting];
	static const uint8_t salt[BF_PASSWORD_SALT_BYTES] = "the same always";
	int err = 0;

	*out = text_or_null(item, "password_hash");
	if (!password)
		return 0;
	if (writing->seeder->is_test) {
		hash = writing->test_hash;
		if (!hash[0])
			err = bf_password_hash(TEST_PASSWORD, salt, hash);
	} else {
		err = bf_password_hash(password, NULL, hash);
	}
	*out = bf_bytes_str(hash);
	return err;
}

static int write_user(struct writing *writing, const struct bf_json *item, size_t idx)
{
	int64_t now_us = writing->seeder->now_us;
	char(*keys)[KEY_BYTES] = writing->keys[writing->waiting];
	struct bf_user user = {.id = writing->users[idx] = next_id(writing->seeder),
		.email = text_or_null(item, "email"),
		.username = text_of(item, "username"),
		.full_name = text_of(item, "full_name"),
		.created_at = now_us,
		.updated_at = now_us};
	int err = hash_of(writing, item, &user.password_hash);

	if (err)
		return err;
	bf_rule_key(seed_text(item, "username", ""), keys[0]);
	bf_rule_key(seed_text(item, "email", ""), keys[1]);
	user.username_key = bf_bytes_str(keys[0]);
	user.email_key = user.email.data ? bf_bytes_str(keys[1]) : bf_bytes(NULL, 0);
	bf_user_add(&writing->rows, &user);
	writing->seeder->seed->users++;
	return added(writing, user.id, "user");
}

static int write_grants(struct writing *writing, const struct bf_json *item, size_t idx)
{
	const struct bf_json *roles = bf_json_get(item, "roles");
	int err = 0;

	for (size_t i = 0; roles && i < bf_json_count(roles) && !err; i++) {
		struct bf_bytes name;

		(void)bf_json_as_str(bf_json_at(roles, i), &name);
		bf_user_role_grant(&writing->rows, writing->users[idx],
			id_of(writing, writing->roles, "roles", "name", (const char *)name.data),
			(struct bf_uuid){{0}}, writing->seeder->now_us);
		err = added(writing, writing->users[idx], NULL);
	}
	return err;
}

static int write_channel(struct writing *writing, const struct bf_json *item, size_t idx)
{
	int64_t now_us = writing->seeder->now_us;
	const char *parent = seed_text(item, "parent", NULL);
	char *key = writing->keys[writing->waiting][0];
	struct bf_channel channel = {.id = writing->channels[idx] = next_id(writing->seeder),
		.name = text_of(item, "name"),
		.description = text_of(item, "description"),
		.position = int_of(item, "position", (int64_t)idx),
		.participant_count_max = int_of(item, "participant_count_max", 0),
		.created_at = now_us,
		.updated_at = now_us};

	if (parent)
		channel.parent_id = id_of(writing, writing->channels, "channels", "name", parent);
	bf_rule_key(seed_text(item, "name", ""), key);
	channel.name_key = bf_bytes_str(key);
	bf_channel_add(&writing->rows, &channel);
	writing->seeder->seed->channels++;
	return added(writing, channel.id, "channel");
}

static struct bf_channel_acl entry_of(struct writing *writing, const struct bf_json *item)
{
	const char *user = seed_text(item, "user", NULL), *role = seed_text(item, "role", NULL);
	struct bf_channel_acl entry = {.id = next_id(writing->seeder),
		.subject_kind = bf_bytes_str(user   ? "user"
					     : role ? "role"
						    : "everyone"),
		.allow = int_of(item, "allow", 0),
		.deny = int_of(item, "deny", 0),
		.applies_here = flag_of(item, "here", true),
		.applies_below = flag_of(item, "below", true)};

	if (user)
		entry.user_id = id_of(writing, writing->users, "users", "username", user);
	if (role)
		entry.role_id = id_of(writing, writing->roles, "roles", "name", role);
	return entry;
}

static int write_acl(struct writing *writing, const struct bf_json *item, size_t idx)
{
	const struct bf_json *acl = bf_json_get(item, "acl");
	int err = 0;

	for (size_t i = 0; acl && i < bf_json_count(acl) && !err; i++) {
		struct bf_channel_acl entry = entry_of(writing, bf_json_at(acl, i));

		entry.channel_id = writing->channels[idx];
		entry.position = (int64_t)i;
		bf_channel_acl_add(&writing->rows, &entry);
		err = added(writing, entry.id, NULL);
	}
	return err;
}

typedef int write_item(struct writing *writing, const struct bf_json *item, size_t idx);

static int write_list(struct writing *writing, const char *key, write_item *writes)
{
	const struct bf_json *list = bf_json_get(writing->organization, key);
	int err = 0;

	for (size_t i = 0; list && i < bf_json_count(list) && !err; i++)
		err = writes(writing, bf_json_at(list, i), i);
	return err ? err : flush(writing); /* what follows refers to it */
}

/* ---- the organization ---- */

static int write_all(struct writing *writing)
{
	static const struct {
		const char *key;
		write_item *writes;
	} lists[] = {
		{"roles", write_role},
		{"users", write_user},
		{"users", write_grants},
		{"channels", write_channel},
		{"channels", write_acl},
	};
	const struct bf_organization organization = {.id = writing->org,
		.slug = text_of(writing->organization, "slug"),
		.name = text_of(writing->organization, "name"),
		.created_at = writing->seeder->now_us,
		.updated_at = writing->seeder->now_us};
	int err;

	begin(writing);
	bf_organization_add(&writing->marks, &organization);
	bf_seeded_add(&writing->marks, organization.id, "organization", writing->seeder->now_us);
	err = flush(writing);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]) && !err; i++)
		err = write_list(writing, lists[i].key, lists[i].writes);
	return err;
}

/* Not half of one: what was written goes again. */
static void take_back(struct writing *writing)
{
	struct bf_seed *seed = writing->seeder->seed;
	char *why = seed->why, unused[256];
	size_t why_size = seed->why_size;
	struct seed_answer answer;
	struct bf_tx tx;

	seed->why = unused; /* the first error counts */
	seed->why_size = sizeof(unused);
	bf_tx_begin_system(&tx);
	bf_organization_remove(&tx, writing->org);
	bf_seeded_forget(&tx);
	(void)seed_ask(writing->seeder, &tx, &answer);
	seed->why = why;
	seed->why_size = why_size;
}

static struct bf_uuid *ids_for(const struct bf_json *organization, const char *key)
{
	const struct bf_json *list = bf_json_get(organization, key);

	return calloc((list ? bf_json_count(list) : 0) + 1, sizeof(struct bf_uuid));
}

int seed_write_organization(struct seeder *seeder, const struct bf_json *organization)
{
	struct writing *writing = calloc(1, sizeof(*writing));
	int err = -ENOMEM;

	if (!writing)
		return -ENOMEM;
	writing->seeder = seeder;
	writing->organization = organization;
	writing->org = next_id(seeder);
	writing->roles = ids_for(organization, "roles");
	writing->users = ids_for(organization, "users");
	writing->channels = ids_for(organization, "channels");
	if (writing->roles && writing->users && writing->channels)
		err = write_all(writing);
	if (err)
		take_back(writing);
	else
		seeder->seed->organizations++;
	free(writing->roles);
	free(writing->users);
	free(writing->channels);
	explicit_bzero(writing->hashes, sizeof(writing->hashes));
	free(writing);
	return err;
}
