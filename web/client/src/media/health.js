// What is wrong with a line, told from what arrives by it, so that people learn it before they ask "can you hear me?".

/**
 * One moment of a line. Counters only grow, as long as what they count stays the same.
 *
 * @typedef {object} LineSample
 * @property {boolean} isConnected whether what there is to carry is carried
 * @property {boolean} isLost whether the browser has given a path up, for now at least
 * @property {number} arrived everything that has arrived: media, reports, answers to checks
 * @property {OtherSample[]} others
 * @property {{ isMuted: boolean, loudest: number | null }} own the own microphone, and how loud it was since the sample
 *   before, from 0 to 1; null: nobody knows
 */

/**
 * @typedef {object} OtherSample
 * @property {string} connectionId
 * @property {string} name
 * @property {boolean} isMuted whether no sound is to be expected of them
 * @property {boolean} isExpected whether anything is
 * @property {number} energy of their sound so far, and `seconds` how long that was (W3C `totalAudioEnergy`,
 *   `totalSamplesDuration`)
 * @property {number} seconds
 */

/**
 * What to tell. `lost`: nothing arrives. `unreachable`: no way was found at all. `unheard`: of these people no sound comes,
 * though they are not muted. `othersMuted`: everybody else is muted, and nothing was ever heard. `ownSilent`: of the own
 * microphone comes nothing at all.
 *
 * @typedef {{ kind: 'lost' | 'unreachable' | 'othersMuted' | 'ownSilent' } | { kind: 'unheard', names: string[] }} LineProblem
 */

/**
 * A line on which nothing arrives for this long is dead, while others send: their packets come many times a second, also
 * where nobody speaks, and the server's reports of one's own once a second (RFC 3550, section 6.4). Shorter calls a short
 * loss a dead line; longer leaves people talking to nobody. With the time between two looks it is to be said within three
 * seconds.
 */
export const LOST_MS = 1_800;

/** As long a way is looked for until people are told that there may be none. ICE goes on trying. */
export const UNREACHABLE_MS = 10_000;

/** Nothing heard for this long is no pause any more. */
export const SILENT_MS = 8_000;

/** Below this a microphone is switched off, or its hardware is: -80 dB of full scale, where even a quiet room is louder. */
const SILENCE = 1e-4;

/** Since when something has been so; null: it is not. */
class Since {
  #at = /** @type {number | null} */ (null);

  /** @param {boolean} is @param {number} now @returns {number} for how long, in milliseconds */
  see(is, now) {
    this.#at = is ? (this.#at ?? now) : null;
    return this.#at === null ? -1 : now - this.#at;
  }
}

/** Judges one sample after the other. Owns no clock. */
export class LineHealth {
  #arrived = -1;
  #still = new Since();
  #connecting = new Since();
  #ownSilent = new Since();
  #nothingHeard = new Since();
  #wasHeard = false;
  /** @type {Map<string, { energy: number, seconds: number, silent: Since }>} */
  #others = new Map();

  /**
   * @param {LineSample} sample
   * @param {number} now in milliseconds
   * @returns {LineProblem | null} the worst that is wrong now
   */
  judge(sample, now) {
    const stillFor = this.#still.see(this.#isStill(sample), now);
    const connectingFor = this.#connecting.see(!sample.isConnected && !sample.isLost && sample.others.length > 0, now);
    const names = this.#unheard(sample.others, now);
    const ownFor = this.#ownSilent.see(!sample.own.isMuted && sample.own.loudest !== null && sample.own.loudest < SILENCE, now);
    const isQuiet = !this.#wasHeard && sample.others.length > 0 && sample.others.every(({ isMuted }) => isMuted);
    const quietFor = this.#nothingHeard.see(isQuiet, now);
    if (sample.isLost || stillFor >= LOST_MS) return { kind: 'lost' };
    if (connectingFor >= UNREACHABLE_MS) return { kind: 'unreachable' };
    // What is not connected yet is not heard either.
    if (!sample.isConnected) return null;
    if (names.length > 0) return { kind: 'unheard', names };
    if (ownFor >= SILENT_MS) return { kind: 'ownSilent' };
    return quietFor >= SILENT_MS ? { kind: 'othersMuted' } : null;
  }

  /** Whether nothing has arrived since the sample before, of people who send something. @param {LineSample} sample */
  #isStill({ isConnected, arrived, others }) {
    const before = this.#arrived;
    this.#arrived = arrived;
    return isConnected && arrived === before && others.some(({ isExpected }) => isExpected);
  }

  /** Who is not heard, of those who are not muted. @param {OtherSample[]} others @param {number} now @returns {string[]} */
  #unheard(others, now) {
    const before = this.#others;
    this.#others = new Map();
    return others.filter((other) => {
      const known = before.get(other.connectionId) ?? { energy: other.energy, seconds: other.seconds, silent: new Since() };
      const isHeard = isAudible(known, other);
      this.#wasHeard ||= isHeard;
      this.#others.set(other.connectionId, { energy: other.energy, seconds: other.seconds, silent: known.silent });
      return known.silent.see(!other.isMuted && !isHeard, now) >= SILENT_MS;
    }).map(({ name }) => name);
  }
}

/**
 * Whether there was anything to hear between two moments. Of another path, which counts anew, it is taken for granted.
 *
 * @param {{ energy: number, seconds: number }} before
 * @param {{ energy: number, seconds: number }} after
 */
function isAudible(before, after) {
  const seconds = after.seconds - before.seconds;
  if (seconds < 0) return true;
  return after.energy - before.energy > SILENCE ** 2 * seconds;
}
