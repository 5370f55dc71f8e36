#include "tests/media/sdp/describe.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

char *load_description(const char *name, size_t *len)
{
	char path[512];
	char *text;
	FILE *file;
	long size;

	snprintf(path, sizeof(path), "%s/sdp/%s", BF_TEST_DATA, name);
	file = fopen(path, "rb");
	assert(file);
	assert(fseek(file, 0, SEEK_END) == 0);
	size = ftell(file);
	assert(size > 0);
	rewind(file);
	text = malloc((size_t)size + 1);
	assert(text);
	assert(fread(text, 1, (size_t)size, file) == (size_t)size);
	text[size] = '\0';
	fclose(file);
	*len = (size_t)size;
	return text;
}

static void put(FILE *to, const char *before, struct bf_bytes text)
{
	fprintf(to, "%s%.*s", before, (int)text.len, text.len ? (const char *)text.data : "");
}

static void describe_formats(const struct bf_sdp_media *media, FILE *to)
{
	fprintf(to, " fmts=");
	for (unsigned i = 0; i < media->format_count; i++) {
		const struct bf_sdp_format *format = &media->formats[i];

		fprintf(to, "%s%u:", i ? "," : "", format->pt);
		if (format->is_rtx)
			fprintf(to, "rtx:%u", format->apt);
		else
			fprintf(to, "%s:%s%s%s%s%s", bf_codec_name(format->codec),
				format->has_nack ? "n" : "", format->has_pli ? "p" : "",
				format->has_fir ? "f" : "", format->has_remb ? "r" : "",
				format->has_twcc ? "t" : "");
	}
}

static void describe_rtp(const struct bf_sdp_media *media, FILE *to)
{
	static const char *const names[BF_EXT_COUNT] = {
		[BF_EXT_MID] = "mid",
		[BF_EXT_RID] = "rid",
		[BF_EXT_RRID] = "rrid",
		[BF_EXT_ABS_SEND_TIME] = "ast",
		[BF_EXT_TWCC] = "twcc",
		[BF_EXT_AUDIO_LEVEL] = "level",
		[BF_EXT_ORIENTATION] = "orient",
		[BF_EXT_PLAYOUT_DELAY] = "delay",
		[BF_EXT_DEPENDENCY_DESCRIPTOR] = "dd",
	};
	const char *comma = "";

	describe_formats(media, to);
	fprintf(to, " exts=");
	for (unsigned i = 0; i < BF_EXT_COUNT; i++) {
		if (!media->exts.id[i])
			continue;
		fprintf(to, "%s%s:%u", comma, names[i], media->exts.id[i]);
		comma = ",";
	}
	fprintf(to, " ssrcs=");
	for (unsigned i = 0; i < media->ssrc_count; i++) {
		fprintf(to, "%s%u", i ? "," : "", media->ssrcs[i].ssrc);
		if (media->ssrcs[i].rtx_ssrc)
			fprintf(to, "+%u", media->ssrcs[i].rtx_ssrc);
	}
	for (unsigned i = 0; i < media->rid_count; i++) {
		const char *verb = media->is_simulcast_send ? " send=" : " recv=";

		put(to, i ? "," : verb, media->rids[i]);
	}
}

static void describe_media(const struct bf_sdp_media *media, FILE *to)
{
	static const char *const kinds[] = {"audio", "video", "application", "other"};
	static const char *const dirs[] = {"inactive", "sendonly", "recvonly", "sendrecv"};
	static const char *const setups[] = {"none", "actpass", "active", "passive"};

	fprintf(to, "%s %u", kinds[media->kind], media->port);
	put(to, " ", media->proto);
	put(to, " mid=", media->mid);
	fprintf(to, "%s%s %s %s", media->is_bundled ? " bundled" : "",
		media->is_bundle_only ? " only" : "", dirs[media->dir], setups[media->setup]);
	put(to, " ice=", media->ufrag);
	put(to, "/", media->pwd);
	if (media->fingerprint.len > 7) {
		put(to, " ", media->hash);
		put(to, "=", bf_bytes(media->fingerprint.data, 5));
		put(to, "..", bf_bytes(media->fingerprint.data + media->fingerprint.len - 2, 2));
	} else {
		fprintf(to, " unproved");
	}
	fprintf(to, "%s%s", media->has_rtcp_mux ? " mux" : "",
		media->has_rtcp_rsize ? " rsize" : "");
	if (media->msid_stream.len) {
		put(to, " msid=", media->msid_stream);
		put(to, "/", media->msid_track);
	}
	if (media->kind == BF_SDP_AUDIO || media->kind == BF_SDP_VIDEO)
		describe_rtp(media, to);
	fprintf(to, " cands=%u", media->candidate_count);
	if (media->kind == BF_SDP_APPLICATION)
		fprintf(to, " sctp=%u/%" PRIu64, media->sctp_port, media->max_message);
	fprintf(to, "\n");
}

void describe(const struct bf_sdp *sdp, FILE *to)
{
	fprintf(to, "session%s%s\n", sdp->is_ice_lite ? " lite" : "",
		sdp->has_extmap_mixed ? " mixed" : "");
	for (unsigned i = 0; i < sdp->media_count; i++)
		describe_media(&sdp->media[i], to);
}

char *describe_to_text(const struct bf_sdp *sdp)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	assert(to);
	describe(sdp, to);
	fclose(to);
	return text;
}
