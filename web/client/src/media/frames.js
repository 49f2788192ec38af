// Frames of sound and pictures, encrypted between their encoder and the network, so that a server forwards what it cannot
// read. AES-GCM with a random nonce for each frame:
//
//   clear | ciphertext and tag (16 bytes) | nonce (12) | length of what is clear (1) | which key (1)
//
// The first bytes of a frame stay clear, as servers and browsers have to see where key frames begin and how large they
// are; they are authenticated. The nonce is not counted, because all in a session have the same key.

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const TRAILER_BYTES = NONCE_BYTES + 2;

/** What a frame grows by. */
export const OVERHEAD_BYTES = TAG_BYTES + TRAILER_BYTES;

/** Which keys there may be at a time. */
export const KEYS_MAX = 16;

/** What the keys are for: another use of the same secret has others. */
const INFO = new TextEncoder().encode('switchboard media frames');

/**
 * The key of a secret (RFC 5869).
 *
 * @param {Uint8Array<ArrayBuffer>} secret
 */
export async function keyOf(secret) {
  const material = await crypto.subtle.importKey('raw', secret, 'HKDF', false, ['deriveKey']);
  const derivation = { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info: INFO };
  return crypto.subtle.deriveKey(derivation, material, { name: 'AES-GCM', length: 128 }, false, ['encrypt', 'decrypt']);
}

/**
 * How much of a frame stays clear: the table of contents of Opus (RFC 6716, section 3.1); of VP8 the frame tag, and of a
 * key frame its start code and size, too (RFC 6386, section 9.1).
 *
 * @param {'key' | 'delta' | 'sound'} type
 */
export const clearBytes = (type) => ({ key: 10, delta: 3, sound: 1 })[type];

/**
 * @param {CryptoKey} key
 * @param {number} index which of the keys it is
 * @param {Uint8Array<ArrayBuffer>} frame
 * @param {number} clear so many bytes stay clear
 */
export async function encrypt(key, index, frame, clear) {
  const kept = Math.min(clear, frame.length);
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const additionalData = frame.subarray(0, kept);
  const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv: nonce, additionalData }, key, frame.subarray(kept)));
  const encrypted = new Uint8Array(kept + sealed.length + TRAILER_BYTES);
  encrypted.set(additionalData);
  encrypted.set(sealed, kept);
  encrypted.set(nonce, kept + sealed.length);
  encrypted.set([kept, index], encrypted.length - 2);
  return encrypted;
}

/**
 * What was encrypted; null of what nobody with one of these keys has made.
 *
 * @param {(index: number) => CryptoKey | undefined} keyAt
 * @param {Uint8Array<ArrayBuffer>} encrypted
 */
export async function decrypt(keyAt, encrypted) {
  const end = encrypted.length - TRAILER_BYTES;
  const [kept, index] = encrypted.subarray(-2);
  const key = keyAt(index);
  if (!key || end < kept + TAG_BYTES) return null;
  const additionalData = encrypted.subarray(0, kept);
  const iv = encrypted.subarray(end, end + NONCE_BYTES);
  try {
    const opened = new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv, additionalData }, key, encrypted.subarray(kept, end)));
    const frame = new Uint8Array(kept + opened.length);
    frame.set(additionalData);
    frame.set(opened, kept);
    return frame;
  } catch {
    return null;
  }
}
