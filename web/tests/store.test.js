import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createStore } from '../js/store.js';
import { settled } from './stand-in.js';

test('a listener is told now, and once for any number of changes in a turn', async () => {
  const store = createStore({ count: 0, name: 'a' });
  const seen = [];
  store.subscribe((state) => seen.push(state));
  store.set({ count: 1 });
  store.set({ count: 2 });
  assert.deepEqual(seen, [{ count: 0, name: 'a' }]);
  await settled();
  assert.deepEqual(seen, [{ count: 0, name: 'a' }, { count: 2, name: 'a' }]);
});

test('what is read is the newest state, before anybody is told of it', () => {
  const store = createStore({ count: 0 });
  store.set({ count: 1 });
  assert.equal(store.get().count, 1);
});

test('who has left is not told, even if the change came before', async () => {
  const store = createStore({ count: 0 });
  const seen = [];
  const off = store.subscribe(({ count }) => seen.push(count));
  store.set({ count: 1 });
  off();
  await settled();
  assert.deepEqual(seen, [0]);
});

test('a change made by a listener is told to all in a turn of its own', async () => {
  const store = createStore({ count: 0 });
  const seen = [];
  store.subscribe(({ count }) => count === 1 && store.set({ count: 2 }));
  store.subscribe(({ count }) => seen.push(count));
  store.set({ count: 1 });
  await settled();
  assert.deepEqual(seen.at(-1), 2);
});
