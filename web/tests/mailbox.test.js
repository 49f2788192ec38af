import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMailbox } from '../js/model/mailbox.js';
import { SocketDouble } from './stand-in.js';

const entry = (seq, patch = {}) => ({ seq, kind: 'mention', from: 'a', name: 'Ada', roomId: 'r', messageSeq: seq * 10, callId: null, createdAt: '', read: false, ...patch });
const missed = (seq) => entry(seq, { kind: 'callMissed', messageSeq: null, callId: 'c' });

async function opened(entries, acknowledgedSeq = 0) {
  const socket = new SocketDouble();
  const mailbox = createMailbox({ socket, user: { id: 'me' } });
  await Promise.race([socket.open(), Promise.resolve()]);
  await socket.answer('mailbox.subscribe', { seq: entries.length, acknowledgedSeq, entries, complete: true });
  return { socket, mailbox };
}

test('the latest entry is first, and each is there once', async () => {
  const { socket, mailbox } = await opened([entry(1, { read: true }), missed(2)], 1);
  for (const seq of [3, 3]) await socket.emit('mailbox.entry', entry(seq));
  assert.deepEqual(mailbox.state.get().entries.map(({ seq }) => seq), [3, 2, 1]);
  assert.equal(mailbox.unread(), 2);
});

test('what was seen on another device, or read in its room, is not new', async () => {
  const { socket, mailbox } = await opened([missed(1), entry(2), entry(3), entry(4)]);
  await socket.emit('mailbox.acknowledged', { seq: 2 });
  assert.equal(mailbox.unread(), 2);
  await socket.emit('room.read', { roomId: 'r', userId: 'other', seq: 99 });
  assert.equal(mailbox.unread(), 2);
  await socket.emit('room.read', { roomId: 'r', userId: 'me', seq: 30 });
  assert.equal(mailbox.unread(), 1);
  mailbox.readIn('r');
  assert.equal(mailbox.unread(), 0);
});

test('looking at the list says so once, and a missed call is not read in its room', async () => {
  const { socket, mailbox } = await opened([missed(1)]);
  mailbox.readIn('r');
  assert.equal(mailbox.unread(), 1);
  const said = mailbox.acknowledge();
  assert.equal(mailbox.unread(), 0);
  await socket.answer('mailbox.acknowledge', { seq: 1 });
  await said;
  await mailbox.acknowledge();
  assert.deepEqual(socket.methods, ['mailbox.subscribe', 'mailbox.acknowledge']);
});
