/* core/seed/seed_test.c - organizations for tests: the same for the same numbers. */
#include "core/seed/seed_priv.h"

#include <stdio.h>

#define CHANNELS 10

static const char *const first_names[] = {"Ada", "Bela", "Cem", "Dana", "Emil", "Fatma", "Goran",
	"Hana", "Ines", "Jiro", "Kofi", "Lena", "Mara", "Nils", "Olga", "Paulo"};
static const char *const last_names[] = {"Ahn", "Berg", "Costa", "Dubois", "Evans", "Fuchs",
	"Garcia", "Haddad", "Ito", "Jensen", "Kaya", "Larsen", "Moreau", "Novak", "Okafor"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct bf_json *make_user(size_t idx)
{
	struct bf_json *user = bf_json_object(), *roles = bf_json_array();
	char text[64];

	snprintf(text, sizeof(text), "user%06zu", idx);
	bf_json_put_str(user, "username", text);
	snprintf(text, sizeof(text), "user%06zu@test.example", idx);
	bf_json_put_str(user, "email", text);
	snprintf(text, sizeof(text), "%s %s", first_names[idx % COUNT(first_names)],
		last_names[idx / COUNT(first_names) % COUNT(last_names)]);
	bf_json_put_str(user, "full_name", text);
	bf_json_put_str(user, "password", "test-password");
	bf_json_push_str(roles, idx % 10 == 0 ? "moderator" : "member");
	bf_json_put(user, "roles", roles);
	return user;
}

static struct bf_json *make_channel(size_t idx)
{
	struct bf_json *channel = bf_json_object();
	char text[64];

	snprintf(text, sizeof(text), "Channel %zu", idx);
	bf_json_put_str(channel, "name", text);
	if (idx > 1) {
		snprintf(text, sizeof(text), "Channel %zu", idx / 2); /* a tree */
		bf_json_put_str(channel, "parent", text);
	}
	return channel;
}

struct bf_json *seed_make_organization(size_t idx, size_t first, size_t user_count)
{
	static const char *const names[] = {"admin", "moderator", "member"};
	struct bf_json *organization = bf_json_object(), *users = bf_json_array();
	struct bf_json *roles = bf_json_array(), *channels = bf_json_array();
	char text[64];

	snprintf(text, sizeof(text), "test-%04zu", idx);
	bf_json_put_str(organization, "slug", text);
	snprintf(text, sizeof(text), "Test %zu", idx);
	bf_json_put_str(organization, "name", text);
	for (size_t i = 0; i < COUNT(names); i++) {
		struct bf_json *role = bf_json_object();

		bf_json_put_str(role, "name", names[i]);
		bf_json_push(roles, role);
	}
	for (size_t i = 0; i < user_count; i++)
		bf_json_push(users, make_user(first + i));
	for (size_t i = 1; i <= CHANNELS; i++)
		bf_json_push(channels, make_channel(i));
	bf_json_put(organization, "roles", roles);
	bf_json_put(organization, "users", users);
	bf_json_put(organization, "channels", channels);
	return organization;
}
