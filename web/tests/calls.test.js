import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calling, joined } from './calling.js';

test('who is in a call that was rung rings others into it, and sees who is rung', async (t) => {
  const { socket, calls, told, incoming } = calling(t);
  await socket.emit('call.incoming', incoming);
  const accepted = calls.accept();
  await socket.answer('call.accept', { roomId: 'r' });
  await accepted;
  calls.ringUser({ roomId: 'r', userId: 'cleo', name: 'Cleo' });
  assert.deepEqual(socket.requests.findLast(([method]) => method.startsWith('call.')), ['call.invite', { callId: 'c', userId: 'cleo' }]);
  const party = (userId, state, reason = null) => ({ userId, name: userId, state, reason, connectionId: null, invitedBy: 'ben' });
  await socket.emit('call.changed', { callId: 'c', revision: 1, parties: [party('ben', 'joined'), party('me', 'joined'), party('cleo', 'ringing')] });
  assert.deepEqual(calls.state.get().active.ringing.map(({ userId }) => userId), ['cleo']);
  await socket.emit('call.changed', { callId: 'c', revision: 2, parties: [party('ben', 'joined'), party('me', 'joined'), party('cleo', 'left', 'rejected')] });
  assert.deepEqual(told.at(-1), 'cleo: Call declined.');
  assert.deepEqual(calls.state.get().active.ringing, []);
  calls.transfer({ userId: 'dora', name: 'Dora' });
  assert.deepEqual(socket.requests.findLast(([method]) => method.startsWith('call.')), ['call.transfer', { callId: 'c', userId: 'dora' }]);
  await socket.emit('call.ended', { callId: 'c', reason: 'transferred' });
  assert.equal(calls.state.get().active, null);
});

/** In a call that Ben rang, and the session of its room. */
async function talking(t) {
  const made = calling(t);
  const { socket, calls, incoming } = made;
  await socket.emit('call.incoming', incoming);
  const accepted = calls.accept();
  await socket.answer('call.accept', { roomId: 'r' });
  await accepted;
  await socket.answer('room.join', joined());
  await socket.answer('media.join', { state: { route: 'server', revision: 1, participants: [{ connectionId: 'me', userId: 'me', name: 'Me' }] }, iceServers: [] });
  return made;
}

test('who cannot enter a call for a moment stays and enters it; who may not is told so', async (t) => {
  const { socket, calls, told } = calling(t);
  calls.join('r', { video: false });
  await socket.answer('room.join', joined());
  const before = told.length;
  await socket.refuse('media.join', 'timeout');
  assert.deepEqual([calls.state.get().active?.roomId, told.length], ['r', before]);
  const state = { route: 'server', revision: 1, participants: [{ connectionId: 'me', userId: 'me', name: 'Me' }] };
  await socket.answer('media.join', { state, iceServers: [] });
  assert.equal(calls.state.get().active.self, 'me');
  calls.hangUp();

  calls.join('r2');
  await socket.answer('room.join', joined());
  await socket.refuse('media.join', 'auth.forbidden');
  assert.equal(calls.state.get().active, null);
  assert.match(told.at(-1), /^Cannot join the call/);
});

const answered = (socket) => socket.requests.filter(([method]) => method === 'call.answerTransfer').map(([, { isThere }]) => isThere);

const transferring = { callId: 'c', roomId: 'r2', by: 'ben', name: 'Ben', answerTimeMs: 20_000 };

test('who is handed over to another room goes there, and is out of the call once somebody is met there', async (t) => {
  const { socket, calls } = await talking(t);
  await socket.emit('call.transferring', transferring);
  await socket.emit('call.transferring', transferring);
  await socket.answer('room.join', joined());
  const participants = ['me', 'dora'].map((one) => ({ connectionId: one, userId: one, name: one }));
  await socket.answer('media.join', { state: { route: 'server', revision: 7, participants }, iceServers: [] });
  assert.deepEqual(answered(socket), [true], 'once');
  await socket.emit('call.ended', { callId: 'c', reason: 'transferred' });
  await socket.answer('call.answerTransfer', {});
  const { active } = calls.state.get();
  assert.deepEqual([active.roomId, active.isRung, active.others.map(({ userId }) => userId)], ['r2', false, ['dora']]);
  assert.ok(socket.requests.some(([method, params]) => method === 'media.leave' && params.roomId === 'r'), 'the first room is left');
});

/** Handed over to a room, and there, with the answer still to come. */
async function arrived(t) {
  const made = await talking(t);
  const { socket } = made;
  await socket.emit('call.transferring', transferring);
  await socket.answer('room.join', joined());
  const participants = ['me', 'dora'].map((one) => ({ connectionId: one, userId: one, name: one }));
  await socket.answer('media.join', { state: { route: 'server', revision: 7, participants }, iceServers: [] });
  return made;
}

test('what is switched on the way to another room is so there', async (t) => {
  const { socket, calls } = await talking(t);
  await socket.emit('call.transferring', transferring);
  await socket.answer('room.join', joined());
  const entering = socket.requests.findLast(([method]) => method === 'media.join')[1];
  assert.deepEqual([entering.roomId, entering.state.onHold], ['r2', false]);
  calls.toggleHold();
  calls.toggleHand();
  const participants = ['me', 'dora'].map((one) => ({ connectionId: one, userId: one, name: one }));
  await socket.answer('media.join', { state: { route: 'server', revision: 7, participants }, iceServers: [] });
  const { roomId, said } = calls.state.get().active;
  assert.deepEqual([roomId, said.onHold, said.handRaised], ['r2', true, true]);
  const told = () => socket.requests.filter(([method, params]) => method === 'media.update' && params.roomId === 'r2').map(([, params]) => params.state);
  for (let turn = 0; turn < 2 && told().length < 2; turn += 1) await socket.answer('media.update', {});
  assert.deepEqual(Object.assign({}, ...told()), { onHold: true, handRaised: true });
});

test('who is there says so until it is heard, also by another connection', async (t) => {
  const { socket } = await arrived(t);
  await socket.refuse('call.answerTransfer', 'unavailable');
  await socket.emit('call.transferring', transferring);
  await socket.emit('call.transferring', transferring);
  assert.deepEqual(answered(socket), [true, true], 'one at a time');
  await socket.refuse('call.answerTransfer', 'offline');
  await socket.open({ connectionId: 'me again' });
  assert.deepEqual(socket.requests.find(([method]) => method === 'call.resume')[1], { callId: 'c', connectionId: 'me' });
  await socket.answer('call.resume', { connectionId: 'ben', answeredAt: '' });
  assert.deepEqual(answered(socket), [true, true, true]);
  await socket.refuse('call.answerTransfer', 'call.wrongState');
  await socket.refuse('call.hangUp', 'offline');
  await socket.open({ connectionId: 'me at last' });
  await socket.answer('call.resume', { connectionId: 'ben', answeredAt: '' });
  await socket.refuse('call.answerTransfer', 'call.wrongState');
  await socket.answer('call.hangUp', {});
  await socket.open({ connectionId: 'me ever after' });
  assert.equal(answered(socket).length, 4, 'it was heard');
});

test('who is there and has hung up is not said to be there, and of a call that is over nothing is said', async (t) => {
  const { socket, calls } = await arrived(t);
  await socket.refuse('call.answerTransfer', 'offline');
  await calls.hangUp();
  await socket.emit('call.transferring', transferring);
  assert.deepEqual([answered(socket).length, socket.requests.at(-1)], [1, ['call.hangUp', { callId: 'c' }]]);
  await socket.refuse('call.hangUp', 'offline');
  await socket.emit('call.ended', { callId: 'c', reason: 'hungUp' });
  await socket.open({ connectionId: 'me again' });
  assert.equal(socket.methods.includes('call.resume'), false);
});

test('who finds nobody in the room to which they are handed over talks on', async (t) => {
  const { socket, calls } = await talking(t);
  await socket.emit('call.transferring', transferring);
  await socket.answer('room.join', joined());
  await socket.answer('media.join', { state: { route: 'server', revision: 7, participants: [{ connectionId: 'me', userId: 'me', name: 'Me' }] }, iceServers: [] });
  assert.deepEqual(answered(socket), [false]);
  await socket.answer('call.answerTransfer', {});
  assert.deepEqual([calls.state.get().active.roomId, calls.state.get().active.isRung], ['r', true]);
});

test('who is handed over, and meets nobody when the call is over already, is told and not left alone', async (t) => {
  const { socket, calls, told } = await talking(t);
  await socket.emit('call.transferring', transferring);
  await socket.emit('call.ended', { callId: 'c', reason: 'transferred' });
  assert.equal(calls.state.get().active.roomId, 'r', 'it is not known yet what comes of it');
  await socket.refuse('room.join', 'resource.notFound');
  await socket.refuse('call.answerTransfer', 'call.over');
  assert.equal(calls.state.get().active, null);
  assert.equal(told.at(-1), 'The call was handed over to a room where nobody is any more.');
});

test('a call is handed over to a room, and who has not gone there is named; an invitation is taken back', async (t) => {
  const { socket, calls, told } = await talking(t);
  const handing = calls.transferToRoom({ roomId: 'r2', name: 'Support' });
  await socket.answer('call.transferToRoom', { callId: 'c', answerTimeMs: 20_000 });
  await handing;
  assert.equal(told.at(-1), 'Handing the call over to Support…');
  await socket.emit('call.transferFailed', { callId: 'c', roomId: 'r2', userId: 'ben' });
  assert.equal(told.at(-1), 'Ben has not gone there and is still in the call.');
  calls.withdraw({ userId: 'cleo', name: 'Cleo' });
  assert.deepEqual(socket.requests.at(-1), ['call.withdraw', { callId: 'c', userId: 'cleo' }]);
});
