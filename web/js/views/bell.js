// The bell: how much is new in one's mailbox, and the list of it.

import { avatar, el, fill, iconButton, keyed, say } from '../dom.js';
import { brief, full } from '../format.js';
import { go } from '../router.js';
import { explain, phrase } from '../words.js';

/** @param {App.Parts} app */
export function bell({ mailbox, push, rooms, notices }) {
  const badge = el('span', { class: 'badge', hidden: true, 'data-testid': 'bell-badge' });
  const list = el('ul', { class: 'list bell-list', 'aria-label': phrase('bell.title') });
  const empty = el('p', { class: 'list-note' }, phrase('bell.none'));
  const browser = el('div', { class: 'list-note' });
  /** @type {HTMLDialogElement} */
  const element = el('dialog', { class: 'card bell', 'aria-labelledby': 'bell-title', 'data-testid': 'bell-list' },
    el('header', { class: 'card-header' },
      el('h2', { id: 'bell-title' }, phrase('bell.title')),
      iconButton('close', phrase('close'), { on: { click: () => element.close() } })),
    list, empty, browser);
  const open = () => {
    element.showModal();
    // Looking at the list is having seen it.
    mailbox.acknowledge().catch((/** @type {App.Problem} */ error) => notices.warn(explain(error)));
  };
  const button = iconButton('bell', phrase('bell.title'), { class: 'bell-button', 'data-testid': 'bell', on: { click: open } });
  button.append(badge);

  mailbox.state.subscribe(({ entries }) => {
    const count = mailbox.unread();
    badge.hidden = count === 0;
    say(badge, String(count));
    badge.setAttribute('aria-label', phrase('unread', { count }));
    empty.hidden = entries.length > 0;
    keyed(list, entries, { key: ({ seq }) => seq, create: (entry) => row(entry, rooms, () => element.close()) });
  });

  push.state.subscribe(({ phase }) => showBrowser(browser, phase, { push, notices }));
  return { button, element };
}

/** @param {Wire.MailboxEntry} entry @param {App.Rooms} rooms @param {() => void} chosen */
function row({ kind, from, name, roomId, createdAt }, rooms, chosen) {
  const place = rooms.list.get().items.find(({ id }) => id === roomId);
  const where = place?.with?.name ?? place?.name ?? '';
  const what = phrase(kind === 'callMissed' ? 'bell.callMissed' : 'bell.mention', { room: where });
  return el('li', {}, el('button', { type: 'button', class: `row ${kind === 'callMissed' ? 'missed' : ''}`, 'data-testid': `entry-${kind}`, on: { click: () => { chosen(); go('rooms', roomId); } } },
    avatar(name, from),
    el('span', { class: 'row-text' },
      el('span', { class: 'row-title', dir: 'auto' }, name),
      el('span', { class: 'row-channel', dir: 'auto' }, what)),
    el('time', { class: 'row-time', datetime: createdAt, title: full(createdAt) }, brief(createdAt))));
}

/** Whether this browser notifies, and what can be done about it. @param {HTMLElement} node @param {App.PushState['phase']} phase @param {Pick<App.Parts, 'push' | 'notices'>} parts */
function showBrowser(node, phase, { push, notices }) {
  const run = (/** @type {() => Promise<unknown>} */ change) => () => change().catch((/** @type {App.Problem} */ error) => notices.warn(explain(error)));
  if (phase === 'unsupported') return fill(node, phrase('push.unsupported'));
  if (phase === 'blocked') return fill(node, phrase('push.blocked'));
  const isOn = phase === 'on';
  return fill(node,
    el('p', {}, phrase(isOn ? 'push.isOn' : 'push.isOff')),
    el('button', { type: 'button', class: 'button small', 'data-testid': isOn ? 'push-off' : 'push-on', on: { click: run(isOn ? push.turnOff : push.turnOn) } }, phrase(isOn ? 'push.turnOff' : 'push.turnOn')));
}
