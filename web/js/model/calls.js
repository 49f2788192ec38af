// Ringing and being in a call: from the button to the last track stopped.

import { LocalMedia, MediaSession } from '../../client/src/index.js';
import { ring } from '../ringtone.js';
import { createStore } from '../store.js';
import { ending, explain, phrase, unavailable } from '../words.js';

/** The server may wait for another instance to take the call over. */
const RESUME_TIMEOUT_MS = 15_000;

/** @param {{ socket: App.Socket, rooms: App.Rooms, notices: App.Notices }} parts */
export function createCalls({ socket, rooms, notices }) {
  /**
   * `incoming` and `outgoing` ring; `active` is the call this device is in.
   * Ringing: `{ callId, roomId, userId, name, media }`. Active: see `show`.
   */
  const state = createStore(/** @type {App.CallState} */ ({ incoming: null, outgoing: null, active: null }));
  /** @type {{ session: MediaSession, local: LocalMedia, roomId: string, ringing: App.Ringing | null, startedAt: number,
   *   muted: boolean, closesAlone: boolean, sawOthers: boolean, leaving: boolean } | null} */
  let call = null;
  /** @type {{ kind: string, stop: () => void } | null} */
  let hush = null;
  /** The connection by which this device is part of its calls. @type {string | null} */
  let device = null;

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
        self: session.self,
        camera: local.tracks.video,
        hasMicrophone: Boolean(local.tracks.audio),
      },
    });
  }

  /**
   * Enters a room's call, with whatever devices there are.
   *
   * @param {string} roomId
   * @param {{ video?: boolean, ringing?: App.Ringing | null }} how
   */
  async function join(roomId, { video = true, ringing = null } = {}) {
    if (call?.roomId === roomId) {
      call.ringing ??= ringing;
      return;
    }
    await hangUp();
    const local = new LocalMedia();
    const session = new MediaSession({ client: socket.client, roomId, local, changed: show });
    const own = (call = { session, local, roomId, ringing, startedAt: Date.now(), muted: false, closesAlone: false, sawOthers: false, leaving: false });
    const room = rooms.hold(roomId, 'call');
    show();
    try {
      await Promise.all([room.joined, local.start({ video })]);
      local.problems.forEach((problem) => notices.warn(unavailable(problem)));
      if (call !== own) return local.stop();
      await session.join();
      show();
    } catch (error) {
      if (call !== own) return local.stop();
      notices.warn(phrase('call.cannotJoin', { reason: explain(error) }));
      await hangUp();
    }
  }

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

  /** Rings a user, to meet in `roomId`. @param {{ roomId: string, userId: string, name: string, media?: 'audio' | 'video' }} whom */
  async function ringUser({ roomId, userId, name, media = 'video' }) {
    if (state.get().outgoing) return;
    /** @type {App.Ringing} */
    const outgoing = { callId: null, roomId, userId, name, media };
    state.set({ outgoing });
    rooms.hold(roomId, 'ring');
    try {
      const { callId } = await socket.call('call.ring', { roomId, userId, media });
      // Given up while the answer was on its way.
      if (state.get().outgoing !== outgoing) return socket.call('call.cancel', { callId }).catch(() => {});
      state.set({ outgoing: { ...outgoing, callId } });
    } catch (error) {
      if (state.get().outgoing !== outgoing) return;
      stopRinging();
      notices.warn(phrase('call.about', { name, what: explain(error) }));
    }
  }

  function stopRinging() {
    const { outgoing } = state.get();
    state.set({ outgoing: null });
    if (outgoing) rooms.release(outgoing.roomId, 'ring');
    return outgoing;
  }

  function cancel() {
    const callId = stopRinging()?.callId;
    if (callId) socket.call('call.cancel', { callId }).catch(() => {});
  }

  async function accept() {
    const { incoming } = state.get();
    if (!incoming) return null;
    state.set({ incoming: null });
    try {
      const { roomId } = await socket.call('call.accept', { callId: incoming.callId });
      join(roomId, { video: incoming.media === 'video', ringing: incoming });
      return roomId;
    } catch (error) {
      notices.warn(explain(error));
      return null;
    }
  }

  function decline() {
    const { incoming } = state.get();
    state.set({ incoming: null });
    if (incoming) socket.call('call.reject', { callId: incoming.callId }).catch(() => {});
  }

  socket.on('call.incoming', ({ callId, roomId, from, name, media }) => {
    state.set({ incoming: { callId, roomId, userId: from, name, media } });
  });

  socket.on('call.answered', ({ callId }) => {
    const { outgoing } = state.get();
    if (!outgoing || outgoing.callId !== callId) return;
    join(outgoing.roomId, { video: outgoing.media === 'video', ringing: outgoing });
    stopRinging();
  });

  socket.on('call.ended', ({ callId, reason }) => {
    const { incoming, outgoing } = state.get();
    if (incoming && incoming.callId === callId) {
      state.set({ incoming: null });
      notices.tell(phrase('call.about', { name: incoming.name, what: ending(reason) }));
    } else if (outgoing && outgoing.callId === callId) {
      stopRinging();
      notices.tell(phrase('call.about', { name: outgoing.name, what: ending(reason) }));
    } else if (call?.ringing?.callId === callId) ended(reason);
  });

  /** The ring's call is over. Others who joined meanwhile may go on talking. @param {string} reason */
  function ended(reason) {
    if (!call?.ringing) return;
    const { userId } = call.ringing;
    call.ringing = null;
    call.closesAlone = call.sawOthers = true;
    notices.tell(ending(reason));
    // Who only lost the connection may be back already, under a new connection id.
    const stay = call.session.others().some((other) => other.userId !== userId || reason === 'lost');
    if (stay) show();
    else hangUp();
  }

  socket.on('room.removed', ({ roomId }) => {
    if (call?.roomId === roomId) hangUp();
  });

  /**
   * How a call stands, which goes on by this connection instead of the one before; null if it is over.
   *
   * @param {string | null} callId
   */
  async function resume(callId) {
    if (!callId || !device) return null;
    try {
      return await socket.call('call.resume', { callId, connectionId: device }, { timeoutMs: RESUME_TIMEOUT_MS });
    } catch (error) {
      // The next connection may have more luck, by the one that the server knows.
      if (error.code === 'offline') throw error;
      return null;
    }
  }

  async function resumeIncoming() {
    const { incoming } = state.get();
    if (!incoming || await resume(incoming.callId)) return;
    if (state.get().incoming === incoming) state.set({ incoming: null });
  }

  async function resumeOutgoing() {
    const { outgoing } = state.get();
    if (!outgoing) return;
    const stands = await resume(outgoing.callId);
    if (state.get().outgoing !== outgoing || (stands && !stands.answeredAt)) return;
    if (stands) join(outgoing.roomId, { video: outgoing.media === 'video', ringing: outgoing });
    else notices.warn(phrase('call.about', { name: outgoing.name, what: ending('lost') }));
    stopRinging();
  }

  async function resumeActive() {
    const own = call;
    if (!own) return;
    const stands = own.ringing && await resume(own.ringing.callId);
    if (call !== own) return;
    // Whoever has nobody on the other side any more is left alone in the room.
    if (own.ringing && !stands) Object.assign(own, { ringing: null, closesAlone: true, sawOthers: false });
    if (stands?.connectionId) own.session.moved(own.session.direct, stands.connectionId);
    await own.session.resume();
  }

  // A device is in its calls, and not its connection.
  socket.onOpened(async ({ connectionId }) => {
    await Promise.all([resumeIncoming(), resumeOutgoing(), resumeActive()]);
    device = connectionId;
    show();
  });

  return {
    state, join, hangUp, ringUser, cancel, accept, decline,
    toggleMute() {
      if (!call) return;
      call.muted = !call.muted;
      call.local.mute(call.muted);
      show();
    },
    async toggleCamera() {
      const own = call;
      if (!own) return;
      const track = await own.local.camera(!own.local.tracks.video);
      own.local.problems.forEach((problem) => notices.warn(unavailable(problem)));
      if (call !== own) return own.local.stop();
      own.session.replace('video', track);
      show();
    },
    /** Counters of what arrives, one entry per tile. */
    async stats() {
      if (!call) return { route: null, tiles: [] };
      const { self, state: { route } } = call.session;
      return { route, tiles: [{ connectionId: self, local: true }, ...await call.session.stats()] };
    },
  };
}
