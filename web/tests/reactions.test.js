import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REACTIONS, createReactions } from '../js/model/reactions.js';

/** In a call in room `r`, with Ben. */
function inCall(refusal = null) {
  const [seen, published, warnings] = [[], [], []];
  let hear = (/** @type {any} */ event) => event;
  const socket = {
    on: (event, listener) => { if (event === 'room.event') hear = listener; },
    call: async (method, params) => {
      published.push([method, params]);
      if (refusal) throw refusal;
    },
  };
  const state = { active: { roomId: 'r', others: [{ connectionId: 'ben', name: 'Ben' }] } };
  const reactions = createReactions({
    socket, notices: { warn: (text) => warnings.push(text) }, active: () => state.active, seen: ({ connectionId }, emoji) => seen.push([connectionId, emoji]),
  });
  const event = (more = {}) => hear({ roomId: 'r', name: 'call.reaction', data: { emoji: REACTIONS[0] }, from: { connectionId: 'ben' }, ...more });
  return { reactions, seen, published, warnings, event, state };
}

test('what one reacts with is seen at once, and told to the room', async () => {
  const { reactions, seen, published } = inCall();
  await reactions.send('🎉');
  assert.deepEqual(seen, [[null, '🎉']]);
  assert.deepEqual(published, [['room.publish', { roomId: 'r', name: 'call.reaction', data: { emoji: '🎉' } }]]);
});

test('whoever reacts too often is told so', async () => {
  const { reactions, warnings } = inCall({ code: 'limit.rate' });
  await reactions.send('🎉');
  assert.equal(warnings.length, 1);
});

test('others are seen to react, if they are in the call and with what one may react', () => {
  const { seen, event, state } = inCall();
  event();
  assert.deepEqual(seen, [['ben', REACTIONS[0]]]);
  for (const other of [
    { roomId: 'elsewhere' }, { name: 'cursor' }, { from: { connectionId: 'only listens' } }, { from: null },
    { data: null }, { data: 7 }, { data: { emoji: '<b>' } }, { data: { emoji: ['👍'] } }, { data: { emoji: 'x'.repeat(10_000) } },
  ]) event(other);
  state.active = /** @type {any} */ (null);
  event();
  assert.equal(seen.length, 1);
});

test('without a call nothing is told', async () => {
  const { reactions, seen, published, state } = inCall();
  state.active = /** @type {any} */ (null);
  await reactions.send('🎉');
  assert.deepEqual([seen, published], [[], []]);
});
