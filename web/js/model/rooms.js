// Rooms: the list, what is new in each, and who is in a call there.

import { createStore } from '../store.js';
import { createHeldRooms } from './held-rooms.js';

/** Within which a room that was told of is read: at any moment of it, because as many pages as see the room were told. */
const LOOK_WITHIN_MS = 2000;

/** Rooms that are read one by one. For more, the list is. */
const LOOK_AT_MAX = 5;

/** A direct room is called by the other one. @param {Wire.ListedRoom} room */
export const nameOf = (room) => room.with?.name ?? room.name;

/** @param {{ api: App.Api, socket: App.Socket, kept?: App.Kept, notices?: App.Notices }} parts */
export function createRooms({ api, socket, kept, notices }) {
  const list = createStore(/** @type {{ status: 'loading' | 'ready' | 'failed', items: Wire.ListedRoom[], error: App.Problem | null }} */ ({ status: 'loading', items: [], error: null }));
  /** The calls that go on in rooms, joined or not. */
  const calls = createStore({ byRoom: /** @type {ReadonlyMap<string, Wire.RoomsCall>} */ (new Map()) });
  /** What was told last of each room: newer than a list that was asked for before. @type {Map<string, Wire.RoomsUnreadRoom>} */
  const told = new Map();

  /** Rooms that were told of and are not in the list, though it was read for them. @type {Set<string>} */
  const unlisted = new Set();

  /** @type {Promise<void> | null} */
  let loading = null;
  let isStale = false;
  /** Rooms made while the list is read, which the answer may lack. @type {Map<string, Wire.ListedRoom>} */
  const made = new Map();

  /** Reads the list; once more where that is asked for meanwhile, so that no older answer comes after a newer one. */
  function load() {
    isStale = true;
    loading ??= readUntilFresh().finally(() => (loading = null));
    return loading;
  }

  async function readUntilFresh() {
    while (isStale) {
      isStale = false;
      await readList();
    }
    made.clear();
  }

  async function readList() {
    try {
      /** @type {Wire.ListedRoom[]} */
      const items = [];
      /** @type {string | null} */
      let next = null;
      do {
        /** @type {Wire.Page<Wire.ListedRoom>} */
        const page = await api.get(`/v1/rooms${next ? `?cursor=${encodeURIComponent(next)}` : ''}`);
        items.push(...page.items);
        next = page.next ?? null;
      } while (next && items.length < 1000);
      // Who is out of one of them, and is let in again, is told of it as of a new one.
      for (const { id } of items) unlisted.delete(id);
      const all = new Map([...made, ...items.map((item) => /** @type {const} */ ([item.id, item]))]);
      list.set({ status: 'ready', items: sorted([...all.values()].map(withTold)), error: null });
    } catch (error) {
      list.set({ status: list.get().items.length ? 'ready' : 'failed', error });
    }
  }

  /** With what was told of it, if that is newer. @param {Wire.ListedRoom} room @returns {Wire.ListedRoom} */
  function withTold(room) {
    const { lastSeq, read } = told.get(room.id) ?? {};
    const isNews = read && lastSeq !== undefined && lastSeq >= room.lastSeq && read.seq >= (room.read?.seq ?? 0);
    return isNews && read !== room.read ? { ...room, lastSeq, read } : room;
  }

  const sorted = (/** @type {Wire.ListedRoom[]} */ items) => items.toSorted((a, b) => nameOf(a).localeCompare(nameOf(b)));

  /** @param {Wire.ListedRoom} room */
  function add(room) {
    if (loading) made.set(room.id, room);
    const others = list.get().items.filter((item) => item.id !== room.id);
    list.set({ status: 'ready', items: sorted([...others, room]) });
    return room;
  }

  /** Makes a room and returns it. @param {string} name @param {boolean} isPrivate @returns {Promise<Wire.Room>} */
  async function create(name, isPrivate) {
    return add(await api.post('/v1/rooms', { name, private: isPrivate }));
  }

  /** The direct room with somebody. @param {{ userId: string, name: string }} other @returns {Promise<Wire.Room>} */
  async function openDirect({ userId, name }) {
    return add({ ...(await api.put(`/v1/direct-rooms/${userId}`, {})), with: { userId, name } });
  }

  /** What a room is called, by who is signed in. @param {string} id @param {string} [known] */
  function called(id, known = '') {
    return list.get().items.find((item) => item.id === id)?.with?.name ?? known;
  }

  const held = createHeldRooms({ socket, kept, notices, called, nameOf: (id) => list.get().items.find((item) => item.id === id)?.name ?? '' });

  /** @param {string} id @param {string} name */
  function rename(id, name) {
    list.set({ items: sorted(list.get().items.map((item) => (item.id === id ? { ...item, name } : item))) });
  }

  globalThis.document?.addEventListener('visibilitychange', () => {
    // Of rooms that others have made meanwhile nothing is heard.
    if (document.visibilityState === 'visible') load();
  });

  /** The user has seen everything in a room that is held. @param {string} id */
  function read(id) {
    const room = held.of(id)?.room;
    if (!room?.read()) return;
    const seq = room.seq ?? 0;
    // At once: what is told of less than that counts no more.
    list.set({ items: list.get().items.map((item) => (item.id === id && item.read ? { ...item, read: { seq, unread: 0, mentions: 0 } } : item)) });
  }

  const followed = socket.client.roomList();
  followed.on('reload', () => {
    load();
  });
  followed.on('unread', (rooms) => {
    for (const room of rooms) told.set(room.roomId, room);
    const { items } = list.get();
    const known = new Set(items.map(({ id }) => id));
    const unknown = rooms.map(({ roomId }) => roomId).filter((id) => !known.has(id) && !unlisted.has(id));
    unknown.forEach((id) => unlisted.add(id));
    // The user was let into them meanwhile, or they are new.
    if (unknown.length) setTimeout(() => look(unknown), Math.random() * LOOK_WITHIN_MS);
    list.set({ items: items.map(withTold) });
  });

  /** Adds rooms to the list that were told of and are not in it. @param {string[]} ids */
  async function look(ids) {
    const missing = ids.filter((id) => !list.get().items.some((item) => item.id === id));
    if (missing.length > LOOK_AT_MAX) return load();
    for (const id of missing) {
      try {
        const room = /** @type {Wire.Room} */ (await api.get(`/v1/rooms/${id}`));
        // The other one of a direct room is in the list alone.
        if (room.direct) return load();
        unlisted.delete(id);
        add(withTold({ ...room, read: told.get(id)?.read }));
      } catch {
        // The user was let out of it again, or it is looked for with the next event or connection.
        unlisted.delete(id);
      }
    }
  }

  followed.on('calls', ({ calls: byRoom }) => calls.set({ byRoom }));

  socket.on('room.renamed', ({ roomId, name }) => rename(roomId, name));
  // The list knows who may enter what: ask again.
  socket.on('room.removed', load);

  const { hold, release, unsent, pending } = held;
  return { list, calls, unsent, pending, load, create, openDirect, called, hold, release, read };
}
