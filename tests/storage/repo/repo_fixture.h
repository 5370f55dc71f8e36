/* tests/storage/repo/repo_fixture.h - two organizations in tables as the server makes them, and transactions that are waited for. */
#ifndef BF_TESTS_STORAGE_REPO_FIXTURE_H
#define BF_TESTS_STORAGE_REPO_FIXTURE_H

#include "storage/repo/api_keys.h"
#include "storage/repo/channels.h"
#include "storage/repo/history.h"
#include "storage/repo/organizations.h"
#include "storage/repo/roles.h"
#include "storage/repo/sessions.h"
#include "storage/repo/settings.h"
#include "storage/repo/streams.h"
#include "storage/repo/users.h"
#include "tests/storage/db_fixture.h"

#define TEXT(text) bf_bytes_str(text)

/* Ids that tell what they are: 32 times the same byte. */
static inline struct bf_uuid id_of(uint8_t byte)
{
	struct bf_uuid uuid;

	memset(&uuid, byte, sizeof(uuid));
	return uuid;
}

#define ACME   id_of(0xaa)
#define BOLT   id_of(0xbb)
#define NOBODY ((struct bf_uuid){{0}})

/* Ask, and turn until it is answered. */
static inline struct kept *commit(struct db_fixture *fixture, struct bf_tx *tx)
{
	static struct kept kept;

	memset(&kept, 0, sizeof(kept));
	assert_true(bf_tx_ask(tx, fixture->client, on_kept, &kept) > 0);
	WAIT_FOR(fixture, kept.is_answered);
	return &kept;
}

static inline void must_commit(struct db_fixture *fixture, struct bf_tx *tx)
{
	struct kept *kept = commit(fixture, tx);

	if (kept->status != BF_DB_OK)
		fail_msg("%s: %s", bf_db_status_name(kept->status), kept->why);
}

static inline struct bf_user make_user(uint8_t id, const char *name)
{
	return (struct bf_user){.id = id_of(id),
		.username = TEXT(name),
		.username_key = TEXT(name),
		.full_name = TEXT(""),
		.created_at = 1000 + id,
		.updated_at = 1000 + id};
}

static inline struct bf_role make_role(uint8_t id, const char *name)
{
	return (struct bf_role){
		.id = id_of(id), .name = TEXT(name), .description = TEXT(""), .created_at = 1};
}

static inline struct bf_channel make_channel(uint8_t id, const char *name)
{
	return (struct bf_channel){.id = id_of(id),
		.name = TEXT(name),
		.name_key = TEXT(name),
		.description = TEXT(""),
		.created_at = 1};
}

static inline struct bf_session make_session(uint8_t id, uint8_t user, const uint8_t *hash)
{
	return (struct bf_session){.id = id_of(id),
		.user_id = id_of(user),
		.refresh_family = id_of(id),
		.refresh_hash = bf_bytes(hash, 32),
		.ip = TEXT(""),
		.user_agent = TEXT(""),
		.created_at = 1000 + id,
		.expires_at = 9000};
}

static inline int repo_setup(void **state)
{
	const struct bf_organization acme = {
		.id = ACME, .slug = TEXT("acme"), .name = TEXT("Acme")};
	const struct bf_organization bolt = {
		.id = BOLT, .slug = TEXT("bolt"), .name = TEXT("Bolt")};
	struct db_fixture *fixture;
	struct bf_tx tx;

	db_fixture_setup(state);
	fixture = *state;
	fixture->streams = bf_streams;
	fixture->stream_count = bf_stream_count;
	db_fixture_open(fixture);
	bf_tx_begin_system(&tx);
	bf_organization_add(&tx, &acme);
	bf_organization_add(&tx, &bolt);
	must_commit(fixture, &tx);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, repo_setup, db_fixture_teardown)

#endif
