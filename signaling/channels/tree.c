#include "signaling/channels/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where an entry belongs until the tree is finished. */
struct bf_tree_entry_place {
	struct bf_uuid channel;
	int64_t position;
	struct bf_channel_entry entry;
};

void bf_tree_deinit(struct bf_tree *tree)
{
	for (size_t i = 0; i < tree->channel_count; i++) {
		free(tree->channels[i].name);
		free(tree->channels[i].description);
	}
	free(tree->channels);
	free(tree->entries);
	free(tree->places);
	*tree = (struct bf_tree){.channel_count = 0};
}

/* ---- building ---- */

static int grow(void **array, size_t *capacity, size_t count, size_t size, size_t max)
{
	size_t wanted = *capacity ? 2 * *capacity : 64;
	void *grown;

	if (count < *capacity)
		return 0;
	if (count >= max)
		return -ENOBUFS;
	grown = realloc(*array, wanted * size);
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*capacity = wanted;
	return 0;
}

static char *copy(struct bf_bytes text)
{
	return text.data ? strndup((const char *)text.data, text.len) : strdup("");
}

int bf_tree_add(struct bf_tree *tree, const struct bf_channel *row)
{
	int err = grow((void **)&tree->channels, &tree->channel_capacity, tree->channel_count,
		sizeof(*tree->channels), BF_TREE_CHANNELS_MAX);
	struct bf_tree_channel *channel;

	if (err)
		return err;
	channel = &tree->channels[tree->channel_count];
	*channel = (struct bf_tree_channel){.id = row->id,
		.parent = row->parent_id,
		.name = copy(row->name),
		.description = copy(row->description),
		.position = row->position,
		.participant_count_max = row->participant_count_max,
		.created_at = row->created_at,
		.updated_at = row->updated_at,
		.is_temporary = row->is_temporary,
		.has_password = row->password_hash.data != NULL};
	if (!channel->name || !channel->description) {
		free(channel->name);
		free(channel->description);
		return -ENOMEM;
	}
	tree->channel_count++;
	return 0;
}

int bf_tree_add_entry(struct bf_tree *tree, const struct bf_channel_acl *row)
{
	int err = grow((void **)&tree->places, &tree->entry_capacity, tree->entry_count,
		sizeof(*tree->places), BF_TREE_ENTRIES_MAX);

	if (err)
		return err;
	tree->places[tree->entry_count++] =
		(struct bf_tree_entry_place){row->channel_id, row->position,
			{.is_everyone = bf_bytes_is(row->subject_kind, "everyone"),
				.user = row->user_id,
				.role = row->role_id,
				.allow = (uint32_t)row->allow,
				.deny = (uint32_t)row->deny,
				.applies_here = row->applies_here,
				.applies_below = row->applies_below}};
	return 0;
}

static int compare_places(const void *a, const void *b)
{
	const struct bf_tree_entry_place *one = a, *two = b;
	int order = memcmp(&one->channel, &two->channel, sizeof(one->channel));

	if (order)
		return order;
	return one->position < two->position ? -1 : one->position > two->position;
}

static int compare_channels(const void *a, const void *b)
{
	return memcmp(&((const struct bf_tree_channel *)a)->id,
		&((const struct bf_tree_channel *)b)->id, sizeof(struct bf_uuid));
}

/* Each list next to its channel. Entries of a channel that came later than the list of channels are nobody's. */
static int place_entries(struct bf_tree *tree)
{
	struct bf_tree_channel *channel = tree->channels, *end = channel + tree->channel_count;

	tree->entries = calloc(tree->entry_count + 1, sizeof(*tree->entries));
	if (!tree->entries)
		return -ENOMEM;
	if (tree->entry_count > 0)
		qsort(tree->places, tree->entry_count, sizeof(*tree->places), compare_places);
	for (size_t i = 0; i < tree->entry_count; i++) {
		const struct bf_tree_entry_place *place = &tree->places[i];

		tree->entries[i] = place->entry;
		while (channel < end &&
			memcmp(&channel->id, &place->channel, sizeof(channel->id)) < 0)
			channel++;
		if (channel == end || !bf_uuid_equal(channel->id, place->channel))
			continue;
		if (channel->entry_count++ == 0)
			channel->first_entry = i;
	}
	free(tree->places);
	tree->places = NULL;
	return 0;
}

static struct bf_tree_channel *find(const struct bf_tree *tree, struct bf_uuid id)
{
	const struct bf_tree_channel key = {.id = id};

	if (tree->channel_count == 0)
		return NULL;
	return bsearch(&key, tree->channels, tree->channel_count, sizeof(key), compare_channels);
}

/* A ring, which should not be, ends past the deepest that there may be. */
static uint32_t depth_of(const struct bf_tree *tree, const struct bf_tree_channel *channel)
{
	uint32_t depth = 1;

	for (; channel->parent_idx >= 0 && depth <= BF_CHANNEL_DEPTH_MAX; depth++)
		channel = &tree->channels[channel->parent_idx];
	return depth;
}

int bf_tree_finish(struct bf_tree *tree)
{
	const struct bf_uuid none = {{0}};

	if (tree->channel_count > 0)
		qsort(tree->channels, tree->channel_count, sizeof(*tree->channels),
			compare_channels);
	for (size_t i = 0; i < tree->channel_count; i++) {
		struct bf_tree_channel *channel = &tree->channels[i];
		struct bf_tree_channel *parent =
			bf_uuid_equal(channel->parent, none) ? NULL : find(tree, channel->parent);

		channel->parent_idx = parent ? (int32_t)(parent - tree->channels) : -1;
	}
	for (size_t i = 0; i < tree->channel_count; i++)
		tree->channels[i].depth = depth_of(tree, &tree->channels[i]);
	return place_entries(tree);
}

/* ---- asking ---- */

const struct bf_tree_channel *bf_tree_find(const struct bf_tree *tree, struct bf_uuid id)
{
	return find(tree, id);
}

uint32_t bf_tree_rights(const struct bf_tree *tree, const struct bf_tree_channel *channel,
	const struct bf_channel_subject *subject)
{
	struct bf_channel_list path[BF_CHANNEL_DEPTH_MAX];

	if (channel->depth > BF_CHANNEL_DEPTH_MAX)
		return 0;
	for (size_t i = channel->depth, len = i; i-- > 0;) {
		path[i] = (struct bf_channel_list){
			tree->entries + channel->first_entry, channel->entry_count};
		if (i == 0)
			return bf_channel_rights(path, len, subject);
		channel = &tree->channels[channel->parent_idx];
	}
	return 0;
}

static bool is_below(const struct bf_tree *tree, const struct bf_tree_channel *channel,
	const struct bf_tree_channel *above)
{
	for (uint32_t i = 0; i <= BF_CHANNEL_DEPTH_MAX; i++) {
		if (channel == above)
			return true;
		if (channel->parent_idx < 0)
			return false;
		channel = &tree->channels[channel->parent_idx];
	}
	return true;
}

const char *bf_tree_may_move(
	const struct bf_tree *tree, const struct bf_tree_channel *channel, struct bf_uuid parent_id)
{
	const struct bf_tree_channel *parent = find(tree, parent_id);
	uint32_t height = 1, depth = parent ? parent->depth : 0;

	if (!parent && !bf_uuid_equal(parent_id, (struct bf_uuid){{0}}))
		return "there is no such parent";
	if (channel && parent && is_below(tree, parent, channel))
		return "a channel cannot lie below itself";
	for (size_t i = 0; channel && i < tree->channel_count; i++) {
		const struct bf_tree_channel *other = &tree->channels[i];

		if (is_below(tree, other, channel) && other->depth - channel->depth + 1 > height)
			height = other->depth - channel->depth + 1;
	}
	return depth + height > BF_CHANNEL_DEPTH_MAX ? "channels lie 16 deep at most" : NULL;
}
