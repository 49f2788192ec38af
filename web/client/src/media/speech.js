// Whether somebody speaks, told from how loud their microphone is.

/** Speech is louder than this, of 1; a quiet room behind noise suppression is well below. */
const LOUD = 0.015;

/** A single knock is no speech. */
const ONSET_MS = 120;

/** Between two words it is quiet for less than this. Longer flickers less, shorter shows sooner who has finished. */
const PAUSE_MS = 900;

const LISTEN_EVERY_MS = 60;

/** Tells speech from pauses and single noises. Owns no clock. */
export class Speech {
  isSpeaking = false;
  #loudSince = /** @type {number | null} */ (null);
  #loudAt = -Infinity;

  /** @param {number} level from 0 to 1 @param {number} now in milliseconds @returns {boolean} whether that changed it */
  hear(level, now) {
    if (level >= LOUD) {
      this.#loudSince ??= now;
      this.#loudAt = now;
    } else if (now - this.#loudAt >= PAUSE_MS) this.#loudSince = null;
    const is = this.#loudSince !== null && (this.isSpeaking || this.#loudAt - this.#loudSince >= ONSET_MS);
    const changed = is !== this.isSpeaking;
    this.isSpeaking = is;
    return changed;
  }
}

/** Listens to an own track for as long as it is there. */
export class SpeechMeter {
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {MediaStreamTrack | null} */
  #track = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  #changed;
  #heard;

  /**
   * @param {(isSpeaking: boolean) => void} changed
   * @param {(level: number) => void} [heard] how loud it is, from 0 to 1, as often as that is looked at; nothing where the
   *   browser does not let sound be looked at
   */
  constructor(changed, heard = () => {}) {
    this.#changed = changed;
    this.#heard = heard;
  }

  /** Listens to this track and no other from now on. @param {MediaStreamTrack | null} track */
  watch(track) {
    if (track === this.#track) return;
    this.stop();
    if (!track || !globalThis.AudioContext) return;
    this.#track = track;
    try {
      this.#listen(track);
    } catch {
      // Nobody sees that they speak where sound cannot be looked at, as without an output device; the call goes on.
      this.stop();
    }
  }

  /** @param {MediaStreamTrack} track */
  #listen(track) {
    const context = (this.#context = new AudioContext());
    // Without a gesture of the user it stands still, and nobody speaks.
    context.resume().catch(() => {});
    const analyser = new AnalyserNode(context, { fftSize: 1024 });
    context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const speech = new Speech();
    this.#timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const level = Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
      if (context.state === 'running') this.#heard(level);
      if (speech.hear(level, performance.now())) this.#changed(speech.isSpeaking);
    }, LISTEN_EVERY_MS);
  }

  stop() {
    clearInterval(this.#timer);
    this.#context?.close().catch(() => {});
    this.#context = this.#track = null;
  }
}
