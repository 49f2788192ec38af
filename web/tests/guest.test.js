import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGuestApi } from '../js/guest/api.js';
import { withGlobals } from './stand-in.js';

/** Answers requests in turn, as `[status, content]`; what was asked is in `asked`. */
function server(t, answers) {
  const asked = [];
  const fetch = async (path, { body }) => {
    asked.push({ path, ...JSON.parse(body) });
    const [status, content] = answers.shift();
    return new Response(JSON.stringify(content), { status });
  };
  withGlobals(t, { fetch });
  return asked;
}

const kept = new Map();
const storage = () => ({ getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => kept.set(name, value), removeItem: (name) => kept.delete(name) });

const letIn = (token, inMs = 3_600_000) => [200, { token, guestKey: 'key', userId: 'grace', roomId: 'room', expiresAt: new Date(Date.now() + inMs).toISOString() }];

const PATH = '/v1/auth/redeem-join-link';

test('a guest gets one token after the other as the same guest, also on a page that was loaded anew', async (t) => {
  kept.clear();
  const asked = server(t, [letIn('first', 30_000), letIn('second'), letIn('third'), letIn('of another link')]);
  const api = createGuestApi('link', storage);
  assert.equal((await api.enter('Grace')).userId, 'grace');
  assert.deepEqual(await Promise.all([api.accessToken(), api.accessToken()]), ['second', 'second'], 'the first is about to expire');
  assert.equal(await api.accessToken(), 'second');
  await createGuestApi('link', storage).enter('Grace');
  await createGuestApi('another', storage).enter('Grace');
  assert.ok(asked.every(({ path, name }) => path === PATH && name === 'Grace'));
  assert.deepEqual(asked.map(({ token, guestKey }) => [token, guestKey]), [['link', undefined], ['link', 'key'], ['link', 'key'], ['another', undefined]]);
});

test('a link that is over is the end, and a server that is away or asks to wait is not', async (t) => {
  kept.clear();
  server(t, [letIn('first'), [503, { code: 'unavailable' }], [429, { code: 'limit.rate' }], [401, { code: 'auth.invalidToken', detail: 'over' }]]);
  const api = createGuestApi('link', storage);
  await api.enter('Grace');
  await assert.rejects(api.accessToken({ fresh: true }), { code: 'unavailable' });
  await assert.rejects(api.accessToken({ fresh: true }), { code: 'limit.rate' });
  assert.equal(api.ended(), null);
  assert.equal(await api.accessToken(), 'first', 'it is good until it expires');
  await assert.rejects(api.accessToken({ fresh: true }), { code: 'auth.required' });
  assert.equal(api.ended().status, 401);
});
