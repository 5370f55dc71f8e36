import type { Source } from './protocol.js';

/** Video codecs that can be asked for. The browser's own order is used where none is, or where it does not have the one asked for. */
export type VideoCodec = 'vp8' | 'vp9' | 'h264' | 'av1';

/** Size of a captured picture, as far as the browser tells. */
export interface PictureSize {
  width?: number | undefined;
  height?: number | undefined;
}

/** Below this shorter side Chromium leaves the third layer empty: three layers need 960x540. */
const THREE_LAYERS_FROM = 540;
/** A half-size layer below 180 lines helps nobody. */
const TWO_LAYERS_FROM = 360;

/** Bits per second that camera pictures of this shorter side need to look clean in VP8 at 30 frames a second. */
function cameraBitrate(side: number): number {
  if (side >= 1080) return 3_000_000;
  if (side >= 720) return 1_700_000;
  if (side >= 540) return 1_100_000;
  if (side >= 360) return 700_000;
  if (side >= 270) return 400_000;
  return 180_000;
}

/**
 * The encodings for a video track: three layers (q, h, f), two (q, h) or one.
 *
 * @param wanted - false: one encoding; true: as many as the size allows, for screens too; undefined: layers for cameras only
 */
export function chooseEncodings(
  source: Source,
  size: PictureSize,
  wanted?: boolean,
  codec?: VideoCodec,
): RTCRtpEncodingParameters[] {
  const side = Math.min(size.width ?? Infinity, size.height ?? Infinity);
  const known = Number.isFinite(side) ? side : 0;
  const layered = wanted ?? source === 'camera';
  if (source === 'screen' && !layered) return [{ maxBitrate: 2_500_000, maxFramerate: 15 }];
  if (!layered || known < TWO_LAYERS_FROM) return [{ maxBitrate: cameraBitrate(known || 720) }];
  const scales: [string, number][] =
    known >= THREE_LAYERS_FROM
      ? [['q', 4], ['h', 2], ['f', 1]]
      : [['q', 2], ['h', 1]];
  return scales.map(([rid, scale]) => {
    const encoding: RTCRtpEncodingParameters & { scalabilityMode?: string } = {
      rid,
      scaleResolutionDownBy: scale,
      maxBitrate: cameraBitrate(known / scale),
    };
    // Without a mode Chromium takes several VP9 or AV1 encodings for spatial layers and sends the first only.
    if (codec === 'vp9' || codec === 'av1') encoding.scalabilityMode = 'L1T3';
    return encoding;
  });
}

/** All the codecs of this browser with those of one name moved to the front; null when it has none of that name. */
export function preferCodec<T extends { mimeType: string }>(codecs: T[], codec: VideoCodec): T[] | null {
  const is = (c: T): boolean => c.mimeType.toLowerCase() === `video/${codec}`;
  const first = codecs.filter(is);
  return first.length > 0 ? [...first, ...codecs.filter((c) => !is(c))] : null;
}
