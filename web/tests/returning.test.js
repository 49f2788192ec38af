import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createReturning } from '../js/model/returning.js';
import { createStore } from '../js/store.js';
import { StorageDouble, settled } from './stand-in.js';

/** One tab, which is loaded anew by each `page()`. */
function tab() {
  const storage = new StorageDouble();
  const clock = { now: 1_000_000 };
  const page = (userId = 'ada') => {
    const calls = { state: createStore({ active: null }), joined: [], join: async (...how) => calls.joined.push(how) };
    const rooms = { calls: createStore({ byRoom: new Map() }) };
    const returning = createReturning({ calls, rooms, user: { id: userId }, storage: () => storage, now: () => clock.now });
    return {
      calls, returning,
      offer: () => returning.state.get().offer?.roomId ?? null,
      enter: async (active) => (calls.state.set({ active: { roomId: 'r', hasCamera: true, muted: false, ...active } }), settled()),
      hangUp: async () => (calls.state.set({ active: null }), settled()),
      runs: async (participantCount, roomId = 'r') => (rooms.calls.set({ byRoom: new Map([[roomId, { participantCount }]]) }), settled()),
    };
  };
  return { page, clock };
}

test('a page that is loaded anew offers the call it was in, with what was on, while others are in it', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { page } = tab();
  await page().enter({ hasCamera: false, muted: true });
  const after = page();
  assert.equal(after.offer(), null, 'until it is known that the call goes on');
  await after.runs(2);
  assert.equal(after.offer(), 'r');
  assert.equal(await after.returning.accept(), 'r');
  assert.deepEqual(after.calls.joined, [['r', { video: false, muted: true }]]);
  await settled();
  assert.equal(after.offer(), null);
});

test('a call that is over is offered to nobody', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { page } = tab();
  await page().enter();
  const after = page();
  await after.runs(0);
  assert.equal(after.offer(), null);
  await after.runs(2, 'another room');
  assert.equal(after.offer(), null);
  await after.runs(1);
  await after.runs(0);
  assert.equal(after.offer(), null, 'also when it ends while one thinks about it');
});

test('who hung up, wants none, or is in another call is offered none, nor is anybody else or after five minutes', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { page, clock } = tab();
  const first = page();
  await first.enter();
  await first.hangUp();
  const second = page();
  await second.runs(2);
  assert.equal(second.offer(), null);
  await second.enter();

  const somebodyElse = page('ben');
  await somebodyElse.runs(2);
  assert.equal(somebodyElse.offer(), null);

  const third = page();
  await third.runs(2);
  third.returning.forget();
  await settled();
  assert.equal(third.offer(), null);
  const fourth = page();
  await fourth.runs(2);
  assert.equal(fourth.offer(), null, 'also when it is loaded once more');
  await fourth.enter();

  clock.now += 5 * 60_000;
  const late = page();
  await late.runs(2);
  assert.equal(late.offer(), null);
});

test('a page that stays in its call for long says so, for when it is loaded anew', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { page, clock } = tab();
  await page().enter();
  clock.now += 60 * 60_000;
  t.mock.timers.tick(5_000);
  const after = page();
  await after.runs(1);
  assert.equal(after.offer(), 'r');
});
