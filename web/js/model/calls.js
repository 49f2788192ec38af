// Being in a call: from picking up, or the button, to the last track stopped.

import { LocalMedia, MediaSession, isPassing } from '../../client/src/index.js';
import { ring } from '../ringtone.js';
import { createStore } from '../store.js';
import { ending, explain, phrase, unavailable } from '../words.js';
import { createHandOver } from './hand-over.js';
import { createModeration } from './moderation.js';
import { createOwnDevices } from './own-devices.js';
import { createRinging } from './ringing.js';

/**
 * The call that this device is in.
 *
 * @typedef {{ session: MediaSession, local: LocalMedia, roomId: string, ringing: App.Ringing | null, startedAt: number,
 *   muted: boolean, closesAlone: boolean, sawOthers: boolean, leaving: boolean, parties: Wire.CallParty[], goesTo: string | null }} OwnCall
 */

/** @param {{ socket: App.Socket, rooms: App.RoomsOfCalls, notices: App.Notices, user: App.Person, devices?: App.Devices }} parts */
export function createCalls({ socket, rooms, notices, user, devices }) {
  /**
   * `incoming` and `outgoing` ring; `active` is the call this device is in.
   * Ringing: `{ callId, roomId, userId, name, media }`. Active: see `show`.
   */
  const state = createStore(/** @type {App.CallState} */ ({ incoming: null, outgoing: null, active: null }));
  /** @type {OwnCall | null} */
  let call = null;
  /** @type {{ kind: string, stop: () => void } | null} */
  let hush = null;

  /** Who rings decides what sounds. */
  state.subscribe(({ incoming, outgoing }) => {
    const kind = incoming ? 'incoming' : outgoing ? 'outgoing' : null;
    if (hush?.kind === kind) return;
    hush?.stop();
    hush = kind && { kind, stop: ring(kind) };
  });

  function show() {
    if (!call) return state.set({ active: null });
    const { session, local, roomId, startedAt, muted, leaving } = call;
    if (leaving) return;
    const others = session.others();
    call.sawOthers ||= others.length > 0;
    if (call.closesAlone && call.sawOthers && others.length === 0) return hangUp();
    state.set({
      active: {
        roomId, startedAt, others, muted,
        connected: session.connected,
        route: session.state.route,
        recorded: Boolean(session.state.recorded),
        self: session.self,
        camera: local.tracks.camera,
        screen: local.tracks.screen,
        hasCamera: local.hasCamera,
        said: session.said,
        isRung: Boolean(call.ringing?.callId),
        ringing: call.parties.filter((party) => party.state === 'ringing'),
        isCaller: call.parties[0]?.userId === user.id,
        hasMicrophone: Boolean(local.tracks.microphone),
        problems: local.problems,
        subscriptions: session.subscriptions,
        isLocked: Boolean(session.state.locked),
      },
    });
  }

  /**
   * Enters a room's call, with whatever devices there are.
   *
   * @param {string} roomId
   * @param {{ video?: boolean, muted?: boolean, ringing?: App.Ringing | null, prepared?: LocalMedia | null }} how
   *   `prepared`: microphone and camera that were looked at before, and are the call's from now on
   */
  async function join(roomId, { video = true, muted = false, ringing = null, prepared = null } = {}) {
    if (call?.roomId === roomId) {
      call.ringing ??= ringing;
      prepared?.stop();
      return;
    }
    await hangUp();
    const local = prepared ?? new LocalMedia({ devices: devices?.wanted() });
    local.mute(muted);
    const { room } = rooms.hold(roomId, 'call');
    const session = new MediaSession({ client: socket.client, roomId, local, changed: show, ready: () => room.entered() });
    local.unshared = () => call?.local === local && sendAgain(call, ['screen', 'screenAudio']);
    const own = (call = { session, local, roomId, ringing, startedAt: Date.now(), muted, closesAlone: false, sawOthers: false, leaving: false, parties: [], goesTo: null });
    ownDevices.follow(own);
    moderation.follow(session);
    show();
    try {
      await (prepared ? prepared.settled : local.start({ video }));
      devices?.look();
      if (call !== own) return local.stop();
      session.say({ muted: own.muted || !local.tracks.microphone, cameraOff: !local.hasCamera });
      await session.join();
      show();
    } catch (error) {
      // Without a connection the next one enters.
      if (call !== own || error.code === 'offline') return;
      // What passes by itself is tried again for as long as one stays.
      if (isPassing(error)) return void session.resume();
      notices.warn(phrase('call.cannotJoin', { reason: explain(error) }));
      await hangUp();
    }
  }

  /** Sends what these sources have now, and says so. @param {OwnCall} own @param {Wire.TrackSource[]} sources */
  function sendAgain({ session, local, muted }, sources) {
    for (const source of sources) session.replace(source, local.tracks[source]);
    session.say({ muted: muted || !local.tracks.microphone, cameraOff: !local.hasCamera, sharing: local.isSharing });
    show();
  }

  const ownDevices = createOwnDevices({ devices, notices, current: () => call, sendAgain: (sources) => call && sendAgain(call, sources) });

  /** Leaves the call; ends it for the other side too if it was rung. */
  async function hangUp() {
    const own = call;
    if (!own || own.leaving) return;
    own.leaving = true;
    own.session.leave();
    own.local.stop();
    rooms.release(own.roomId, 'call');
    call = null;
    show();
    if (own.ringing?.callId) await socket.call('call.hangUp', { callId: own.ringing.callId }).catch(() => {});
  }

  /**
   * Rings somebody else into the call one is in, or hands it over to them.
   *
   * @param {{ callId: string, userId: string, name: string }} whom
   * @param {'call.invite' | 'call.transfer'} method
   */
  async function ringInto({ callId, userId, name }, method) {
    try {
      await socket.call(method, { callId, userId });
      notices.tell(phrase('call.calling', { name }));
    } catch (error) {
      notices.warn(phrase('call.about', { name, what: explain(error) }));
    }
  }

  /** Rings a user, to meet in `roomId`; whoever is in a call that was rung rings them into that one. @param {{ roomId: string, userId: string, name: string, media?: 'audio' | 'video' }} whom */
  async function ringUser({ roomId, userId, name, media = 'video' }) {
    if (state.get().outgoing) return;
    const callId = call?.ringing?.callId;
    await (callId ? ringInto({ callId, userId, name }, 'call.invite') : ringing.ring({ roomId, userId, name, media }));
  }

  const isIn = (/** @type {string} */ callId) => call?.ringing?.callId === callId;
  const ringing = createRinging({ socket, rooms, notices, state, join, isIn });

  socket.on('call.ended', ({ callId, reason }) => {
    if (isIn(callId)) ended(reason);
  });

  /** The ring's call is over. Others who joined meanwhile may go on talking. @param {string} reason */
  function ended(reason) {
    if (!call?.ringing) return;
    const { userId } = call.ringing;
    call.ringing = null;
    // What comes of going to another room decides.
    if (call.goesTo) return;
    call.closesAlone = call.sawOthers = true;
    notices.tell(ending(reason));
    // Who only lost the connection may be back already, under a new connection id.
    const stay = reason !== 'transferred' && call.session.others().some((other) => other.userId !== userId || reason === 'lost');
    if (stay) show();
    else hangUp();
  }

  socket.on('call.changed', ({ callId, parties }) => {
    if (call?.ringing?.callId !== callId) return;
    const before = new Map(call.parties.map((party) => [party.userId, party.state]));
    for (const { userId, name, state: now, reason } of parties) {
      if (now !== 'left' || !reason || before.get(userId) !== 'ringing') continue;
      notices.tell(phrase('call.about', { name, what: ending(reason) }));
    }
    call.parties = parties;
    show();
  });

  const moderation = createModeration({
    socket, notices, roomId: () => call?.roomId, removed: () => hangUp(),
    muted() {
      if (call) call.muted = true;
      show();
    },
  });

  const handOver = createHandOver({ socket, rooms, notices, user, show, hangUp, resume: ringing.resume, current: () => call });

  socket.on('room.removed', ({ roomId }) => {
    if (call?.roomId === roomId) hangUp();
  });

  /** @param {string} connectionId */
  async function resumeActive(connectionId) {
    const own = call;
    if (!own) return;
    if (own.ringing && own.ringing.device !== connectionId) {
      const stands = await ringing.resume(own.ringing, connectionId);
      if (call !== own) return;
      // Whoever has nobody on the other side any more is left alone in the room.
      if (!stands) Object.assign(own, { ringing: null, closesAlone: true, sawOthers: false });
      if (stands?.connectionId) own.session.moved(own.session.direct, stands.connectionId);
    }
    await own.session.resume();
  }

  // A device is in its calls, and not its connection.
  socket.onOpened(async ({ connectionId }) => {
    await Promise.all([ringing.resumeAll(connectionId), resumeActive(connectionId), handOver.resume(connectionId)]);
    show();
  });

  return {
    state, join, hangUp, ringUser, cancel: ringing.cancel, accept: ringing.accept, decline: ringing.decline,
    /** @param {{ userId: string, name: string }} whom */
    async transfer(whom) {
      const callId = call?.ringing?.callId;
      if (callId) await ringInto({ callId, ...whom }, 'call.transfer');
    },
    transferToRoom: handOver.toRoom,
    /** Rings somebody no more. @param {Wire.CallParty} whom */
    async withdraw({ userId, name }) {
      const callId = call?.ringing?.callId;
      if (!callId) return;
      await socket.call('call.withdraw', { callId, userId }).catch((error) => notices.warn(phrase('call.about', { name, what: explain(error) })));
    },
    /** What the own microphone gives. */
    microphone: () => call?.local.tracks.microphone ?? null,
    moderate: { mute: moderation.mute, remove: moderation.remove, lock: moderation.lock },
    chooseDevice: ownDevices.choose,
    askForDevice: ownDevices.ask,
    toggleMute() {
      if (!call) return;
      // Without one, whoever wants to speak wants to be asked for it.
      if (!call.local.tracks.microphone) return ownDevices.ask('microphone');
      call.muted = !call.muted;
      call.local.mute(call.muted);
      call.session.say({ muted: call.muted || !call.local.tracks.microphone });
      show();
    },
    toggleHold() {
      if (call) call.session.hold(!call.session.said.onHold);
    },
    toggleHand() {
      if (call) call.session.say({ handRaised: !call.session.said.handRaised });
    },
    async toggleSharing() {
      const own = call;
      if (!own) return;
      await own.local.share(!own.local.isSharing);
      const problem = own.local.problemOf('screen');
      if (problem) notices.warn(unavailable(problem));
      if (call !== own) return own.local.stop();
      sendAgain(own, ['screen', 'screenAudio']);
    },
    async toggleCamera() {
      const own = call;
      if (!own) return;
      await own.local.camera(!own.local.hasCamera);
      if (call !== own) return own.local.stop();
      sendAgain(own, ['camera']);
    },
    /** What the call's line is judged by, or null. */
    lineSample: async () => (call ? call.session.lineSample() : null),
    /** Follows how large an element shows what others send: see {@link MediaSession.view}. @param {HTMLElement} element */
    view: (element) => call?.session.view(element) ?? null,
    /** Counters of what arrives, one entry per tile; `sent`: what is said of what we send. */
    async stats() {
      if (!call) return { route: null, tiles: [], sent: null };
      const { self, state: { route } } = call.session;
      const [sent, others] = await Promise.all([call.session.sent(), call.session.stats()]);
      return { route, tiles: [{ connectionId: self, local: true }, ...others], sent };
    },
  };
}
