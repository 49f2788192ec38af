// The only room that there is for a guest, in the place of the list of rooms.

import { createHeldRooms } from '../model/held-rooms.js';
import { createStore } from '../store.js';

/** @param {{ socket: App.Socket, notices: App.Notices, room: { id: string, name: string } }} parts @returns {App.RoomsOfCalls} */
export function createGuestRooms({ socket, notices, room: { id, name } }) {
  const called = (/** @type {string} */ _, known = '') => known;
  const held = createHeldRooms({ socket, notices, called, nameOf: () => name });
  /** @type {Wire.ListedRoom} */
  const only = { id, name, private: false, direct: false, closedAt: null, lastSeq: 0 };
  const list = createStore({ status: /** @type {const} */ ('ready'), items: [only], error: null });
  socket.on('room.renamed', (renamed) => list.set({ items: [{ ...only, name: renamed.name }] }));
  return {
    list, called, hold: held.hold, release: held.release,
    read: (of) => void held.of(of)?.room.read(),
  };
}
