import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OVERHEAD_BYTES, clearBytes, decrypt, encrypt, keyOf } from '../src/media/frames.js';

const secret = (/** @type {number} */ of) => new Uint8Array(16).fill(of);
const frame = Uint8Array.from({ length: 100 }, (_, at) => at);

test('a frame comes back as it was, and shows its beginning alone', async () => {
  const key = await keyOf(secret(1));
  for (const type of /** @type {const} */ (['key', 'delta', 'sound'])) {
    const clear = clearBytes(type);
    const encrypted = await encrypt(key, 3, frame, clear);
    assert.equal(encrypted.length, frame.length + OVERHEAD_BYTES);
    assert.deepEqual(encrypted.subarray(0, clear), frame.subarray(0, clear));
    assert.ok(encrypted.subarray(clear, clear + 16).some((byte, at) => byte !== clear + at));
    assert.deepEqual(await decrypt((index) => (index === 3 ? key : undefined), encrypted), frame);
  }
});

test('a frame that is shorter than what stays clear', async () => {
  const key = await keyOf(secret(1));
  for (const length of [1, 2, 3]) {
    const short = frame.slice(0, length);
    assert.deepEqual(await decrypt(() => key, await encrypt(key, 0, short, 10)), short);
  }
});

test('no two frames are encrypted alike', async () => {
  const key = await keyOf(secret(1));
  assert.notDeepEqual(await encrypt(key, 0, frame, 3), await encrypt(key, 0, frame, 3));
});

test('whatever was changed, cut, or made with another key is nothing', async () => {
  const [key, other] = [await keyOf(secret(1)), await keyOf(secret(2))];
  const encrypted = await encrypt(key, 0, frame, 3);
  assert.equal(await decrypt(() => other, encrypted), null);
  assert.equal(await decrypt(() => undefined, encrypted), null);
  assert.equal(await decrypt(() => key, frame), null, 'it never was encrypted');
  for (let at = 0; at < encrypted.length - 1; at += 1) {
    const changed = encrypted.slice();
    changed[at] ^= 1;
    assert.equal(await decrypt(() => key, changed), null, `byte ${at}`);
  }
  for (let length = 0; length < encrypted.length; length += 1) assert.equal(await decrypt(() => key, encrypted.slice(0, length)), null);
});
