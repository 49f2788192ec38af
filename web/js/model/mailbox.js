// One's own mailbox: mentions and missed calls, on every device.

import { chime } from '../ringtone.js';
import { createStore } from '../store.js';

/** @param {{ socket: App.Socket, user: Wire.User }} parts */
export function createMailbox({ socket, user }) {
  /** The latest entry first. */
  const state = createStore(/** @type {App.MailboxState} */ ({ entries: [], seq: 0, acknowledgedSeq: 0 }));

  /** Of two that say the same the later is right. @param {Wire.MailboxEntry[]} entries */
  function add(entries) {
    const all = new Map(state.get().entries.map((entry) => [entry.seq, entry]));
    for (const entry of entries) all.set(entry.seq, entry);
    state.set({ entries: [...all.values()].toSorted((a, b) => b.seq - a.seq) });
  }

  /** @param {(entry: Wire.MailboxEntry) => boolean} isRead */
  const markRead = (isRead) => state.set({ entries: state.get().entries.map((entry) => (!entry.read && isRead(entry) ? { ...entry, read: true } : entry)) });

  /** @param {number} seq */
  function acknowledged(seq) {
    if (seq <= state.get().acknowledgedSeq) return;
    state.set({ acknowledgedSeq: seq });
    markRead((entry) => entry.seq <= seq);
  }

  socket.onOpened(async () => {
    const { seq, acknowledgedSeq, entries } = await socket.call('mailbox.subscribe', {});
    // What is read here is the truth, also of what was read in rooms meanwhile.
    state.set({ entries: [], seq, acknowledgedSeq });
    add(entries);
  });

  socket.on('mailbox.entry', (entry) => {
    state.set({ seq: Math.max(state.get().seq, entry.seq) });
    add([entry]);
    if (entry.kind === 'mention') chime();
  });
  socket.on('mailbox.acknowledged', ({ seq }) => acknowledged(seq));
  socket.on('room.read', ({ roomId, userId, seq }) => {
    if (userId === user.id) markRead((entry) => entry.roomId === roomId && (entry.messageSeq ?? Infinity) <= seq);
  });

  return {
    state,
    unread: () => state.get().entries.filter(({ read }) => !read).length,
    /** What one has looked at in a room is new nowhere else. @param {string} roomId */
    readIn: (roomId) => markRead((entry) => entry.roomId === roomId && entry.kind === 'mention'),
    /** All of it was seen. */
    async acknowledge() {
      const { seq, acknowledgedSeq } = state.get();
      acknowledged(seq);
      if (seq > acknowledgedSeq) await socket.call('mailbox.acknowledge', { seq });
    },
  };
}
