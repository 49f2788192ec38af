// What moderators do to others in a call: a button in its head, and a dialog.

import { avatar, el, iconButton, keepingFocus, keyed } from '../../dom.js';
import { phrase } from '../../words.js';
import { guestMark } from '../guest-mark.js';
import { rank, roleIn } from '../members.js';
import { confirm, show as open } from '../settings/dialogs.js';
import { recorder } from './recordings.js';

/** What can be ended of what somebody sends. */
const SOURCES = /** @type {const} */ ([
  { source: 'microphone', words: 'call.mutePerson', testId: 'moderate-mute' },
  { source: 'camera', words: 'call.stopCamera', testId: 'moderate-camera' },
  { source: 'screen', words: 'call.stopSharing', testId: 'moderate-screen' },
]);

/** @param {App.RoomParts} app */
export function moderation(app) {
  const { rooms, user } = app;
  const element = iconButton('shield', phrase('call.moderate'), { class: 'small', hidden: true, 'data-testid': 'call-moderate', on: { click: () => room && manage(app, room) } });
  /** @type {string | null} */
  let room = null;

  /** Whether the user may is asked once a call. @param {string} id */
  async function look(id) {
    const listed = rooms.list.get().items.find((item) => item.id === id);
    if (listed?.direct || !user.permissions.includes('rooms.read')) return;
    const may = user.permissions.includes('rooms.manage') || rank(await roleIn(app, id).catch(() => null)) > 1;
    if (room === id) element.hidden = !may;
  }

  return {
    element,
    /** @param {App.Active | null} active */
    update(active) {
      const id = active?.roomId ?? null;
      if (room === id) return;
      room = id;
      element.hidden = true;
      if (id) look(id);
    },
  };
}

/** Shows who is in the call, for as long as there is one. @param {App.RoomParts} app @param {string} room */
function manage(app, room) {
  const { calls } = app;
  const recording = recorder(app, room);
  const list = el('ul', { class: 'list', 'aria-label': phrase('call.moderate') });
  const empty = el('p', { class: 'muted' }, phrase('call.alone'));
  /** @type {HTMLInputElement} */
  const lock = el('input', { type: 'checkbox', 'data-testid': 'call-lock', on: { change: async () => {
    await calls.moderate.lock(lock.checked);
    // What was refused is as it was; what was not is told with the session's state.
    lock.checked = calls.state.get().active?.isLocked ?? false;
  } } });
  const content = el('div', {},
    el('label', { class: 'check' }, lock, el('span', {}, phrase('call.lock'))), el('p', { class: 'muted' }, phrase('call.lockHint')), list, empty, recording.element);
  // Who is muted, or has gone, takes the buttons along that did it.
  const stop = calls.state.subscribe(({ active }) => keepingFocus(content, () => {
    const others = active?.others ?? [];
    lock.checked = active?.isLocked ?? false;
    lock.disabled = !active;
    empty.hidden = others.length > 0;
    keyed(list, others, { key: ({ connectionId }) => connectionId, create: (person) => row(calls, person), update });
  }));
  open(phrase('call.moderate'), content, () => { stop(); recording.leave(); });
}

/** @param {App.Calls} calls @param {App.Other} person */
function row(calls, { connectionId, userId, name }) {
  const remove = el('button', {
    type: 'button', class: 'button small', 'data-testid': 'moderate-remove', 'aria-label': phrase('call.about', { name, what: phrase('call.removePerson') }),
    on: { click: async () => (await confirm(phrase('call.removeQuestion', { name }), undefined, phrase('call.removePerson'))) && calls.moderate.remove(connectionId) },
  }, phrase('call.removePerson'));
  const ends = SOURCES.map(({ source, words, testId }) => el('button', {
    type: 'button', class: 'button small', 'data-testid': testId, 'data-source': source, 'aria-label': phrase('call.about', { name, what: phrase(words) }), on: { click: () => calls.moderate.mute(connectionId, source) },
  }, phrase(words)));
  return el('li', { class: 'person wraps', 'data-testid': 'moderate-person', 'data-connection-id': connectionId },
    avatar(name, userId), el('span', { class: 'row-title', dir: 'auto' }, name), guestMark(userId), ends, remove);
}

/** @param {Element} node @param {App.Other} person */
function update(node, { tracks }) {
  for (const { source } of SOURCES) {
    const button = node.querySelector(`[data-source="${source}"]`);
    if (button instanceof HTMLElement) button.hidden = !tracks.some((track) => track.source === source && !track.muted);
  }
}
