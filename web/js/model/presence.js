// Who belongs to the account, and who of them is connected.

import { createStore } from '../store.js';

export function createPresence({ api, socket }) {
  /** `online` are ids of users; `names` knows everybody heard of so far. */
  const state = createStore({ online: new Set(), names: new Map() });
  let early = null;

  const learn = (users) => {
    const names = new Map(state.get().names);
    for (const [id, name] of users) names.set(id, name);
    state.set({ names });
  };

  const apply = ({ user, online }) => {
    const next = new Set(state.get().online);
    if (online) next.add(user.userId);
    else next.delete(user.userId);
    state.set({ online: next });
    learn([[user.userId, user.name]]);
  };

  socket.on('presence.changed', (change) => (early ? early.push(change) : apply(change)));

  socket.onOpened(async () => {
    early = [];
    try {
      const { users } = await socket.call('presence.subscribe');
      state.set({ online: new Set(users.map(({ userId }) => userId)) });
      learn(users.map(({ userId, name }) => [userId, name]));
    } finally {
      const late = early;
      early = null;
      late.forEach(apply);
    }
    // Names of those who are not connected: nice to have, so never in the way.
    const { items } = await api.get('/v1/users');
    learn(items.map(({ id, name }) => [id, name]));
  });

  return { state, nameOf: (id) => state.get().names.get(id) };
}
