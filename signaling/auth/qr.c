#include "signaling/auth/qr.h"

#include <errno.h>
#include <qrencode.h>
#include <stdio.h>
#include <stdlib.h>

#define QUIET	     4 /* modules of white around it */
#define HEAD_BYTES   512
#define MODULE_BYTES 24 /* "M180 180h1v1h-1z", with room to spare */

static int write_svg(char **out, const QRcode *code)
{
	size_t width = (size_t)code->width, side = width + (size_t)2 * QUIET, at;
	size_t size = HEAD_BYTES + width * width * MODULE_BYTES;
	char *text = malloc(size);

	if (!text)
		return -ENOMEM;
	at = (size_t)snprintf(text, size,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %zu %zu\" "
		"shape-rendering=\"crispEdges\"><rect width=\"%zu\" height=\"%zu\" fill=\"#fff\"/>"
		"<path d=\"",
		side, side, side, side);
	for (size_t i = 0; i < width * width; i++)
		if (code->data[i] & 1)
			at += (size_t)snprintf(text + at, size - at, "M%zu %zuh1v1h-1z",
				i % width + QUIET, i / width + QUIET);
	snprintf(text + at, size - at, "\"/></svg>");
	*out = text;
	return 0;
}

int bf_qr_svg(char **out, struct bf_bytes text)
{
	QRcode *code;
	int err;

	if (text.len == 0)
		return -EINVAL;
	if (text.len > BF_QR_TEXT_MAX)
		return -ENOBUFS;
	code = QRcode_encodeData((int)text.len, text.data, 0, QR_ECLEVEL_M);
	if (!code)
		return -ENOMEM;
	err = write_svg(out, code);
	QRcode_free(code);
	return err;
}
