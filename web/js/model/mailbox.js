// One's own mailbox, of the library, for the console: the latest entry first, and a sound for a mention.

import { chime } from '../ringtone.js';
import { createStore } from '../store.js';

/** @param {{ socket: App.Socket }} parts */
export function createMailbox({ socket }) {
  const mailbox = socket.client.mailbox();
  const state = createStore(/** @type {App.MailboxState} */ ({ entries: [] }));
  let isChiming = false;

  mailbox.on('changed', ({ entries }) => state.set({ entries: entries.toReversed() }));
  mailbox.on('entry', ({ kind, read }) => {
    // It may have been read elsewhere before it is told here.
    if (kind !== 'mention' || read || isChiming) return;
    // Several that were missed are one sound.
    isChiming = true;
    setTimeout(() => (isChiming = false));
    chime();
  });

  return {
    state,
    unread: () => mailbox.unread,
    /** What one has looked at in a room is new nowhere else. @param {string} roomId */
    readIn: (roomId) => mailbox.readIn(roomId),
    /** All of it was seen. */
    acknowledge: () => mailbox.acknowledge(),
  };
}
