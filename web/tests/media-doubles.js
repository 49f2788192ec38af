// What a media session needs of a browser: devices, tracks, peer connections.

import { KINDS, noTracks } from '../client/src/media/tracks.js';
import { settled } from './stand-in.js';

export class TrackDouble {
  muted = true;
  constructor(kind) {
    this.kind = kind;
  }
  /** Sound or pictures begin to arrive. */
  flow() {
    this.muted = false;
    this.onunmute?.();
  }
}

/** Microphone, camera and screen. */
export class LocalDouble {
  #held = false;
  constructor(tracks = {}) {
    this.tracks = { ...noTracks(), ...tracks };
  }
  streamOf = () => ({});
  muted = new Set();
  isMuted = (source) => this.muted.has(source) || !this.tracks[source];
  hold(held) {
    this.#held = held;
  }
  get sent() {
    return this.#held ? noTracks() : this.tracks;
  }
}

/** A data channel that opens when the test says so. */
export class ChannelDouble extends EventTarget {
  readyState = 'connecting';
  bufferedAmount = 0;
  /** What it was given, one after the other. @type {Uint8Array[]} */
  sent = [];
  constructor(label, options) {
    super();
    Object.assign(this, { label, options });
  }
  send(bytes) {
    this.sent.push(bytes);
  }
  hear(bytes) {
    this.onmessage?.({ data: Uint8Array.from(bytes).buffer });
  }
}

/** An RTCPeerConnection that reaches the other side when the test says so. */
export class ConnectionDouble {
  static all = [];
  /** The sections of the next offer from the other side. */
  static sections = ['audio', 'video'];
  connectionState = 'new';
  signalingState = 'stable';
  transceivers = [];
  candidates = [];
  offers = [];
  channels = [];
  constructor() {
    ConnectionDouble.all.push(this);
  }
  createDataChannel(label, options) {
    const channel = new ChannelDouble(label, options);
    this.channels.push(channel);
    return channel;
  }
  /** Its data channels open. */
  async open() {
    for (const channel of this.channels) channel.readyState = 'open';
    for (const channel of this.channels) channel.onopen?.();
    await settled();
  }
  addTransceiver(kindOrTrack, { sendEncodings = [{}] } = {}) {
    const kind = kindOrTrack.kind ?? kindOrTrack;
    const sender = {
      track: kindOrTrack.kind ? kindOrTrack : null,
      async replaceTrack(track) { this.track = track; },
      setStreams() {},
      parameters: { encodings: sendEncodings.map((encoding) => ({ active: true, ...encoding })) },
      isSet: 0,
      getParameters: () => structuredClone(sender.parameters),
      async setParameters(parameters) {
        sender.parameters = parameters;
        sender.isSet += 1;
      },
    };
    const transceiver = { mid: String(this.transceivers.length), sender, receiver: { track: new TrackDouble(kind) }, stop() { this.isStopped = true; } };
    this.transceivers.push(transceiver);
    return transceiver;
  }
  getTransceivers = () => this.transceivers;
  createOffer = async (options = {}) => (this.offers.push(options), { type: 'offer', sdp: `offer ${this.offers.length}` });
  configuration = { bundlePolicy: 'max-bundle' };
  getConfiguration = () => this.configuration;
  setConfiguration = (configuration) => (this.configuration = configuration);
  createAnswer = async () => ({ type: 'answer', sdp: 'answer' });
  async setLocalDescription(description) {
    this.localDescription = description;
    this.signalingState = description.type === 'offer' ? 'have-local-offer' : 'stable';
  }
  async setRemoteDescription(description) {
    this.remoteDescription = description;
    this.signalingState = description.type === 'offer' ? 'have-remote-offer' : 'stable';
    if (description.type === 'offer' && this.transceivers.length === 0) ConnectionDouble.sections.forEach((kind) => this.addTransceiver(kind));
  }
  addIceCandidate = async ({ candidate }) => this.candidates.push(candidate);
  async become(state) {
    this.connectionState = state;
    this.onconnectionstatechange?.();
    await settled();
  }
  /** What these sections carry arrives from the other side. */
  async flow(...mids) {
    for (const transceiver of this.transceivers) {
      const { receiver: { track } } = transceiver;
      this.ontrack?.({ track, transceiver });
      if (mids.includes(transceiver.mid)) track.flow();
    }
    await settled();
  }
  close() {
    this.connectionState = this.signalingState = 'closed';
  }
}

/** What a section of an offer carries. */
export const offered = (mid, source, connectionId = 'bob') => ({ mid, source, trackId: `${connectionId}'s ${source}`, connectionId, kind: KINDS[source] });
