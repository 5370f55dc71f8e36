#include "media/room/outbox.h"

#include "core/base/clock.h"

void bf_outbox_init(struct bf_outbox *outbox, const struct bf_transport_env *env,
	struct bf_transit *transit, uint64_t *drops)
{
	outbox->env = env;
	outbox->transit = transit;
	outbox->drops = drops;
	outbox->job_count = 0;
	outbox->sent_packets = 0;
	outbox->sent_bytes = 0;
	outbox->open_count = 0;
	outbox->leaving_count = 0;
}

uint8_t *bf_outbox_reserve(struct bf_outbox *outbox, const struct bf_outbox_aim *aim,
	size_t header_len, size_t front_len, size_t payload_len)
{
	const struct bf_transport_env *env = outbox->env;

	if (outbox->job_count == BF_OUTBOX_JOBS)
		bf_outbox_finish(outbox);
	return env->reserve(env->arg, &aim->out->path,
		header_len + front_len + payload_len + aim->out->tag_len);
}

/* ---- how long packets stay ---- */

static void tell(
	struct bf_outbox *outbox, const struct bf_outbox_stay *stays, size_t count, int64_t now_us)
{
	for (size_t i = 0; i < count; i++)
		bf_transit_add(
			outbox->transit, now_us - stays[i].arrived_us, stays[i].packet_count);
}

/* Packets of a burst follow each other, so the last entry is mostly theirs. */
static void note_stay(struct bf_outbox *outbox, int64_t arrived_us)
{
	struct bf_outbox_stay *last =
		outbox->open_count ? &outbox->open[outbox->open_count - 1] : NULL;

	if (arrived_us == 0)
		return;
	if (!last || last->arrived_us != arrived_us) {
		if (outbox->open_count == BF_OUTBOX_STAYS)
			bf_outbox_on_flush(outbox, bf_clock_mono_us());
		last = &outbox->open[outbox->open_count++];
		*last = (struct bf_outbox_stay){.arrived_us = arrived_us};
	}
	last->packet_count++;
}

void bf_outbox_on_flush(struct bf_outbox *outbox, int64_t now_us)
{
	bf_outbox_finish(outbox);
	tell(outbox, outbox->leaving, outbox->leaving_count, now_us);
	memcpy(outbox->leaving, outbox->open, outbox->open_count * sizeof(outbox->open[0]));
	outbox->leaving_count = outbox->open_count;
	outbox->open_count = 0;
}

void bf_outbox_on_sent(struct bf_outbox *outbox, int64_t now_us)
{
	tell(outbox, outbox->leaving, outbox->leaving_count, now_us);
	outbox->leaving_count = 0;
}

/* ---- packets ---- */

/* A TCP path has room for one packet only, which leaves when it is committed. */
static void send_at_once(
	struct bf_outbox *outbox, const struct bf_outbox_aim *aim, struct bf_srtp_protect_job *job)
{
	const struct bf_transport_env *env = outbox->env;

	bf_srtp_protect(job, 1);
	if (job->dst_len == 0) {
		outbox->drops[BF_DROP_SSRC_LIMIT]++;
		return;
	}
	env->commit(env->arg, &aim->out->path, job->dst_len);
	outbox->sent_packets++;
	outbox->sent_bytes += job->dst_len;
}

void bf_outbox_commit(struct bf_outbox *outbox, const struct bf_outbox_aim *aim, uint8_t *dst,
	size_t header_len, size_t front_len, struct bf_bytes payload)
{
	const struct bf_transport_env *env = outbox->env;
	size_t len = header_len + front_len + payload.len + aim->out->tag_len;
	struct bf_srtp_protect_job *job = &outbox->jobs[outbox->job_count];

	*job = (struct bf_srtp_protect_job){
		.srtp = aim->out->srtp,
		.dst = dst,
		.dst_size = len,
		.header_len = header_len,
		.front_len = front_len,
		.payload = payload,
	};
	note_stay(outbox, aim->arrived_us);
	if (aim->out->path.is_tcp) {
		send_at_once(outbox, aim, job);
		return;
	}
	outbox->sockets[outbox->job_count++] = aim->out->path.socket;
	env->commit(env->arg, &aim->out->path, len);
}

void bf_outbox_finish(struct bf_outbox *outbox)
{
	const struct bf_transport_env *env = outbox->env;

	bf_srtp_protect(outbox->jobs, outbox->job_count);
	for (size_t i = 0; i < outbox->job_count; i++) {
		const struct bf_srtp_protect_job *job = &outbox->jobs[i];

		if (job->dst_len == 0) {
			env->revoke(env->arg, outbox->sockets[i], job->dst);
			outbox->drops[BF_DROP_SSRC_LIMIT]++;
			continue;
		}
		outbox->sent_packets++;
		outbox->sent_bytes += job->dst_len;
	}
	outbox->job_count = 0;
}
