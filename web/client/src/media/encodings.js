// In which encodings a picture is sent through the server, so that each who watches it gets one that suits them (simulcast).

import { KINDS } from './tracks.js';

/** @typedef {import('./tracks.js').TrackSource} TrackSource */

/**
 * The names of encodings (RFC 8851), the smallest first, how much smaller each is than the picture, and the most that it
 * takes, in bits a second: the smallest moves beside a voice where hardly anything else does.
 */
const LADDER = [
  { rid: 'q', scaleResolutionDownBy: 4, maxBitrate: 100_000 },
  { rid: 'h', scaleResolutionDownBy: 2, maxBitrate: 400_000 },
  { rid: 'f', scaleResolutionDownBy: 1, maxBitrate: 1_500_000 },
];

/** A picture of fewer lines is not worth an encoding of its own. */
const LINES_MIN = 90;

/**
 * What a transceiver is to send a camera's picture in; of other sources in one encoding, as the browser does by itself.
 * A screen is read, and small it cannot be.
 *
 * @param {TrackSource} source
 * @param {MediaStreamTrack | null} track
 * @returns {{ sendEncodings?: RTCRtpEncodingParameters[] }}
 */
export function encodingsOf(source, track) {
  if (source !== 'camera' || KINDS[source] !== track?.kind) return {};
  const lines = track.getSettings?.().height ?? 0;
  const encodings = LADDER.filter(({ scaleResolutionDownBy }) => scaleResolutionDownBy === 1 || lines / scaleResolutionDownBy >= LINES_MIN);
  return encodings.length > 1 ? { sendEncodings: encodings.map((encoding) => ({ ...encoding })) } : {};
}

/**
 * Sends those encodings of a picture that somebody wants, and no others.
 *
 * @param {Pick<RTCRtpSender, 'getParameters' | 'setParameters'>} sender
 * @param {Map<string, boolean>} wanted by name; of one that is not named nothing changes
 */
export async function sendWanted(sender, wanted) {
  const parameters = sender.getParameters();
  let isNew = false;
  for (const encoding of parameters.encodings) {
    const active = wanted.get(encoding.rid ?? '') ?? encoding.active;
    isNew ||= active !== encoding.active;
    encoding.active = active;
  }
  if (isNew) await sender.setParameters(parameters);
}
