// What is wrong with the call, in plain words and with what to do: one thing at a time, the worst first.

import { el, fill, icon, iconButton, say } from '../dom.js';
import { names, phrase, unavailable } from '../words.js';
import { playByChosen } from './device-fields.js';
import { openDeviceMenu } from './devices.js';

/** @typedef {import('../../client/src/media/health.js').LineProblem} LineProblem */
/** @typedef {{ key: string, words: string, action?: { words: string, run: () => unknown }, stays?: boolean }} Told `stays`: it cannot be put aside */

/** A browser says late, and to nobody, that it plays no sound. */
const LISTEN_EVERY_MS = 1_000;

const WORDS = /** @type {const} */ ({ lost: 'banner.lost', unreachable: 'line.unreachable', othersMuted: 'line.othersMuted', ownSilent: 'line.ownSilent' });
const ALLOWED = /** @type {const} */ ({ microphone: 'line.microphoneAllowed', camera: 'line.cameraAllowed' });

/** @param {HTMLElement} stage */
const silenced = (stage) => [...stage.querySelectorAll('audio')].filter((sound) => sound.srcObject && sound.paused);

/** @param {Pick<App.Parts, 'calls' | 'devices' | 'line'>} parts @param {HTMLElement} stage where the call's sound is played */
export function callLine(parts, stage) {
  const { calls, devices, line } = parts;
  const words = el('span', {});
  const action = el('button', { type: 'button', class: 'button small', 'data-testid': 'line-action', on: { click: () => run() } });
  const aside = iconButton('close', phrase('notice.dismiss'), { on: { click: () => { asideKey = told?.key ?? null; show(); } } });
  const element = el('div', { class: 'call-line', role: 'status', hidden: true, 'data-testid': 'call-line' }, icon('alert'), words, action, aside);
  /** @type {Told | null} */
  let told = null;
  /** What was put aside: it is not told again until something else was. @type {string | null} */
  let asideKey = null;
  let run = () => {};
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let listening;

  const menu = () => ({ words: phrase('devices.button'), run: () => openDeviceMenu(parts) });

  /** @param {LineProblem | null} problem @returns {Told | null} */
  function ofLine(problem) {
    if (!problem) return null;
    if (problem.kind === 'unheard') return { key: `unheard ${problem.names}`, words: phrase('line.unheard', { names: names(problem.names) }), action: menu() };
    const isOwn = problem.kind === 'ownSilent';
    return { key: problem.kind, words: phrase(WORDS[problem.kind]), action: isOwn ? menu() : undefined, stays: problem.kind === 'lost' };
  }

  /** @returns {Told | null} */
  function ofSound() {
    if (silenced(stage).length === 0) return null;
    const turnOn = () => silenced(stage).forEach((sound) => sound.play().then(show, () => {}));
    return { key: 'soundBlocked', words: phrase('line.soundBlocked'), action: { words: phrase('line.turnSoundOn'), run: turnOn } };
  }

  /** @param {App.Active} active @returns {Told | null} */
  function ofDevices({ problems, hasMicrophone, hasCamera }) {
    const of = (/** @type {Wire.TrackSource | null} */ wanted) => problems.find(({ source }) => source === wanted);
    // Not to be heard is worse than not to be seen.
    const missing = of(null) ?? (hasMicrophone ? null : of('microphone')) ?? (hasCamera ? null : of('camera'));
    if (!missing) return null;
    const { source, reason } = missing;
    const isAllowed = (source === 'microphone' || source === 'camera') && reason === 'notAllowed' && devices.state.get().permissions[source] === 'granted';
    if (isAllowed) return { key: `allowed ${source}`, words: phrase(ALLOWED[source]), action: { words: phrase('line.use'), run: () => calls.askForDevice(source) } };
    return { key: `missing ${source}`, words: unavailable(missing), action: { words: phrase('devices.whatToDo'), run: () => openDeviceMenu(parts) } };
  }

  /** @returns {Told | null} */
  function worst() {
    const { active } = calls.state.get();
    if (!active) return null;
    const { problem } = line.state.get();
    const isDead = problem?.kind === 'lost' || problem?.kind === 'unreachable';
    return (isDead ? ofLine(problem) : null) ?? ofSound() ?? ofDevices(active) ?? ofLine(problem);
  }

  function show() {
    told = worst();
    if (told?.key !== asideKey) asideKey = null;
    element.hidden = !told || told.key === asideKey;
    element.dataset.problem = told?.key ?? '';
    say(words, element.hidden ? '' : (told?.words ?? ''));
    action.hidden = !told?.action;
    aside.hidden = Boolean(told?.stays);
    if (told?.action && action.textContent !== told.action.words) fill(action, told.action.words);
    run = told?.action?.run ?? (() => {});
  }

  calls.state.subscribe(({ active }) => {
    show();
    playByChosen(stage, devices.state.get());
    if (active) listening ??= setInterval(show, LISTEN_EVERY_MS);
    else {
      clearInterval(listening);
      listening = undefined;
    }
  });
  devices.state.subscribe((state) => {
    show();
    playByChosen(stage, state);
  });
  line.state.subscribe(show);
  return element;
}
