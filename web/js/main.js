// Puts the parts together: who is signed in decides what is on screen.

import { createApi } from './api.js';
import { el, fill } from './dom.js';
import { createCalls } from './model/calls.js';
import { createInbox } from './model/inbox.js';
import { createPresence } from './model/presence.js';
import { createRooms } from './model/rooms.js';
import { createNotices } from './notices.js';
import { createSocket } from './socket.js';
import { shell } from './views/shell.js';
import { signIn } from './views/sign-in.js';

const page = document.getElementById('app');
const api = createApi();
let app = null;
let shown = null;

/** Everything that belongs to one sign-in. */
function start() {
  const socket = createSocket(api);
  const notices = createNotices();
  // The order is the order of resuming: a call's room must be joined before its media.
  const rooms = createRooms({ api, socket });
  const calls = createCalls({ socket, rooms, notices });
  const inbox = createInbox({ api, socket });
  const presence = createPresence({ api, socket });
  rooms.load();
  socket.start();
  return { api, socket, notices, rooms, calls, inbox, presence };
}

api.identity.subscribe(({ user, ready, notice }) => {
  if (!ready) {
    fill(page, el('p', { class: 'starting', role: 'status' }, notice ?? ''));
    return;
  }
  const showing = user ? user.id : 'sign-in';
  if (shown === showing) return;
  shown = showing;
  // A page that was signed in starts over: nothing of one user may show to the next.
  if (app) return location.reload();
  if (!user) return fill(page, signIn(api));
  app = start();
  fill(page, shell({ ...app, user }));
});

api.restore();

/** For automated tests and for support. */
window.switchboard = {
  /** The call's route and, per tile, counters of what arrives: `{ route, tiles: [{ connectionId, local, … }] }`. */
  stats: async () => app?.calls.stats() ?? { route: null, tiles: [] },
  /** The state of the live connection. */
  connection: () => app?.socket.state.get() ?? null,
  /** The call's participants and route as this page sees them, or null. */
  call: () => {
    const active = app?.calls.state.get().active;
    return active && { ...active, camera: Boolean(active.camera), others: active.others.map(({ connectionId, userId, name, route }) => ({ connectionId, userId, name, route })) };
  },
};
