// Calls of the console without a browser: rung, answered and joined as the test says.

import { createCalls } from '../js/model/calls.js';
import { createRooms } from '../js/model/rooms.js';
import { ApiDouble, SocketDouble, withGlobals } from './stand-in.js';

/** What is answered to whoever joins a room. */
export const joined = (patch = {}) => ({ name: 'Lobby', members: [], memberCount: 0, messages: [], seq: 0, recovered: true, more: false, ...patch });

/** Calls without devices: joining them needs none. */
export function calling(t) {
  const media = { addTrack() {}, removeTrack() {}, getTracks: () => [] };
  withGlobals(t, { navigator: {}, window: {}, MediaStream: function MediaStream() { return media; } });
  const socket = new SocketDouble();
  const told = [];
  const rooms = createRooms({ api: new ApiDouble(), socket });
  const calls = createCalls({ socket, rooms, user: { id: 'me' }, notices: { tell: (text) => told.push(text), warn: (text) => told.push(text) } });
  return { socket, rooms, calls, told, incoming: { callId: 'c', roomId: 'r', from: 'ben', name: 'Ben', media: 'audio' } };
}

/** What the server says to whoever comes back into a call that rings. */
export const ringing = { callId: 'c', roomId: 'r', media: 'video', isCaller: true, with: 'cleo', name: 'Cleo', connectionId: null, startedAt: '', answeredAt: null, ringTimeMs: 9_000, iceServers: [] };
