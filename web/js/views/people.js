// Who is in a room and who else could be rung.

import { isGuest } from '../../client/src/index.js';
import { TOLD_SINGLY_MAX } from '../../client/src/roster.js';
import { avatar, el, iconButton, keyed, roving } from '../dom.js';
import { go } from '../router.js';
import { explain, language, phrase } from '../words.js';
import { guestMark } from './guest-mark.js';

/** So many of those who are connected are shown at first, and so many more each time: an account may have thousands. */
const SHOWN = 100;

const COLLATOR = new Intl.Collator(language);

/** @typedef {{ userId: string, name: string, devices?: number }} Person */

/** @param {Person} a @param {Person} b */
const byName = (a, b) => COLLATOR.compare(a.name, b.name);

/** One entry per user; a user may be here with several devices. @param {Wire.Member[]} members */
function byUser(members) {
  /** @type {Map<string, Person>} */
  const users = new Map();
  for (const { userId, name } of members) {
    const known = users.get(userId);
    users.set(userId, { userId, name, devices: (known?.devices ?? 0) + 1 });
  }
  return [...users.values()].sort(byName);
}

/**
 * @param {App.RoomParts} parts
 * @param {App.LiveRoom} live
 * @param {HTMLElement[]} manage what those do about the room who may
 * @returns {App.View}
 */
export function people({ presence, calls, user, rooms, notices }, live, manage) {
  const here = el('ul', { class: 'list people-list', 'aria-label': phrase('room.inThis') });
  const online = el('ul', { class: 'list people-list', 'aria-label': phrase('room.online') });
  const onlineTitle = el('h2', { class: 'overline' }, phrase('room.alsoOnline'));
  /** Where the pages before the one that is shown begin. @type {(string | undefined)[]} */
  let before = [];
  const turn = (/** @type {string | undefined} */ after) => live.room.followMembers({ after }).catch(() => {});
  const button = (/** @type {Words.Plain} */ words, /** @type {string} */ testId, /** @type {() => void} */ click) =>
    el('button', { type: 'button', class: 'button small', 'data-testid': testId, on: { click } }, phrase(words));
  const look = button('room.showMembers', 'members-show', () => turn(undefined));
  const back = button('room.membersBefore', 'members-before', () => turn(before.pop()));
  const next = button('room.membersNext', 'members-next', () => {
    const { members, membersPage } = live.state.get();
    before.push(membersPage?.after ?? undefined);
    turn(members.at(-1)?.connectionId);
  });
  const pages = el('div', { class: 'people-pages' }, look, back, next, manage);
  /** How many of those who are connected are shown at most. */
  let most = SHOWN;
  const more = button('loadMore', 'online-more', () => {
    most += SHOWN;
    show();
  });
  const element = el('aside', { class: 'people', 'aria-label': phrase('room.people'), id: 'people' },
    el('h2', { class: 'overline' }, phrase('room.inThis')), here, pages, onlineTitle, online, el('div', { class: 'people-pages' }, more));

  const ring = (/** @type {Person} */ { userId, name }, /** @type {'audio' | 'video'} */ media) => calls.ringUser({ roomId: live.id, userId, name, media });
  // Guests ring nobody, and are rung by nobody.
  const mayRing = user.permissions.includes('rooms.read');
  const mayWrite = user.permissions.includes('rooms.create');
  const write = async (/** @type {Person} */ person) => {
    try {
      const room = await rooms.openDirect?.(person);
      if (room) go('rooms', room.id);
    } catch (error) {
      notices.warn(explain(error));
    }
  };
  const shownBy = (/** @type {string} */ testId) => ({
    key: (/** @type {Person} */ { userId }) => userId,
    create: (/** @type {Person} */ person) => {
      const isSelf = person.userId === user.id;
      return el('li', { class: 'person', 'data-testid': testId, 'data-user-id': person.userId },
        avatar(person.name, person.userId, 'online'),
        el('span', { class: 'row-title', dir: 'auto' }, isSelf ? phrase('you', { name: person.name }) : person.name),
        guestMark(person.userId),
        el('span', { class: 'person-status' }),
        !isSelf && mayRing && !isGuest(person.userId) && [
          mayWrite && iconButton('reply', phrase('room.direct', { name: person.name }), { 'data-testid': 'direct-open', 'data-user-id': person.userId, on: { click: () => write(person) } }),
          iconButton('phone', phrase('person.callAudio', { name: person.name }), { 'data-testid': 'call-person-audio', on: { click: () => ring(person, 'audio') } }),
          iconButton('forward', phrase('person.transfer', { name: person.name }), { class: 'person-transfer', 'data-testid': 'transfer-person', 'data-user-id': person.userId, on: { click: () => calls.transfer(person) } }),
          iconButton('camera', phrase('person.call', { name: person.name }), { 'data-testid': 'call-person', 'data-user-id': person.userId, on: { click: () => ring(person, 'video') } }),
        ]);
    },
    update: (/** @type {HTMLElement} */ node, /** @type {Person} */ { userId, devices = 1 }) => {
      node.setAttribute('title', phrase('person.devices', { count: devices }));
      const status = presence.state.get().statuses.get(userId) ?? 'online';
      node.dataset.status = status;
      const words = node.querySelector('.person-status');
      // Who is simply there needs no word beside their dot.
      if (words) words.textContent = status === 'online' ? '' : phrase(`status.${status}`);
    },
  });
  const settles = [here, online].map((list) => roving(list, 'button'));

  const show = () => {
    const { members: known, memberCount, membersPage, membersComplete } = live.state.get();
    const members = byUser(known);
    // Of a crowd those are shown whom somebody asks for.
    const isCrowd = !membersPage && !membersComplete && memberCount > TOLD_SINGLY_MAX;
    if (!membersPage) before = [];
    here.hidden = isCrowd;
    look.hidden = !isCrowd;
    back.hidden = before.length === 0 || !membersPage;
    next.hidden = !membersPage?.more;
    const inRoom = new Set(members.map(({ userId }) => userId));
    const { online: connected, names } = presence.state.get();
    const others = [...connected].filter((id) => !inRoom.has(id) && id !== user.id)
      .map((userId) => ({ userId, name: names.get(userId) ?? '' }))
      .sort(byName);
    keyed(here, members, shownBy('member'));
    keyed(online, others.slice(0, most), shownBy('person'));
    more.hidden = others.length <= most;
    onlineTitle.hidden = online.hidden = others.length === 0;
    settles.forEach((settle) => settle());
  };
  // Only a call that was rung can be handed over.
  const offer = (/** @type {App.CallState} */ { active }) => element.classList.toggle('in-call', Boolean(active?.isRung));
  /** @type {App.RoomState | null} */
  let shown = null;
  const showNews = (/** @type {App.RoomState} */ now) => {
    const isNews = (/** @type {'members' | 'memberCount' | 'membersPage' | 'membersComplete'} */ part) => shown?.[part] !== now[part];
    const hasNews = isNews('members') || isNews('memberCount') || isNews('membersPage') || isNews('membersComplete');
    shown = now;
    if (hasNews) show();
  };
  const offs = [live.state.subscribe(showNews), presence.state.subscribe(show), calls.state.subscribe(offer)];
  return { element, leave() {
    offs.forEach((off) => off());
    live.room.unfollowMembers();
  } };
}
