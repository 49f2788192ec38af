import assert from 'node:assert/strict';
import { test } from 'node:test';
import { size } from '../js/format.js';
import { Uploads } from '../js/model/uploads.js';
import { links } from '../js/views/attachments.js';
import { settled } from './stand-in.js';

/** The REST layer: uploads wait for the test. */
class ApiDouble {
  waiting = [];
  removed = [];
  got = [];

  upload = (path, file, options) => new Promise((resolve, reject) => {
    this.waiting.push({ path, file, ...options, resolve, reject });
    options.signal.addEventListener('abort', () => reject(Object.assign(new Error('given up'), { code: 'aborted' })));
  });

  remove = async (path) => void this.removed.push(path);

  get = async (path) => {
    this.got.push(path);
    return { url: `/v1/files/${this.got.length}`, expiresAt: new Date(Date.now() + 300_000).toISOString() };
  };
}

const made = () => {
  const api = new ApiDouble();
  let changes = 0;
  const uploads = new Uploads({ path: '/files', api, changed: () => (changes += 1) });
  return { api, uploads, changes: () => changes };
};
const file = (name) => ({ name, size: 5 });

test('files are uploaded under their names, with their progress, and taken by one message', async () => {
  const { api, uploads, changes } = made();
  assert.ok(uploads.add([file('a b&.txt'), file('b.png')]));
  assert.deepEqual(api.waiting.map(({ path }) => path), ['/files?fileName=a+b%26.txt', '/files?fileName=b.png']);
  assert.ok(uploads.isWaiting && !uploads.isReady);
  const before = changes();
  [0.5, 0.501, 0.502].forEach((share) => api.waiting[0].progress(share));
  assert.deepEqual([uploads.all[0].percent, changes() - before], [50, 1]);
  api.waiting[0].resolve({ id: 'one' });
  api.waiting[1].resolve({ id: 'two' });
  await settled();
  assert.ok(uploads.isReady);
  assert.deepEqual(uploads.take(), [{ id: 'one' }, { id: 'two' }]);
  assert.deepEqual([uploads.all.length, uploads.isReady, api.removed.length], [0, false, 0]);
});

test('what is given up is aborted or removed, and what failed can be tried again', async () => {
  const { api, uploads } = made();
  uploads.add([file('a'), file('b'), file('c')]);
  api.waiting[0].resolve({ id: 'one' });
  api.waiting[1].reject({ code: 'attachment.tooLarge' });
  await settled();
  assert.equal(uploads.all[1].error.code, 'attachment.tooLarge');
  assert.ok(uploads.isWaiting, 'a message is not sent without what it was to have');
  uploads.start(uploads.all[1]);
  assert.equal(uploads.all[1].error, null);
  api.waiting[3].resolve({ id: 'two' });
  await settled();
  uploads.leave();
  await settled();
  assert.ok(api.waiting[2].signal.aborted);
  assert.deepEqual(api.removed, ['/files/one', '/files/two']);
});

test('a message has ten files at most', () => {
  const { api, uploads } = made();
  assert.equal(uploads.add(Array.from({ length: 11 }, (_, at) => file(`${at}`))), false);
  assert.equal(api.waiting.length, 10);
});

test('a link is asked for once while it is good', async (t) => {
  t.mock.timers.enable({ apis: ['Date'] });
  const api = new ApiDouble();
  const link = links({ path: '/files', api });
  assert.equal((await link('one')).url, (await link('one')).url);
  t.mock.timers.tick(280_000);
  await link('one');
  await link('two');
  assert.deepEqual(api.got, ['/files/one', '/files/one', '/files/two']);
});

test('a size is written in the unit that fits', () => {
  assert.match(size(0), /^0\D/);
  assert.match(size(999), /^999\D/);
  assert.match(size(48_213), /^48\skB$/);
  assert.match(size(1_250_000), /^1[.,]3\sMB$/);
});
