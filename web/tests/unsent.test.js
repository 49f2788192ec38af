import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRooms } from '../js/model/rooms.js';
import { ApiDouble, SocketDouble, settled, withGlobals } from './stand-in.js';

const waiting = (text) => ({ message: { clientId: `id of ${text}`, text }, at: '2026-11-20T09:30:00Z', error: null });

/** What an earlier page has left, by room. */
function keptOf(rooms) {
  const places = new Map(Object.entries(rooms));
  return {
    places,
    isPersistent: () => true,
    unsent: async () => [...places].flatMap(([roomId, all]) => all.map((entry) => ({ roomId, order: 1, waiting: entry }))),
    onReturn: () => {},
    outbox: (roomId) => ({
      all: async () => structuredClone(places.get(roomId) ?? []),
      put: async (entry) => places.set(roomId, (places.get(roomId) ?? []).map((known) => (known.message.clientId === entry.message.clientId ? entry : known))),
      remove: async (clientId) => places.set(roomId, (places.get(roomId) ?? []).filter(({ message }) => message.clientId !== clientId)),
      inTurn: (work) => work(),
    }),
  };
}

async function page(kept) {
  const [api, socket, told] = [new ApiDouble(), new SocketDouble({ keep: kept.outbox }), []];
  const rooms = createRooms({ api, socket, kept, user: { id: 'me' }, notices: { warn: (text) => told.push(text) } });
  await settled();
  await settled();
  return { rooms, socket, told };
}

const joined = { name: 'Lobby', members: [], memberCount: 0, messages: [], seq: 0, recovered: false, more: false };

test('a room that nobody looks at is joined for what an earlier page has left, and left when that is sent', async () => {
  const { rooms, socket } = await page(keptOf({ r: [waiting('a'), waiting('b')] }));
  assert.deepEqual(socket.methods, ['room.join']);
  assert.deepEqual(rooms.unsent.get().byRoom.get('r'), { isWaiting: true, isRefused: false });
  await socket.answer('room.join', joined);
  for (const [seq, text] of [[1, 'a'], [2, 'b']]) {
    await settled();
    assert.deepEqual(socket.requests.at(-1), ['room.send', { roomId: 'r', clientId: `id of ${text}`, text }]);
    await socket.answer('room.send', { message: { id: text, seq, userId: 'me', name: 'Me', text, createdAt: '2026-11-20T09:30:00Z' } });
  }
  await settled();
  assert.equal(socket.methods.at(-1), 'room.leave');
  assert.equal(rooms.unsent.get().byRoom.size, 0);
});

test('what is refused is told once, marked, and holds up nothing in other rooms', async () => {
  const kept = keptOf({ bad: [waiting('a')], good: [waiting('b')] });
  const { rooms, socket, told } = await page(kept);
  await socket.refuse('room.join', 'room.banned');
  await socket.answer('room.join', joined);
  await settled();
  assert.deepEqual(socket.requests.at(-1), ['room.send', { roomId: 'good', clientId: 'id of b', text: 'b' }]);
  assert.equal(told.length, 1);
  assert.deepEqual(rooms.unsent.get().byRoom.get('bad'), { isWaiting: false, isRefused: true });

  const next = await page(kept);
  assert.deepEqual(next.told, [], 'it was told already');
  assert.equal(next.rooms.unsent.get().byRoom.get('bad').isRefused, true);
  assert.ok(!next.socket.requests.some(([, params]) => params.roomId === 'bad'), 'and is not tried again by itself');
});

test('what another page has sent or discarded meanwhile is marked no more once this one is looked at again', async (t) => {
  const page = Object.assign(new EventTarget(), { visibilityState: 'visible' });
  withGlobals(t, { document: page });
  const kept = keptOf({ r: [{ ...waiting('a'), error: { code: 'room.muted', message: '' } }] });
  const [api, socket] = [new ApiDouble(), new SocketDouble({ keep: kept.outbox })];
  const rooms = createRooms({ api, socket, kept });
  await settled();
  await settled();
  assert.deepEqual(rooms.unsent.get().byRoom.get('r'), { isWaiting: false, isRefused: true });
  kept.places.set('r', []);
  page.dispatchEvent(new Event('visibilitychange'));
  await settled();
  assert.equal(rooms.unsent.get().byRoom.size, 0);
});
