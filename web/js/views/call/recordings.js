// Recording a call, for who may moderate it: beginning and ending it, and what was recorded in its room.

import { el, fill, keyed } from '../../dom.js';
import { duration, moment } from '../../format.js';
import { lengthOf, recordingsOf } from '../../model/recordings.js';
import { explain, phrase } from '../../words.js';

/** How often there is a look for what has ended and is not stored yet. */
const LOOK_MS = 2000;

/** @param {Pick<App.RoomParts, 'api' | 'calls' | 'notices'>} app @param {string} room */
export function recorder({ api, calls, notices }, room) {
  const recordings = recordingsOf(api, room);
  /** Whether the call is recorded, once that is known. @type {boolean | null} */
  let isRecorded = null;
  let isOver = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let again;

  const act = (/** @type {() => Promise<unknown>} */ work) => work().catch((error) => notices.warn(explain(error)));
  /** @type {HTMLButtonElement} */
  const toggle = el('button', { type: 'button', class: 'button small', 'data-testid': 'call-record', on: { click: async () => {
    toggle.disabled = true;
    await act(isRecorded ? recordings.stop : recordings.begin);
    toggle.disabled = false;
    load();
  } } });
  const list = el('ul', { class: 'list', 'aria-label': phrase('call.recordings') });
  const heading = el('h3', { hidden: true }, phrase('call.recordings'));

  /** @param {import('../../model/recordings.js').Recording} recording */
  function create({ id }) {
    const files = el('div', { class: 'recording-files' });
    const open = el('button', { type: 'button', class: 'button small', 'data-testid': 'recording-files', on: { click: () => act(async () => {
      fill(files, (await recordings.files(id)).map(({ name, file }) =>
        el('button', { type: 'button', class: 'button small', 'data-testid': 'recording-file', on: { click: () => act(() => recordings.save(id, file)) } },
          name === null ? file : phrase('call.about', { name, what: file }))));
    }) } }, phrase('call.recordingFiles'));
    return el('li', { class: 'person wraps', 'data-testid': 'recording' }, el('span'), open, files);
  }

  async function load() {
    clearTimeout(again);
    await act(async () => {
      const items = await recordings.list();
      heading.hidden = items.length === 0;
      keyed(list, items, { key: ({ id }) => id, create, update });
      const isAwaited = items.some(({ status }) => status === 'recording') && !isRecorded;
      if (isAwaited && !isOver) again = setTimeout(load, LOOK_MS);
    });
  }

  const stop = calls.state.subscribe(({ active }) => {
    const was = isRecorded;
    isRecorded = active?.recorded ?? false;
    toggle.disabled = !active;
    fill(toggle, phrase(isRecorded ? 'call.stopRecording' : 'call.record'));
    if (was !== isRecorded) load();
  });
  return {
    element: el('div', {}, toggle, el('p', { class: 'muted' }, phrase('call.recordHint')), heading, list),
    leave() {
      isOver = true;
      clearTimeout(again);
      stop();
    },
  };
}

/** @param {Element} node @param {import('../../model/recordings.js').Recording} recording */
function update(node, recording) {
  const length = lengthOf(recording);
  const state = { recording: phrase('call.recordingGoesOn'), ended: '', interrupted: phrase('call.recordingInterrupted') }[recording.status];
  const [title, open] = node.children;
  fill(title, [moment(recording.startedAt), length !== null && duration(length), state].filter(Boolean).join(' · '));
  if (open instanceof HTMLElement) open.hidden = recording.status === 'recording';
}
