// The bell: how much is new in one's mailbox, and the list of it.

import { avatar, el, fill, iconButton, keyed, say } from '../dom.js';
import { brief, full, number } from '../format.js';
import { nameOf } from '../model/rooms.js';
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
  /** Drawn for who looks: the list may be long, and the names of rooms may come later than it. */
  const show = () => {
    if (!element.open) return;
    const { entries } = mailbox.state.get();
    const names = new Map(rooms.list.get().items.map((room) => [room.id, nameOf(room)]));
    empty.hidden = entries.length > 0;
    keyed(list, entries, {
      key: ({ seq }) => seq,
      create: (entry) => row(entry, () => element.close()),
      update: (node, { kind, roomId }) => say(/** @type {HTMLElement} */ (node.querySelector('.row-channel')),
        phrase(kind === 'callMissed' ? 'bell.callMissed' : 'bell.mention', { room: names.get(roomId) ?? '' })),
    });
  };
  const open = () => {
    element.showModal();
    show();
    // Looking at the list is having seen it.
    mailbox.acknowledge().catch((/** @type {App.Problem} */ error) => notices.warn(explain(error)));
  };
  const button = iconButton('bell', phrase('bell.title'), { class: 'bell-button', 'data-testid': 'bell', on: { click: open } });
  button.append(badge);

  mailbox.state.subscribe(() => {
    const count = mailbox.unread();
    badge.hidden = count === 0;
    say(badge, number(count));
    badge.setAttribute('aria-label', phrase('unread', { count }));
    show();
  });
  rooms.list.subscribe(show);

  push.state.subscribe(({ phase }) => showBrowser(browser, phase, { push, notices }));
  return { button, element };
}

/** @param {Wire.MailboxEntry} entry @param {() => void} chosen */
function row({ kind, from, name, roomId, createdAt }, chosen) {
  return el('li', {}, el('button', { type: 'button', class: `row ${kind === 'callMissed' ? 'missed' : ''}`, 'data-testid': `entry-${kind}`, on: { click: () => { chosen(); go('rooms', roomId); } } },
    avatar(name, from),
    el('span', { class: 'row-text' },
      el('span', { class: 'row-title', dir: 'auto' }, name),
      el('span', { class: 'row-channel', dir: 'auto' })),
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
