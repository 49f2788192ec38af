// How single messages look, in rooms and in threads with customers.

import { avatar, el, fill, icon, say } from '../dom.js';
import { clock, day, full } from '../format.js';
import { delivery, explain } from '../words.js';

/** Messages of one person within this time stand together under one name. */
const TOGETHER_MS = 5 * 60_000;

/** Room messages and those on their way, as rows: a name for every day, grouped by person. */
export function days(messages, pending, user) {
  const waiting = pending.map((entry) => ({
    id: entry.clientId, userId: user.id, name: user.name, text: entry.text, createdAt: entry.at, pending: true, error: entry.error,
  }));
  return rows([...messages, ...waiting], (message) => message.userId);
}

/** The same for a thread: grouped by side. */
export function threadRows(messages, pending) {
  const waiting = pending.map((entry) => ({
    id: entry.key, direction: 'outbound', text: entry.text, createdAt: entry.at, status: entry.error ? 'failed' : 'sending', pending: true, error: entry.error,
  }));
  return rows([...messages, ...waiting], (message) => message.direction + (message.authorId ?? ''));
}

function rows(messages, author) {
  const all = [];
  let before = null;
  for (const message of messages) {
    const name = day(message.createdAt);
    const sameDay = before && name === day(before.createdAt);
    if (!sameDay) all.push({ key: `day ${name}`, day: name });
    const together = sameDay && author(before) === author(message) && Date.parse(message.createdAt) - Date.parse(before.createdAt) < TOGETHER_MS;
    all.push({ key: message.id, message, first: !together });
    before = message;
  }
  return all;
}

/** Shows rows in a `keyed` list, touching only those that changed. */
function shownBy(create, update) {
  return {
    key: (row) => row.key,
    create: (row) => (row.day ? el('li', { class: 'day' }, el('span', {}, row.day)) : create(row.message)),
    update: (node, row) => {
      if (row.day || (node.shown?.message === row.message && node.shown.first === row.first)) return;
      node.shown = row;
      node.classList.toggle('first', row.first);
      update(node, row.message);
    },
  };
}

export function roomMessage({ retry }) {
  return shownBy(
    (message) => el('li', { class: 'message', 'data-testid': 'message' },
      avatar(message.name, message.userId),
      el('div', { class: 'message-body' },
        el('p', { class: 'message-head' }, el('strong', {}, message.name), el('time', { datetime: message.createdAt, title: full(message.createdAt) }, clock(message.createdAt))),
        el('p', { class: 'text' }, message.text),
        el('p', { class: 'message-state' }))),
    (node, message) => {
      if (message.seq) node.dataset.seq = message.seq;
      node.classList.toggle('pending', Boolean(message.pending));
      fill(node.querySelector('.message-state'), message.error && [
        icon('alert'), el('span', {}, `Not sent: ${explain(message.error)}`),
        el('button', { type: 'button', class: 'link', on: { click: () => retry(message.id) } }, 'Try again')]);
    },
  );
}

const TICKS = { sending: 'clock', queued: 'clock', sent: 'tick', delivered: 'ticks', read: 'ticks', failed: 'alert' };

/** The words of a message, or what stands for them. */
const wording = (message) => message.text ?? (message.attachments?.length ? '' : 'A kind of message that cannot be shown yet.');

export function threadMessage({ retry, contactName, authorName, openFile }) {
  return shownBy(
    (message) => el('li', { class: `bubble ${message.direction}`, 'data-testid': 'thread-message', 'data-direction': message.direction, 'data-message-id': message.id },
      el('p', { class: 'bubble-author' }),
      wording(message) && el('p', { class: message.text === null ? 'text muted' : 'text' }, wording(message)),
      (message.attachments ?? []).map(({ mimeType, fileName }, number) => el('button', {
        type: 'button', class: 'link attachment', 'data-testid': 'attachment', on: { click: () => openFile(message, number) },
      }, icon('file'), el('span', {}, fileName ?? mimeType))),
      el('p', { class: 'bubble-foot' }),
      el('p', { class: 'message-state' })),
    (node, message) => {
      node.dataset.status = message.status;
      // Of a long text there is only the beginning at first.
      const text = node.querySelector('.text');
      if (text) say(text, wording(message));
      const isOutbound = message.direction === 'outbound';
      say(node.querySelector('.bubble-author'), isOutbound ? authorName(message.authorId) : contactName());
      fill(node.querySelector('.bubble-foot'),
        el('time', { datetime: message.createdAt, title: full(message.createdAt) }, clock(message.createdAt)),
        isOutbound && el('span', { class: `ticks ${message.status}`, title: delivery(message.status) },
          icon(TICKS[message.status]), el('span', { class: 'sr' }, delivery(message.status))));
      const problem = message.pending ? message.error && explain(message.error) : message.error;
      fill(node.querySelector('.message-state'), message.status === 'failed' && [
        el('span', {}, problem ?? 'Failed'),
        message.pending && el('button', { type: 'button', class: 'link', on: { click: () => retry(message.id, message.text) } }, 'Try again')]);
    },
  );
}
