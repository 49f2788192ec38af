// In which encodings a picture is sent through the server, so that each who watches it gets one that suits them (simulcast).

import { KINDS } from './tracks.js';

/** @typedef {import('./tracks.js').TrackSource} TrackSource */

/** The names of encodings (RFC 8851), the smallest first, and how much smaller each is than the picture. */
const LADDER = [
  { rid: 'q', scaleResolutionDownBy: 4 },
  { rid: 'h', scaleResolutionDownBy: 2 },
  { rid: 'f', scaleResolutionDownBy: 1 },
];

/**
 * Of so many pixels a picture is sent in two and in three encodings: of a smaller one Chromium sends only the smallest of
 * those it is asked for, and never the picture in full (libwebrtc, `kSimulcastFormats`).
 */
const PIXELS_FOR_TWO = 480 * 270;
const PIXELS_FOR_THREE = 960 * 540;

/**
 * The most that an encoding takes, in bits a second, by the pixels of its shorter side. Of the usual cameras the smallest encoding has 180
 * of them, and moves beside two voices where a line carries 250 kbit/s.
 */
const MOST = [
  { side: 120, maxBitrate: 80_000 },
  { side: 240, maxBitrate: 120_000 },
  { side: 480, maxBitrate: 600_000 },
  { side: 720, maxBitrate: 1_500_000 },
  { side: Infinity, maxBitrate: 2_500_000 },
];

const mostOf = (/** @type {number} */ pixels) => MOST.find(({ side }) => pixels <= side)?.maxBitrate;

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
  const { width = 0, height = 0 } = track.getSettings?.() ?? {};
  const count = width * height >= PIXELS_FOR_THREE ? 3 : width * height >= PIXELS_FOR_TWO ? 2 : 1;
  if (count === 1) return {};
  const sendEncodings = LADDER.slice(-count).map((encoding) => ({ ...encoding, maxBitrate: mostOf(Math.min(width, height) / encoding.scaleResolutionDownBy) }));
  return { sendEncodings };
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
