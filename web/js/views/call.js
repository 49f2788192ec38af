// The call one is in: a stage above its room, a small window everywhere else.

import { avatar, el, fill, icon, iconButton, keyed, say } from '../dom.js';
import { duration } from '../format.js';
import { address, route } from '../router.js';
import { names, phrase } from '../words.js';
import { tile } from './tile.js';

const ROUTES = /** @type {const} */ ({ peerToPeer: 'call.direct', server: 'call.throughServer' });

/** @param {App.Active} active */
function statusOf({ connected, others, ringing, route: way }) {
  if (ringing.length) return phrase('call.ringingToo', { names: names(ringing.map(({ name }) => name)) });
  if (!connected) return phrase('call.connecting');
  return others.length ? phrase(ROUTES[way]) : phrase('call.waiting');
}

/**
 * What there is to show: screens, then people, oneself last.
 *
 * @param {App.Active} active
 * @param {Wire.User} user
 */
function tilesOf({ self, camera, screen, said, route: way, others }, user) {
  const own = { connectionId: self, userId: user.id, name: user.name, isSelf: true, audio: null, state: said, silenced: false, route: /** @type {string} */ (way) };
  const people = others.map(({ tracks, connectionId, userId, name, state, route: by }) => {
    const person = { connectionId, userId, name, state, isSelf: false, silenced: said.onHold, route: /** @type {string} */ (by) };
    const find = (/** @type {Wire.TrackSource} */ source) => tracks.find((track) => track.source === source && !track.muted);
    const shown = { ...person, isScreen: false, video: find('camera')?.track ?? null, audio: find('microphone')?.track ?? null };
    const picture = find('screen');
    return picture ? [{ ...person, isScreen: true, video: picture.track, audio: find('screenAudio')?.track ?? null }, shown] : [shown];
  });
  const mine = screen ? [{ ...own, isScreen: true, video: screen }, { ...own, isScreen: false, video: camera }] : [{ ...own, isScreen: false, video: camera }];
  return [...people, mine].flat().sort((a, b) => Number(b.isScreen) - Number(a.isScreen));
}

/** @param {App.Parts} parts */
export function callStage({ calls, rooms, user }) {
  const name = el('h2', { dir: 'auto' });
  const status = el('span', { class: 'chip', role: 'status', 'data-testid': 'call-status' });
  const time = el('span', { class: 'call-time' });
  const back = el('a', { class: 'icon-button call-back', 'aria-label': phrase('call.backToCallsRoom'), title: phrase('call.backToRoom') }, icon('expand'));
  const handOver = iconButton('forward', phrase('call.handOverHere'), { 'data-testid': 'call-hand-over', on: { click: () => {
    const { id } = route.get();
    if (id) calls.transferToRoom({ roomId: id, name: rooms.called(id, rooms.list.get().items.find((room) => room.id === id)?.name) });
  } } });
  const rung = el('ul', { class: 'call-rung', 'aria-label': phrase('call.rung'), 'data-testid': 'call-rung' });
  const grid = el('div', { class: 'tiles', 'data-testid': 'tiles' });
  const alone = el('p', { class: 'call-alone' }, phrase('call.alone'));
  const mute = control('call-mute', 'M', () => calls.toggleMute());
  const camera = control('call-camera', 'V', () => calls.toggleCamera());
  const share = control('call-share', 'S', () => calls.toggleSharing());
  const hand = control('call-hand', 'Y', () => calls.toggleHand());
  const hold = control('call-hold', 'P', () => calls.toggleHold());
  const hangUp = el('button', { type: 'button', class: 'button danger', 'data-testid': 'call-hangup', title: phrase('call.hangUpKey'), on: { click: () => calls.hangUp() } },
    icon('hangUp'), el('span', {}, phrase('call.hangUp')));
  const element = el('section', { class: 'call', 'aria-label': phrase('call.title'), hidden: true, 'data-testid': 'call' },
    el('header', { class: 'call-header' }, name, status, time, handOver, back),
    rung, grid, alone,
    el('div', { class: 'call-controls', role: 'toolbar', 'aria-label': phrase('call.title') }, mute.element, camera.element, share.element, hand.element, hold.element, hangUp));

  /** @type {Map<Element, ReturnType<typeof tile>>} */
  const tiles = new Map();
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let ticking;

  const showTiles = (/** @type {App.Active} */ active) => {
    const all = tilesOf(active, user);
    grid.dataset.count = String(Math.min(all.length, 10));
    keyed(grid, all, {
      key: (person) => `${person.isSelf ? 'self' : person.connectionId} ${person.isScreen}`,
      create: (person) => {
        const made = tile(person);
        tiles.set(made.element, made);
        return made.element;
      },
      update: (node, person) => tiles.get(node)?.update(person),
    });
    for (const [node, made] of tiles) {
      if (node.isConnected || node.parentNode === grid) continue;
      made.leave();
      tiles.delete(node);
    }
  };

  // Whom we rang, or anybody if the call is ours: they can be rung no more.
  const showRung = (/** @type {App.Active} */ { ringing, isCaller }) => {
    rung.hidden = ringing.length === 0;
    keyed(rung, ringing, {
      key: ({ userId }) => userId,
      create: (party) => el('li', { class: 'call-rung-one', 'data-testid': 'call-rung-one', 'data-user-id': party.userId },
        avatar(party.name, party.userId), el('span', { dir: 'auto' }, party.name),
        (isCaller || party.invitedBy === user.id)
          && iconButton('close', phrase('call.withdraw', { name: party.name }), { 'data-testid': 'call-withdraw', on: { click: () => calls.withdraw(party) } })),
      update: () => {},
    });
  };

  const clear = () => {
    clearInterval(ticking);
    ticking = undefined;
    keyed(grid, [], { key: () => '', create: () => el('figure') });
    for (const made of tiles.values()) made.leave();
    tiles.clear();
  };

  const show = (/** @type {App.CallState} */ { active }) => {
    element.hidden = !active;
    if (!active) return clear();
    const room = rooms.list.get().items.find(({ id }) => id === active.roomId);
    say(name, room?.name ?? phrase('call.title'));
    say(status, statusOf(active));
    element.dataset.route = active.route;
    alone.hidden = active.others.length > 0;
    back.href = address('rooms', active.roomId);
    mute.set(active.muted ? 'micOff' : 'mic', phrase(active.muted ? 'call.unmute' : 'call.mute'), active.muted, active.hasMicrophone);
    camera.set(active.hasCamera ? 'camera' : 'cameraOff', phrase(active.hasCamera ? 'call.cameraOff' : 'call.cameraOn'), !active.hasCamera, true);
    const { sharing, handRaised, onHold } = active.said;
    hold.set('pause', phrase(onHold ? 'call.unhold' : 'call.hold'), onHold, true);
    share.set('screen', phrase(sharing ? 'call.unshare' : 'call.share'), sharing, true);
    hand.set('hand', phrase(handRaised ? 'call.lowerHand' : 'call.raiseHand'), handRaised, true);
    showTiles(active);
    showRung(active);
    ticking ??= setInterval(() => say(time, duration(Date.now() - (calls.state.get().active?.startedAt ?? Date.now()))), 1000);
    dock();
  };

  const dock = () => {
    const { active } = calls.state.get();
    const { view, id } = route.get();
    const isElsewhere = Boolean(active) && !(view === 'rooms' && id === active?.roomId);
    element.classList.toggle('docked', isElsewhere);
    // Only a call that was rung can be handed over, to the room that is looked at.
    handOver.hidden = !(isElsewhere && active?.isRung && view === 'rooms' && id);
  };

  calls.state.subscribe(show);
  rooms.list.subscribe(() => show(calls.state.get()));
  route.subscribe(dock);
  return element;
}

/**
 * A round button that is pressed or not.
 *
 * @param {string} testId
 * @param {string} key
 * @param {() => void} press
 */
function control(testId, key, press) {
  const element = iconButton('mic', '', { class: 'control', 'data-testid': testId, on: { click: press } });
  return {
    element,
    /** @param {Parameters<typeof icon>[0]} name @param {string} label @param {boolean} isOff @param {boolean} isPossible */
    set(name, label, isOff, isPossible) {
      element.setAttribute('aria-label', label);
      element.title = phrase('call.withKey', { label, key });
      element.classList.toggle('off', isOff);
      element.disabled = !isPossible;
      if (element.dataset.icon === name) return;
      element.dataset.icon = name;
      fill(element, icon(name));
    },
  };
}
