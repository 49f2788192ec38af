import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { MediaSession } from '../client/src/index.js';
import { ConnectionDouble, LocalDouble, TrackDouble } from './media-doubles.js';
import { SocketDouble, settled, withGlobals } from './stand-in.js';

beforeEach((t) => {
  ConnectionDouble.all = [];
  withGlobals(t, { RTCPeerConnection: ConnectionDouble });
});

const person = (connectionId) => ({ connectionId, userId: connectionId, name: connectionId, tracks: [] });

/** Somebody who sends a camera of this size through the server. */
async function send(width, height) {
  const socket = new SocketDouble();
  const camera = Object.assign(new TrackDouble('video'), { getSettings: () => ({ width, height }) });
  const session = new MediaSession({ client: socket.client, roomId: 'r', local: new LocalDouble({ camera }), changed: () => {} });
  const entering = session.join();
  await socket.answer('media.join', { state: { revision: 1, route: 'server', participants: [person('me')] }, iceServers: [] });
  await entering;
  const published = [{ mid: '0', trackId: 'voice', source: 'microphone' }, { mid: '1', trackId: 'face', source: 'camera' }];
  await socket.answer('media.publish', { sdp: 'answer', tracks: published });
  const { sender } = ConnectionDouble.all[0].transceivers[1];
  return { socket, session, sender };
}

const rids = ({ parameters }) => parameters.encodings.map(({ rid, scaleResolutionDownBy, maxBitrate }) => [rid, scaleResolutionDownBy, maxBitrate]);

test('a camera is sent in as many encodings as its picture is worth', async () => {
  assert.deepEqual(rids((await send(1280, 720)).sender), [['q', 4, 120_000], ['h', 2, 600_000], ['f', 1, 1_500_000]]);
  ConnectionDouble.all = [];
  assert.deepEqual(rids((await send(640, 360)).sender), [['h', 2, 120_000], ['f', 1, 600_000]], 'Chromium would leave the third out');
  ConnectionDouble.all = [];
  assert.deepEqual(rids((await send(360, 640)).sender), [['h', 2, 120_000], ['f', 1, 600_000]], 'a phone that is held upright');
  ConnectionDouble.all = [];
  assert.deepEqual(rids((await send(320, 240)).sender), [[undefined, undefined, undefined]], 'as the browser does by itself');
});

test('what nobody wants is not encoded, until somebody does', async () => {
  const { socket, sender } = await send(1280, 720);
  const tell = async (trackId, wanted) => {
    const encodings = Object.entries(wanted).map(([rid, wanted]) => ({ rid, wanted }));
    await socket.emit('media.layers', { roomId: 'r', trackId, encodings });
    await settled();
    return sender.parameters.encodings.filter(({ active }) => active).map(({ rid }) => rid);
  };
  assert.deepEqual(await tell('face', { q: true, h: false, f: false }), ['q']);
  assert.deepEqual(await tell('voice', { q: false }), ['q'], 'that is another track');
  assert.deepEqual(await tell('face', { h: true }), ['q', 'h']);
  assert.deepEqual(await tell('face', { q: true, h: true, f: false }), ['q', 'h']);
  assert.equal(sender.isSet, 2, 'and what is so already is not set again');
});

test('what comes of each track is known, with the reason why it is no more', async () => {
  const { socket, session } = await send(1280, 720);
  const subscription = { trackId: 'theirs', layer: { encoding: 0, width: 320, height: 180 }, reason: 'bandwidth' };
  await socket.emit('media.subscriptions', { roomId: 'r', subscriptions: [subscription] });
  assert.deepEqual([...session.subscriptions], [['theirs', subscription]]);
  await socket.emit('media.changed', { roomId: 'r', state: { revision: 2, route: 'peerToPeer', participants: [person('me')] } });
  assert.equal(session.subscriptions.size, 0, 'nothing comes through the server any more');
});
