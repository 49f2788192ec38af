import assert from 'node:assert/strict';
import { test } from 'node:test';
import { preferDecodable } from '../client/src/media/codecs.js';
import { withGlobals } from './stand-in.js';

/** What is preferred by a browser that has these codecs in this order; null: it was not asked. */
function preferred(t, mimeTypes, kind = 'video') {
  const codecs = mimeTypes.map((mimeType) => ({ mimeType }));
  withGlobals(t, { RTCRtpSender: { getCapabilities: () => ({ codecs }) } });
  let order = null;
  preferDecodable({ setCodecPreferences: (wanted) => (order = wanted.map(({ mimeType }) => mimeType)) }, kind);
  return order;
}

test('pictures go in the codec that all decode where the own order begins with another', (t) => {
  assert.deepEqual(preferred(t, ['video/H264', 'video/rtx', 'video/VP8', 'video/VP9']), ['video/VP8', 'video/H264', 'video/rtx', 'video/VP9']);
});

test('a browser without it, sound, and browsers that say nothing keep their own order', (t) => {
  assert.equal(preferred(t, ['video/H264']), null);
  assert.equal(preferred(t, ['video/VP8'], 'audio'), null);
  withGlobals(t, { RTCRtpSender: undefined });
  preferDecodable({}, 'video');
});
