// The user's own microphone and camera.

const AUDIO = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
/** Everybody is sent the same picture, so it must suit the weakest line and machine of a group. */
const VIDEO = { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 24 } };

const REASONS = {
  NotAllowedError: 'access was not allowed',
  NotFoundError: 'there is none',
  NotReadableError: 'another program uses it',
};

const reason = (error) => REASONS[error.name] ?? error.message;

/** Own tracks, kept across routes, reconnects and rejoins until the call is over. */
export class LocalMedia {
  /** @type {{ audio: MediaStreamTrack | null, video: MediaStreamTrack | null }} */
  tracks = { audio: null, video: null };
  /** Groups both tracks, so that receivers play them in step. */
  stream = new MediaStream();

  /** What could not be had, in words for the user. */
  problems = [];

  /** Asks for the devices. Whatever fails, the call goes on with what there is. */
  async start({ video }) {
    if (!navigator.mediaDevices) {
      this.problems.push('Microphone and camera need https, or localhost.');
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

  async #ask(kind) {
    try {
      const stream = await navigator.mediaDevices.getUserMedia(kind === 'audio' ? { audio: AUDIO } : { video: VIDEO });
      this.#keep(stream.getTracks()[0]);
    } catch (error) {
      this.problems.push(`No ${kind === 'audio' ? 'microphone' : 'camera'}: ${reason(error)}.`);
    }
  }

  #keep(track) {
    this.tracks[track.kind] = track;
    this.stream.addTrack(track);
  }

  /** Silence or sound, at once and without asking the device again. */
  mute(muted) {
    if (this.tracks.audio) this.tracks.audio.enabled = !muted;
  }

  /** Switches the device itself, so that its light goes out. Returns the new track or null. */
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
