// Puts the parts together: who is signed in decides what is on screen.

import { createApi } from './api.js';
import { el, fill } from './dom.js';
import { signIn } from './views/sign-in.js';

const page = /** @type {HTMLElement} */ (document.getElementById('app'));
const api = createApi();
/** @type {ReturnType<typeof import('./app.js').createApp> | null} */
let app = null;
/** @type {string | null} */
let shown = null;

api.identity.subscribe(async ({ user, ready, notice }) => {
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
  // The sign-in page does not wait for what comes after it.
  const { createApp } = await import('./app.js');
  if (shown !== user.id) return;
  app = createApp(api, user);
  fill(page, app.element);
});

api.restore();

/** For automated tests and for support. */
window.switchboard = {
  /** The call's route and, per tile, counters of what arrives: `{ route, tiles: [{ connectionId, local, … }] }`. */
  stats: async () => app?.calls.stats() ?? { route: null, tiles: [], sent: null },
  /** The state of the live connection. */
  connection: () => app?.socket.state.get() ?? null,
  /** The call's participants and route as this page sees them, or null. */
  call: () => {
    const active = app?.calls.state.get().active;
    return active && { ...active, camera: Boolean(active.camera), others: active.others.map(({ connectionId, userId, name, route }) => ({ connectionId, userId, name, route })) };
  },
};
