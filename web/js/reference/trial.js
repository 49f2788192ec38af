// Trying a call: a form made from the parameters, the command that does the same, and what came back.

import { el, fill, say } from '../dom.js';
import { isDangerous } from './operations.js';
import { curlOf, requestOf } from './request.js';
import { phrase } from './words.js';

/** More than this is cut: a page is no place for a download. */
const SHOWN_MAX = 100_000;

/** The token, for as long as the page is there. It is in no storage, no address and no cookie. */
export const token = { value: '' };

const asText = (/** @type {unknown} */ value) => (typeof value === 'string' ? value : JSON.stringify(value, null, 2));

/** A button that copies what it is given at that time. @param {() => string} text */
function copyButton(text) {
  const button = el('button', {
    type: 'button', class: 'button small', on: {
      click: async () => {
        await navigator.clipboard?.writeText(text());
        say(button, phrase('copied'));
        setTimeout(() => say(button, phrase('copy')), 2_000);
      },
    },
  }, phrase('copy'));
  return button;
}

/**
 * The form, built when it is first opened.
 *
 * @param {import('./operations.js').Operation} operation
 * @param {string} origin where commands send to
 */
export function trial(operation, origin) {
  const { method, path, parameters, requestBody, operationId, needsToken } = operation;
  const [[contentType, content] = []] = [Object.entries(requestBody?.content ?? {})[0]];
  const fields = parameters.map((parameter) => {
    const id = `try-${operationId}-${parameter.in}-${parameter.name}`;
    const input = el('input', { id, required: parameter.in === 'path', dir: 'auto', autocomplete: 'off', on: { input: () => show() } });
    return { parameter, input, element: el('p', { class: 'field' }, el('label', { for: id }, el('code', {}, parameter.name), el('span', { class: 'muted' }, ` ${parameter.in}`)), input) };
  });
  const bodyId = `try-${operationId}-body`;
  const body = contentType && el('textarea', { id: bodyId, rows: '6', spellcheck: 'false', dir: 'auto', value: content.example === undefined ? '' : asText(content.example), on: { input: () => show() } });
  const command = el('pre', { tabindex: '0', 'aria-label': phrase('command') });
  const answer = el('div', { class: 'answer', 'aria-live': 'polite' });
  const name = method.toUpperCase();
  const send = el('button', { type: 'submit', class: `button ${isDangerous(method) ? 'danger' : 'primary'}` },
    isDangerous(method) ? phrase('sendForReal', { method: name }) : phrase('send', { method: name }));

  const request = () => requestOf({
    method, path, parameters, token: needsToken ? token.value : '', contentType, body: body ? body.value : undefined,
    values: Object.fromEntries(fields.map(({ parameter, input }) => [`${parameter.in}.${parameter.name}`, input.value.trim()])),
  });
  const show = () => {
    say(command, curlOf(request(), origin, needsToken));
  };
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    send.disabled = true;
    fill(answer, phrase('sending'));
    fill(answer, await outcome(request()));
    send.disabled = false;
  };
  show();
  return el('form', { class: 'trial', on: { submit } },
    fields.map(({ element }) => element),
    body && el('p', { class: 'field' }, el('label', { for: bodyId }, phrase('body'), el('span', { class: 'muted' }, ` ${contentType}`)), body),
    el('div', { class: 'command' }, command, copyButton(() => command.textContent ?? '')),
    send, answer);
}

/** Sends it to this very server and shows what came back. @param {import('./request.js').Request} request @returns {Promise<Dom.Child>} */
async function outcome({ url, ...options }) {
  const started = performance.now();
  try {
    // The reference may lie below a path of a proxy: the same that it was loaded from.
    const response = await fetch(new URL(url.slice(1), document.baseURI), { ...options, credentials: 'omit', cache: 'no-store' });
    const content = await response.arrayBuffer();
    const ms = Math.round(performance.now() - started);
    return [
      el('p', { class: response.ok ? 'status good' : 'status bad', 'data-testid': 'trial-status' }, phrase('answered', { status: response.status, text: response.statusText, ms })),
      el('details', {}, el('summary', {}, phrase('headers')), el('pre', { tabindex: '0' }, [...response.headers].map(([name, value]) => `${name}: ${value}`).join('\n'))),
      el('pre', { tabindex: '0', 'data-testid': 'trial-body' }, readable(content, response.headers.get('content-type') ?? '')),
    ];
  } catch (error) {
    return el('p', { class: 'status bad', role: 'alert' }, phrase('failed', { reason: error.message }));
  }
}

/** @param {ArrayBuffer} content @param {string} type */
function readable(content, type) {
  if (content.byteLength === 0) return phrase('noBody');
  if (!/json|^text\//.test(type)) return phrase('bytes', { count: content.byteLength });
  const text = new TextDecoder().decode(content);
  if (!type.includes('json')) return text.slice(0, SHOWN_MAX);
  try {
    return JSON.stringify(JSON.parse(text), null, 2).slice(0, SHOWN_MAX);
  } catch {
    return text.slice(0, SHOWN_MAX);
  }
}
