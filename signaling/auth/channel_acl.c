#include "signaling/auth/channel_acl.h"

#include <string.h>

static const struct {
	const char *name;
	uint32_t right;
} rights[] = {
	{"write", BF_CHANNEL_WRITE},
	{"traverse", BF_CHANNEL_TRAVERSE},
	{"enter", BF_CHANNEL_ENTER},
	{"speak", BF_CHANNEL_SPEAK},
	{"mute", BF_CHANNEL_MUTE},
	{"move", BF_CHANNEL_MOVE},
	{"make", BF_CHANNEL_MAKE},
	{"link", BF_CHANNEL_LINK},
	{"whisper", BF_CHANNEL_WHISPER},
	{"text", BF_CHANNEL_TEXT},
	{"make_temporary", BF_CHANNEL_MAKE_TEMPORARY},
	{"listen", BF_CHANNEL_LISTEN},
	{"kick", BF_CHANNEL_KICK},
	{"ban", BF_CHANNEL_BAN},
};

#define RIGHT_COUNT (sizeof(rights) / sizeof(rights[0]))

uint32_t bf_channel_right_of(const char *name)
{
	for (size_t i = 0; i < RIGHT_COUNT; i++)
		if (strcmp(rights[i].name, name) == 0)
			return rights[i].right;
	return 0;
}

const char *bf_channel_right_name(size_t idx, uint32_t *right)
{
	if (idx >= RIGHT_COUNT)
		return NULL;
	*right = rights[idx].right;
	return rights[idx].name;
}

static bool is_about(const struct bf_channel_entry *entry, const struct bf_channel_subject *subject)
{
	if (entry->is_everyone || bf_uuid_equal(entry->user, subject->user))
		return true;
	for (size_t i = 0; i < subject->role_count; i++)
		if (bf_uuid_equal(entry->role, subject->roles[i]))
			return true;
	return false;
}

static uint32_t apply(uint32_t held, const struct bf_channel_list *list, bool is_target,
	const struct bf_channel_subject *subject)
{
	for (size_t i = 0; i < list->entry_count; i++) {
		const struct bf_channel_entry *entry = &list->entries[i];

		if (!(is_target ? entry->applies_here : entry->applies_below) ||
			!is_about(entry, subject))
			continue;
		held = (held | entry->allow) & ~entry->deny;
	}
	return held;
}

/* What is denied on the way down is for below; whether one may pass is what holds in the channel itself. */
uint32_t bf_channel_rights(const struct bf_channel_list *path, size_t path_len,
	const struct bf_channel_subject *subject)
{
	const uint32_t voice = BF_CHANNEL_SPEAK | BF_CHANNEL_WHISPER;
	uint32_t held = BF_CHANNEL_DEFAULT;

	if (subject->is_admin)
		return BF_CHANNEL_ALL;
	for (size_t i = 0; i < path_len; i++) {
		bool is_target = i + 1 == path_len;
		uint32_t here = apply(held, &path[i], true, subject);

		if (!(here & (BF_CHANNEL_TRAVERSE | BF_CHANNEL_WRITE)))
			return 0;
		held = is_target ? here : apply(held, &path[i], false, subject);
	}
	if (held & BF_CHANNEL_WRITE)
		held |= BF_CHANNEL_ALL & ~voice;
	return held;
}
