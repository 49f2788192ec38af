// A joined room: messages in order without gaps and as they are by now, how far they were read, who is there, who types,
// the running call.

import { SwitchboardError, isPassing } from '../../client/src/errors.js';
import { Outbox } from '../../client/src/outbox.js';
import { Roster } from '../../client/src/roster.js';
import { createStore } from '../store.js';
import { phrase } from '../words.js';
import { mentionsIn } from './mentions.js';

/** Others forget a typing notice after six seconds; so do we, and repeat ours in time. */
const TYPING_FORGOTTEN_MS = 6_000;
const TYPING_REPEATED_MS = 3_000;
const TYPING_PAUSE_MS = 4_000;

/** A number that is missing this long is asked for; until then it may merely be late. */
const GAP_PATIENCE_MS = 1_500;

const HISTORY_PAGE = 50;

export class LiveRoom {
  #socket;
  /** What is to be applied after the answer to a join. @type {(() => void)[] | null} */
  #early = null;
  /** @type {Promise<void> | null} */
  #joining = null;
  /** New and changed messages with a gap before them, by the numbers of that. @type {Map<number, Wire.RoomMessage>} */
  #ahead = new Map();
  /** @type {{ [Name in 'gap' | 'pause']?: ReturnType<typeof setTimeout> }} */
  #timers = {};
  #roster;
  #outbox;
  #isLeft = false;
  /** What the server has stored and does not show here yet. @type {App.PendingMessage[]} */
  #stored = [];
  /** Files that this page has uploaded, for messages on their way. @type {Map<string, Wire.RoomAttachment>} */
  #files = new Map();
  #typingSentAt = 0;
  /** The number up to which the server was last told that it was read. */
  #readTo = 0;

  /**
   * @param {{ id: string, name: string, socket: App.Socket, keep?: import('../../client/src/outbox.js').Keep | null,
   *   waits?: (pending: App.PendingMessage[]) => void }} options `waits`: what is not stored yet has changed
   */
  constructor({ id, name, socket, keep = null, waits = () => {} }) {
    this.id = id;
    this.#socket = socket;
    this.state = createStore(/** @type {App.RoomState} */ ({
      status: 'joining', name, error: null, members: [], memberCount: 0, membersComplete: false, membersPage: null, messages: [], pending: [],
      seq: 0, complete: false, typing: [], media: null,
    }));
    this.#roster = new Roster({
      read: (page) => socket.call('room.members', { roomId: id, ...page }),
      unfollow: () => socket.call('room.unfollowMembers', { roomId: id }),
      changed: () => this.#showMembers(),
    });
    this.#outbox = new Outbox((message) => this.#say(message), {
      keep, keepsRefused: true,
      changed: () => {
        this.#showPending();
        waits(this.#waiting());
      },
    });
    this.#outbox.restore();
    this.join().catch(() => {});
  }

  /**
   * Resolves once one is in the room: who has no connection yet is with the next one. Rejects where the room refuses.
   *
   * @returns {Promise<void>}
   */
  entered() {
    return new Promise((resolve, reject) => {
      const stop = this.state.subscribe(({ status, error }) => {
        if (status === 'joining') return;
        queueMicrotask(() => stop());
        if (status === 'joined') resolve();
        else reject(error);
      });
    });
  }

  /** Enters, or enters again after a loss and catches up. */
  join({ reload = false } = {}) {
    this.#joining ??= this.#join(reload).finally(() => (this.#joining = null));
    return this.#joining;
  }

  /** @param {boolean} reload */
  async #join(reload) {
    const { status, seq } = this.state.get();
    let after = status === 'joined' && !reload ? seq : undefined;
    let continues = after !== undefined;
    // On a new connection nothing can be said before the room is joined.
    this.#outbox.hold();
    // What happens while the answer is on its way is newer than the answer.
    this.#early = [];
    try {
      let answer;
      do {
        answer = await this.#socket.call('room.join', { roomId: this.id, after });
        continues &&= answer.recovered;
        after = answer.seq;
        // A connection that is lost between two pages goes on from the last one.
        if (answer.more) this.state.set({ messages: this.#continued(answer), seq: after });
      } while (answer.more);
      this.#settle(answer, continues);
    } catch (error) {
      // Without a connection the next one joins; everything else is told.
      if (error.code !== 'offline') this.state.set({ status: 'failed', error });
      if (!isPassing(error)) this.#outbox.refuse(error);
      throw error;
    } finally {
      const early = this.#early ?? [];
      this.#early = null;
      early.forEach((apply) => apply());
    }
    if (!this.#isLeft) this.#outbox.open();
  }

  /**
   * What is known, changed as an answer says, and what of the answer comes after it.
   *
   * @param {{ messages: Wire.RoomMessage[], changed?: { seq: number, message: Wire.RoomMessage }[] }} answer
   */
  #continued(answer) {
    const { messages: before, seq } = this.state.get();
    const news = (answer.changed ?? []).filter((change) => change.seq > seq);
    const kept = news.reduce((messages, { message }) => replaced(messages, message), before);
    const last = kept.at(-1)?.seq ?? 0;
    return [...kept, ...answer.messages.filter((message) => message.seq > last)];
  }

  /**
   * @param {{ name: string, messages: Wire.RoomMessage[], changed?: { seq: number, message: Wire.RoomMessage }[], members: Wire.Member[], memberCount: number, seq: number, media?: Wire.MediaState | null }} answer
   * @param {boolean} continues
   */
  #settle(answer, continues) {
    const messages = continues ? this.#continued(answer) : answer.messages;
    this.#ahead.clear();
    this.#show(messages);
    this.state.set({
      pending: this.#pending(),
      status: 'joined', error: null, name: answer.name, messages,
      seq: answer.seq, media: answer.media ?? null, typing: [],
      complete: (messages[0]?.seq ?? 1) <= 1,
    });
    this.#roster.begin(answer.members, answer.memberCount);
  }

  leave() {
    clearTimeout(this.#timers.gap);
    this.#roster.rest();
    this.#isLeft = true;
    this.#outbox.hold();
    this.stopTyping();
    this.#socket.call('room.leave', { roomId: this.id }).catch(() => {});
  }

  /** Somebody took this device out of the room. @param {string} reason */
  lose(reason) {
    this.#roster.rest();
    const error = new SwitchboardError(/** @type {any} */ (`room.removed.${reason}`), 'removed from the room', { fault: 'caller' });
    this.#outbox.refuse(error);
    this.state.set({ status: 'failed', error, members: [], memberCount: 0, membersComplete: false, typing: [], media: null });
  }

  /** @param {string} name */
  rename(name) {
    this.state.set({ name });
  }

  /** Runs `apply` now, or after the answer to a join that is on its way. @param {() => void} apply */
  inOrder(apply) {
    if (this.#early) this.#early.push(apply);
    else apply();
  }

  /**
   * Takes a message, from an event or an answer, as often and as early as it comes: a new one, or one that has changed
   * and is known under another number.
   *
   * @param {Wire.RoomMessage} message
   * @param {number} number what its being new or changed is numbered by
   */
  receive(message, number = message.seq) {
    const { seq } = this.state.get();
    if (number <= seq) return;
    this.#ahead.set(number, message);
    /** @type {Wire.RoomMessage[]} */
    const next = [];
    let changed = this.state.get().messages;
    let last = seq;
    for (let ready = this.#ahead.get(last + 1); ready; ready = this.#ahead.get(last + 1)) {
      last += 1;
      this.#ahead.delete(last);
      if (ready.seq === last) next.push(ready);
      else if (next.some((known) => known.id === ready.id)) next.splice(0, next.length, ...replaced(next, ready));
      else changed = replaced(changed, ready);
    }
    clearTimeout(this.#timers.gap);
    if (this.#ahead.size > 0) this.#timers.gap = setTimeout(() => this.join().catch(() => {}), GAP_PATIENCE_MS);
    if (last === seq) return;
    const { typing } = this.state.get();
    this.#show(next);
    this.state.set({
      messages: next.length > 0 ? [...changed, ...next] : changed,
      seq: last,
      pending: this.#pending(),
      typing: typing.filter((who) => !next.some(({ userId }) => userId === who.userId)),
    });
  }

  /** @param {Wire.Member} member */
  enter(member) {
    this.#roster.join(member);
  }

  /** @param {string} connectionId */
  exit(connectionId) {
    this.#roster.leave(connectionId);
    this.state.set({ typing: this.state.get().typing.filter((who) => who.connectionId !== connectionId) });
  }

  /** Several came and went, in a room that many are in. @param {number} count */
  countMembers(count) {
    this.#roster.hear(count);
  }

  /** @param {Wire.RoomPageChanged} change */
  turnPage(change) {
    this.#roster.turn(change);
  }

  /** Somebody looks at the page of members after a connection, or at the first. @param {string} [after] */
  showMembers(after) {
    return this.#roster.follow(after);
  }

  /** Nobody looks at the members any more. */
  hideMembers() {
    this.#roster.unfollow();
  }

  #showMembers() {
    const { members, count, complete, page } = this.#roster;
    this.state.set({ members: [...members.values()], memberCount: count, membersComplete: complete, membersPage: page && { ...page } });
  }

  /** @param {{ connectionId: string, userId: string, typing: boolean }} notice */
  hearTyping({ connectionId, userId, typing }) {
    const { typing: before, members } = this.state.get();
    const others = before.filter((who) => who.connectionId !== connectionId);
    if (!typing) return this.state.set({ typing: others });
    const name = members.find((member) => member.connectionId === connectionId)?.name ?? phrase('room.somebody');
    const since = performance.now();
    this.state.set({ typing: [...others, { connectionId, userId, name, since }] });
    setTimeout(() => {
      this.state.set({ typing: this.state.get().typing.filter((who) => who.connectionId !== connectionId || who.since > since) });
    }, TYPING_FORGOTTEN_MS);
  }

  /** @param {Wire.MediaState} media */
  hearMedia(media) {
    const known = this.state.get().media;
    if (!known || media.revision >= known.revision) this.state.set({ media });
  }

  /**
   * Says something, perhaps in answer to the message with a number. It is shown at once as pending, and goes out over
   * lost connections and the end of the page.
   *
   * @param {string} text
   * @param {number} [replyTo]
   * @param {Wire.RoomAttachment[]} [attachments] files that were uploaded for it
   */
  send(text, replyTo, attachments = []) {
    const mentions = mentionsIn(text, this.state.get().members);
    this.stopTyping();
    attachments.forEach((file) => this.#files.set(file.id, file));
    const ids = attachments.map(({ id }) => id);
    this.#outbox.add({ text, replyTo, mentions, ...(ids.length > 0 && { attachments: ids }) }).catch(() => {});
  }

  /** Tries again to send what was refused. @param {string} clientId */
  resend(clientId) {
    this.#outbox.retry(clientId);
    if (this.state.get().status === 'failed') this.join().catch(() => {});
  }

  /** What was not sent is not to be sent any more. @param {string} clientId */
  discard(clientId) {
    this.#outbox.discard(clientId);
  }

  /** Another page of the user has changed what waits. */
  lookAtOutbox() {
    this.#outbox.restore();
  }

  /** @param {Parameters<ConstructorParameters<typeof Outbox>[0]>[0]} said */
  async #say(said) {
    const { message } = await this.#socket.call('room.send', { roomId: this.id, ...said });
    if (message.seq > this.state.get().seq) {
      this.#stored.push({ ...this.#withFiles(pendingOf({ message: said, at: message.createdAt, error: null })), storedAs: message.id });
      this.inOrder(() => this.receive(message));
    }
    return message;
  }

  /** @param {App.PendingMessage} entry @returns {App.PendingMessage} */
  #withFiles(entry) {
    return { ...entry, files: entry.attachments?.flatMap((id) => this.#files.get(id) ?? []) };
  }

  #waiting() {
    return this.#outbox.waiting.map((entry) => this.#withFiles(pendingOf(entry)));
  }

  /** What is on its way, and what is there but has something missing before it. */
  #pending() {
    return [...this.#stored, ...this.#waiting().filter(({ clientId }) => !this.#stored.some((entry) => entry.clientId === clientId))];
  }

  #showPending() {
    this.state.set({ pending: this.#pending() });
  }

  /** These messages are shown from now on. @param {Wire.RoomMessage[]} messages */
  #show(messages) {
    const shown = new Set(messages.map(({ id }) => id));
    this.#stored = this.#stored.filter(({ storedAs }) => !shown.has(storedAs ?? ''));
  }

  /** Changes the text of a message that the user has sent. @param {number} messageSeq @param {string} text */
  edit(messageSeq, text) {
    this.stopTyping();
    return this.#socket.call('room.edit', { roomId: this.id, messageSeq, text });
  }

  /** Deletes a message for everybody. @param {number} messageSeq */
  remove(messageSeq) {
    return this.#socket.call('room.delete', { roomId: this.id, messageSeq });
  }

  /** Reacts to a message, or takes that back. @param {number} messageSeq @param {string} emoji @param {boolean} on */
  react(messageSeq, emoji, on) {
    return this.#socket.call('room.react', { roomId: this.id, messageSeq, emoji, on });
  }

  /** The user has seen everything that is here; true if that is news. */
  read() {
    const { messages, seq, status } = this.state.get();
    const last = messages.at(-1)?.seq ?? 0;
    if (status !== 'joined' || last <= this.#readTo) return false;
    this.#readTo = last;
    this.#socket.call('room.read', { roomId: this.id, seq }).catch(() => (this.#readTo = 0));
    return true;
  }

  /** The user typed something. */
  typed() {
    clearTimeout(this.#timers.pause);
    this.#timers.pause = setTimeout(() => this.stopTyping(), TYPING_PAUSE_MS);
    if (performance.now() - this.#typingSentAt < TYPING_REPEATED_MS && this.#typingSentAt > 0) return;
    this.#typingSentAt = performance.now();
    this.#socket.call('room.typing', { roomId: this.id, typing: true }).catch(() => {});
  }

  stopTyping() {
    clearTimeout(this.#timers.pause);
    if (this.#typingSentAt === 0) return;
    this.#typingSentAt = 0;
    this.#socket.call('room.typing', { roomId: this.id, typing: false }).catch(() => {});
  }

  /** Reads a page of older messages. */
  async older() {
    const { messages, complete } = this.state.get();
    if (complete || messages.length === 0) return;
    const before = messages[0].seq;
    const answer = await this.#socket.call('room.history', { roomId: this.id, before, limit: HISTORY_PAGE });
    const now = this.state.get().messages;
    if (now[0]?.seq !== before) return;
    const all = [...answer.messages, ...now];
    this.state.set({ messages: all, complete: !answer.more });
  }
}

/** @param {import('../../client/src/outbox.js').Waiting} waiting @returns {App.PendingMessage} */
const pendingOf = ({ message, at, error }) => ({ ...message, at, error, storedAs: null });

/**
 * The messages with another one in place of that with its number. Those that answer it are made anew, because they show
 * it.
 *
 * @param {Wire.RoomMessage[]} messages
 * @param {Wire.RoomMessage} changed
 */
function replaced(messages, changed) {
  return messages.map((message) => {
    if (message.seq === changed.seq) return changed;
    return message.replyTo === changed.seq ? { ...message } : message;
  });
}
