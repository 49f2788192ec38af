// What this device says of itself in a media session: told once it is different, and again when it was not heard.

/** All of it, as the server says it. @typedef {Required<import('../../protocol.js').MediaParticipantState>} MediaParticipantState */

/** Nobody asked for less: then again after so long. */
const AGAIN_MS = 1_000;

/** @type {MediaParticipantState} */
export const UNSAID = { muted: false, cameraOff: false, sharing: false, handRaised: false, speaking: false, onHold: false };

export class Said {
  /** @type {MediaParticipantState} */
  now = { ...UNSAID };

  /** What the server knows; null: we are not in the session. @type {MediaParticipantState | null} */
  #told = null;
  #telling = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #again;
  #tell;

  /** @param {(state: Partial<MediaParticipantState>) => Promise<unknown>} tell */
  constructor(tell) {
    this.#tell = tell;
  }

  /** @param {Partial<MediaParticipantState>} change */
  say(change) {
    const now = { ...this.now, ...change };
    this.now = { ...now, speaking: now.speaking && !now.muted };
    this.#catchUp();
  }

  /** We are in the session, which was told this much when we entered. @param {MediaParticipantState} told */
  enter(told) {
    this.#told = { ...told };
    this.#catchUp();
  }

  leave() {
    this.#told = null;
    this.#stopWaiting();
  }

  #stopWaiting() {
    clearTimeout(this.#again);
    this.#again = undefined;
  }

  #news() {
    const told = this.#told;
    if (!told) return null;
    const names = /** @type {(keyof MediaParticipantState)[]} */ (Object.keys(UNSAID));
    const news = Object.fromEntries(names.filter((name) => told[name] !== this.now[name]).map((name) => [name, this.now[name]]));
    return Object.keys(news).length > 0 ? news : null;
  }

  /** One request at a time: a later one must not be overtaken by an earlier one. */
  async #catchUp() {
    if (this.#telling || this.#again) return;
    this.#telling = true;
    try {
      for (let news = this.#news(); news; news = this.#news()) {
        const told = this.#told;
        await this.#tell(news);
        if (told) Object.assign(told, news);
      }
    } catch (error) {
      // Who is not in the session, or not connected, says all of it when entering again.
      const { code, retryAfterMs } = /** @type {{ code?: string, retryAfterMs?: number }} */ (error);
      if (this.#told && (code === 'limit.rate' || code === 'unavailable' || code === 'timeout')) {
        this.#again = setTimeout(() => {
          this.#again = undefined;
          this.#catchUp();
        }, retryAfterMs ?? AGAIN_MS);
      }
    } finally {
      this.#telling = false;
    }
  }
}
