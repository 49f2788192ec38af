// Who belongs to a room, and what owners and moderators do about it.

import { avatar, el, fill } from '../dom.js';
import { explain, phrase } from '../words.js';
import { confirm, show } from './settings/dialogs.js';

/** From least to most. */
const ROLES = /** @type {const} */ ({ member: 'room.role.member', moderator: 'room.role.moderator', owner: 'room.role.owner' });

/** @param {Wire.RoomMemberRole | null} role */
export const rank = (role) => (role ? Object.keys(ROLES).indexOf(role) + 1 : 0);

/** All of a list that comes in pages. @param {Pick<App.Api, 'get'>} api @param {string} path @returns {Promise<any[]>} */
export async function all(api, path) {
  const items = [];
  /** @type {string | null} */
  let next = null;
  do {
    const page = await api.get(`${path}${next ? `?cursor=${encodeURIComponent(next)}` : ''}`);
    items.push(...page.items);
    next = page.next ?? null;
  } while (next && items.length < 1000);
  return items;
}

/** What the user is in a room. @param {Pick<App.RoomParts, 'api' | 'notices' | 'user'>} app @param {string} id @returns {Promise<Wire.RoomMemberRole | null>} */
export async function roleIn({ api, user }, id) {
  const members = await all(api, `/v1/rooms/${id}/members`);
  return members.find(({ userId }) => userId === user.id)?.role ?? null;
}

/** @param {Pick<App.RoomParts, 'api' | 'notices' | 'user'>} app @param {string} id @param {Wire.RoomMemberRole | null} role what the user is in the room */
export async function manageMembers({ api, notices, user }, id, role) {
  const managesAll = user.permissions.includes('rooms.manage');
  const isOwner = managesAll || role === 'owner';
  const list = el('ul', { class: 'list', 'aria-label': phrase('room.manageMembers') });
  const names = new Map();
  const path = (/** @type {string} */ what, /** @type {string} */ userId) => `/v1/rooms/${id}/${what}/${userId}`;

  const act = (/** @type {() => Promise<unknown>} */ work) => work().catch((error) => notices.warn(explain(error))).then(load);
  const button = (/** @type {Words.Plain} */ words, /** @type {string} */ testId, /** @type {() => Promise<unknown>} */ work) =>
    el('button', { type: 'button', class: 'button small', 'data-testid': testId, on: { click: () => act(work) } }, phrase(words));

  function row(/** @type {{ userId: string, role: Wire.RoomMemberRole | null, isMuted: boolean, isBanned: boolean }} */ member) {
    const { userId } = member;
    const name = names.get(userId) ?? userId;
    const isAbove = managesAll || rank(role) > rank(member.role);
    /** @type {HTMLSelectElement} */
    const roles = el('select', {
      'aria-label': name, 'data-testid': 'member-role', disabled: !isOwner,
      on: { change: () => act(() => api.patch(path('members', userId), { role: roles.value })) },
    }, Object.entries(ROLES).map(([each, words]) => el('option', { value: each, selected: each === member.role }, phrase(words))));
    return el('li', { class: 'person', 'data-testid': 'room-member', 'data-user-id': userId },
      avatar(name, userId), el('span', { class: 'row-title', dir: 'auto' }, userId === user.id ? phrase('you', { name }) : name),
      member.role && roles,
      isAbove && userId !== user.id && [
        member.isMuted
          ? button('room.unmute', 'member-unmute', () => api.remove(path('mutes', userId)))
          : button('room.mute', 'member-mute', () => api.put(path('mutes', userId), { until: null })),
        member.isBanned
          ? button('room.unban', 'member-unban', () => api.remove(path('bans', userId)))
          : button('room.ban', 'member-ban', async () => {
            if (await confirm(phrase('room.ban'), name, phrase('room.ban'))) await api.put(path('bans', userId), {});
          }),
      ],
      isOwner && member.role && userId !== user.id && button('room.removeMember', 'member-remove', () => api.remove(path('members', userId))));
  }

  const others = el('select', { 'aria-label': phrase('room.addMember'), 'data-testid': 'member-add' });
  others.addEventListener('change', () => others.value && act(() => api.put(path('members', others.value), {})));

  async function load() {
    try {
      const [members, mutes, bans, users] = await Promise.all([
        all(api, `/v1/rooms/${id}/members`), all(api, `/v1/rooms/${id}/mutes`), all(api, `/v1/rooms/${id}/bans`),
        names.size ? null : all(api, '/v1/users').catch(() => []),
      ]);
      users?.forEach((each) => names.set(each.id, each.name));
      const roles = new Map(members.map((member) => [member.userId, member.role]));
      const [muted, banned] = [mutes, bans].map((some) => new Set(some.map(({ userId }) => userId)));
      const known = new Set([...roles.keys(), ...muted, ...banned]);
      fill(list, [...known].map((userId) => row({ userId, role: roles.get(userId) ?? null, isMuted: muted.has(userId), isBanned: banned.has(userId) })));
      const addable = [...names].filter(([userId]) => !known.has(userId));
      fill(others, el('option', { value: '' }, phrase('room.addMember')), addable.map(([userId, name]) => el('option', { value: userId }, name)));
    } catch (error) {
      fill(list, el('li', {}, explain(error)));
    }
  }

  const name = el('input', { type: 'text', dir: 'auto', maxlength: '80', 'aria-label': phrase('room.rename'), placeholder: phrase('room.rename') });
  const rename = el('form', {
    class: 'inline-form',
    on: {
      submit: (event) => {
        event.preventDefault();
        if (name.value.trim()) act(() => api.patch(`/v1/rooms/${id}`, { name: name.value.trim() }));
      },
    },
  }, name, el('button', { type: 'submit', class: 'button small' }, phrase('room.rename')));
  show(phrase('room.manageMembers'), el('div', {}, isOwner && rename, list, isOwner && others));
  await load();
}
