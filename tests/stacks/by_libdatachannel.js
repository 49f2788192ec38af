// A participant in a call by libdatachannel, which hands packets through as they are: it sends a tone and a moving
// picture that were encoded before, and counts what the others send.
//
// Arguments: the hub's WebSocket, a token, the room. What it prints is read by `tests/src/stack.rs`: a JSON object a
// line. When its standard input ends, it leaves the call.

import { createRequire } from 'node:module';

const libdatachannel = createRequire(`${process.env.SWITCHBOARD_TEST_LIBDATACHANNEL}/`)('node-datachannel');

/** 20 ms of a tone, alone in its packet (RFC 6716). */
const TONE = Buffer.from('98ada4c6d3c57014e45a550046cbd0147f39bd0b6ab3d9370611f9dfda48345d2f49455ec7c0dff9', 'hex');

/** Key frames of 64 × 48, each with a bright bar elsewhere, so that a picture can begin with any. */
const PICTURES = [
  'd002009d012a40003000004708858588858488020200070c931272d008b0f000feff6ea6bff76e50',
  'd002009d012a400030000047088585888584880202000790e0abf3dc71ee3380fefec8eefffb6d81ffbb7280',
  'd002009d012a400030000047088585888584880202000790f27764db9e6dca00fefec8eeffdcf58ffead9800',
  'd002009d012a40003000004708858588858488020200070ca054d09565cefc00fefec8eeffdced00',
].map((frame) => Buffer.from(frame, 'hex'));

/** The payload descriptor of a frame's only packet (RFC 7741, section 4.2). */
const WHOLE_FRAME = Buffer.from([0x10]);

const CODECS = { audio: 'opus', video: 'VP8' };
const OPUS_PAYLOAD_TYPE = 109;
const VP8_PAYLOAD_TYPE = 120;

const TONE_EVERY_MS = 20;
const PICTURE_EVERY_MS = 40;
const REPORT_EVERY_MS = 250;

/** What looks for the others: the server, on loopback. */
const CONFIG = { iceServers: [], bindAddress: '127.0.0.1' };

const [url, token, roomId] = process.argv.slice(2);
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

/** Requests to the hub, and what is to be done with its events. */
class Hub {
  #socket = new WebSocket(url);
  #waiting = new Map();
  #last = 0;

  /** @param {Record<string, (params: any) => void>} handlers by the event's name */
  constructor(handlers) {
    this.open = new Promise((resolve) => (this.#socket.onopen = resolve));
    this.#socket.onmessage = ({ data }) => {
      const { id, result, error, method, params } = JSON.parse(data);
      const asked = this.#waiting.get(id);
      if (error) asked?.reject(Object.assign(new Error(error.message), { code: error.data.code }));
      else if (asked) asked.resolve(result);
      else handlers[method]?.(params);
    };
  }

  ask(method, params) {
    const id = (this.#last += 1);
    this.#socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }
}

/** Our next description of `connection`. */
const described = (connection) => new Promise((resolve) => connection.onLocalDescription(resolve));

/** Sends these payloads in turn, a packet each (RFC 3550, section 5.1). */
function send(track, { payloads, ssrc, payloadType, everyMs, clockRate }) {
  let sent = 0;
  return setInterval(() => {
    if (!track.isOpen()) return;
    const header = Buffer.alloc(12);
    header[0] = 0x80;
    header[1] = 0x80 | payloadType;
    header.writeUInt16BE(sent & 0xffff, 2);
    header.writeUInt32BE(((sent * everyMs * clockRate) / 1000) >>> 0, 4);
    header.writeUInt32BE(ssrc, 8);
    track.sendMessageBinary(Buffer.concat([header, payloads[sent % payloads.length]]));
    sent += 1;
  }, everyMs);
}

/** Opens both data channels in-band. What somebody says goes back to them alone, under the topic that it came with. */
function echo(connection) {
  const lossy = { unordered: true, maxRetransmits: 0 };
  return [connection.createDataChannel('reliable'), connection.createDataChannel('lossy', lossy)].map((channel) => {
    channel.onMessage((message) => channel.sendMessageBinary(Buffer.concat([Buffer.from([1, 0, 1]), Buffer.from(message).subarray(2)])));
    return channel;
  });
}

/** Offers both tracks and data channels; what stops sending, and the channels, which libdatachannel forgets otherwise. */
async function publish(hub, connection) {
  const ssrc = Math.floor(Math.random() * 0x7fffffff);
  const audio = new libdatachannel.Audio('voice', 'SendOnly');
  audio.addOpusCodec(OPUS_PAYLOAD_TYPE);
  audio.addSSRC(ssrc, 'cname', 'stream', 'voice');
  const video = new libdatachannel.Video('picture', 'SendOnly');
  video.addVP8Codec(VP8_PAYLOAD_TYPE);
  video.addSSRC(ssrc + 1, 'cname', 'stream', 'picture');
  const offer = described(connection);
  const [voice, picture] = [connection.addTrack(audio), connection.addTrack(video)];
  const channels = echo(connection);
  connection.setLocalDescription();
  const answer = await hub.ask('media.publish', { roomId, sdp: await offer, tracks: [] });
  connection.setRemoteDescription(answer.sdp, 'answer');
  const frames = PICTURES.map((frame) => Buffer.concat([WHOLE_FRAME, frame]));
  const sending = [
    send(voice, { payloads: [TONE], ssrc, payloadType: OPUS_PAYLOAD_TYPE, everyMs: TONE_EVERY_MS, clockRate: 48_000 }),
    send(picture, { payloads: frames, ssrc: ssrc + 1, payloadType: VP8_PAYLOAD_TYPE, everyMs: PICTURE_EVERY_MS, clockRate: 90_000 }),
  ];
  return () => {
    sending.forEach(clearInterval);
    channels.forEach((channel) => channel.close());
  };
}

/** The payload types of a codec in a description. */
const payloadTypes = (sdp, codec) =>
  new Set([...sdp.matchAll(new RegExp(`^a=rtpmap:(\\d+) ${codec}/`, 'gim'))].map(([, number]) => Number(number)));

/** Answers offers one after the other, and counts what arrives of each section: new packets of the kind's codec. */
class Receiver {
  connection = new libdatachannel.PeerConnection('receiving', CONFIG);
  #offered = [];
  #received = new Map();
  #codecs = {};
  #answering = Promise.resolve();
  // libdatachannel forgets a track that nobody holds.
  #tracks = [];

  constructor() {
    this.connection.onTrack((track) => {
      this.#tracks.push(track);
      track.onMessage((packet) => this.#count(track.mid(), packet));
    });
  }

  #count(mid, packet) {
    const kind = this.#offered.find((track) => track.mid === mid)?.kind;
    if (!this.#codecs[kind]?.has(packet[1] & 0x7f)) return;
    const numbers = this.#received.get(mid) ?? new Set();
    this.#received.set(mid, numbers.add(`${packet.readUInt32BE(8)} ${packet.readUInt16BE(2)}`));
  }

  /** What has arrived of each track of the latest offer. */
  get tracks() {
    return this.#offered.map((track) => ({ ...track, received: this.#received.get(track.mid)?.size ?? 0 }));
  }

  accept(hub, { sdp, revision, tracks }) {
    this.#answering = this.#answering.then(async () => {
      const answer = described(this.connection);
      this.connection.setRemoteDescription(sdp, 'offer');
      const answered = await answer;
      this.#offered = tracks;
      for (const [kind, codec] of Object.entries(CODECS)) this.#codecs[kind] = payloadTypes(answered, codec);
      await hub.ask('media.answer', { roomId, revision, sdp: answered }).catch((error) => {
        // A later offer may have replaced this one already; it is on its way.
        if (error.code !== 'media.staleAnswer') throw error;
      });
    });
  }
}

const receiver = new Receiver();
/** Media goes through the server from the third participant on. */
let follow = (/** @type {{ route: string }} */ _state) => {};
const goesThroughServer = new Promise((resolve) => (follow = ({ route }) => route === 'server' && resolve(undefined)));
const hub = new Hub({
  'media.offer': (offer) => receiver.accept(hub, offer),
  'media.changed': ({ state }) => follow(state),
});
await hub.open;
const { connectionId } = await hub.ask('connection.open', { token });
await hub.ask('room.join', { roomId });
const joined = await hub.ask('media.join', { roomId });
follow(joined.state);
say({ connectionId });
await goesThroughServer;
const publishing = new libdatachannel.PeerConnection('publishing', CONFIG);
const stop = await publish(hub, publishing);
const reporting = setInterval(() => say({ tracks: receiver.tracks }), REPORT_EVERY_MS);

process.stdin.resume();
await new Promise((resolve) => process.stdin.on('end', resolve));
stop();
clearInterval(reporting);
await hub.ask('media.leave', { roomId });
for (const connection of [publishing, receiver.connection]) connection.close();
libdatachannel.cleanup();
process.exit();
