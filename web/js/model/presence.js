// Who belongs to the account, who of them is connected, and how they are.

import { createStore } from '../store.js';

/** @param {{ api: App.Api, socket: App.Socket }} parts */
export function createPresence({ api, socket }) {
  /** `online` are ids of users; `statuses` how they are; `names` knows everybody heard of so far; `own` is what this user has chosen here. */
  const state = createStore({
    online: /** @type {Set<string>} */ (new Set()),
    statuses: /** @type {Map<string, Wire.PresenceStatus>} */ (new Map()),
    names: /** @type {Map<string, string>} */ (new Map()),
    own: /** @type {Wire.PresenceSaid} */ ('online'),
  });

  const learn = (/** @type {Iterable<[string, string]>} */ users) => {
    const names = new Map(state.get().names);
    for (const [id, name] of users) names.set(id, name);
    state.set({ names });
  };

  socket.client.presence().on('changed', ({ online }) => {
    state.set({ online: new Set(online.keys()), statuses: new Map([...online.values()].map(({ userId, status }) => [userId, status])) });
    learn([...online.values()].map(({ userId, name }) => [userId, name]));
  });

  socket.onOpened(async () => {
    // Names of those who are not connected: nice to have, so never in the way.
    /** @type {Wire.Page<Wire.User>} */
    const { items } = await api.get('/v1/users');
    learn(items.map(({ id, name }) => [id, name]));
  });

  let isIdle = false;
  // Without a connection it is said by the next one.
  const say = () => {
    const { own } = state.get();
    socket.client.presence().set(own === 'online' && isIdle ? 'away' : own).catch(() => {});
  };
  /** Whether nobody is at the page. @param {boolean} idle */
  const setIdle = (idle) => {
    isIdle = idle;
    if (state.get().own === 'online') say();
  };

  /** @param {Wire.PresenceSaid} own */
  const choose = (own) => {
    state.set({ own });
    say();
  };

  return { state, choose, setIdle, nameOf: (/** @type {string} */ id) => state.get().names.get(id) };
}
