/* signaling/auth/qr.h - text as a QR code in SVG, for a page to show; the door of libqrencode.
 *
 * One path in black on white, nothing that refers elsewhere and no style: it passes any content security policy.
 * Thread: any.   Limits: BF_QR_TEXT_MAX bytes of text.   Source: ISO/IEC 18004, error correction level M
 */
#ifndef BF_SIGNALING_AUTH_QR_H
#define BF_SIGNALING_AUTH_QR_H

#include "core/base/bytes.h"

#define BF_QR_TEXT_MAX 1024

/* `out` is a NUL-terminated block that the caller frees. -EINVAL: empty. -ENOBUFS: too long. -ENOMEM. */
int bf_qr_svg(char **out, struct bf_bytes text);

#endif
