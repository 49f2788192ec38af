// The two data channels of one peer connection, which both sides have agreed on beforehand (docs/PROTOCOL.md, "Data in a
// session").

/** Lossy messages are dropped while more than this waits in front of them: they would be late. */
const LOSSY_WAITING_MAX = 64 * 1024;

/** Whoever sends reliably waits while more than this waits to be sent, and until it is so little again. */
const WAITING_HIGH = 256 * 1024;
const WAITING_LOW = 64 * 1024;

export class DataChannels {
  /** @type {RTCDataChannel} */
  #reliable;
  /** @type {RTCDataChannel} */
  #lossy;

  /**
   * @param {RTCPeerConnection} pc
   * @param {{ heard: (bytes: Uint8Array, reliable: boolean) => void, changed: () => void }} options `changed`: they are open, or are
   *   no more
   */
  constructor(pc, { heard, changed }) {
    this.#reliable = pc.createDataChannel('reliable', { negotiated: true, id: 0 });
    this.#lossy = pc.createDataChannel('lossy', { negotiated: true, id: 1, ordered: false, maxRetransmits: 0 });
    this.#reliable.bufferedAmountLowThreshold = WAITING_LOW;
    for (const channel of [this.#reliable, this.#lossy]) {
      channel.binaryType = 'arraybuffer';
      channel.onmessage = ({ data }) => data instanceof ArrayBuffer && heard(new Uint8Array(data), channel === this.#reliable);
      channel.onopen = channel.onclose = () => changed();
    }
  }

  get isOpen() {
    return this.#reliable.readyState === 'open' && this.#lossy.readyState === 'open';
  }

  /** Sends a message; false: it was dropped. @param {Uint8Array<ArrayBuffer>} bytes @param {boolean} reliable */
  send(bytes, reliable) {
    if (!reliable && this.#reliable.bufferedAmount + this.#lossy.bufferedAmount > LOSSY_WAITING_MAX) return false;
    (reliable ? this.#reliable : this.#lossy).send(bytes);
    return true;
  }

  /** Resolves once little waits, or nothing will be sent any more. @returns {Promise<void>} */
  async drained() {
    const channel = this.#reliable;
    if (channel.readyState !== 'open' || channel.bufferedAmount <= WAITING_HIGH) return;
    await new Promise((resolve) => {
      const done = () => resolve(undefined);
      for (const name of ['bufferedamountlow', 'close', 'error']) channel.addEventListener(name, done, { once: true });
    });
  }
}
