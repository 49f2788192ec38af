import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientName } from '../js/client.js';
import { brief, clock, day, duration, hue, initials, randomId } from '../js/format.js';
import { withGlobals } from './stand-in.js';

test('initials are the first letters of the first and the last word, of any script', () => {
  assert.equal(initials('Ada'), 'A');
  assert.equal(initials('ada maria lovelace'), 'AL');
  assert.equal(initials('فاطمة الزهراء'), 'فا');
  assert.equal(initials('+49 151 234'), '#');
  assert.equal(initials(''), '#');
  assert.equal(initials('𝒜da'), '𝒜', 'a letter of two code units is one letter');
});

test('a colour is always the same for the same text, and one of eight', () => {
  assert.equal(hue('Ada'), hue('Ada'));
  for (const name of ['', 'a', '🙂', 'x'.repeat(5000)]) assert.ok(hue(name) >= 0 && hue(name) < 8);
});

test('a duration has minutes that may be many and never is negative', () => {
  assert.equal(duration(187_000), '3:07');
  assert.equal(duration(7_200_000), '120:00');
  assert.equal(duration(-5), '0:00');
});

test('today and yesterday are named; the clock is shown for today alone', () => {
  const now = new Date();
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1, 12);
  assert.equal(day(now.toISOString()), 'Today');
  assert.equal(day(yesterday.toISOString()), 'Yesterday');
  assert.equal(brief(now.toISOString()), clock(now.toISOString()));
  assert.notEqual(brief(yesterday.toISOString()), clock(yesterday.toISOString()));
});

test('an id is a UUID of version 4, also where the page is not a secure context', (t) => {
  const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  assert.match(randomId(), UUID_V4);
  withGlobals(t, { crypto: { getRandomValues: (bytes) => bytes.fill(255) } });
  assert.match(randomId(), UUID_V4);
});

test('a client is called by its browser and system, and stays as it is if it is none', () => {
  const WINDOWS = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0';
  const EDGE = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0';
  const PHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1';
  const ANDROID = 'Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36';
  const MAC = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15';
  assert.deepEqual([WINDOWS, EDGE, PHONE, ANDROID, MAC].map(clientName), [
    'Firefox on Windows', 'Edge on Windows', 'Safari on iPhone', 'Chrome on Android', 'Safari on macOS',
  ]);
  assert.equal(clientName('curl/8.5.0'), 'curl');
  assert.equal(clientName('our-importer 3'), 'our-importer 3');
});
