// The rooms that are joined: looked at, called in, or with something on its way to them.

import { createStore } from '../store.js';
import { phrase } from '../words.js';
import { createLiveRoom } from './live-room.js';

/** Of messages to one room: whether one is on its way, and whether one was refused. @typedef {{ isWaiting: boolean, isRefused: boolean }} Unsent */

/**
 * @param {{ socket: App.Socket, kept?: App.Kept, notices?: App.Notices, nameOf: (id: string) => string, called: (id: string, known?: string) => string }} parts
 *   `nameOf`: a room's own name, as far as it is known; `called`: what it is called by who is signed in
 */
export function createHeldRooms({ socket, kept, notices, nameOf, called }) {
  /** @type {Map<string, { live: App.LiveRoom, holders: Set<string> }>} */
  const held = new Map();
  /** Rooms for which there is something that the server has not stored. */
  const unsent = createStore({ byRoom: /** @type {Map<string, Unsent>} */ (new Map()) });

  /**
   * Keeps a room joined for `holder` ("view", "call"); left when the last one
   * lets go.
   *
   * @param {string} id
   * @param {string} holder
   */
  function hold(id, holder) {
    const entry = held.get(id) ?? { live: enter(id), holders: new Set() };
    held.set(id, entry);
    entry.holders.add(holder);
    return entry.live;
  }

  /** @param {string} id */
  function enter(id) {
    return createLiveRoom({ id, name: nameOf(id), client: socket.client, waits: (pending) => wait(id, pending) });
  }

  /** @param {string} id @param {string} holder */
  function release(id, holder) {
    const entry = held.get(id);
    if (!entry) return;
    entry.holders.delete(holder);
    if (entry.holders.size > 0) return;
    held.delete(id);
    entry.live.room.leave();
  }

  /** A room stays joined until all is sent that waits for it. @param {string} id @param {App.PendingMessage[]} pending */
  function wait(id, pending) {
    const now = { isWaiting: pending.some(({ error }) => !error), isRefused: pending.some(({ error }) => error) };
    const entry = held.get(id);
    const isNews = now.isRefused && !unsent.get().byRoom.get(id)?.isRefused;
    // Who looks at the room sees it there.
    if (isNews && entry && !entry.holders.has('view')) notices?.warn(phrase('call.about', { name: called(id, entry.live.state.get().name), what: phrase('rooms.refused') }));
    note(id, now);
    // Where nothing outlives the page, what was refused would be lost with the room.
    if (now.isWaiting || (now.isRefused && !kept?.isPersistent())) hold(id, 'outbox');
    else release(id, 'outbox');
  }

  /** @param {string} id @param {Unsent} now */
  function note(id, now) {
    const before = unsent.get().byRoom.get(id);
    if (Boolean(before?.isWaiting) === now.isWaiting && Boolean(before?.isRefused) === now.isRefused) return;
    const byRoom = new Map(unsent.get().byRoom);
    if (now.isWaiting || now.isRefused) byRoom.set(id, now);
    else byRoom.delete(id);
    unsent.set({ byRoom });
  }

  /** Takes up what an earlier page, or another one that is gone, has left unsent. */
  async function takeUp() {
    const left = await kept?.unsent().catch(() => null);
    if (!left) return;
    /** @type {Map<string, Unsent>} */
    const rooms = new Map();
    for (const { roomId, waiting } of left) {
      const { isWaiting, isRefused } = rooms.get(roomId) ?? { isWaiting: false, isRefused: false };
      rooms.set(roomId, { isWaiting: isWaiting || !waiting.error, isRefused: isRefused || Boolean(waiting.error) });
    }
    for (const [id, now] of rooms) {
      note(id, now);
      if (now.isWaiting) hold(id, 'outbox');
    }
    // What another page has sent or discarded meanwhile.
    for (const id of unsent.get().byRoom.keys()) if (!rooms.has(id) && !held.has(id)) note(id, { isWaiting: false, isRefused: false });
  }
  takeUp();
  globalThis.document?.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') takeUp();
  });
  kept?.onReturn(takeUp);

  socket.onOpened(async () => {
    await Promise.allSettled([...held.values()].map(({ live }) => live.room.join()));
  });

  return {
    hold, release, unsent,
    /** A room that is held. @param {string} id */
    of: (id) => held.get(id)?.live ?? null,
    /** What this page has to send. */
    pending: () => [...held.values()].flatMap(({ live }) => live.state.get().pending),
  };
}
