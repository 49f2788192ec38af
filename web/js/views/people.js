// Who is in a room and who else could be rung.

import { avatar, el, iconButton, keyed, roving } from '../dom.js';

/** One entry per user; a user may be here with several devices. */
function byUser(members) {
  const users = new Map();
  for (const { userId, name } of members) {
    const known = users.get(userId);
    users.set(userId, { userId, name, devices: (known?.devices ?? 0) + 1 });
  }
  return [...users.values()].sort((a, b) => a.name.localeCompare(b.name));
}

export function people({ presence, calls, user }, live) {
  const here = el('ul', { class: 'list people-list', 'aria-label': 'In this room' });
  const online = el('ul', { class: 'list people-list', 'aria-label': 'Online' });
  const onlineTitle = el('h3', {}, 'Also online');
  const element = el('aside', { class: 'people', 'aria-label': 'People', id: 'people' },
    el('h3', {}, 'In this room'), here, onlineTitle, online);

  const ring = ({ userId, name }, media) => calls.ringUser({ roomId: live.id, userId, name, media });
  const shownBy = (testId) => ({
    key: ({ userId }) => userId,
    create: (person) => {
      const isSelf = person.userId === user.id;
      return el('li', { class: 'person', 'data-testid': testId, 'data-user-id': person.userId },
        avatar(person.name, person.userId, 'online'),
        el('span', { class: 'row-title' }, person.name, isSelf && el('span', { class: 'muted' }, ' (you)')),
        !isSelf && [
          iconButton('phone', `Call ${person.name} without video`, { 'data-testid': 'call-person-audio', on: { click: () => ring(person, 'audio') } }),
          iconButton('camera', `Call ${person.name}`, { 'data-testid': 'call-person', 'data-user-id': person.userId, on: { click: () => ring(person, 'video') } }),
        ]);
    },
    update: (node, { devices }) => node.setAttribute('title', devices > 1 ? `With ${devices} devices` : ''),
  });
  const settles = [here, online].map((list) => roving(list, 'button'));

  const show = () => {
    const members = byUser(live.state.get().members);
    const inRoom = new Set(members.map(({ userId }) => userId));
    const { online: connected, names } = presence.state.get();
    const others = [...connected].filter((id) => !inRoom.has(id) && id !== user.id)
      .map((userId) => ({ userId, name: names.get(userId) ?? '' }))
      .sort((a, b) => a.name.localeCompare(b.name));
    keyed(here, members, shownBy('member'));
    keyed(online, others, shownBy('person'));
    onlineTitle.hidden = online.hidden = others.length === 0;
    settles.forEach((settle) => settle());
  };
  const offs = [live.state.subscribe(show), presence.state.subscribe(show)];
  return { element, leave: () => offs.forEach((off) => off()) };
}
