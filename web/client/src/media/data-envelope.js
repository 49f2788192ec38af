// What each message of a data channel carries besides what is said: for whom it is, from whom it comes, and what it is
// about (docs/PROTOCOL.md, "Data in a session").

import { SwitchboardError } from '../errors.js';

const VERSION = 1;

/** Whom one message is for at most. */
export const DESTINATIONS_MAX = 16;

const TOPIC_BYTES_MAX = 64;
const RELIABLE_BYTES_MAX = 15 * 1024;
const LOSSY_BYTES_MAX = 1_200;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What is said, and what it is about, in bytes and as long as they may be. @typedef {{ topic: Uint8Array, payload: Uint8Array }} Content */

/**
 * @param {ArrayBuffer | ArrayBufferView} data
 * @param {string} topic
 * @param {boolean} reliable
 * @returns {Content}
 */
export function contentOf(data, topic, reliable) {
  const payload = data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const content = { topic: encoder.encode(topic), payload };
  const isLong = payload.length > (reliable ? RELIABLE_BYTES_MAX : LOSSY_BYTES_MAX) || content.topic.length > TOPIC_BYTES_MAX;
  if (isLong) throw new SwitchboardError('limit.size', 'the message or its topic is too long', { fault: 'caller' });
  return content;
}

/** A message for these, or for everybody else. @param {string[]} to @param {Content} content @returns {Uint8Array<ArrayBuffer>} */
export function written(to, { topic, payload }) {
  const bytes = new Uint8Array(4 + 16 * to.length + topic.length + payload.length);
  bytes.set([VERSION, 0, to.length]);
  to.forEach((id, index) => bytes.set(idBytes(id), 3 + 16 * index));
  const at = 3 + 16 * to.length;
  bytes[at] = topic.length;
  bytes.set(topic, at + 1);
  bytes.set(payload, at + 1 + topic.length);
  return bytes;
}

/** Between peers: what comes next is to come through the server. */
export const SERVED = Uint8Array.from([VERSION, 1, 0, 0]);

/** Whether a message of the other side itself says that it is there through the server. @param {Uint8Array} bytes */
export const isServed = (bytes) => bytes.length >= 4 && bytes[0] === VERSION && bytes[1] === 1;

/** What was said, and by whom where it was sent by way of the server. @typedef {{ from: string | null, topic: string, data: Uint8Array }} Read */

/** A message that came from the server; null: it has another form. @param {Uint8Array} bytes @returns {Read | null} */
export function readFromServer(bytes) {
  if (bytes.length < 19 || bytes[0] !== VERSION) return null;
  const hex = Array.from(bytes.subarray(2, 18), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return content(bytes, 18, hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'));
}

/** One that came from the other side itself; null: it has another form. @param {Uint8Array} bytes @returns {Read | null} */
export function readFromPeer(bytes) {
  if (bytes.length < 4 || bytes[0] !== VERSION || bytes[1] !== 0) return null;
  return content(bytes, 3 + 16 * bytes[2], null);
}

/** @param {Uint8Array} bytes @param {number} at where the topic begins, with its length @param {string | null} from @returns {Read | null} */
function content(bytes, at, from) {
  const begins = at + 1 + (bytes[at] ?? 0);
  if (at >= bytes.length || begins > bytes.length) return null;
  return { from, topic: decoder.decode(bytes.subarray(at + 1, begins)), data: bytes.slice(begins) };
}

/** @param {string} id a UUID */
function idBytes(id) {
  const hex = id.replaceAll('-', '');
  if (!/^[0-9a-f]{32}$/i.test(hex)) throw new SwitchboardError('protocol.invalidParams', 'a connection id is a UUID', { fault: 'caller' });
  return Uint8Array.from({ length: 16 }, (_, index) => parseInt(hex.slice(2 * index, 2 * index + 2), 16));
}
