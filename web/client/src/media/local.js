// The user's own microphone and camera.

const AUDIO = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
/** Everybody is sent the same picture, so it must suit the weakest line and machine of a group. */
const VIDEO = { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 24 } };

/** @typedef {'audio' | 'video'} Kind */
/** @typedef {{ audio: MediaStreamTrack | null, video: MediaStreamTrack | null }} Tracks */

/**
 * A device that could not be had.
 *
 * @typedef {object} DeviceProblem
 * @property {Kind | null} kind null: the browser gives none to this page, as it did not come by https
 * @property {'notAllowed' | 'notFound' | 'inUse' | 'insecure' | 'other'} reason
 * @property {string} message for developers
 */

/** The errors of `getUserMedia` that people can do something about (W3C mediacapture-streams). */
const REASONS = /** @type {Record<string, DeviceProblem['reason']>} */ ({
  NotAllowedError: 'notAllowed',
  NotFoundError: 'notFound',
  NotReadableError: 'inUse',
});

/** Own tracks, kept across routes, reconnects and rejoins until the call is over. */
export class LocalMedia {
  /** @type {Tracks} */
  tracks = { audio: null, video: null };
  /** Groups both tracks, so that receivers play them in step. */
  stream = new MediaStream();

  #muted = false;
  #held = false;

  /** What is being switched. @type {Promise<unknown> | null} */
  #switching = null;
  /** How often all was let go: what was asked for before that is not wanted any more. */
  #stops = 0;

  /** What stands in for the camera, while the user shares it. @type {MediaStreamTrack | null} */
  #screen = null;
  /** What the screen stands in for. @type {MediaStreamTrack | null} */
  #camera = null;
  /** The user has ended sharing in the browser's own window. */
  unshared = () => {};

  /** What could not be had. @type {DeviceProblem[]} */
  problems = [];

  /** Asks for the devices. Whatever fails, the call goes on with what there is. @param {{ video: boolean }} what */
  start({ video }) {
    return this.#inTurn(() => this.#start(video));
  }

  /** @param {boolean} video */
  async #start(video) {
    if (!navigator.mediaDevices) {
      this.problems.push({ kind: null, reason: 'insecure', message: 'the page did not come by https' });
      return this;
    }
    const before = this.#stops;
    try {
      await this.#take(navigator.mediaDevices.getUserMedia({ audio: AUDIO, video: video && VIDEO }));
    } catch {
      // Together they fail if either does: ask for each, unless nobody wants them any more.
      if (before === this.#stops) await this.#ask('audio');
      if (before === this.#stops && video) await this.#ask('video');
    }
    return this;
  }

  /** @param {Kind} kind */
  async #ask(kind) {
    try {
      await this.#take(navigator.mediaDevices.getUserMedia(kind === 'audio' ? { audio: AUDIO } : { video: VIDEO }));
    } catch (error) {
      this.problems.push({ kind, reason: REASONS[error.name] ?? 'other', message: error.message });
    }
  }

  /** Keeps what the browser gives, unless all was let go meanwhile. @param {Promise<MediaStream>} asked */
  async #take(asked) {
    const before = this.#stops;
    const tracks = (await asked).getTracks();
    const isWanted = before === this.#stops;
    for (const track of tracks) {
      if (isWanted) this.#keep(track);
      else track.stop();
    }
    return isWanted ? tracks : [];
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

  /** @param {MediaStreamTrack} track */
  #keep(track) {
    track.enabled = this.#isSent(track);
    this.tracks[/** @type {Kind} */ (track.kind)] = track;
    this.stream.addTrack(track);
  }

  /** Silence or sound, at once and without asking the device again. @param {boolean} muted */
  mute(muted) {
    this.#muted = muted;
    for (const track of this.stream.getTracks()) track.enabled = this.#isSent(track);
  }

  /** While a call is on hold neither sound nor picture is sent, by whatever way media travels. @param {boolean} held */
  hold(held) {
    this.#held = held;
    for (const track of this.stream.getTracks()) track.enabled = this.#isSent(track);
  }

  /** What there is to send: nothing while the call is on hold. @returns {Tracks} */
  get sent() {
    return this.#held ? { audio: null, video: null } : this.tracks;
  }

  /** @param {MediaStreamTrack} track */
  #isSent(track) {
    return !this.#held && !(this.#muted && track.kind === 'audio');
  }

  /** Switches the device itself, so that its light goes out. Returns the new track or null. @param {boolean} on */
  camera(on) {
    return this.#inTurn(() => this.#switchCamera(on));
  }

  /** @param {boolean} on */
  async #switchCamera(on) {
    const video = this.#screen ? this.#camera : this.tracks.video;
    if (on && !video) {
      this.problems = [];
      await this.#ask('video');
      // The screen goes on standing in for it.
      if (this.#screen && this.tracks.video !== this.#screen) [this.#camera, this.tracks.video] = [this.tracks.video, this.#screen];
    } else if (!on && video) {
      video.stop();
      this.stream.removeTrack(video);
      if (this.#screen) this.#camera = null;
      else this.tracks.video = null;
    }
    return this.tracks.video;
  }

  /** Whether there is a camera that is on, also where a screen stands in for it. */
  get hasCamera() {
    return Boolean(this.#screen ? this.#camera : this.tracks.video);
  }

  get isSharing() {
    return this.#screen !== null;
  }

  /** Shows a screen instead of the camera, or the camera again. Returns the track to send, or null. @param {boolean} on */
  share(on) {
    return this.#inTurn(() => this.#switchScreen(on));
  }

  /** @param {boolean} on */
  async #switchScreen(on) {
    if (on && !this.#screen) {
      this.problems = [];
      const camera = this.tracks.video;
      try {
        const [screen] = await this.#take(navigator.mediaDevices.getDisplayMedia({ video: true, audio: false }));
        if (!screen) return this.tracks.video;
        screen.onended = () => this.share(false).then(() => this.unshared());
        this.#screen = screen;
        this.#camera = camera;
      } catch (error) {
        // Whoever closes the browser's window without a choice knows that.
        if (error.name !== 'NotAllowedError') this.problems.push({ kind: 'video', reason: REASONS[error.name] ?? 'other', message: error.message });
      }
    } else if (!on && this.#screen) {
      this.#screen.onended = null;
      this.#screen.stop();
      this.stream.removeTrack(this.#screen);
      this.tracks.video = this.#camera;
      this.#screen = this.#camera = null;
    }
    return this.tracks.video;
  }

  stop() {
    this.#stops += 1;
    for (const track of this.stream.getTracks()) {
      track.stop();
      this.stream.removeTrack(track);
    }
    if (this.#screen) this.#screen.onended = null;
    this.#screen = this.#camera = null;
    this.tracks = { audio: null, video: null };
  }
}
