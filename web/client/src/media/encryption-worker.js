// The worker of `Encryption`: encrypts and decrypts frames beside the page, so that a busy page delays none.

import { clearBytes, decrypt, encrypt, keyOf } from './frames.js';

/** @type {Map<number, Promise<CryptoKey>>} */
const coming = new Map();
/** @type {Map<number, CryptoKey>} */
const keys = new Map();
let sending = 0;

/** @typedef {{ data: ArrayBuffer, type?: 'key' | 'delta' | 'empty' }} EncodedFrame */

/** @param {EncodedFrame} frame @param {TransformStreamDefaultController<EncodedFrame>} controller */
async function seal(frame, controller) {
  // What there is no key for yet is not sent.
  const key = keys.get(sending) ?? (await coming.get(sending));
  if (!key || frame.data.byteLength === 0) return;
  const type = frame.type === 'key' || frame.type === 'delta' ? frame.type : 'sound';
  frame.data = (await encrypt(key, sending, new Uint8Array(frame.data), clearBytes(type))).buffer;
  controller.enqueue(frame);
}

/** @param {EncodedFrame} frame @param {TransformStreamDefaultController<EncodedFrame>} controller */
async function open(frame, controller) {
  const opened = await decrypt((index) => keys.get(index), new Uint8Array(frame.data));
  // What nobody with the key has sent is not played.
  if (!opened) return;
  frame.data = opened.buffer;
  controller.enqueue(frame);
}

/** @param {{ transformer: { readable: ReadableStream<EncodedFrame>, writable: WritableStream<EncodedFrame>, options: { encrypts: boolean } } }} event */
function begin({ transformer: { readable, writable, options } }) {
  const transform = new TransformStream({ transform: options.encrypts ? seal : open });
  // It ends with its track.
  readable.pipeThrough(transform).pipeTo(writable).catch(() => {});
}

addEventListener('rtctransform', (event) => begin(/** @type {any} */ (event)));

addEventListener('message', ({ data: { secret, index } }) => {
  sending = index;
  const key = keyOf(secret);
  coming.set(index, key);
  key.then((known) => coming.get(index) === key && keys.set(index, known));
});
