// The user's own microphone and camera, and the screen that they share.

import { KINDS, SOURCES, isShared, noTracks, usual } from './tracks.js';

/** @typedef {import('./tracks.js').Kind} Kind */
/** @typedef {import('./tracks.js').Tracks} Tracks */
/** @typedef {import('./tracks.js').TrackSource} TrackSource */

const AUDIO = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
/** Everybody is sent the same picture, so it must suit the weakest line and machine of a group. */
const VIDEO = { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 24 } };

/**
 * What is asked for when a screen is shared (W3C screen-capture). Its sound is no voice and is left as it is; whoever
 * shares goes on hearing it. Of a whole screen it is taken only where the browser leaves this page's own out of it, which
 * is the others' voices: they would hear themselves.
 */
function screenOptions() {
  const supported = /** @type {Record<string, boolean>} */ (navigator.mediaDevices.getSupportedConstraints?.() ?? {});
  const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, suppressLocalAudioPlayback: false, restrictOwnAudio: true };
  return { video: true, audio, systemAudio: supported.restrictOwnAudio ? 'include' : 'exclude' };
}

/**
 * A device that could not be had.
 *
 * @typedef {object} DeviceProblem
 * @property {TrackSource | null} source null: the browser gives none to this page, as it did not come by https
 * @property {'notAllowed' | 'notFound' | 'inUse' | 'insecure' | 'other'} reason
 * @property {string} message for developers
 */

/** The errors of `getUserMedia` that people can do something about (W3C mediacapture-streams). */
const REASONS = /** @type {Record<string, DeviceProblem['reason']>} */ ({
  NotAllowedError: 'notAllowed',
  NotFoundError: 'notFound',
  // The device that was chosen is not plugged in.
  OverconstrainedError: 'notFound',
  NotReadableError: 'inUse',
});

/** @typedef {'microphone' | 'camera'} DeviceSource */

/** By the browser's ids (`MediaDeviceInfo.deviceId`); null: whichever the browser takes by itself. @typedef {Record<DeviceSource, string | null>} Devices */

/** Own tracks, kept across routes, reconnects and rejoins until the call is over. */
export class LocalMedia {
  /** Which devices are asked for. One that is not plugged in is done without, unless it is just being chosen. @type {Devices} */
  devices = { microphone: null, camera: null };

  /** What there is, by its source. @type {Tracks} */
  tracks = noTracks();
  /** Groups microphone and camera, so that receivers play them in step. */
  stream = new MediaStream();
  /** Groups a screen and what sounds there. */
  screenStream = new MediaStream();

  /** @type {Set<TrackSource>} */
  #muted = new Set();
  #held = false;

  /** What is being switched. @type {Promise<unknown> | null} */
  #switching = null;
  /** How often all was let go: what was asked for before that is not wanted any more. */
  #stops = 0;

  /** The user has ended sharing in the browser's own window. */
  unshared = () => {};

  /**
   * A device was unplugged, or may not be used any more. Another microphone has taken its place where there is one; a
   * camera is off then, as nobody knows what another one would show.
   *
   * @type {(source: DeviceSource) => void}
   */
  lost = () => {};

  /** What could not be had when it was last asked for. @type {DeviceProblem[]} */
  problems = [];

  /** @param {{ devices?: Partial<Devices> }} [options] which devices to ask for */
  constructor({ devices } = {}) {
    Object.assign(this.devices, devices);
  }

  /** Asks for the devices. Whatever fails, the call goes on with what there is. @param {{ video: boolean }} what */
  start({ video }) {
    return this.#inTurn(() => this.#start(video));
  }

  /** @param {boolean} video */
  async #start(video) {
    if (!navigator.mediaDevices) {
      this.problems.push({ source: null, reason: 'insecure', message: 'the page did not come by https' });
      return this;
    }
    const before = this.#stops;
    try {
      await this.#take(navigator.mediaDevices.getUserMedia({ audio: this.#wanted('microphone'), video: video && this.#wanted('camera') }), usual);
    } catch {
      // Together they fail if either does: ask for each, unless nobody wants them any more.
      if (before === this.#stops) await this.#ask('microphone');
      if (before === this.#stops && video) await this.#ask('camera');
    }
    return this;
  }

  /** What is asked of a device. @param {DeviceSource} source @param {'ideal' | 'exact'} how what becomes of one that is not there */
  #wanted(source, how = 'ideal') {
    const id = this.devices[source];
    return { ...(source === 'microphone' ? AUDIO : VIDEO), ...(id && { deviceId: { [how]: id } }) };
  }

  /** @param {DeviceSource} source @param {'ideal' | 'exact'} [how] */
  async #ask(source, how) {
    try {
      const wanted = this.#wanted(source, how);
      await this.#take(navigator.mediaDevices.getUserMedia(source === 'microphone' ? { audio: wanted } : { video: wanted }), usual);
    } catch (error) {
      this.#fail(source, error);
    }
  }

  /** Resolves when no device is being asked for any more. @returns {Promise<unknown>} */
  get settled() {
    return this.#switching ?? Promise.resolve();
  }

  /**
   * Takes another microphone or camera in place of the present one, which stays where the other cannot be had. A camera
   * that is off stays off.
   *
   * @param {DeviceSource} source
   * @param {string | null} id null: whichever the browser takes
   */
  choose(source, id) {
    return this.#inTurn(() => this.#choose(source, id));
  }

  /** @param {DeviceSource} source @param {string | null} id */
  async #choose(source, id) {
    const before = this.devices[source];
    const former = this.tracks[source];
    this.#forgive(source);
    this.devices[source] = id;
    if (!former && source === 'camera') return null;
    await this.#ask(source, 'exact');
    // Phones open one camera at a time.
    if (former && source === 'camera' && this.problemOf(source)?.reason === 'inUse') {
      this.#end(source);
      this.#forgive(source);
      await this.#ask(source, 'exact');
    }
    if (!this.problemOf(source)) return this.tracks[source];
    this.devices[source] = before;
    // The former one was ended for nothing.
    if (former && !this.tracks[source]) await this.#ask(source);
    return this.tracks[source];
  }

  /** Asks once more for a device that could not be had. @param {DeviceSource} source */
  ask(source) {
    return this.#inTurn(async () => {
      this.#forgive(source);
      if (!this.tracks[source] && navigator.mediaDevices) await this.#ask(source);
      return this.tracks[source];
    });
  }

  /** A device is gone. @param {DeviceSource} source @param {MediaStreamTrack} track */
  async #replace(source, track) {
    if (this.tracks[source] !== track) return;
    this.#end(source);
    this.devices[source] = null;
    this.#forgive(source);
    if (source === 'microphone') await this.#ask(source);
    this.lost(source);
  }

  /** @param {TrackSource} source @param {Error} error */
  #fail(source, { name, message }) {
    this.problems.push({ source, reason: REASONS[name] ?? 'other', message });
  }

  /** It is asked for anew, or not wanted any more. @param {TrackSource} source */
  #forgive(source) {
    this.problems = this.problems.filter((problem) => problem.source !== source);
  }

  /** Why there is nothing from this source, if it was asked for. @param {TrackSource} source */
  problemOf(source) {
    return this.problems.find((problem) => problem.source === source) ?? null;
  }

  /**
   * Keeps what the browser gives, unless all was let go meanwhile.
   *
   * @param {Promise<MediaStream>} asked
   * @param {(kind: string) => TrackSource} sourceOf where a track of this kind comes from
   */
  async #take(asked, sourceOf) {
    const before = this.#stops;
    const tracks = (await asked).getTracks();
    const isWanted = before === this.#stops;
    for (const track of tracks) {
      if (isWanted) this.#keep(track, sourceOf(track.kind));
      else track.stop();
    }
  }

  /**
   * Switches one device after the other. At once if none is being switched: browsers show a screen only to who has just
   * clicked.
   *
   * @template T
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  #inTurn(work) {
    const turn = (this.#switching ? this.#switching.then(work) : work()).finally(() => {
      if (this.#switching === turn) this.#switching = null;
    });
    this.#switching = turn;
    return turn;
  }

  /** The stream that groups tracks of this source with those that belong to it. @param {TrackSource} source */
  streamOf(source) {
    return isShared(source) ? this.screenStream : this.stream;
  }

  /** Keeps a track in place of the former one. @param {MediaStreamTrack} track @param {TrackSource} source */
  #keep(track, source) {
    this.#end(source);
    this.tracks[source] = track;
    if (source === 'microphone' || source === 'camera') track.onended = () => this.#inTurn(() => this.#replace(source, track));
    this.streamOf(source).addTrack(track);
    this.#enable();
  }

  /** @param {TrackSource} source */
  #end(source) {
    const track = this.tracks[source];
    if (!track) return;
    track.onended = null;
    track.stop();
    this.streamOf(source).removeTrack(track);
    this.tracks[source] = null;
  }

  #enable() {
    for (const source of SOURCES) {
      const track = this.tracks[source];
      if (track) track.enabled = !this.#held && !this.#muted.has(source);
    }
  }

  /**
   * Silence or sound, picture or none, at once and without asking the device again.
   *
   * @param {boolean} muted
   * @param {TrackSource} [source]
   */
  mute(muted, source = 'microphone') {
    if (muted) this.#muted.add(source);
    else this.#muted.delete(source);
    this.#enable();
  }

  /** Whether there is nothing to send from it for now. @param {TrackSource} source */
  isMuted(source) {
    return this.#muted.has(source) || !this.tracks[source];
  }

  /** While a call is on hold neither sound nor picture is sent, by whatever way media travels. @param {boolean} held */
  hold(held) {
    this.#held = held;
    this.#enable();
  }

  /** What there is to send: nothing while the call is on hold. @returns {Tracks} */
  get sent() {
    return this.#held ? noTracks() : this.tracks;
  }

  /** Switches the device itself, so that its light goes out. Returns the new track or null. @param {boolean} on */
  camera(on) {
    return this.#inTurn(() => this.#switchCamera(on));
  }

  /** @param {boolean} on */
  async #switchCamera(on) {
    this.#forgive('camera');
    if (!on) this.#end('camera');
    else if (!this.tracks.camera) await this.#ask('camera');
    return this.tracks.camera;
  }

  get hasCamera() {
    return this.tracks.camera !== null;
  }

  get isSharing() {
    return this.tracks.screen !== null;
  }

  /**
   * Shares a screen beside the camera, with what sounds there where the browser and the user give it, or ends that.
   * Returns the screen's track, or null.
   *
   * @param {boolean} on
   */
  share(on) {
    return this.#inTurn(() => this.#switchScreen(on));
  }

  /** @param {boolean} on */
  async #switchScreen(on) {
    this.#forgive('screen');
    if (!on) {
      this.#end('screen');
      this.#end('screenAudio');
    } else if (!this.tracks.screen) {
      try {
        const asked = navigator.mediaDevices.getDisplayMedia(screenOptions());
        await this.#take(asked, (kind) => (kind === KINDS.screen ? 'screen' : 'screenAudio'));
        const screen = /** @type {MediaStreamTrack | null} */ (this.tracks.screen);
        if (screen) screen.onended = () => this.share(false).then(() => this.unshared());
      } catch (error) {
        // Whoever closes the browser's window without a choice knows that.
        if (error.name !== 'NotAllowedError') this.#fail('screen', error);
      }
    }
    return this.tracks.screen;
  }

  stop() {
    this.#stops += 1;
    SOURCES.forEach((source) => this.#end(source));
  }
}
