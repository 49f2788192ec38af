// Who belongs to the account, and who of them is connected.

import { createStore } from '../store.js';

/** @param {{ api: App.Api, socket: App.Socket }} parts */
export function createPresence({ api, socket }) {
  /** `online` are ids of users; `names` knows everybody heard of so far. */
  const state = createStore({ online: /** @type {Set<string>} */ (new Set()), names: /** @type {Map<string, string>} */ (new Map()) });

  const learn = (/** @type {Iterable<[string, string]>} */ users) => {
    const names = new Map(state.get().names);
    for (const [id, name] of users) names.set(id, name);
    state.set({ names });
  };

  socket.client.presence().on('changed', ({ online }) => {
    state.set({ online: new Set(online.keys()) });
    learn([...online.values()].map(({ userId, name }) => [userId, name]));
  });

  socket.onOpened(async () => {
    // Names of those who are not connected: nice to have, so never in the way.
    /** @type {Wire.Page<Wire.User>} */
    const { items } = await api.get('/v1/users');
    learn(items.map(({ id, name }) => [id, name]));
  });

  return { state, nameOf: (/** @type {string} */ id) => state.get().names.get(id) };
}
