// What is said in a session that is no picture and no sound: by whichever way it goes, and while one takes over from the
// other by both.

import { SwitchboardError } from '../errors.js';
import { DESTINATIONS_MAX, SERVED, contentOf, isServed, readFromPeer, readFromServer, written } from './data-envelope.js';

/** @typedef {import('./data-channels.js').DataChannels} DataChannels */
/** @typedef {import('./data-envelope.js').Content} Content */

/** How long reliable messages wait for channels to open. */
const OPENING_MS = 15_000;

/** How many of them may wait. */
const WAITING_MAX = 256;

/** Something that somebody else has said. @typedef {{ from: string, topic: string, data: Uint8Array, reliable: boolean }} DataNews */

/** A direct way. @typedef {{ other: string, data: DataChannels }} PeerWay */

/**
 * Where things stand: `others` are the connection ids of everybody else, null before the session was entered; `peer` is
 * there while there is a direct way to `other`.
 *
 * @typedef {{ others: string[] | null, peer: PeerWay | null, server: DataChannels | null }} Ways
 */

/** @typedef {{ content: Content, to: string[], sent: (channels: DataChannels[]) => void, failed: (error: Error) => void, timer?: ReturnType<typeof setTimeout> }} Waiting */

export class Data {
  /** Reliable messages that nothing carries yet. @type {Waiting[]} */
  #waiting = [];
  #ways;
  #heard;
  #closed = false;
  /** The direct way on which the other side has said that it is there through the server; and on which we have. @type {{ said?: PeerWay, told?: PeerWay }} */
  #served = {};

  /** @param {{ ways: () => Ways, heard: (news: DataNews) => void }} options */
  constructor({ ways, heard }) {
    this.#ways = ways;
    this.#heard = heard;
  }

  /**
   * @param {ArrayBuffer | ArrayBufferView} data
   * @param {{ reliable: boolean, topic: string, to: string[] }} options
   * @returns {Promise<boolean>}
   */
  async send(data, { reliable, topic, to }) {
    const content = contentOf(data, topic, reliable);
    if (!reliable) return !this.#closed && this.#trySend(content, to, false) !== null;
    if (this.#closed) throw new SwitchboardError('closed', 'the session was left');
    const channels = await this.#sendInTurn(content, to);
    for (const one of channels) await one.drained();
    return true;
  }

  /** Behind those that wait already. @param {Content} content @param {string[]} to @returns {Promise<DataChannels[]>} */
  async #sendInTurn(content, to) {
    const at = this.#waiting.length === 0 ? this.#trySend(content, to, true) : null;
    if (at) return at;
    if (this.#waiting.length >= WAITING_MAX) throw new SwitchboardError('unavailable', 'too much waits for data channels to open');
    return new Promise((sent, failed) => {
      /** @type {Waiting} */
      const waiting = { content: { ...content, payload: content.payload.slice() }, to, sent, failed };
      waiting.timer = setTimeout(() => {
        this.#waiting = this.#waiting.filter((one) => one !== waiting);
        failed(new SwitchboardError('timeout', 'no data channels were opened in time'));
      }, OPENING_MS);
      this.#waiting.push(waiting);
    });
  }

  /** Something may go now that could not. */
  changed() {
    const { peer, server } = this.#ways();
    if (peer?.data.isOpen && server?.isOpen && this.#served.told !== peer) {
      this.#served.told = peer;
      peer.data.send(SERVED, true);
    }
    while (this.#waiting.length > 0) {
      const [{ content, to, sent, timer }] = this.#waiting;
      const at = this.#trySend(content, to, true);
      if (!at) return;
      this.#waiting.shift();
      clearTimeout(timer);
      sent(at);
    }
  }

  /**
   * Sends a message to those who are there; the channels by which it went, or null: it cannot go now, or was dropped.
   *
   * Whom there is a direct way to gets it by that, until they say that they are there through the server.
   *
   * @param {Content} content
   * @param {string[]} to
   * @param {boolean} reliable
   * @returns {DataChannels[] | null}
   */
  #trySend(content, to, reliable) {
    const { others, peer, server } = this.#ways();
    if (!others) return null;
    const meant = to.length > 0 ? others.filter((id) => to.includes(id)) : others;
    const direct = peer?.data.isOpen && this.#served.said !== peer && meant.includes(peer.other) ? peer : null;
    const rest = meant.filter((id) => id !== direct?.other);
    if (rest.length > 0 && !server?.isOpen) return null;
    const everybody = to.length === 0 && !direct;
    let isSent = !direct || direct.data.send(written([], content), reliable);
    for (let at = 0; server && at < rest.length; at += DESTINATIONS_MAX) {
      isSent = server.send(written(everybody ? [] : rest.slice(at, at + DESTINATIONS_MAX), content), reliable) && isSent;
      if (everybody) break;
    }
    const channels = [direct?.data, rest.length > 0 ? server : null].filter((one) => one !== null && one !== undefined);
    return isSent ? channels : null;
  }

  /** @param {Uint8Array} bytes @param {boolean} reliable */
  fromServer = (bytes, reliable) => {
    const read = readFromServer(bytes);
    if (read?.from) this.#heard({ ...read, from: read.from, reliable });
  };

  /** @param {PeerWay} peer @param {Uint8Array} bytes @param {boolean} reliable */
  fromPeer(peer, bytes, reliable) {
    if (isServed(bytes)) this.#served.said = peer;
    const read = readFromPeer(bytes);
    if (read) this.#heard({ ...read, from: peer.other, reliable });
  }

  /** What waits is not sent any more. */
  close() {
    this.#closed = true;
    for (const { failed, timer } of this.#waiting.splice(0)) {
      clearTimeout(timer);
      failed(new SwitchboardError('closed', 'the session was left'));
    }
  }
}
