import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calling, joined, ringing } from './calling.js';
import { settled } from './stand-in.js';

test('a call that rings is taken, and its room and media are joined', async (t) => {
  const { socket, calls, incoming } = calling(t);
  await socket.emit('call.incoming', incoming);
  assert.equal(calls.state.get().incoming.name, 'Ben');
  const accepted = calls.accept();
  await socket.answer('call.accept', { roomId: 'r' });
  assert.equal(await accepted, 'r');
  assert.equal(calls.state.get().incoming, null);
  await socket.answer('room.join', joined());
  assert.ok(socket.methods.includes('media.join'));
  await socket.answer('media.join', { state: { route: 'peerToPeer', revision: 1, participants: [{ connectionId: 'me', userId: 'me', name: 'Me' }] }, iceServers: [] });
  assert.equal(calls.state.get().active.roomId, 'r');
  const left = calls.hangUp();
  assert.equal(calls.state.get().active, null);
  // The other side is told.
  await socket.answer('call.hangUp', {});
  await left;
});

test('a call in a room that was opened before there was a connection is joined with the connection, and not hung up', async (t) => {
  const { socket, rooms, calls, told, incoming } = calling(t);
  rooms.hold('r', 'view');
  await socket.refuse('room.join', 'offline');
  await socket.emit('call.incoming', incoming);
  calls.accept();
  await socket.answer('call.accept', { roomId: 'r' });
  assert.equal(socket.methods.includes('media.join'), false, 'one is not in the room yet');
  await socket.open();
  await socket.answer('room.join', joined());
  assert.ok(socket.methods.includes('media.join'));
  assert.equal(socket.methods.includes('call.resume'), false, 'the call began by this connection');
  assert.equal(calls.state.get().active.roomId, 'r');

  await socket.refuse('media.join', 'offline');
  await socket.open({ connectionId: 'second' });
  await socket.answer('room.join', joined());
  await socket.answer('call.resume', { connectionId: null, answeredAt: '' });
  assert.deepEqual(socket.requests.filter(([method]) => method === 'media.join').length, 2, 'the next connection enters');
  assert.equal(socket.methods.includes('call.hangUp'), false);
  assert.deepEqual(told, [], 'nothing that goes away by itself');
  assert.deepEqual(calls.state.get().active.problems.map(({ reason }) => reason), ['insecure'], 'the stage says it for as long as it is so');
});

test('what rings before the rooms are joined goes on ringing', async (t) => {
  const { socket, calls, incoming } = calling(t);
  await socket.emit('call.incoming', incoming);
  await socket.open();
  assert.equal(calls.state.get().incoming.callId, 'c');
  assert.equal(socket.methods.includes('call.resume'), false);
});

test('a call that ends before it is taken says who and why', async (t) => {
  const { socket, calls, told, incoming } = calling(t);
  await socket.emit('call.incoming', incoming);
  await socket.emit('call.ended', { callId: 'another', reason: 'cancelled' });
  assert.ok(calls.state.get().incoming, 'another call is another');
  await socket.emit('call.ended', { callId: 'c', reason: 'cancelled' });
  assert.deepEqual([calls.state.get().incoming, told], [null, ['Ben: The caller gave up.']]);
});

test('ringing that was given up before its answer is cancelled when the answer comes', async (t) => {
  const { socket, calls } = calling(t);
  const ringing = calls.ringUser({ roomId: 'r', userId: 'ben', name: 'Ben' });
  await settled();
  calls.cancel();
  await socket.answer('call.ring', { callId: 'c' });
  assert.deepEqual(socket.requests.at(-1), ['call.cancel', { callId: 'c' }]);
  await socket.answer('call.cancel', {});
  await ringing;
});

test('a ring that is refused says so, and one does not ring twice at once', async (t) => {
  const { socket, calls, told } = calling(t);
  calls.ringUser({ roomId: 'r', userId: 'ben', name: 'Ben' });
  calls.ringUser({ roomId: 'r', userId: 'cleo', name: 'Cleo' });
  await settled();
  assert.equal(socket.methods.filter((method) => method === 'call.ring').length, 1);
  await socket.refuse('call.ring', 'call.unreachable');
  assert.deepEqual([calls.state.get().outgoing, told], [null, ['Ben: Not reachable: no device is connected.']]);
});

test('ringing goes on by another connection', async (t) => {
  const { socket, calls, told, incoming } = calling(t);
  await socket.open({ connectionId: 'first' });
  await socket.emit('call.incoming', { ...incoming, callId: 'b' });
  calls.ringUser({ roomId: 'r', userId: 'cleo', name: 'Cleo' });
  await settled();
  await socket.answer('call.ring', { callId: 'c' });
  await socket.open({ connectionId: 'second' });
  const resumed = socket.requests.filter(([method]) => method === 'call.resume');
  assert.deepEqual(resumed.map(([, params]) => params), [{ callId: 'b', connectionId: 'first' }, { callId: 'c', connectionId: 'first' }]);
  await socket.refuse('call.resume', 'call.over');
  await socket.answer('call.resume', ringing);
  const { incoming: over, outgoing } = calls.state.get();
  assert.deepEqual([over, outgoing?.callId, told], [null, 'c', []], 'one was over, the other rings on');
  await socket.open({ connectionId: 'third' });
  assert.deepEqual(socket.requests.at(-1), ['call.resume', { callId: 'c', connectionId: 'second' }]);
  await socket.answer('call.resume', { ...ringing, answeredAt: '2026-11-22T10:00:00Z', connectionId: 'hers', ringTimeMs: null });
  assert.equal(calls.state.get().outgoing, null);
  assert.equal(calls.state.get().active.roomId, 'r', 'it was answered meanwhile');
});

test('a ring whose call is not known yet does not survive a lost connection', async (t) => {
  const { socket, calls, told } = calling(t);
  await socket.open({ connectionId: 'first' });
  calls.ringUser({ roomId: 'r', userId: 'cleo', name: 'Cleo' });
  await settled();
  await socket.open({ connectionId: 'second' });
  assert.deepEqual([calls.state.get().outgoing, told], [null, ['Cleo: The other side lost its connection.']]);
});

test('a call goes on by another connection with its media, and is hung up by it', async (t) => {
  const { socket, calls, incoming } = calling(t);
  await socket.open({ connectionId: 'me' });
  await socket.emit('call.incoming', incoming);
  const accepted = calls.accept();
  await socket.answer('call.accept', { roomId: 'r' });
  await accepted;
  await socket.answer('room.join', joined());
  const alone = { route: 'peerToPeer', revision: 1, participants: [{ connectionId: 'me', userId: 'me', name: 'Me' }] };
  await socket.answer('media.join', { state: alone, iceServers: [], resumed: false });
  await socket.open({ connectionId: 'me again' });
  assert.deepEqual(socket.requests.find(([method]) => method === 'call.resume'), ['call.resume', { callId: 'c', connectionId: 'me' }]);
  const said = { muted: true, cameraOff: true, sharing: false, handRaised: false, speaking: false, onHold: false };
  await socket.answer('call.resume', { ...ringing, isCaller: false, connectionId: 'ben', answeredAt: '2026-11-22T10:00:00Z' });
  assert.deepEqual(socket.requests.filter(([method]) => method === 'media.join').at(-1)[1], { roomId: 'r', previousConnectionId: 'me', state: said });
  assert.ok(calls.state.get().active);
  calls.hangUp();
  assert.deepEqual(socket.requests.at(-1), ['call.hangUp', { callId: 'c' }]);
});

test('news of a call that come before the answer which says that it is ours are not lost', async (t) => {
  const { socket, calls, told } = calling(t);
  calls.ringUser({ roomId: 'r', userId: 'ben', name: 'Ben' });
  await settled();
  await socket.emit('call.ended', { callId: 'c', reason: 'rejected' });
  await socket.answer('call.ring', { callId: 'c' });
  assert.deepEqual([calls.state.get().outgoing, told], [null, ['Ben: Call declined.']]);

  calls.ringUser({ roomId: 'r', userId: 'ben', name: 'Ben' });
  await settled();
  await socket.emit('call.ended', { callId: 'another', reason: 'rejected' });
  await socket.emit('call.answered', { callId: 'd' });
  await socket.answer('call.ring', { callId: 'd' });
  assert.deepEqual([calls.state.get().outgoing, calls.state.get().active?.roomId, told.filter((text) => text.startsWith('Ben')).length], [null, 'r', 1]);
});

test('who picks up at the moment in which the caller gives up is not left alone in the call', async (t) => {
  const { socket, calls } = calling(t);
  calls.ringUser({ roomId: 'r', userId: 'ben', name: 'Ben' });
  await settled();
  await socket.answer('call.ring', { callId: 'c' });
  calls.cancel();
  await socket.emit('call.answered', { callId: 'c' });
  await socket.refuse('call.cancel', 'call.wrongState');
  assert.deepEqual(socket.requests.at(-1), ['call.hangUp', { callId: 'c' }]);
  assert.equal(calls.state.get().active, null);
});

for (const [what, stands, method] of [
  ['the server knows it', { ...ringing, answeredAt: '2026-11-22T10:00:00Z' }, 'media.join'],
  ['it still rings', ringing, 'call.accept'],
]) {
  test(`what was picked up while the connection was lost goes on by the next one where ${what}`, async (t) => {
    const { socket, calls, told, incoming } = calling(t);
    await socket.open({ connectionId: 'first' });
    await socket.emit('call.incoming', incoming);
    const accepted = calls.accept();
    await socket.refuse('call.accept', 'offline');
    assert.equal(await accepted, null);
    await socket.open({ connectionId: 'second' });
    // To the server this is another device, which it rings.
    await socket.emit('call.incoming', incoming);
    assert.deepEqual(socket.requests.at(-1), ['call.resume', { callId: 'c', connectionId: 'first' }]);
    await socket.answer('call.resume', stands);
    if (method === 'call.accept') await socket.answer('call.accept', { roomId: 'r' });
    await socket.answer('room.join', joined());
    assert.ok(socket.methods.includes('media.join'));
    assert.deepEqual([calls.state.get().incoming, calls.state.get().active.roomId, told.slice(1)], [null, 'r', []]);
  });
}

test('what was picked up while the connection was lost, and is over by then, is told', async (t) => {
  const { socket, calls, told, incoming } = calling(t);
  await socket.open({ connectionId: 'first' });
  await socket.emit('call.incoming', incoming);
  calls.accept();
  await socket.refuse('call.accept', 'offline');
  await socket.open({ connectionId: 'second' });
  await socket.refuse('call.resume', 'call.over');
  assert.deepEqual([calls.state.get().incoming, calls.state.get().active, told], [null, null, ['Ben: The other side lost its connection.']]);
});
