#include "media/room/outbox.h"

void bf_outbox_init(struct bf_outbox *outbox, const struct bf_transport_env *env, uint64_t *drops)
{
	outbox->env = env;
	outbox->drops = drops;
	outbox->plan_count = 0;
	outbox->sent_packets = 0;
	outbox->sent_bytes = 0;
}

struct bf_plan *bf_outbox_add(struct bf_outbox *outbox)
{
	if (outbox->plan_count == BF_OUTBOX_PLANS)
		bf_outbox_flush(outbox);
	return &outbox->plans[outbox->plan_count++];
}

static enum bf_drop send_plan(struct bf_outbox *outbox, const struct bf_plan *plan)
{
	const struct bf_transport_env *env = outbox->env;
	const struct bf_ice_path *path = bf_transport_path(plan->transport);
	struct bf_srtp_protect_job job = {
		.srtp = bf_transport_srtp_out(plan->transport),
		.header_len = plan->header_len,
		.front_len = plan->front_len,
		.payload = plan->payload,
		.dst_size = plan->header_len + plan->front_len + plan->payload.len +
			    BF_SRTP_OVERHEAD_MAX,
	};

	if (!path || !job.srtp)
		return BF_DROP_NO_KEYS;
	job.dst = env->reserve(env->arg, path, job.dst_size);
	if (!job.dst)
		return BF_DROP_NONE; /* reserve has counted it */
	memcpy(job.dst, plan->header, plan->header_len + plan->front_len);
	bf_srtp_protect(&job, 1);
	if (job.dst_len == 0)
		return BF_DROP_SSRC_LIMIT;
	env->commit(env->arg, path, job.dst_len);
	outbox->sent_packets++;
	outbox->sent_bytes += job.dst_len;
	return BF_DROP_NONE;
}

void bf_outbox_flush(struct bf_outbox *outbox)
{
	for (size_t i = 0; i < outbox->plan_count; i++)
		outbox->drops[send_plan(outbox, &outbox->plans[i])]++;
	outbox->plan_count = 0;
}
