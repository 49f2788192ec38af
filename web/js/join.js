// The page of a join link: whoever opens it says a name, looks at picture and sound, and is in the room as a guest.

import { el, fill } from './dom.js';
import { createGuestApi } from './guest/api.js';
import { createDevices } from './model/devices.js';
import { remembered } from './remembered.js';
import { route } from './router.js';
import { createStore } from './store.js';
import { guestEntry, linkProblem } from './views/guest.js';
import { enterCall } from './views/preview.js';
import { phrase } from './words.js';

const page = /** @type {HTMLElement} */ (document.getElementById('app'));
const api = createGuestApi(location.hash.slice(1));
const devices = createDevices();
const name = remembered('switchboard.guestName', '');

/** @type {ReturnType<typeof import('./guest/app.js').createGuestApp> | null} */
let app = null;

// Another link in the same tab.
addEventListener('hashchange', () => location.reload());

async function open() {
  fill(page, el('p', { class: 'starting', role: 'status' }, phrase('loading')));
  try {
    const { roomName, rights } = await api.look();
    fill(page, guestEntry({ roomName, name: name.get(), enter: (as) => enter({ as, roomName, rights }) }));
  } catch (error) {
    fill(page, linkProblem(error, open));
  }
}

/** @param {{ as: string, roomName: string, rights: readonly string[] }} guest */
async function enter({ as, roomName, rights }) {
  name.set(as);
  if (!rights.some((right) => right.startsWith('media.'))) return come({ as, roomName, rights });
  // Nobody is in the room before they join its call: what comes of the preview is that.
  const state = createStore(/** @type {App.CallState} */ ({ incoming: null, outgoing: null, active: null }));
  enterCall({ devices, user: { id: as, name: as }, calls: { state, async join(_, how) {
    try {
      const { calls, roomId } = await come({ as, roomName, rights });
      await calls.join(roomId, how);
    } catch (error) {
      how?.prepared?.stop();
      fill(page, linkProblem(error, open));
    }
  } } }, '');
}

/** @param {{ as: string, roomName: string, rights: readonly string[] }} guest */
async function come({ as, roomName, rights }) {
  const { userId, roomId } = await api.enter(as);
  const { createGuestApp } = await import('./guest/app.js');
  route.set({ view: 'rooms', id: roomId });
  const user = { id: userId, name: as, permissions: [] };
  const own = (app = createGuestApp(api, { user, room: { id: roomId, name: roomName }, devices, mayRead: rights.includes('messages.read') }));
  document.title = roomName;
  fill(page, own.element);
  own.socket.state.subscribe(({ phase, everOpen }) => {
    if (!everOpen || (phase !== 'closed' && phase !== 'refused')) return;
    own.calls.hangUp();
    fill(page, linkProblem(api.ended() ?? { code: 'auth.invalidToken', status: 401 }, open));
  });
  return { calls: own.calls, roomId };
}

open();

/** For automated tests and for support: as on the console's own page. */
window.switchboard = {
  stats: async () => app?.calls.stats() ?? { route: null, tiles: [], sent: null },
  connection: () => app?.socket.state.get() ?? null,
  call: () => app?.calls.state.get().active ?? null,
};
