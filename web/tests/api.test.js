import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createApi } from '../js/api.js';
import { settled, withGlobals } from './stand-in.js';

class StorageDouble {
  all = new Map();
  getItem = (name) => this.all.get(name) ?? null;
  setItem = (name, value) => this.all.set(name, value);
  removeItem = (name) => this.all.delete(name);
}

const GRACE_MS = 10_000;

/** Signed in as of the last visit; the server answers when the test says so. */
function page(t) {
  const [asked, deadlines] = [[], []];
  const [localStorage, sessionStorage, other] = [new StorageDouble(), new StorageDouble(), new EventTarget()];
  localStorage.setItem('switchboard.latest', 'f');
  localStorage.setItem('switchboard.sign-in.f', '{"refreshToken":"first"}');
  const fetch = (path, { body, signal }) => new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
    const answer = (refreshToken) => resolve(new Response(JSON.stringify({
      accessToken: 'access', refreshToken, expiresAt: new Date(Date.now() + 900_000).toISOString(), user: { id: 'ada' },
    }), { status: 200 }));
    asked.push({ path, sent: JSON.parse(body).refreshToken, answer });
  });
  withGlobals(t, { navigator: {}, localStorage, sessionStorage, fetch, addEventListener: other.addEventListener.bind(other) });
  t.mock.method(AbortSignal, 'timeout', (ms) => {
    const given = new AbortController();
    deadlines.push({ ms, pass: () => given.abort(new DOMException('late', 'TimeoutError')) });
    return given.signal;
  });
  return { api: createApi(), asked, deadlines, localStorage, other };
}

const tick = () => new Promise((resolve) => setImmediate(resolve));

test('a refresh token whose answer is lost is presented again while the server takes it for that', async (t) => {
  const { api, asked, deadlines, localStorage } = page(t);
  const restored = api.restore();
  await settled();
  deadlines[0].pass();
  await tick();
  assert.deepEqual(asked.map(({ path, sent }) => [path, sent]), [['/v1/auth/refresh', 'first'], ['/v1/auth/refresh', 'first']]);
  assert.ok(deadlines[0].ms + deadlines[1].ms < GRACE_MS, 'both are over by then');
  asked[1].answer('second');
  await restored;
  assert.equal(api.identity.get().user.id, 'ada');
  assert.equal(localStorage.getItem('switchboard.sign-in.f').includes('second'), true);
});

for (const [what, leave] of [
  ['here', ({ api }) => api.signOut()],
  ['in another tab', ({ other }) => other.dispatchEvent(Object.assign(new Event('storage'), { key: 'switchboard.sign-in.f', newValue: null }))],
]) {
  test(`who signs out ${what} while a token is on its way stays signed out`, async (t) => {
    const made = page(t);
    const { api, asked, localStorage } = made;
    const restored = api.restore();
    await settled();
    leave(made);
    asked[0].answer('second');
    await restored;
    await tick();
    assert.deepEqual([api.identity.get().user, api.identity.get().ready], [null, true]);
    assert.deepEqual([...localStorage.all.keys()], []);
    await assert.rejects(api.accessToken(), { code: 'auth.required' });
  });
}
