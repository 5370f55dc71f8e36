#include "media/cc/twcc.h"
#include "media/cc/twcc_priv.h"

#include <errno.h>

/* Put `status` of one packet into its slot, if the caller has one for it. */
static void note(int64_t *slots, size_t slot_count, size_t idx, unsigned status)
{
	if (idx < slot_count)
		slots[idx] = status;
}

/* Statuses of `count` packets into the slots. -EBADMSG: too few chunks, or the reserved status. */
static int read_statuses(struct bf_rd *rd, size_t count, int64_t *slots, size_t slot_count)
{
	for (size_t at = 0; at < count;) {
		uint16_t chunk = bf_rd_u16(rd);
		bool is_vector = (chunk & 0x8000) != 0;
		unsigned width = !is_vector || (chunk & 0x4000) ? 2 : 1;
		size_t len = is_vector ? 14 / width : chunk & 0x1fffu;

		/* An empty run covers nothing: harmless, since every chunk takes bytes. */
		for (size_t i = 0; i < len && at < count && !rd->is_short; i++, at++) {
			unsigned shift = is_vector ? 14 - width * (unsigned)(i + 1) : 13;
			unsigned status = (unsigned)chunk >> shift & (width == 2 ? 3u : 1u);

			if (status > TWCC_LARGE)
				return -EBADMSG;
			note(slots, slot_count, at, status);
		}
		if (rd->is_short)
			return -EBADMSG;
	}
	return 0;
}

int bf_twcc_parse(struct bf_bytes body, uint16_t *base_seq, int64_t *arrival_us, size_t count)
{
	struct bf_rd rd;
	int64_t at_us = 0;
	size_t status_count;

	if (body.len < TWCC_HEAD)
		return -EBADMSG;
	status_count = bf_get_u16(body.data + 10);
	if (status_count == 0)
		return -EBADMSG;
	rd = bf_rd(bf_bytes(body.data + TWCC_HEAD, body.len - TWCC_HEAD));
	if (count > status_count)
		count = status_count;
	/* The slots hold the statuses until the deltas, which stand behind all of them, are read. */
	if (read_statuses(&rd, status_count, arrival_us, count) < 0)
		return -EBADMSG;
	for (size_t i = 0; i < count; i++) {
		int64_t status = arrival_us[i];

		if (status == TWCC_LARGE)
			at_us += (int64_t)(int16_t)bf_rd_u16(&rd) * TWCC_TICK_US;
		else if (status == TWCC_SMALL)
			at_us += (int64_t)bf_rd_u8(&rd) * TWCC_TICK_US;
		arrival_us[i] = status == TWCC_LOST ? -1 : at_us;
	}
	if (rd.is_short)
		return -EBADMSG;
	*base_seq = bf_get_u16(body.data + 8);
	return (int)count;
}

int64_t bf_twcc_reference_us(struct bf_bytes body)
{
	return body.len < TWCC_HEAD ? 0 : (int64_t)bf_get_u24(body.data + 12) * TWCC_REFERENCE_US;
}
