// The call one is in: a stage above its room, a small window everywhere else.

import { avatar, el, icon, iconButton, keyed, say } from '../dom.js';
import { duration } from '../format.js';
import { address, route } from '../router.js';
import { names, phrase } from '../words.js';
import { callBar } from './call/bar.js';
import { tiles } from './call/stage.js';
import { callLine } from './line.js';

const ROUTES = /** @type {const} */ ({ peerToPeer: 'call.direct', server: 'call.throughServer' });

/** @param {App.Active} active */
function statusOf({ connected, others, ringing, route: way }) {
  if (ringing.length) return phrase('call.ringingToo', { names: names(ringing.map(({ name }) => name)) });
  if (!connected) return phrase('call.connecting');
  return others.length ? phrase(ROUTES[way]) : phrase('call.waiting');
}

/** @param {App.Parts} app */
export function callStage(app) {
  const { calls, rooms, user } = app;
  const name = el('h2', { dir: 'auto' });
  const status = el('span', { class: 'chip', role: 'status', 'data-testid': 'call-status' });
  const time = el('span', { class: 'call-time' });
  const back = el('a', { class: 'icon-button call-back', 'aria-label': phrase('call.backToCallsRoom'), title: phrase('call.backToRoom') }, icon('expand'));
  const handOver = iconButton('forward', phrase('call.handOverHere'), { 'data-testid': 'call-hand-over', on: { click: () => {
    const { id } = route.get();
    if (id) calls.transferToRoom({ roomId: id, name: rooms.called(id, rooms.list.get().items.find((room) => room.id === id)?.name) });
  } } });
  const rung = el('ul', { class: 'call-rung', 'aria-label': phrase('call.rung'), 'data-testid': 'call-rung' });
  const stage = tiles({ user });
  const alone = el('p', { class: 'call-alone' }, phrase('call.alone'));
  const bar = callBar(app);
  const element = el('section', { class: 'call', 'aria-label': phrase('call.title'), hidden: true, 'data-testid': 'call' },
    el('header', { class: 'call-header' }, name, status, time, handOver, back),
    rung, stage.element, alone, bar.element);

  /** @type {ReturnType<typeof setInterval> | undefined} */
  let ticking;

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
    stage.clear();
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
    bar.update(active);
    stage.update(active);
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
  // After the stage: it plays the sound that this listens to.
  rung.before(callLine(app, element));
  return element;
}
