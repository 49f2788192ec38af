// Which codec pictures go in through the server, which passes them on as they are.

/** What all browsers decode: of the others each knows some, and some profiles of those, and shows nothing of the rest. */
const DECODED_BY_ALL = 'video/VP8';

/**
 * Puts the codec first that everybody in the session can decode, where the browser has it: a browser's own order may
 * begin with one that others do not know.
 *
 * @param {RTCRtpTransceiver} transceiver
 * @param {'audio' | 'video'} kind
 */
export function preferDecodable(transceiver, kind) {
  const codecs = kind === 'video' ? globalThis.RTCRtpSender?.getCapabilities?.(kind)?.codecs : null;
  const first = codecs?.filter(({ mimeType }) => mimeType === DECODED_BY_ALL) ?? [];
  if (first.length === 0) return;
  transceiver.setCodecPreferences?.([...first, ...(codecs ?? []).filter((codec) => !first.includes(codec))]);
}
