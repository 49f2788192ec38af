// The list of rooms, and making one.

import { avatar, el, fill, icon, iconButton, keyed, roving, say } from '../dom.js';
import { number } from '../format.js';
import { address, go, route } from '../router.js';
import { nameOf } from '../model/rooms.js';
import { explain, names, phrase } from '../words.js';

/** Of more the server does not tell how many. */
const UNREAD_MAX = 100;

/** @param {App.Parts} parts @returns {App.View} */
export function roomList({ rooms, calls, notices, user }) {
  const mayOpen = user.permissions.includes('rooms.manage');
  const mayCreate = user.permissions.includes('rooms.create');
  const list = el('ul', { class: 'list', 'aria-label': phrase('nav.rooms') });
  const settle = roving(list, 'a');
  const note = el('div', { class: 'list-note' });
  const form = newRoom(rooms, notices, mayOpen);
  const open = iconButton('plus', phrase('rooms.new'), { 'data-testid': 'room-create', 'aria-expanded': 'false', on: { click: () => form.toggle(open) } });

  const show = () => {
    const { status, items, error } = rooms.list.get();
    const { id } = route.get();
    const callIn = calls.state.get().active?.roomId;
    keyed(list, items, {
      key: (item) => item.id,
      create: (item) => el('li', {}, el('a', { class: 'row', href: address('rooms', item.id), 'data-testid': 'room-item', 'data-room-id': item.id },
        item.with ? avatar(nameOf(item), item.with.userId) : avatar(item.name, item.id, 'square'), el('span', { class: 'row-text' }, el('span', { class: 'row-title', dir: 'auto' }, nameOf(item)), el('span', { class: 'row-call', 'data-testid': 'room-call', hidden: true })), el('span', { class: 'badge', 'data-testid': 'room-unread', hidden: true }), el('span', { class: 'row-mark' }))),
      update: (node, item) => showRow(node, { item, call: rooms.calls.get().byRoom.get(item.id), mark: markOf(item.id, callIn), isCurrent: item.id === id }),
    });
    settle();
    fill(note,
      status === 'loading' && phrase('loading'),
      status === 'failed' && [el('p', {}, explain(error)), el('button', { class: 'button small', type: 'button', on: { click: rooms.load } }, phrase('tryAgain'))],
      status === 'ready' && items.length === 0 && (phrase(mayCreate ? 'rooms.makeFirst' : 'rooms.none')));
  };
  const markOf = (/** @type {string} */ id, /** @type {string | undefined} */ callIn) => {
    const { isRefused, isWaiting } = rooms.unsent.get().byRoom.get(id) ?? {};
    if (isRefused) return 'refused';
    if (callIn === id) return 'inCall';
    return isWaiting ? 'waiting' : null;
  };
  const offs = [rooms.unsent.subscribe(show), rooms.calls.subscribe(show), rooms.list.subscribe(show), route.subscribe(show), calls.state.subscribe(show)];

  return {
    element: el('div', { class: 'pane' },
      el('header', { class: 'pane-header' }, el('h1', {}, phrase('nav.rooms')), mayCreate && open), form.element, list, note),
    leave: () => offs.forEach((off) => off()),
  };
}

/** @typedef {{ item: Wire.ListedRoom, call?: Wire.RoomsCall, mark: keyof typeof MARKS | null, isCurrent: boolean }} Row */

/** What each row shows. @type {WeakMap<Element, Row>} */
const shown = new WeakMap();

/** Of thousands of rooms one at a time changes. @param {HTMLElement} node @param {Row} row */
function showRow(node, row) {
  const { item, call, mark, isCurrent } = row;
  const before = shown.get(node);
  if (before?.item === item && before.call === call && before.mark === mark && before.isCurrent === isCurrent) return;
  shown.set(node, row);
  const link = /** @type {HTMLElement} */ (node.firstElementChild);
  if (isCurrent) link.setAttribute('aria-current', 'true');
  else link.removeAttribute('aria-current');
  say(/** @type {HTMLElement} */ (link.querySelector('.row-title')), nameOf(item));
  showCall(/** @type {HTMLElement} */ (link.querySelector('.row-call')), call);
  const badge = /** @type {HTMLElement} */ (link.querySelector('.badge'));
  const { unread = 0, mentions = 0 } = item.read ?? {};
  link.classList.toggle('unread', unread + mentions > 0);
  badge.hidden = unread + mentions === 0;
  badge.classList.toggle('mention', mentions > 0);
  const many = unread < UNREAD_MAX ? number(unread) : `${number(UNREAD_MAX - 1)}+`;
  say(badge, mentions > 0 ? `@ ${many}` : many);
  badge.setAttribute('aria-label', unread < UNREAD_MAX ? phrase('unread', { count: unread }) : phrase('unreadMany', { count: UNREAD_MAX - 1 }));
  showMark(/** @type {HTMLElement} */ (link.lastElementChild), mark);
}

/** How many are in a room's call, and who, as far as they are named. @param {HTMLElement} node @param {Wire.RoomsCall} [call] */
function showCall(node, call) {
  const { participantCount = 0, participants = [] } = call ?? {};
  const who = names(Array.from({ length: participantCount }, (_, at) => participants[at]?.name ?? ''));
  node.hidden = !call;
  if ((node.dataset.who ?? '') === who) return;
  node.dataset.who = who;
  fill(node, icon('phone'), el('span', { class: 'row-call-count' }, number(participantCount)), el('span', { class: 'sr' }, phrase('rooms.inTheCall')), el('span', { class: 'row-call-names' }, who));
}

/** What may be marked at a room, in the order of urgency. */
const MARKS = /** @type {const} */ ({
  refused: { sign: 'alert', label: 'rooms.refused' }, inCall: { sign: 'phone', label: 'rooms.inCall' }, waiting: { sign: 'clock', label: 'rooms.waiting' },
});

/** @param {HTMLElement} node @param {keyof typeof MARKS | null} name */
function showMark(node, name) {
  if ((node.dataset.mark ?? '') === (name ?? '')) return;
  node.dataset.mark = name ?? '';
  node.title = name ? phrase(MARKS[name].label) : '';
  fill(node, name && [icon(MARKS[name].sign), el('span', { class: 'sr' }, phrase(MARKS[name].label))]);
}

/**
 * @param {App.Rooms} rooms
 * @param {App.Notices} notices
 * @param {boolean} mayOpen whether the room may be for everybody
 */
function newRoom(rooms, notices, mayOpen) {
  const name = el('input', { type: 'text', dir: 'auto', 'aria-label': phrase('rooms.nameLabel'), placeholder: phrase('rooms.namePlaceholder'), maxlength: '80', required: true, 'data-testid': 'room-name' });
  const submit = el('button', { type: 'submit', class: 'button primary', 'data-testid': 'room-create-submit' }, phrase('rooms.create'));
  const isPrivate = el('input', { type: 'checkbox', 'data-testid': 'room-private', checked: !mayOpen });
  const privacy = el('label', { class: 'check', hidden: !mayOpen }, isPrivate, phrase('rooms.private'));
  /** @type {HTMLElement | null} */
  let opener = null;
  const close = () => {
    element.hidden = true;
    opener?.setAttribute('aria-expanded', 'false');
    opener?.focus();
  };
  const element = el('form', {
    class: 'inline-form', hidden: true,
    on: {
      keydown: (event) => event.key === 'Escape' && close(),
      submit: async (event) => {
        event.preventDefault();
        if (!name.value.trim()) return;
        submit.disabled = true;
        try {
          const room = await rooms.create(name.value.trim(), isPrivate.checked);
          name.value = '';
          close();
          go('rooms', room.id);
        } catch (error) {
          notices.warn(explain(error));
        } finally {
          submit.disabled = false;
        }
      },
    },
  }, name, privacy, submit);
  return {
    element,
    /** @param {HTMLElement} button */
    toggle(button) {
      opener = button;
      if (!element.hidden) return close();
      element.hidden = false;
      button.setAttribute('aria-expanded', 'true');
      name.focus();
    },
  };
}

/**
 * The heading of a detail view, with the way back to the list on narrow screens.
 *
 * @param {string} view
 * @param {Dom.Child} title
 * @param {...Dom.Child} actions
 */
export function detailHeader(view, title, ...actions) {
  return el('header', { class: 'detail-header' },
    el('a', { class: 'icon-button back', href: address(view), 'aria-label': phrase('backToList'), title: phrase('back') }, icon('back')),
    title, el('span', { class: 'detail-actions' }, actions));
}

/** A heading's text that changes. */
export function titled(text = '') {
  const node = el('h1', { dir: 'auto' }, text);
  return { node, set: (/** @type {string} */ next) => say(node, next) };
}
