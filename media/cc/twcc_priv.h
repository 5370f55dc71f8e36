/* media/cc/twcc_priv.h - numbers of the transport-cc message that writer and reader share.
 *
 *  0                   1                   2                   3
 * |                      SSRC of the sender                       |
 * |                      SSRC of the media                        |
 * |     base sequence number      |      packet status count      |
 * |          reference time, 64 ms (signed)       | feedback count|
 * |         chunk (16)            |         chunk ...             |
 * |  one receive delta (8 or 16) for each packet received, 250 us |
 *
 * Run:           |0| status (2) |        length (13)       |
 * 14 statuses:   |1|0| one bit each                        |
 * 7 statuses:    |1|1| two bits each                       |
 */
#ifndef BF_MEDIA_CC_TWCC_PRIV_H
#define BF_MEDIA_CC_TWCC_PRIV_H

#define TWCC_HEAD	     16
#define TWCC_TICK_US	     250
#define TWCC_REFERENCE_US    64000
#define TWCC_REFERENCE_TICKS (TWCC_REFERENCE_US / TWCC_TICK_US)

enum twcc_status {
	TWCC_LOST = 0,
	TWCC_SMALL = 1, /* delta of one byte, 0..255 */
	TWCC_LARGE = 2, /* delta of two bytes, signed */
};

#endif
