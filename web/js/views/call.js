// The call one is in: a stage above its room, a small window everywhere else.

import { el, fill, icon, iconButton, keyed, say } from '../dom.js';
import { duration } from '../format.js';
import { address, route } from '../router.js';
import { tile } from './tile.js';

const ROUTES = { peerToPeer: 'Direct', server: 'Through the server' };

export function callStage({ calls, rooms, user }) {
  const name = el('h2', {});
  const status = el('span', { class: 'chip', role: 'status', 'data-testid': 'call-status' });
  const time = el('span', { class: 'call-time' });
  const back = el('a', { class: 'icon-button call-back', 'aria-label': 'Back to the call’s room', title: 'Back to the room' }, icon('expand'));
  const grid = el('div', { class: 'tiles', 'data-testid': 'tiles' });
  const alone = el('p', { class: 'call-alone' }, 'Nobody else is here yet.');
  const mute = control('call-mute', 'M', () => calls.toggleMute());
  const camera = control('call-camera', 'V', () => calls.toggleCamera());
  const hangUp = el('button', { type: 'button', class: 'button danger', 'data-testid': 'call-hangup', title: 'Hang up (Shift+H)', on: { click: () => calls.hangUp() } },
    icon('hangUp'), el('span', {}, 'Hang up'));
  const element = el('section', { class: 'call', 'aria-label': 'Call', hidden: true, 'data-testid': 'call' },
    el('header', { class: 'call-header' }, name, status, time, back),
    grid, alone,
    el('div', { class: 'call-controls', role: 'toolbar', 'aria-label': 'Call' }, mute.element, camera.element, hangUp));

  const tiles = new Map();
  let ticking = 0;

  const showTiles = (active) => {
    const self = { connectionId: active.self, userId: user.id, name: user.name, isSelf: true, video: active.camera, audio: null, muted: active.muted || !active.hasMicrophone, route: active.route };
    const all = [...active.others, self];
    grid.dataset.count = String(Math.min(all.length, 10));
    keyed(grid, all, {
      key: (person) => (person.isSelf ? 'self' : person.connectionId),
      create: (person) => {
        const made = tile(person);
        tiles.set(made.element, made);
        return made.element;
      },
      update: (node, person) => tiles.get(node).update(person),
    });
    for (const [node, made] of tiles) {
      if (node.isConnected || node.parentNode === grid) continue;
      made.leave();
      tiles.delete(node);
    }
  };

  const show = ({ active }) => {
    element.hidden = !active;
    if (!active) {
      clearInterval(ticking);
      ticking = 0;
      keyed(grid, [], { key: () => '' });
      for (const made of tiles.values()) made.leave();
      tiles.clear();
      return;
    }
    const room = rooms.list.get().items.find(({ id }) => id === active.roomId);
    say(name, room?.name ?? 'Call');
    say(status, active.connected ? (active.others.length ? ROUTES[active.route] : 'Waiting') : 'Connecting…');
    element.dataset.route = active.route;
    alone.hidden = active.others.length > 0;
    back.href = address('rooms', active.roomId);
    mute.set(active.muted ? 'micOff' : 'mic', active.muted ? 'Unmute' : 'Mute', active.muted, active.hasMicrophone);
    camera.set(active.camera ? 'camera' : 'cameraOff', active.camera ? 'Camera off' : 'Camera on', !active.camera, true);
    showTiles(active);
    ticking ||= setInterval(() => say(time, duration(Date.now() - calls.state.get().active.startedAt)), 1000);
    dock();
  };

  const dock = () => {
    const { active } = calls.state.get();
    const { view, id } = route.get();
    element.classList.toggle('docked', Boolean(active) && !(view === 'rooms' && id === active.roomId));
  };

  calls.state.subscribe(show);
  rooms.list.subscribe(() => show(calls.state.get()));
  route.subscribe(dock);
  return element;
}

/** A round button that is pressed or not. */
function control(testId, key, press) {
  const element = iconButton('mic', '', { class: 'control', 'data-testid': testId, on: { click: press } });
  return {
    element,
    set(name, label, isOff, isPossible) {
      element.setAttribute('aria-label', label);
      element.title = `${label} (${key})`;
      element.classList.toggle('off', isOff);
      element.disabled = !isPossible;
      if (element.dataset.icon === name) return;
      element.dataset.icon = name;
      fill(element, icon(name));
    },
  };
}
