import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { MediaSession } from '../client/src/index.js';
import { contentOf, readFromPeer, readFromServer, written } from '../client/src/media/data-envelope.js';
import { ConnectionDouble, LocalDouble, TrackDouble } from './media-doubles.js';
import { SocketDouble, settled, withGlobals } from './stand-in.js';

const id = (n) => `0199b2a0-7c00-7000-8000-00000000000${n}`;
const [ME, BOB, CLEO] = [id(1), id(2), id(3)];
const idBytes = (one) => [...Buffer.from(one.replaceAll('-', ''), 'hex')];
const state = (revision, ids, route = 'peerToPeer') => ({ revision, route, participants: ids.map((one) => ({ connectionId: one, userId: one, name: one })) });
const text = (value) => new TextEncoder().encode(value);
const bytes = (value) => [...text(value)];

beforeEach((t) => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  mock.method(performance, 'now', () => new Date().getTime());
  ConnectionDouble.all = [];
  withGlobals(t, { RTCPeerConnection: ConnectionDouble });
});

afterEach(() => {
  mock.timers.reset();
  mock.restoreAll();
});

async function joined(media, tracks = { microphone: new TrackDouble('audio') }) {
  const socket = new SocketDouble();
  socket.connectionId = ME;
  const session = new MediaSession({ client: socket.client, roomId: 'r', local: new LocalDouble(tracks), changed: () => {} });
  const entering = session.join();
  await socket.answer('media.join', { state: media, iceServers: [] });
  await entering;
  if (media.route === 'peerToPeer') await socket.answer('media.publish', { tracks: [] });
  await settled();
  return { socket, session };
}

const throughServer = async ({ socket }, ids) => {
  await socket.emit('media.changed', { roomId: 'r', state: state(2, ids, 'server') });
  await socket.answer('media.publish', { sdp: 'answer' });
};

test('a message is read as it was written, and what is too long is not written', () => {
  const content = contentOf(text('stroke').buffer, 'Tafel', true);
  const sent = written([BOB], content);
  assert.deepEqual([...sent], [1, 0, 1, ...idBytes(BOB), 5, ...bytes('Tafelstroke')]);
  assert.deepEqual(readFromPeer(sent), { from: null, topic: 'Tafel', data: text('stroke') });
  const came = Uint8Array.from([1, 0, ...idBytes(CLEO), 5, ...bytes('Tafelstroke')]);
  assert.deepEqual(readFromServer(came), { from: CLEO, topic: 'Tafel', data: text('stroke') });
  for (let length = 0; length < 3 + 16; length += 1) assert.equal(readFromPeer(sent.slice(0, length)), null);
  for (let length = 0; length < 18 + 6; length += 1) assert.equal(readFromServer(came.slice(0, length)), null, `${length}`);
  for (const [size, topic, reliable] of [[15_361, '', true], [1_201, '', false], [0, 'x'.repeat(65), true]]) {
    assert.throws(() => contentOf(new Uint8Array(size), topic, reliable), { code: 'limit.size' });
  }
});

test('between two, data goes straight, and what is reliable waits for the channels while what is not is dropped', async () => {
  const { session } = await joined(state(1, [ME, BOB]));
  const heard = [];
  session.on('data', (news) => heard.push(news));
  const [peer] = ConnectionDouble.all;
  const [reliable, lossy] = peer.channels;
  assert.deepEqual([reliable.options.id, lossy.options], [0, { negotiated: true, id: 1, ordered: false, maxRetransmits: 0 }]);
  const early = session.sendData(text('first'), { topic: 'a' });
  const second = session.sendData(text('second'), { to: [BOB] });
  assert.equal(await session.sendData(text('lost'), { reliable: false }), false);
  await peer.open();
  assert.deepEqual(await Promise.all([early, second]), [true, true]);
  assert.equal(await session.sendData(text('now'), { reliable: false }), true);
  await session.sendData(text('to nobody'), { to: [CLEO] });
  assert.deepEqual(reliable.sent.map((one) => [...one]), [[1, 0, 0, 1, ...bytes('afirst')], [1, 0, 0, 0, ...bytes('second')]]);
  assert.deepEqual(lossy.sent.map((one) => [...one]), [[1, 0, 0, 0, ...bytes('now')]]);
  lossy.hear([1, 0, 0, 1, ...bytes('thi')]);
  assert.deepEqual(heard, [{ from: BOB, topic: 't', data: text('hi'), reliable: false }]);
});

test('through the server channels are opened by who has a use for them, with nothing else to send, too', async () => {
  const quiet = await joined(state(1, [ME, BOB, CLEO], 'server'), {});
  assert.equal(ConnectionDouble.all.length, 0);
  quiet.session.on('data', () => {});
  await settled();
  const [publish] = ConnectionDouble.all;
  assert.deepEqual([publish.channels.length, publish.transceivers.length], [2, 0], 'a listener offers no microphone');
  await quiet.socket.answer('media.publish', { sdp: 'answer' });
  await publish.open();
  assert.equal(await quiet.session.sendData(text('x')), true);
  await quiet.session.sendData(text('y'), { to: [CLEO] });
  assert.deepEqual(publish.channels[0].sent.map((one) => [...one]), [[1, 0, 0, 0, ...bytes('x')], [1, 0, 1, ...idBytes(CLEO), 0, ...bytes('y')]]);
});

test('while the server takes over, the other side gets data straight and those who came get it through the server', async () => {
  const made = await joined(state(1, [ME, BOB]));
  const { session } = made;
  session.on('data', () => {});
  const [peer] = ConnectionDouble.all;
  await peer.open();
  await throughServer(made, [ME, BOB, CLEO]);
  const all = session.sendData(text('all'));
  await settled();
  assert.equal(peer.channels[0].sent.length, 0, 'it waits until all can get it');
  const publish = ConnectionDouble.all[1];
  await publish.open();
  await all;
  assert.deepEqual([...peer.channels[0].sent[0]], [1, 1, 0, 0], 'who is there through the server says so');
  assert.deepEqual([...peer.channels[0].sent[1]], [1, 0, 0, 0, ...bytes('all')]);
  assert.deepEqual([...publish.channels[0].sent[0]], [1, 0, 1, ...idBytes(CLEO), 0, ...bytes('all')]);
  peer.channels[0].hear([1, 1, 0, 0]);
  await session.sendData(text('then'));
  assert.deepEqual([...publish.channels[0].sent[1]], [1, 0, 0, 0, ...bytes('then')], 'to everybody');
});

test('who waits for channels is told that none opened, or that the session was left', async () => {
  const { session } = await joined(state(1, [ME, BOB]));
  const late = assert.rejects(session.sendData(text('x')), { code: 'timeout' });
  await settled();
  mock.timers.tick(15_001);
  await late;
  const left = assert.rejects(session.sendData(text('x')), { code: 'closed' });
  await settled();
  session.leave();
  await left;
  await assert.rejects(session.sendData(text('x')), { code: 'closed' });
});

test('who sends faster than the line carries waits, and what is not reliable is dropped', async () => {
  const { session } = await joined(state(1, [ME, BOB]));
  const [peer] = ConnectionDouble.all;
  await peer.open();
  const [reliable] = peer.channels;
  reliable.bufferedAmount = 300_000;
  let isDone = false;
  const sending = session.sendData(text('x')).then(() => (isDone = true));
  assert.equal(await session.sendData(text('x'), { reliable: false }), false);
  await settled();
  assert.equal(isDone, false);
  reliable.dispatchEvent(new Event('bufferedamountlow'));
  await sending;
});
