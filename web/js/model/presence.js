// Who belongs to the account, and who of them is connected.

import { createStore } from '../store.js';

/** Of more users than this the rest is not read. */
const USERS_MAX = 5_000;

/** What was not told in full is read again after a while; all others do the same. */
const READ_AGAIN_MS = { least: 1_000, spread: 4_000 };

/** @param {{ api: App.Api, socket: App.Socket }} parts */
export function createPresence({ api, socket }) {
  /** `online` are ids of users; `names` knows everybody heard of so far. */
  const state = createStore({ online: /** @type {Set<string>} */ (new Set()), names: /** @type {Map<string, string>} */ (new Map()) });
  /** @type {Wire.PresenceChange[] | null} */
  let early = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let again;

  const learn = (/** @type {Iterable<[string, string]>} */ users) => {
    const names = new Map(state.get().names);
    for (const [id, name] of users) names.set(id, name);
    state.set({ names });
  };

  const apply = (/** @type {Wire.PresenceChange} */ { online, offline, complete }) => {
    const next = new Set(state.get().online);
    for (const { userId } of online) next.add(userId);
    for (const userId of offline) next.delete(userId);
    state.set({ online: next });
    learn(online.map(({ userId, name }) => [userId, name]));
    if (!complete) readLater();
  };

  function readLater() {
    clearTimeout(again);
    again = setTimeout(() => read().catch(() => {}), READ_AGAIN_MS.least + READ_AGAIN_MS.spread * Math.random());
  }

  /** Reads who is connected, page by page. What is told meanwhile is newer than the page before it. */
  async function read() {
    if (early) return;
    clearTimeout(again);
    early = [];
    try {
      /** @type {Map<string, string>} */
      const users = new Map();
      let answer, after;
      do {
        answer = await socket.call('presence.subscribe', { after });
        for (const { userId, name } of answer.users) users.set(userId, name);
        after = answer.users.at(-1)?.userId;
      } while (answer.more && users.size < USERS_MAX);
      state.set({ online: new Set(users.keys()) });
      learn(users);
    } finally {
      const late = early ?? [];
      early = null;
      late.forEach(apply);
    }
  }

  socket.on('presence.changed', (change) => (early ? early.push(change) : apply(change)));

  socket.onOpened(async () => {
    await read();
    // Names of those who are not connected: nice to have, so never in the way.
    /** @type {Wire.Page<Wire.User>} */
    const { items } = await api.get('/v1/users');
    learn(items.map(({ id, name }) => [id, name]));
  });

  return { state, nameOf: (/** @type {string} */ id) => state.get().names.get(id) };
}
