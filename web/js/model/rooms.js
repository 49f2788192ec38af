// Rooms: the list, and one live room per room that is looked at or called in.

import { createStore } from '../store.js';
import { phrase } from '../words.js';
import { createLiveRoom } from './live-room.js';

/** Within which a room that was told of is read: at any moment of it, because as many pages as see the room were told. */
const LOOK_WITHIN_MS = 2000;

/** Rooms that are read one by one. For more, the list is. */
const LOOK_AT_MAX = 5;

/** A direct room is called by the other one. @param {Wire.ListedRoom} room */
export const nameOf = (room) => room.with?.name ?? room.name;

/** Of messages to one room: whether one is on its way, and whether one was refused. @typedef {{ isWaiting: boolean, isRefused: boolean }} Unsent */

/** @param {{ api: App.Api, socket: App.Socket, kept?: App.Kept, notices?: App.Notices }} parts */
export function createRooms({ api, socket, kept, notices }) {
  const list = createStore(/** @type {{ status: 'loading' | 'ready' | 'failed', items: Wire.ListedRoom[], error: App.Problem | null }} */ ({ status: 'loading', items: [], error: null }));
  /** The calls that go on in rooms, joined or not. */
  const calls = createStore({ byRoom: /** @type {ReadonlyMap<string, Wire.RoomsCall>} */ (new Map()) });
  /** @type {Map<string, { live: App.LiveRoom, holders: Set<string> }>} */
  const held = new Map();
  /** Rooms for which there is something that the server has not stored. */
  const unsent = createStore({ byRoom: /** @type {Map<string, Unsent>} */ (new Map()) });

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

  /** @param {string} id @param {string} name */
  function rename(id, name) {
    list.set({ items: sorted(list.get().items.map((item) => (item.id === id ? { ...item, name } : item))) });
  }

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
    const name = list.get().items.find((item) => item.id === id)?.name ?? '';
    return createLiveRoom({ id, name, client: socket.client, waits: (pending) => wait(id, pending) });
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
    if (document.visibilityState !== 'visible') return;
    takeUp();
    // Of rooms that others have made meanwhile nothing is heard.
    load();
  });
  kept?.onReturn(takeUp);

  /** The user has seen everything in a room that is held. @param {string} id */
  function read(id) {
    const room = held.get(id)?.live.room;
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

  socket.onOpened(async () => {
    await Promise.allSettled([...held.values()].map(({ live }) => live.room.join()));
  });

  socket.on('room.renamed', ({ roomId, name }) => rename(roomId, name));
  // The list knows who may enter what: ask again.
  socket.on('room.removed', load);

  /** What this page has to send. */
  const pending = () => [...held.values()].flatMap(({ live }) => live.state.get().pending);

  return { list, calls, unsent, pending, load, create, openDirect, called, hold, release, read };
}
