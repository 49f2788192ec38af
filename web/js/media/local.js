// The user's own microphone and camera.

import { phrase } from '../words.js';

const AUDIO = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
/** Everybody is sent the same picture, so it must suit the weakest line and machine of a group. */
const VIDEO = { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 24 } };

/** The errors of `getUserMedia` that there are words for (W3C mediacapture-streams). */
const REASONS = /** @type {const} */ ({
  NotAllowedError: 'device.notAllowed',
  NotFoundError: 'device.notFound',
  NotReadableError: 'device.inUse',
});

/** @param {Error} error */
function reason(error) {
  const key = REASONS[/** @type {keyof typeof REASONS} */ (error.name)];
  return key ? phrase(key) : error.message;
}

/** Own tracks, kept across routes, reconnects and rejoins until the call is over. */
export class LocalMedia {
  /** @type {App.Tracks} */
  tracks = { audio: null, video: null };
  /** Groups both tracks, so that receivers play them in step. */
  stream = new MediaStream();

  /** What could not be had, in words for the user. @type {string[]} */
  problems = [];

  /** Asks for the devices. Whatever fails, the call goes on with what there is. @param {{ video: boolean }} what */
  async start({ video }) {
    if (!navigator.mediaDevices) {
      this.problems.push(phrase('call.needsHttps'));
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

  /** @param {App.Kind} kind */
  async #ask(kind) {
    try {
      const stream = await navigator.mediaDevices.getUserMedia(kind === 'audio' ? { audio: AUDIO } : { video: VIDEO });
      this.#keep(stream.getTracks()[0]);
    } catch (error) {
      this.problems.push(phrase(kind === 'audio' ? 'call.noMicrophone' : 'call.noCamera', { reason: reason(error) }));
    }
  }

  /** @param {MediaStreamTrack} track */
  #keep(track) {
    this.tracks[/** @type {App.Kind} */ (track.kind)] = track;
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
