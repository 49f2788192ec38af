// Inviting guests: links into a room, made, copied and taken back.

import { el, fill, say } from '../dom.js';
import { moment } from '../format.js';
import { explain, phrase } from '../words.js';
import { all } from './members.js';
import { confirm, show } from './settings/dialogs.js';

const HOUR_S = 3_600;

/** For how long a link may be good, in seconds. */
const TIMES = /** @type {const} */ ({ 'guest.hour': HOUR_S, 'guest.day': 24 * HOUR_S, 'guest.week': 7 * 24 * HOUR_S, 'guest.month': 30 * 24 * HOUR_S });

/** All that there is: a guest talks, and reads and writes along. */
const RIGHTS = ['messages.read', 'messages.send', 'media.send', 'media.receive'];

/** Whether somebody may still come by it. @param {Wire.JoinLink} link */
const isOpen = ({ revokedAt, expiresAt, uses, usesMax }) => !revokedAt && Date.parse(expiresAt) > Date.now() && (!usesMax || uses < usesMax);

/** @param {Pick<App.RoomParts, 'api' | 'notices'>} parts @param {string} id the room */
export async function inviteGuests({ api, notices }, id) {
  const path = `/v1/rooms/${id}/join-links`;
  const list = el('ul', { class: 'list', 'aria-label': phrase('guest.links') });
  const time = el('select', { class: 'select', id: 'link-time', 'data-testid': 'link-time' },
    Object.entries(TIMES).map(([words, seconds]) => el('option', { value: seconds, selected: words === 'guest.day' }, phrase(/** @type {keyof typeof TIMES} */ (words)))));
  const once = el('input', { type: 'checkbox', 'data-testid': 'link-once' });
  const made = el('div', { class: 'link-made', hidden: true });
  const act = (/** @type {() => Promise<unknown>} */ work) => work().catch((error) => notices.warn(explain(error))).then(load);

  const create = (/** @type {Event} */ event) => {
    event.preventDefault();
    act(async () => {
      /** @type {Wire.CreatedJoinLink} */
      const link = await api.post(path, { rights: RIGHTS, expiresIn: Number(time.value), usesMax: once.checked ? 1 : null });
      showLink(`${location.origin}/join#${link.token}`);
    });
  };

  function showLink(/** @type {string} */ url) {
    const field = el('input', { type: 'text', readonly: true, dir: 'ltr', value: url, 'aria-label': phrase('guest.link'), 'data-testid': 'link-url', on: { focus: ({ target }) => target instanceof HTMLInputElement && target.select() } });
    const said = el('p', { class: 'field-hint', role: 'status' }, phrase('guest.shownOnce'));
    const copy = el('button', { type: 'button', class: 'button primary', 'data-testid': 'link-copy', on: { click: async () => {
      field.select();
      await navigator.clipboard?.writeText(url).then(() => say(said, phrase('guest.copied')), () => {});
    } } }, phrase('guest.copy'));
    fill(made, el('div', { class: 'link-row' }, field, copy), said);
    made.hidden = false;
    copy.focus();
  }

  const row = (/** @type {Wire.JoinLink} */ link) => el('li', { class: 'person', 'data-testid': 'join-link' },
    el('span', { class: 'row-text' },
      el('span', { class: 'row-title' }, phrase('guest.until', { time: moment(link.expiresAt) })),
      el('span', { class: 'row-preview' }, phrase('guest.uses', { count: link.uses }))),
    el('button', { type: 'button', class: 'button small', 'data-testid': 'join-link-revoke', on: { click: async () => {
      if (await confirm(phrase('guest.revokeQuestion'), phrase('guest.revokeHint'), phrase('guest.revoke'))) await act(() => api.remove(`${path}/${link.id}`));
    } } }, phrase('guest.revoke')));

  async function load() {
    try {
      const links = (await all(api, path)).filter(isOpen).reverse();
      fill(list, links.length ? links.map(row) : el('li', { class: 'muted' }, phrase('guest.noLinks')));
    } catch (error) {
      fill(list, el('li', {}, explain(error)));
    }
  }

  show(phrase('guest.invite'), el('div', { 'data-testid': 'join-links' },
    el('p', { class: 'muted' }, phrase('guest.inviteHint')),
    el('form', { class: 'link-form', on: { submit: create } },
      el('div', { class: 'field' }, el('label', { for: 'link-time' }, phrase('guest.goodFor')), time),
      el('label', { class: 'check' }, once, phrase('guest.once')),
      el('div', { class: 'dialog-actions' }, el('button', { type: 'submit', class: 'button', 'data-testid': 'link-create' }, phrase('guest.make')))),
    made,
    el('h3', { class: 'overline' }, phrase('guest.links')), list));
  await load();
}
