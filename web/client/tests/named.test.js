import assert from 'node:assert/strict';
import { test } from 'node:test';
import { opened, settled } from './scripted.js';

const ID = '5d8f3a52-9c1b-5f0e-a7d4-3b6c2e81f094';

const kept = (seq) => ({ seq, name: 'move', data: seq, from: { connectionId: 'c', userId: 'u', name: 'Ada' } });
const joined = (more) => ({
  roomId: ID, name: 'board', members: [], memberCount: 1, messages: [], seq: 0, more: false, recovered: true, media: null, ...more,
});
const tell = (server, seq, epoch) => server.last.tell('room.event', { roomId: ID, ...kept(seq), epoch });

function listened(room) {
  const told = [];
  room.on('reload', ({ events, isFirst }) => told.push(`reload ${events.map(({ seq }) => seq)} ${isFirst}`));
  room.on('event', ({ seq }) => told.push(seq));
  return told;
}

test('a recent room tells each event once and in order, and goes on where it was', async (t) => {
  const { client, server, pass } = await opened(t);
  const room = client.named('board', { class: 'recent' });
  assert.equal(client.named(' board ', { class: 'recent' }), room);
  const told = listened(room);
  await settled();
  assert.deepEqual(server.waiting('room.join'), [{ name: 'board', class: 'recent' }]);
  await server.answer('room.join', joined({ class: 'recent', events: [kept(1)], seq: 1, epoch: 'a' }));
  for (const seq of [2, 2, 1, 4, 3]) await tell(server, seq, 'a');
  assert.deepEqual(told, ['reload 1 true', 2, 3, 4]);

  await server.last.drop();
  await pass(500);
  assert.deepEqual(server.waiting('room.join'), [{ name: 'board', class: 'recent', after: 4, epoch: 'a' }]);
  await server.answer('room.join', joined({ class: 'recent', events: [kept(5), kept(6)], seq: 6, epoch: 'a' }));
  assert.deepEqual(told.slice(4), [5, 6]);
});

test('a history that is another one is read anew, and what waited of the old one is forgotten', async (t) => {
  const { client, server } = await opened(t);
  const room = client.named('board', { class: 'recent' });
  const told = listened(room);
  await settled();
  await server.answer('room.join', joined({ class: 'recent', events: [], seq: 7, epoch: 'a' }));
  await tell(server, 9, 'a');
  await server.last.tell('connection.reload', { sequence: { kind: 'room', roomId: ID } });
  assert.deepEqual(server.waiting('room.join'), [{ name: 'board', class: 'recent' }]);
  await server.answer('room.join', joined({ class: 'recent', events: [kept(8)], seq: 8, epoch: 'b' }));
  await tell(server, 9, 'a');
  assert.deepEqual(told, ['reload  true', 'reload 8 false']);
  await tell(server, 9, 'b');
  assert.deepEqual(told.slice(2), [9]);
});

test('an ephemeral room tells what comes, and what is published goes by the id that the name was given', async (t) => {
  const { client, server } = await opened(t);
  const room = client.named('cursors', { class: 'ephemeral' });
  const told = [];
  room.on('event', ({ data }) => told.push(data));
  const published = room.publish('move', { x: 1 });
  await settled();
  await server.answer('room.join', joined({ class: 'ephemeral' }));
  assert.deepEqual(server.waiting('room.publish'), [{ roomId: ID, name: 'move', data: { x: 1 } }]);
  await server.answer('room.publish', {});
  assert.deepEqual(await published, {});
  await server.last.tell('room.event', { roomId: ID, name: 'move', data: 1, from: kept(1).from });
  await server.last.tell('room.event', { roomId: 'another', name: 'move', data: 2 });
  assert.deepEqual(told, [1]);
  room.leave();
  assert.equal(server.last.methods.at(-1), 'room.leave');
  assert.notEqual(client.named('cursors', { class: 'ephemeral' }), room);
});

test('a room that one was in is awaited after a restart, until somebody is back who may open it', async (t) => {
  const { client, server, pass } = await opened(t);
  const room = client.named('cursors', { class: 'ephemeral' });
  const told = [];
  room.on('failed', ({ code }) => told.push(code));
  room.on('joined', () => told.push('joined'));
  await settled();
  await server.answer('room.join', joined({ class: 'ephemeral' }));
  await server.last.drop();
  await pass(500);
  for (const wait of [500, 1_000]) {
    await server.refuse('room.join', 'resource.notFound');
    await pass(wait);
  }
  await server.answer('room.join', joined({ class: 'ephemeral' }));
  assert.deepEqual(told, ['joined', 'joined']);

  const never = client.named('others', { class: 'ephemeral' });
  never.on('failed', ({ code }) => told.push(code));
  await settled();
  await server.refuse('room.join', 'resource.notFound');
  assert.deepEqual(told.slice(2), ['resource.notFound']);
});

test('who is taken out of a room knows why, and stays out until the page asks', async (t) => {
  const { client, server, pass } = await opened(t);
  const room = client.named('board', { class: 'recent' });
  const failures = [];
  room.on('failed', ({ code }) => failures.push(code));
  await settled();
  const members = [{ connectionId: 'c', userId: 'u', name: 'Ada' }];
  await server.answer('room.join', joined({ class: 'recent', members, events: [], seq: 0, epoch: 'a' }));
  await server.last.tell('room.removed', { roomId: ID, reason: 'removed' });
  assert.deepEqual([room.status, failures, room.memberCount, room.members.size], ['failed', ['room.removed.removed'], 0, 0]);
  await server.last.drop();
  await pass(500);
  assert.deepEqual(server.waiting('room.join'), []);
  const again = room.join();
  await settled();
  await server.answer('room.join', joined({ class: 'recent', events: [], seq: 0, epoch: 'a' }));
  await again;
  assert.equal(room.status, 'joined');
});
