// How single messages look, in rooms and in threads with customers.

import { avatar, el, fill, icon, say } from '../dom.js';
import { clock, day, full, number } from '../format.js';
import { delivery, explain, phrase } from '../words.js';
import { attachmentList } from './attachments.js';
import { guestMark } from './guest-mark.js';

/** Messages of one person within this time stand together under one name. */
const TOGETHER_MS = 5 * 60_000;

/**
 * A room's message, stored or on its way.
 *
 * @typedef {Omit<Wire.RoomMessage, 'seq'> & { seq?: number, pending?: boolean, error?: App.Problem | null }} Said
 */

/**
 * A message to or of a customer, stored or on its way.
 *
 * @typedef {Pick<Wire.Message, 'id' | 'direction' | 'authorId' | 'text' | 'attachments' | 'createdAt'>
 *   & { status: Wire.Delivery | 'sending', pending?: boolean, error?: string | App.Problem | null }} Written
 */

/**
 * A line of a list of messages: a message, the first of several of one person or not; or the name of a day.
 *
 * @template Message
 * @typedef {{ key: string, day?: string, message?: Message, first?: boolean }} Row
 */

/**
 * Room messages and those on their way, as rows: a name for every day, grouped by person.
 *
 * @param {readonly Wire.RoomMessage[]} messages
 * @param {App.PendingMessage[]} pending
 * @param {App.Person} user
 */
export function days(messages, pending, user) {
  const waiting = pending.map((entry) => ({
    id: entry.clientId, userId: user.id, name: user.name, text: entry.text, replyTo: entry.replyTo, attachments: entry.files, createdAt: entry.at, pending: true, error: entry.error,
  }));
  return rows(/** @type {Said[]} */ ([...messages, ...waiting]), (message) => message.userId);
}

/**
 * The same for a thread: grouped by side.
 *
 * @param {Wire.Message[]} messages
 * @param {App.PendingReply[]} pending
 */
export function threadRows(messages, pending) {
  const waiting = pending.map((entry) => ({
    id: entry.key, direction: 'outbound', text: entry.text, createdAt: entry.at, status: entry.error ? 'failed' : 'sending', pending: true, error: entry.error,
  }));
  return rows(/** @type {Written[]} */ ([...messages, ...waiting]), (message) => message.direction + (message.authorId ?? ''));
}

/**
 * @template {{ id: string, createdAt: string }} Message
 * @param {Message[]} messages
 * @param {(message: Message) => string} author
 */
function rows(messages, author) {
  /** @type {Row<Message>[]} */
  const all = [];
  /** @type {Message | null} */
  let before = null;
  let dayBefore = '';
  for (const message of messages) {
    const name = day(message.createdAt);
    const sameDay = name === dayBefore;
    if (!sameDay) all.push({ key: `day ${name}`, day: name });
    const together = sameDay && before !== null && author(before) === author(message)
      && Date.parse(message.createdAt) - Date.parse(before.createdAt) < TOGETHER_MS;
    all.push({ key: message.id, message, first: !together });
    before = message;
    dayBefore = name;
  }
  return all;
}

/** What each line shows. @type {WeakMap<Element, Row<unknown>>} */
const shown = new WeakMap();

/**
 * Shows rows in a `keyed` list, touching only those that changed.
 *
 * @template Message
 * @param {(message: Message) => HTMLElement} create
 * @param {(node: HTMLElement, message: Message) => void} update
 */
function shownBy(create, update) {
  return {
    key: (/** @type {Row<Message>} */ row) => row.key,
    create: (/** @type {Row<Message>} */ row) => (row.message ? create(row.message) : el('li', { class: 'day' }, el('span', {}, row.day))),
    update: (/** @type {HTMLElement} */ node, /** @type {Row<Message>} */ row) => {
      const before = shown.get(node);
      if (!row.message || (before?.message === row.message && before.first === row.first)) return;
      shown.set(node, row);
      node.classList.toggle('first', row.first);
      update(node, row.message);
    },
  };
}

/** A part of a row that is always there. @param {Element} node @param {string} name */
const part = (node, name) => /** @type {HTMLElement} */ (node.querySelector(`.${name}`));

/** With what one may react by one touch. */
const QUICK = ['👍', '❤️', '😂', '🎉'];

/**
 * @typedef {{ user: App.Person, mayModerate: () => boolean, find: (seq: number) => Wire.RoomMessage | undefined,
 *   retry: (clientId: string) => void, discard: (clientId: string) => void, isOffline: () => boolean, react: (message: Said, emoji: string) => void, reply: (message: Said) => void,
 *   edit: (message: Said) => void, remove: (message: Said) => void,
 *   link: ReturnType<typeof import('./attachments.js').links>, failed: (error: App.Problem) => void }} Acts
 */

/** Whether the user is known to have reacted so. @param {{ user: App.Person }} who @param {Said} message @param {string} emoji */
export const hasReacted = ({ user }, message, emoji) => Boolean(message.reactions?.find((reaction) => reaction.emoji === emoji)?.userIds.includes(user.id));

/** @param {Acts} acts */
export function roomMessage(acts) {
  return shownBy(
    (/** @type {Said} */ message) => el('li', { class: 'message', 'data-testid': 'message' },
      avatar(message.name, message.userId),
      el('div', { class: 'message-body' },
        el('p', { class: 'message-head' }, el('strong', { dir: 'auto' }, message.name), guestMark(message.userId), el('time', { datetime: message.createdAt, title: full(message.createdAt) }, clock(message.createdAt))),
        el('p', { class: 'message-reply', hidden: true }),
        el('p', { class: 'text', dir: 'auto' }),
        el('div', { class: 'attachments' }),
        el('div', { class: 'reactions' }),
        el('p', { class: 'message-state' })),
      el('div', { class: 'message-acts' })),
    (node, message) => {
      if (message.seq) node.dataset.seq = String(message.seq);
      node.classList.toggle('pending', Boolean(message.pending));
      node.classList.toggle('deleted', Boolean(message.deletedAt));
      node.classList.toggle('mentions-me', Boolean(message.mentions?.includes(acts.user.id)));
      fill(part(node, 'text'), message.deletedAt ? phrase('room.deleted') : message.text,
        message.editedAt && el('span', { class: 'edited', title: full(message.editedAt) }, phrase('room.edited')));
      showAttachments(part(node, 'attachments'), message, acts);
      showReply(part(node, 'message-reply'), message, acts);
      showReactions(part(node, 'reactions'), message, acts);
      fill(part(node, 'message-acts'), !message.pending && !message.deletedAt && actsOn(message, acts));
      showState(part(node, 'message-state'), message, acts);
    },
  );
}

/** How far a message came that is not stored yet. @param {HTMLElement} node @param {Said} message @param {Acts} acts */
function showState(node, { id, pending, error }, { retry, discard, isOffline }) {
  const act = (/** @type {string} */ testId, /** @type {string} */ label, /** @type {(clientId: string) => void} */ click) =>
    el('button', { type: 'button', class: 'link', 'data-testid': testId, on: { click: () => click(id) } }, label);
  const giveUp = () => act('message-discard', phrase('room.discard'), discard);
  node.classList.toggle('problem', Boolean(error));
  if (error) return fill(node, icon('alert'), el('span', {}, phrase('room.notSent', { reason: explain(error) })), act('message-retry', phrase('tryAgain'), retry), giveUp());
  if (!pending) return fill(node);
  if (isOffline()) return fill(node, icon('clock'), el('span', {}, phrase('room.waiting')), giveUp());
  // That it is paler says the same.
  return fill(node, el('span', { class: 'sr' }, phrase('room.sending')));
}

/** What a message answers. @param {HTMLElement} node @param {Said} message @param {Acts} acts */
function showReply(node, message, { find }) {
  node.hidden = !message.replyTo;
  if (!message.replyTo) return;
  const answered = find(message.replyTo);
  const words = answered?.deletedAt ? phrase('room.deleted') : (answered && (answered.text || answered.attachments?.[0]?.fileName)) ?? phrase('room.earlier');
  fill(node, icon('reply'), answered && el('bdi', { class: 'message-replied' }, answered.name), el('span', { class: 'quoted', dir: 'auto' }, words));
}

/** Drawn once: pictures that are there do not load again. @param {HTMLElement} node @param {Said} message @param {Acts} acts */
function showAttachments(node, { attachments = [], pending = false }, { link, failed }) {
  const shown = attachments.map(({ id }) => id).join(' ') + pending;
  if (node.dataset.shown === shown) return;
  node.dataset.shown = shown;
  node.hidden = attachments.length === 0;
  fill(node, attachmentList(attachments, { isPending: pending, link, failed }));
}

/** @param {HTMLElement} node @param {Said} message @param {Acts} acts */
function showReactions(node, message, acts) {
  fill(node, (message.reactions ?? []).map(({ emoji, count }) => el('button', {
    type: 'button', class: 'reaction', 'data-testid': 'reaction', 'aria-pressed': String(hasReacted(acts, message, emoji)),
    'aria-label': phrase('room.reaction', { emoji, count }), on: { click: () => acts.react(message, emoji) },
  }, emoji, el('span', {}, number(count)))));
}

/** @param {Said} message @param {Acts} acts */
function actsOn(message, acts) {
  const isOwn = message.userId === acts.user.id;
  const act = (/** @type {string} */ name, /** @type {keyof typeof import('../dom.js').ICONS} */ sign, /** @type {string} */ label, /** @type {() => void} */ click) =>
    el('button', { type: 'button', class: 'icon-button small', 'aria-label': label, title: label, 'data-testid': `message-${name}`, on: { click } }, icon(sign));
  return [
    QUICK.map((emoji) => el('button', { type: 'button', class: 'icon-button small', 'data-testid': 'message-react', 'aria-label': phrase('room.reactWith', { emoji }), on: { click: () => acts.react(message, emoji) } }, emoji)),
    act('reply', 'reply', phrase('room.reply'), () => acts.reply(message)),
    isOwn && act('edit', 'pencil', phrase('room.edit'), () => acts.edit(message)),
    (isOwn || acts.mayModerate()) && act('delete', 'bin', phrase('room.delete'), () => acts.remove(message)),
  ];
}

const TICKS = /** @type {const} */ ({ sending: 'clock', queued: 'clock', sent: 'tick', delivered: 'ticks', read: 'ticks', failed: 'alert' });

/** The words of a message, or what stands for them. @param {Written} message */
const wording = (message) => message.text ?? (message.attachments?.length ? '' : phrase('thread.unknownKind'));

/** Why a message did not go out. @param {Written} message */
const problemOf = ({ error }) => (typeof error === 'string' ? error : error ? explain(error) : phrase('thread.failed'));

/**
 * @param {{ retry: (key: string, text: string) => void, contactName: () => string, authorName: (userId?: string | null) => string,
 *   openFile: (message: Wire.Message, number: number) => void }} acts
 */
export function threadMessage({ retry, contactName, authorName, openFile }) {
  return shownBy(
    (/** @type {Written} */ message) => el('li', { class: `bubble ${message.direction}`, 'data-testid': 'thread-message', 'data-direction': message.direction, 'data-message-id': message.id },
      el('p', { class: 'bubble-author', dir: 'auto' }),
      wording(message) && el('p', { class: message.text === null ? 'text muted' : 'text', dir: 'auto' }, wording(message)),
      (message.attachments ?? []).map(({ mimeType, fileName }, number) => el('button', {
        type: 'button', class: 'link attachment', 'data-testid': 'attachment',
        // Only what is stored has attachments.
        on: { click: () => openFile(/** @type {Wire.Message} */ (message), number) },
      }, icon('file'), el('span', { dir: 'auto' }, fileName ?? mimeType))),
      el('p', { class: 'bubble-foot' }),
      el('p', { class: 'message-state' })),
    (node, message) => {
      node.dataset.status = message.status;
      // Of a long text there is only the beginning at first.
      const text = node.querySelector('.text');
      if (text) say(text, wording(message));
      const isOutbound = message.direction === 'outbound';
      say(part(node, 'bubble-author'), isOutbound ? authorName(message.authorId) : contactName());
      fill(part(node, 'bubble-foot'),
        el('time', { datetime: message.createdAt, title: full(message.createdAt) }, clock(message.createdAt)),
        isOutbound && el('span', { class: `ticks ${message.status}`, title: delivery(message.status) },
          icon(TICKS[message.status]), el('span', { class: 'sr' }, delivery(message.status))));
      fill(part(node, 'message-state'), message.status === 'failed' && [
        el('span', {}, problemOf(message)),
        message.pending && el('button', { type: 'button', class: 'link', on: { click: () => retry(message.id, message.text ?? '') } }, phrase('tryAgain'))]);
    },
  );
}
