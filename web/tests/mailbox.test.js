import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMailbox } from '../js/model/mailbox.js';
import { SocketDouble } from './stand-in.js';

const entry = (seq, patch = {}) => ({ seq, kind: 'mention', from: 'a', name: 'Ada', roomId: 'r', messageSeq: seq * 10, callId: null, createdAt: '', read: false, ...patch });

test('the latest entry is first, and what is new is counted until it was seen', async () => {
  const socket = new SocketDouble();
  const mailbox = createMailbox({ socket });
  await socket.open();
  await socket.answer('mailbox.subscribe', { seq: 2, acknowledgedSeq: 1, entries: [entry(1, { read: true }), entry(2)], complete: true });
  assert.deepEqual(mailbox.state.get().entries.map(({ seq }) => seq), [2, 1]);
  await socket.emit('mailbox.entry', entry(3, { kind: 'callMissed', messageSeq: null, callId: 'c' }));
  assert.deepEqual([mailbox.state.get().entries[0].seq, mailbox.unread()], [3, 2]);
  mailbox.readIn('r');
  assert.equal(mailbox.unread(), 1);
  mailbox.acknowledge();
  assert.deepEqual([mailbox.unread(), mailbox.state.get().entries.every(({ read }) => read)], [0, true]);
});
