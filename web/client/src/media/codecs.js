// Which codec pictures go in through the server, which passes them on as they are.

/** What all browsers decode: of the others each knows some, and some profiles of those, and shows nothing of the rest. */
const DECODED_BY_ALL = 'video/VP8';

/** What else is negotiated like a codec: it protects others, whatever they are. */
const HELPERS = ['video/rtx', 'video/red', 'video/ulpfec', 'video/flexfec-03'];

/**
 * Puts the codec first that everybody in the session can decode, where the browser has it: a browser's own order may
 * begin with one that others do not know.
 *
 * @param {RTCRtpTransceiver} transceiver
 * @param {'audio' | 'video'} kind
 * @param {boolean} [only] no other: of frames that are encrypted no more can be read than what this one shows
 */
export function preferDecodable(transceiver, kind, only = false) {
  const codecs = kind === 'video' ? globalThis.RTCRtpSender?.getCapabilities?.(kind)?.codecs : null;
  const first = codecs?.filter(({ mimeType }) => mimeType === DECODED_BY_ALL) ?? [];
  if (first.length === 0) return;
  const rest = (codecs ?? []).filter((codec) => !first.includes(codec));
  transceiver.setCodecPreferences?.([...first, ...rest.filter(({ mimeType }) => !only || HELPERS.includes(mimeType))]);
}
