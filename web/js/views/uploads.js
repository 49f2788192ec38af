// Where files wait for the message that takes them along, and how they get there by being dropped or pasted.

import { el, fill, icon, iconButton } from '../dom.js';
import { size } from '../format.js';
import { Uploads } from '../model/uploads.js';
import { explain, phrase } from '../words.js';

/** @param {{ path: string, api: App.RoomParts['api'], changed: () => void, tooMany: () => void }} options */
export function uploads({ path, api, changed, tooMany }) {
  const element = el('ul', { class: 'uploads', 'aria-label': phrase('room.files'), 'data-testid': 'uploads', hidden: true });
  const model = new Uploads({ path, api, changed: () => show() });
  const state = (/** @type {import('../model/uploads.js').Upload} */ { file, percent, attachment, error }) =>
    (error ? explain(error) : attachment ? size(file.size) : phrase('room.uploading', { percent }));
  const show = () => {
    element.hidden = model.all.length === 0;
    fill(element, model.all.map((upload) => el('li', { class: upload.error ? 'upload failed' : 'upload', 'data-testid': 'upload' },
      icon(upload.error ? 'alert' : 'file'),
      el('span', { class: 'upload-name', dir: 'auto', title: upload.file.name }, upload.file.name),
      el('span', { class: 'muted' }, state(upload)),
      !upload.error && !upload.attachment && el('progress', { max: 100, value: upload.percent, 'aria-label': upload.file.name }),
      upload.error && el('button', { type: 'button', class: 'link', on: { click: () => model.start(upload) } }, phrase('tryAgain')),
      iconButton('close', phrase('room.removeFile', { name: upload.file.name }), { class: 'small', on: { click: () => model.remove(upload) } }))));
    changed();
  };
  return {
    element,
    /** @param {Iterable<File>} files */
    add: (files) => void (model.add(files) || tooMany()),
    ready: () => model.isReady,
    waiting: () => model.isWaiting,
    take: () => model.take(),
    leave: () => model.leave(),
  };
}

/** The files of a drop or of what is pasted. @param {DataTransfer | null} data @returns {File[]} */
export const filesIn = (data) => [...(data?.files ?? [])];

/**
 * Lets files be dropped on an element.
 *
 * @param {HTMLElement} element
 * @param {(files: File[]) => void} drop
 */
export function takesFiles(element, drop) {
  const hasFiles = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes('Files') ?? false;
  element.addEventListener('dragover', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    element.classList.add('dropping');
  });
  element.addEventListener('dragleave', (event) => {
    if (!element.contains(/** @type {Node | null} */ (event.relatedTarget))) element.classList.remove('dropping');
  });
  element.addEventListener('drop', (event) => {
    element.classList.remove('dropping');
    if (!hasFiles(event)) return;
    event.preventDefault();
    drop(filesIn(event.dataTransfer));
  });
}
