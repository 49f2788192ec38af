// The call one is in: a stage beside its room or above it, a small window everywhere else.

import { avatar, el, fill, icon, iconButton, keyed, say } from '../dom.js';
import { duration } from '../format.js';
import { createReactions } from '../model/reactions.js';
import { address, route } from '../router.js';
import { names, phrase } from '../words.js';
import { callBar } from './call/bar.js';
import { measuring } from './call/measure.js';
import { moderation } from './call/moderation.js';
import { stage } from './call/stage.js';
import { viewControls } from './call/view.js';
import { callLine } from './line.js';

const ROUTES = /** @type {const} */ ({ peerToPeer: 'call.direct', server: 'call.throughServer' });

/** @param {App.Active} active */
function statusOf({ connected, others, ringing, route: way }) {
  if (ringing.length) return phrase('call.ringingToo', { names: names(ringing.map(({ name }) => name)) });
  if (!connected) return phrase('call.connecting');
  return others.length ? phrase(ROUTES[way]) : phrase('call.waiting');
}

/** @param {App.RoomParts & Pick<App.Parts, 'line'>} app */
export function callStage(app) {
  const { calls, rooms, user, socket, notices } = app;
  const name = el('h2', { dir: 'auto' });
  const status = el('span', { class: 'chip', role: 'status', 'data-testid': 'call-status' });
  const time = el('span', { class: 'call-time' });
  const back = el('a', { class: 'icon-button call-back', 'aria-label': phrase('call.backToCallsRoom'), title: phrase('call.backToRoom') }, icon('expand'));
  const toList = el('a', { class: 'icon-button call-to-list', href: address('rooms'), 'aria-label': phrase('backToList'), title: phrase('back') }, icon('back'));
  const handOver = iconButton('forward', phrase('call.handOverHere'), { 'data-testid': 'call-hand-over', on: { click: () => {
    const { id } = route.get();
    if (id) calls.transferToRoom({ roomId: id, name: rooms.called(id, rooms.list.get().items.find((room) => room.id === id)?.name) });
  } } });
  const ringing = rung({ calls, user });
  const told = el('p', { class: 'sr', 'aria-live': 'polite' });
  const recorded = el('p', { class: 'call-recorded', hidden: true, 'data-testid': 'call-recorded' }, phrase('call.recorded'));
  const alone = el('p', { class: 'call-alone' }, phrase('call.alone'));
  const tiles = stage({ user, view: calls.view, changed: () => views.show() });
  const measure = measuring({ calls, rate: (connectionId, level) => tiles.of(connectionId)?.rate(level) });
  const reactions = createReactions({ socket, notices, active: () => calls.state.get().active, seen({ connectionId, name: who }, emoji) {
    tiles.of(connectionId)?.react(emoji);
    // Anew each time, so that the same is told twice.
    if (who) fill(told, phrase('call.reacts', { name: who, emoji }));
  } });
  const moderators = moderation(app);
  const bar = callBar({ ...app, react: (emoji) => reactions.send(emoji) });
  const element = el('section', { class: 'call', 'aria-label': phrase('call.title'), hidden: true, 'data-testid': 'call' });
  const views = viewControls({ frame: element, heading: name, tiles });
  element.append(
    el('div', { class: 'call-body' },
      el('header', { class: 'call-header' }, toList, name, status, time, moderators.element, views.element, handOver, back),
      recorded, ringing.element, tiles.element, alone, told),
    bar.element);

  /** @type {ReturnType<typeof setInterval> | undefined} */
  let ticking;

  /** The mark is there for as long as it is so; that it comes or goes is said once. */
  const mark = (/** @type {boolean} */ isRecorded) => {
    if (recorded.hidden === !isRecorded) return;
    recorded.hidden = !isRecorded;
    fill(told, phrase(isRecorded ? 'call.recorded' : 'call.recordedNoMore'));
  };

  const clear = () => {
    recorded.hidden = true;
    clearInterval(ticking);
    ticking = undefined;
    measure.stop();
    bar.closeMenus();
    views.leave();
    tiles.clear();
  };

  const show = (/** @type {App.CallState} */ { active }) => {
    moderators.update(active);
    if (!active) {
      element.hidden = true;
      return clear();
    }
    if (element.hidden) views.enter();
    element.hidden = false;
    const room = rooms.list.get().items.find(({ id }) => id === active.roomId);
    say(name, room?.name ?? phrase('call.title'));
    say(status, statusOf(active));
    status.classList.toggle('quiet', active.connected && active.others.length > 0 && active.ringing.length === 0);
    time.title = phrase(ROUTES[active.route]);
    element.dataset.route = active.route;
    alone.hidden = active.others.length > 0;
    mark(active.recorded);
    back.href = address('rooms', active.roomId);
    bar.update(active);
    tiles.update(active);
    ringing.show(active);
    views.show();
    measure.start();
    ticking ??= setInterval(() => say(time, duration(Date.now() - (calls.state.get().active?.startedAt ?? Date.now()))), 1000);
    dock();
  };

  const dock = () => {
    const { active } = calls.state.get();
    const { view, id } = route.get();
    const isElsewhere = Boolean(active) && !(view === 'rooms' && id === active?.roomId);
    if (isElsewhere) views.leave();
    element.classList.toggle('docked', isElsewhere);
    tiles.dock(isElsewhere);
    // Only a call that was rung can be handed over, to the room that is looked at.
    handOver.hidden = !(isElsewhere && active?.isRung && view === 'rooms' && id);
  };

  calls.state.subscribe(show);
  rooms.list.subscribe(() => show(calls.state.get()));
  route.subscribe(dock);
  // After the stage: it plays the sound that this listens to.
  ringing.element.before(callLine(app, element));
  return element;
}

/**
 * Whom we rang, or anybody if the call is ours: they can be rung no more.
 *
 * @param {Pick<App.RoomParts, 'calls' | 'user'>} parts
 */
function rung({ calls, user }) {
  const element = el('ul', { class: 'call-rung', 'aria-label': phrase('call.rung'), 'data-testid': 'call-rung' });
  return {
    element,
    /** @param {App.Active} active */
    show({ ringing, isCaller }) {
      element.hidden = ringing.length === 0;
      keyed(element, ringing, {
        key: ({ userId }) => userId,
        create: (party) => el('li', { class: 'call-rung-one', 'data-testid': 'call-rung-one', 'data-user-id': party.userId },
          avatar(party.name, party.userId), el('span', { dir: 'auto' }, party.name),
          (isCaller || party.invitedBy === user.id)
            && iconButton('close', phrase('call.withdraw', { name: party.name }), { 'data-testid': 'call-withdraw', on: { click: () => calls.withdraw(party) } })),
        update: () => {},
      });
    },
  };
}
