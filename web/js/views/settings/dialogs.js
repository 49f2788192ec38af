// Dialogs of the settings: a form made from fields, a question, something to read.

import { el, fill, iconButton, say } from '../../dom.js';
import { explain, phrase } from '../../words.js';

/** @param {string} title @param {Dom.Child} content @param {() => void} [onClose] */
function open(title, content, onClose) {
  /** @type {HTMLDialogElement} */
  const dialog = el('dialog', { class: 'card settings-dialog', 'aria-label': title, on: { close: () => { dialog.remove(); onClose?.(); } } },
    el('div', { class: 'card-header' }, el('h2', {}, title), iconButton('close', phrase('close'), { on: { click: () => dialog.close() } })), content);
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Shows something until it is closed. @param {string} title @param {Dom.Child} content @param {() => void} [onClose] */
export function show(title, content, onClose) {
  open(title, content, onClose);
}

/**
 * Asks; resolves to whether the answer is yes.
 *
 * @param {string} title
 * @param {string | undefined} text
 * @param {string} yes
 * @returns {Promise<boolean>}
 */
export function confirm(title, text, yes) {
  return new Promise((resolve) => {
    let answer = false;
    const button = el('button', { type: 'button', class: 'button danger', 'data-testid': 'confirm', on: { click: () => { answer = true; dialog.close(); } } }, yes);
    const dialog = open(title, el('div', {}, text && el('p', {}, text), el('div', { class: 'dialog-actions' }, button)), () => resolve(answer));
  });
}

/**
 * A form; `save` gets the values that were given, and an error it throws is shown.
 *
 * @param {string} title
 * @param {Settings.Field[]} fields
 * @param {Settings.Item} item what there is already; empty for a new one
 * @param {(values: Record<string, unknown>) => Promise<unknown>} save
 */
export function edit(title, fields, item, save) {
  const isNew = Object.keys(item).length === 0;
  const inputs = fields.map((field) => ({ field, ...input(field, item[field.name] ?? field.value, isNew) }));
  const problem = el('p', { class: 'form-problem', role: 'alert' });
  const submit = el('button', { type: 'submit', class: 'button primary', 'data-testid': 'settings-save' }, phrase('save'));
  const form = el('form', {
    on: {
      submit: async (event) => {
        event.preventDefault();
        submit.disabled = true;
        say(problem, '');
        try {
          const given = inputs.map(({ field, read }) => [field.name, read()]).filter(([, value]) => value !== undefined);
          await save(Object.fromEntries(given));
          dialog.close();
        } catch (error) {
          // What the server says about a field is more use than what its code means.
          fill(problem, error.code === 'request.invalid' || error.code?.startsWith('resource.') ? error.message : explain(error));
        } finally {
          submit.disabled = false;
        }
      },
    },
  }, inputs.map(({ element }) => element), problem, el('div', { class: 'dialog-actions' }, submit));
  const dialog = open(title, form);
}

let lastId = 0;

/** Types of inputs in which people write, in whatever script. */
const WRITTEN = ['text', 'search'];

/**
 * `options` maps what is chosen to what is read.
 *
 * @param {Settings.Field} field
 * @param {any} value
 * @param {boolean} isNew
 */
function input(field, value, isNew) {
  const { name, type = 'text', hint, required, nullable, ...limits } = field;
  const label = phrase(field.label);
  const options = /** @type {Settings.Options} */ (field.options ?? {});
  const testId = `field-${name}`;
  if (type === 'choices') {
    const boxes = Object.entries(options).map(([key, text]) => ({
      key, text, box: el('input', { type: 'checkbox', checked: (value ?? []).includes(key), 'data-testid': `${testId}-${key}` }),
    }));
    return {
      element: el('fieldset', { class: 'field' }, el('legend', {}, label), el('div', { class: 'choices' }, boxes.map(({ box, text }) => el('label', { class: 'choice' }, box, el('span', { dir: 'auto' }, text)))), hint && el('p', { class: 'field-hint' }, phrase(hint))),
      read: () => boxes.filter(({ box }) => box.checked).map(({ key }) => key),
    };
  }
  const id = `field-${(lastId += 1)}`;
  // A secret that is there already stays unless another is typed.
  const isNeeded = required && (isNew || type !== 'password');
  const common = { id, 'data-testid': testId, required: isNeeded, 'aria-describedby': hint && `${id}-hint`, maxlength: limits.maxlength, minlength: limits.minlength, dir: WRITTEN.includes(type) || type === 'lines' ? 'auto' : undefined };
  const node = type === 'choice'
    ? el('select', common, Object.entries(options).map(([key, text]) => el('option', { value: key, selected: key === (value ?? '') }, text)))
    : type === 'lines'
      ? el('textarea', { ...common, rows: 5, value: value ?? '' })
      : el('input', { ...common, type, value: value ?? '', autocomplete: limits.autocomplete ?? 'off' });
  return {
    element: el('div', { class: 'field' }, el('label', { for: id }, label), node, hint && el('p', { class: 'field-hint', id: `${id}-hint` }, phrase(hint))),
    read: () => (node.value !== '' || isNeeded ? node.value : nullable ? null : undefined),
  };
}
