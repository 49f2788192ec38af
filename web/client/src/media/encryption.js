// End-to-end encryption of a media session: what this device sends is read by those alone who have the key, and not by
// the server that forwards it.

import { KEYS_MAX } from './frames.js';

/** A secret of fewer bytes is guessed. */
const SECRET_BYTES_MIN = 16;

/** Pages of other origins may import modules, and begin no worker with one: theirs imports it. */
function startWorker() {
  const url = new URL('./encryption-worker.js', import.meta.url);
  if (url.origin === globalThis.location?.origin) return new Worker(url, { type: 'module' });
  const source = URL.createObjectURL(new Blob([`import ${JSON.stringify(url.href)};`], { type: 'text/javascript' }));
  const worker = new Worker(source, { type: 'module' });
  // It is read as soon as the worker runs, which tells nobody when.
  setTimeout(() => URL.revokeObjectURL(source), 60_000);
  return worker;
}

/** Whoever is in the session needs one with the same key; of all others nothing is heard or seen. */
export class Encryption {
  #worker;

  /** @param {Uint8Array<ArrayBuffer>} secret random, of at least 16 bytes: the server must not learn it */
  constructor(secret) {
    if (!Encryption.isSupported) throw new TypeError('This browser encrypts no media frames');
    this.#worker = startWorker();
    this.setSecret(secret, 0);
  }

  /** Whether this browser can encrypt frames. */
  static get isSupported() {
    return 'RTCRtpScriptTransform' in globalThis;
  }

  /**
   * From now on this device sends with another key, as after somebody has left who shall hear no more. What comes with
   * the ones before is still understood.
   *
   * @param {Uint8Array<ArrayBuffer>} secret
   * @param {number} index 0 to 15, the same for all: which of the keys this is. One that was used before is replaced
   */
  setSecret(secret, index) {
    if (secret.length < SECRET_BYTES_MIN) throw new RangeError(`A secret has at least ${SECRET_BYTES_MIN} bytes`);
    if (!Number.isInteger(index) || index < 0 || index >= KEYS_MAX) throw new RangeError(`There are keys 0 to ${KEYS_MAX - 1}`);
    this.#worker.postMessage({ secret, index });
  }

  /** Has that encrypted or decrypted which passes here, from its first frame on. @param {RTCRtpSender | RTCRtpReceiver} way */
  protect(way) {
    if (way.transform) return;
    way.transform = new RTCRtpScriptTransform(this.#worker, { encrypts: 'replaceTrack' in way });
  }

  /** Ends it, once the session has been left. */
  close() {
    this.#worker.terminate();
  }
}
