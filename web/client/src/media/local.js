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

  /** What could not be had. @type {DeviceProblem[]} */
  problems = [];

  /** Asks for the devices. Whatever fails, the call goes on with what there is. @param {{ video: boolean }} what */
  async start({ video }) {
    if (!navigator.mediaDevices) {
      this.problems.push({ kind: null, reason: 'insecure', message: 'the page did not come by https' });
      return this;
    }
    try {
      const both = await navigator.mediaDevices.getUserMedia({ audio: AUDIO, video: video && VIDEO });
      both.getTracks().forEach((track) => this.#keep(track));
    } catch {
      // Together they fail if either does: ask for each.
      await this.#ask('audio');
      if (video) await this.#ask('video');
    }
    return this;
  }

  /** @param {Kind} kind */
  async #ask(kind) {
    try {
      const stream = await navigator.mediaDevices.getUserMedia(kind === 'audio' ? { audio: AUDIO } : { video: VIDEO });
      this.#keep(stream.getTracks()[0]);
    } catch (error) {
      this.problems.push({ kind, reason: REASONS[error.name] ?? 'other', message: error.message });
    }
  }

  /** @param {MediaStreamTrack} track */
  #keep(track) {
    this.tracks[/** @type {Kind} */ (track.kind)] = track;
    this.stream.addTrack(track);
  }

  /** Silence or sound, at once and without asking the device again. @param {boolean} muted */
  mute(muted) {
    if (this.tracks.audio) this.tracks.audio.enabled = !muted;
  }

  /** Switches the device itself, so that its light goes out. Returns the new track or null. @param {boolean} on */
  async camera(on) {
    const { video } = this.tracks;
    if (on && !video) {
      this.problems = [];
      await this.#ask('video');
    } else if (!on && video) {
      video.stop();
      this.stream.removeTrack(video);
      this.tracks.video = null;
    }
    return this.tracks.video;
  }

  stop() {
    for (const track of this.stream.getTracks()) {
      track.stop();
      this.stream.removeTrack(track);
    }
    this.tracks = { audio: null, video: null };
  }
}
