// Ringing: who calls whom, and how that ends. What is said and seen in a call is the room's media session.

import { Emitter } from './emitter.js';
import { isPassing } from './errors.js';

/** @typedef {import('../protocol.js').CallEndReason} CallEndReason */
/** @typedef {import('../protocol.js').CallMedia} CallMedia */
/** @typedef {import('../protocol.js').CallParty} CallParty */
/** @typedef {Pick<import('./client.js').Client, 'request'>} Requester */

/**
 * What a call is about.
 *
 * @typedef {object} CallDetails
 * @property {string} id
 * @property {string} roomId where the two meet: its media session
 * @property {string} userId who is at the other end
 * @property {string} name what they are called; empty for a call of our own
 * @property {CallMedia} media what the caller wants to send
 * @property {boolean} isIncoming
 * @property {number} ringTimeMs how much longer it rings
 */

/**
 * - `answered`: it was picked up: join the room's media session.
 * - `changed`: of more than two, somebody is rung, has picked up, or is out of it.
 * - `resumed`: it goes on after a reconnect, and this is how it stands.
 * - `transferring`: somebody hands it over to another room: join that room and its media session, and say so with
 *   `answerTransfer`.
 * - `transferFailed`: of those who were to go to another room as we wished, this user has not; they are still in the call.
 * - `ended`: it is over for this device, and why.
 *
 * @typedef {{ answered: Call, changed: CallParty[], resumed: import('../protocol.js').CallResumed, transferring: import('../protocol.js').CallTransferring,
 *   transferFailed: string, ended: CallEndReason }} CallEvents
 */

/**
 * A room to which a call is handed over. `until`: when the server stops waiting, by `Date.now`; `leastMs`: the least time
 * that it gave, which counts down with every time it asks; `isThere`: what we have said; `answer`: what became of that.
 *
 * @typedef {{ roomId: string, until: number, leastMs: number, isThere: boolean, answer: 'none' | 'asked' | 'heard' | 'lost' }} Destination
 */

/** The server may wait for another instance to take the call over. */
const RESUME_TIMEOUT_MS = 15_000;

/** @extends {Emitter<CallEvents>} */
export class Call extends Emitter {
  /** @type {'ringing' | 'active' | 'ended'} */
  state = 'ringing';

  /** Everybody who is or was part of it, once they are more than two. @type {CallParty[]} */
  parties = [];
  #revision = -1;
  /** The last one that we were told of. @type {Destination | null} */
  #destination = null;

  /** @internal The connection by which the server has it, if that is not the present one. @type {string | null} */
  device = null;

  #client;

  /** @internal @param {CallDetails} details @param {Requester} client */
  constructor({ id, roomId, userId, name, media, isIncoming, ringTimeMs }, client) {
    super();
    this.id = id;
    this.roomId = roomId;
    this.userId = userId;
    this.name = name;
    this.media = media;
    this.isIncoming = isIncoming;
    this.ringTimeMs = ringTimeMs;
    this.#client = client;
  }

  /** Picks up. Rejects with `call.alreadyTaken` or `call.over` if it was too late. */
  async accept() {
    await this.#client.request('call.accept', { callId: this.id });
    this.answer();
  }

  /** Declines, on all devices of the user. */
  async reject() {
    await this.#client.request('call.reject', { callId: this.id });
    this.end('rejected');
  }

  /** Gives up a call of our own that nobody has answered, or ends one that was. */
  async hangUp() {
    if (this.state === 'ended') return;
    const isRinging = this.state === 'ringing';
    await this.#client.request(isRinging ? 'call.cancel' : 'call.hangUp', { callId: this.id });
    this.end(isRinging ? 'cancelled' : 'hungUp');
  }

  /**
   * Rings another user into the call. Rejects with `call.busy`, `call.unreachable`, or `limit.count`.
   *
   * @param {string} userId
   */
  async invite(userId) {
    await this.#client.request('call.invite', { callId: this.id, userId });
  }

  /**
   * Hands the answered call over: rings another user, and once they pick up it has `ended` here, as `transferred`.
   *
   * @param {string} userId
   */
  async transfer(userId) {
    await this.#client.request('call.transfer', { callId: this.id, userId });
  }

  /**
   * Rings a user no more whom we rang, or anybody if the call is ours; others ring on. Rejects with `call.wrongState` if
   * they do not ring.
   *
   * @param {string} userId
   */
  async withdraw(userId) {
    await this.#client.request('call.withdraw', { callId: this.id, userId });
  }

  /**
   * Hands the answered call over to another room, in whose media session somebody is: all others are told to go there,
   * and once they have it has `ended` here, as `transferred`. Rejects with `call.unreachable` if nobody is there, or
   * somebody may not enter the room.
   *
   * @param {string} roomId
   */
  async transferToRoom(roomId) {
    await this.#client.request('call.transferToRoom', { callId: this.id, roomId });
  }

  /**
   * Says what came of `transferring`. Who is there has left the call; who is not is still in it. Who has said that they
   * are not, and comes there after all, is rejected with `call.wrongState`, and is still in the call as well.
   *
   * @param {string} roomId
   * @param {boolean} isThere
   */
  async answerTransfer(roomId, isThere) {
    const known = this.#destination?.roomId === roomId ? this.#destination : null;
    /** @type {Destination} */
    const destination = (this.#destination = known ?? { roomId, until: 0, leastMs: 0, isThere, answer: 'none' });
    const hasDeclined = destination.answer !== 'none' && !destination.isThere;
    Object.assign(destination, { isThere, answer: 'asked' });
    try {
      await this.#client.request('call.answerTransfer', { callId: this.id, roomId, isThere });
      destination.answer = 'heard';
    } catch (error) {
      const { code } = /** @type {{ code?: string }} */ (error);
      destination.answer = isPassing({ code }) ? 'lost' : 'heard';
      if (code === 'call.wrongState' && isThere) {
        // Too late: to the others this user is still in the call.
        if (!hasDeclined) return this.hangUp();
        destination.isThere = false;
        throw error;
      }
      if (code !== 'call.over' && code !== 'call.wrongState') throw error;
    }
    if (isThere) this.end('transferred');
  }

  /** @internal What is said again until it is answered. @param {import('../protocol.js').CallTransferring} transferring */
  follow(transferring) {
    const { roomId, answerTimeMs } = transferring;
    const isAnother = this.#isAnother(transferring);
    if (isAnother) this.#destination = { roomId, until: 0, leastMs: 0, isThere: false, answer: 'none' };
    Object.assign(/** @type {Destination} */ (this.#destination), { until: Date.now() + answerTimeMs, leastMs: answerTimeMs });
    if (isAnother) this.emit('transferring', transferring);
    else this.answerAgain();
  }

  /** Whether the call is handed over anew, also to the same room. @param {import('../protocol.js').CallTransferring} transferring */
  #isAnother({ roomId, answerTimeMs }) {
    const known = this.#destination;
    if (known?.roomId !== roomId || Date.now() >= known.until) return true;
    // Who has declined is asked no more, unless that crosses their answer: with less time than before.
    return known.answer === 'heard' && !known.isThere && answerTimeMs >= known.leastMs;
  }

  /** @internal Says once more what was lost on its way. */
  answerAgain() {
    const { roomId, isThere, answer } = this.#destination ?? {};
    if (roomId !== undefined && isThere !== undefined && answer === 'lost') this.answerTransfer(roomId, isThere).catch(() => {});
  }

  /** @internal @param {CallParty[]} parties @param {number} revision */
  change(parties, revision) {
    if (revision <= this.#revision) return;
    this.#revision = revision;
    this.parties = parties;
    this.emit('changed', parties);
  }

  /** @internal */
  answer() {
    if (this.state !== 'ringing') return;
    this.state = 'active';
    this.emit('answered', this);
  }

  /** @internal @param {CallEndReason} reason */
  end(reason) {
    if (this.state === 'ended') return;
    this.state = 'ended';
    this.emit('ended', reason);
  }
}

/** @typedef {Pick<import('../protocol.js').Events, 'call.incoming' | 'call.answered' | 'call.changed' | 'call.transferring' | 'call.transferFailed' | 'call.ended'>} Heard */
/** @typedef {{ [Name in keyof Heard]: { name: Name, params: Heard[Name] } }[keyof Heard]} CallEvent */

/**
 * - `incoming`: somebody rings.
 *
 * @extends {Emitter<{ incoming: Call }>}
 */
export class Calls extends Emitter {
  #client;
  /** Those that are not over, by id. @type {Map<string, Call>} */
  #calls = new Map();
  /** Rings that are not answered yet, and what was heard of calls meanwhile. @type {{ count: number, early: CallEvent[] }} */
  #ringing = { count: 0, early: [] };

  /** @internal @param {Requester} client */
  constructor(client) {
    super();
    this.#client = client;
  }

  /**
   * Rings every device of a user. The room must have been joined. Rejects with `call.busy` or `call.unreachable`.
   *
   * @param {{ roomId: string, userId: string, media?: CallMedia }} whom
   * @param {import('./requests.js').RequestOptions} [options]
   * @returns {Promise<Call>}
   */
  ring({ roomId, userId, media = 'video' }, options) {
    this.#ringing.count += 1;
    const rung = this.#client.request('call.ring', { roomId, userId, media }, options).then(({ callId, ringTimeMs }) =>
      this.#add({ id: callId, roomId, userId, name: '', media, isIncoming: false, ringTimeMs }));
    const over = () => {
      this.#ringing.count -= 1;
    };
    // Whoever rang gets the call first, and its news then.
    rung.then(over, over).then(() => this.#catchUp());
    return rung;
  }

  #catchUp() {
    if (this.#ringing.count > 0) return;
    const { early } = this.#ringing;
    this.#ringing.early = [];
    for (const event of early) this.#apply(event);
  }

  /** @param {CallDetails} details */
  #add(details) {
    const call = new Call(details, this.#client);
    this.#calls.set(call.id, call);
    call.on('ended', () => this.#calls.delete(call.id));
    return call;
  }

  /** @internal @param {CallEvent} event */
  handle(event) {
    if (event.name === 'call.incoming') {
      const { callId, roomId, from, name, media, ringTimeMs } = event.params;
      if (this.#calls.has(callId)) return;
      return this.emit('incoming', this.#add({ id: callId, roomId, userId: from, name, media, isIncoming: true, ringTimeMs }));
    }
    // News of a call may overtake the answer that says which one it is.
    if (this.#ringing.count > 0 && (!this.#calls.has(event.params.callId) || this.#ringing.early.length > 0)) this.#ringing.early.push(event);
    else this.#apply(event);
  }

  /** @param {CallEvent} event */
  #apply(event) {
    const call = this.#calls.get(event.params.callId);
    if (event.name === 'call.answered') call?.answer();
    else if (event.name === 'call.changed') call?.change(event.params.parties, event.params.revision);
    else if (event.name === 'call.transferring') call?.follow(event.params);
    else if (event.name === 'call.transferFailed') call?.emit('transferFailed', event.params.userId);
    else if (event.name === 'call.ended') call?.end(event.params.reason);
  }

  /**
   * @internal A new connection stands in place of `previous`: calls go on by it, unless they are over.
   *
   * @param {string | null} previous
   */
  resume(previous) {
    for (const call of [...this.#calls.values()]) this.#goOn(call, previous);
  }

  /** @param {Call} call @param {string | null} previous */
  async #goOn(call, previous) {
    // The server knows the one by which it was asked last with success.
    call.device ??= previous;
    if (!call.device) return call.end('lost');
    try {
      const stands = await this.#client.request('call.resume', { callId: call.id, connectionId: call.device }, { timeoutMs: RESUME_TIMEOUT_MS });
      call.device = null;
      if (stands.answeredAt) call.answer();
      const { parties = [] } = stands;
      if (parties.length > 2) call.parties = parties;
      call.emit('resumed', stands);
      call.answerAgain();
    } catch (error) {
      // The next connection asks again.
      if (/** @type {{ code?: string }} */ (error)?.code !== 'offline') call.end('lost');
    }
  }

  /** @internal Nothing of what rang or was answered goes on here. */
  end() {
    for (const call of [...this.#calls.values()]) call.end('lost');
  }
}
