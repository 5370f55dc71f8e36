#include "scripts/bench/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int refuse(const char *why)
{
	fprintf(stderr, "belfry-bench: %s\n", why);
	return -EINVAL;
}

/* Publishers who only send; each subscriber plays one of them. */
static void plan_one_to_many(struct bench_plan *plan, const struct bench_options *options)
{
	unsigned publishers = options->publishers;

	for (unsigned i = 0; i < publishers; i++) {
		struct bench_client_spec *spec = &plan->clients[i];
		spec->room = i;
		spec->sends_audio = options->has_audio;
		spec->sends_video = true;
	}
	for (unsigned i = 0; i < options->subscribers; i++) {
		struct bench_client_spec *spec = &plan->clients[publishers + i];
		spec->plays = (uint16_t)(i % publishers);
		spec->room = spec->plays;
		spec->receives = true;
		spec->expected_count[BENCH_AUDIO] = options->has_audio;
		spec->expected_count[BENCH_VIDEO] = 1;
	}
	plan->first_count = publishers;
	plan->late_count = options->late;
	plan->room_count = publishers;
	plan->room_size = 1 + (options->subscribers + publishers - 1) / publishers;
}

/* Everyone receives everyone else. Who speaks sends video and audio; the others have their camera off and are silent. */
static void plan_conference(struct bench_plan *plan, const struct bench_options *options)
{
	unsigned count = plan->client_count;
	unsigned speakers = options->speakers < count ? options->speakers : count;

	for (unsigned i = 0; i < count; i++) {
		struct bench_client_spec *spec = &plan->clients[i];
		bool is_speaker = i < speakers;
		spec->sends_audio = options->has_audio;
		spec->sends_video = is_speaker;
		spec->is_silent = !is_speaker;
		spec->receives = true;
		spec->expected_count[BENCH_AUDIO] = options->has_audio ? count - 1 : 0;
		spec->expected_count[BENCH_VIDEO] = speakers - is_speaker;
	}
	plan->room_count = 1;
	plan->room_size = count;
}

static void plan_audio_rooms(struct bench_plan *plan, const struct bench_options *options)
{
	for (unsigned i = 0; i < plan->client_count; i++) {
		struct bench_client_spec *spec = &plan->clients[i];
		spec->room = i / options->room_size;
		spec->sends_audio = true;
		spec->receives = true;
		spec->expected_count[BENCH_AUDIO] = options->room_size - 1;
	}
	plan->room_count = options->rooms;
	plan->room_size = options->room_size;
}

static unsigned count_clients(const struct bench_options *options)
{
	switch (options->scenario) {
	case BENCH_CONFERENCE:
		return options->participants;
	case BENCH_AUDIO_ROOMS:
		return options->rooms * options->room_size;
	case BENCH_ONE_TO_MANY:
	case BENCH_JOIN_STORM:
	case BENCH_IMPAIRED:
		break;
	}
	return options->publishers + options->subscribers;
}

static void finish(struct bench_plan *plan)
{
	bool is_first = true;

	for (unsigned i = 0; i < plan->client_count; i++) {
		struct bench_client_spec *spec = &plan->clients[i];
		spec->number = (uint16_t)i;
		spec->is_late = i >= plan->client_count - plan->late_count;
		spec->checks_all = spec->receives && is_first;
		is_first = is_first && !spec->receives;
		plan->receiver_count += spec->receives;
		plan->stream_count +=
			spec->expected_count[BENCH_AUDIO] + spec->expected_count[BENCH_VIDEO];
	}
}

int bench_plan_make(struct bench_plan *out, const struct bench_options *options, bool plays_one)
{
	unsigned count = count_clients(options);
	bool is_mutual =
		options->scenario == BENCH_CONFERENCE || options->scenario == BENCH_AUDIO_ROOMS;

	if (count > BENCH_PEERS_MAX)
		return refuse("too many clients");
	if (is_mutual && plays_one)
		return refuse("this adapter plays one publisher for each connection: not a "
			      "scenario for it");
	if (options->scenario == BENCH_CONFERENCE && 2 * count > BENCH_SECTIONS + 1)
		return refuse("too many participants for one connection");
	*out = (struct bench_plan){.client_count = count};
	out->clients = calloc(count, sizeof(*out->clients));
	if (!out->clients)
		return -ENOMEM;
	switch (options->scenario) {
	case BENCH_CONFERENCE:
		plan_conference(out, options);
		break;
	case BENCH_AUDIO_ROOMS:
		plan_audio_rooms(out, options);
		break;
	case BENCH_ONE_TO_MANY:
	case BENCH_JOIN_STORM:
	case BENCH_IMPAIRED:
		plan_one_to_many(out, options);
		break;
	}
	finish(out);
	return 0;
}

void bench_plan_free(struct bench_plan *plan)
{
	free(plan->clients);
	plan->clients = NULL;
}
