// Ringing, on both ends: until somebody picks up, gives up, or it is over.

import { ending, explain, phrase } from '../words.js';

/** The server may wait for another instance to take the call over. */
const RESUME_TIMEOUT_MS = 15_000;

/**
 * @param {{ socket: App.Socket, rooms: App.RoomsOfCalls, notices: App.Notices, state: App.Store<App.CallState>,
 *   join: (roomId: string, how: { video: boolean, ringing: App.Ringing }) => Promise<void>, isIn: (callId: string) => boolean }} parts
 *   `join`: it was picked up, on either end; `isIn`: whether this device is in that call
 */
export function createRinging({ socket, rooms, notices, state, join, isIn }) {
  const connectionId = () => socket.client.state.connectionId;
  const tell = (/** @type {App.Ringing} */ { name }, /** @type {string} */ what) => notices.tell(phrase('call.about', { name, what }));
  const warn = (/** @type {App.Ringing} */ { name }, /** @type {string} */ what) => notices.warn(phrase('call.about', { name, what }));

  /** News of a call may overtake the answer that says which one we ring. @type {(() => void)[]} */
  const early = [];

  /** What the user has picked up, while a lost connection hides whether the server knows. @type {App.CallState['incoming']} */
  let picked = null;

  /** Rings a user, to meet in `roomId`. @param {{ roomId: string, userId: string, name: string, media: 'audio' | 'video' }} whom */
  async function ring({ roomId, userId, name, media }) {
    /** @type {App.Ringing} */
    const outgoing = { callId: null, roomId, userId, name, media, device: connectionId() };
    state.set({ outgoing });
    rooms.hold(roomId, 'ring');
    try {
      const { callId } = await socket.call('call.ring', { roomId, userId, media });
      // Given up while the answer was on its way.
      if (state.get().outgoing !== outgoing) return takeBack(callId);
      state.set({ outgoing: { ...outgoing, callId } });
    } catch (error) {
      if (state.get().outgoing !== outgoing) return;
      stop();
      warn(outgoing, explain(error));
    } finally {
      for (const apply of early.splice(0)) apply();
    }
  }

  /** It rings no more. */
  function stop() {
    const { outgoing } = state.get();
    state.set({ outgoing: null });
    if (outgoing) rooms.release(outgoing.roomId, 'ring');
    return outgoing;
  }

  function cancel() {
    const callId = stop()?.callId;
    if (callId) takeBack(callId);
  }

  /** Who picks up at this very moment must not be left alone in the call. @param {string} callId */
  function takeBack(callId) {
    socket.call('call.cancel', { callId })
      .catch((error) => (error.code === 'call.wrongState' ? socket.call('call.hangUp', { callId }) : undefined))
      .catch(() => {});
  }

  async function accept() {
    const { incoming } = state.get();
    if (!incoming) return null;
    state.set({ incoming: null });
    return pickUp(incoming);
  }

  /** @param {App.Ringing & { callId: string }} call @returns {Promise<string | null>} the room in which it is */
  async function pickUp(call) {
    try {
      const { roomId } = await socket.call('call.accept', { callId: call.callId });
      join(roomId, { video: call.media === 'video', ringing: call });
      return roomId;
    } catch (error) {
      // The next connection finds out.
      if (error.code === 'offline') picked = call;
      else notices.warn(explain(error));
      return null;
    }
  }

  function decline() {
    const { incoming } = state.get();
    state.set({ incoming: null });
    if (incoming) socket.call('call.reject', { callId: incoming.callId }).catch(() => {});
  }

  socket.on('call.incoming', ({ callId, roomId, from, name, media }) => {
    if (picked?.callId === callId) return;
    state.set({ incoming: { callId, roomId, userId: from, name, media, device: connectionId() } });
  });

  /** @param {string} callId */
  function answered(callId) {
    const { outgoing } = state.get();
    if (!outgoing) return;
    if (outgoing.callId === null) return void early.push(() => answered(callId));
    if (outgoing.callId !== callId) return;
    join(outgoing.roomId, { video: outgoing.media === 'video', ringing: outgoing });
    stop();
  }

  /** @param {string} callId @param {string} reason */
  function over(callId, reason) {
    const { incoming, outgoing } = state.get();
    if (picked?.callId === callId) picked = null;
    if (incoming?.callId === callId) {
      state.set({ incoming: null });
      tell(incoming, ending(reason));
    } else if (outgoing?.callId === callId) {
      stop();
      tell(outgoing, ending(reason));
    } else if (outgoing?.callId === null && !isIn(callId)) early.push(() => over(callId, reason));
  }

  socket.on('call.answered', ({ callId }) => answered(callId));
  socket.on('call.ended', ({ callId, reason }) => over(callId, reason));

  /**
   * How a call stands, which goes on by this connection instead of the one before; null if it is over.
   *
   * @param {App.Ringing} ringing
   * @param {string} connectionId
   */
  async function resume(ringing, connectionId) {
    const { callId, device } = ringing;
    if (!callId || !device) return null;
    try {
      const stands = await socket.call('call.resume', { callId, connectionId: device }, { timeoutMs: RESUME_TIMEOUT_MS });
      ringing.device = connectionId;
      return stands;
    } catch (error) {
      // The next connection may have more luck, by the one that the server knows.
      if (error.code === 'offline') throw error;
      return null;
    }
  }

  /** @param {string} connectionId */
  async function resumeIncoming(connectionId) {
    const { incoming } = state.get();
    if (!incoming || incoming.device === connectionId || await resume(incoming, connectionId)) return;
    if (state.get().incoming === incoming) state.set({ incoming: null });
  }

  /** @param {string} connectionId */
  async function resumePicked(connectionId) {
    const call = picked;
    if (!call) return;
    const stands = await resume(call, connectionId);
    if (picked !== call) return;
    picked = null;
    if (!stands) tell(call, ending('lost'));
    else if (stands.answeredAt) join(call.roomId, { video: call.media === 'video', ringing: call });
    else await pickUp(call);
  }

  /** @param {string} connectionId */
  async function resumeOutgoing(connectionId) {
    const { outgoing } = state.get();
    if (!outgoing || outgoing.device === connectionId) return;
    const stands = await resume(outgoing, connectionId);
    if (state.get().outgoing !== outgoing || (stands && !stands.answeredAt)) return;
    if (stands) join(outgoing.roomId, { video: outgoing.media === 'video', ringing: outgoing });
    else warn(outgoing, ending('lost'));
    stop();
  }

  return {
    ring, cancel, accept, decline, resume,
    /** By another connection than before. @param {string} connectionId */
    resumeAll: (connectionId) => Promise.all([resumeIncoming(connectionId), resumePicked(connectionId), resumeOutgoing(connectionId)]),
  };
}
