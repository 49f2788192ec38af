// Where messages are written: grows with the text, Enter sends, Shift+Enter breaks the line.

import { el, icon, iconButton } from '../dom.js';
import { phrase } from '../words.js';
import { filesIn } from './uploads.js';

const HEIGHT_MAX_PX = 160;

/** A text of this many letters is higher than that. To measure a very long one for every key takes a second. */
const LONG = 4_000;

const encoder = new TextEncoder();

/** Characters that are no text, which the server refuses; they come with what is pasted. */
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** How long the server takes a text to be: in bytes of JSON, without the quotes. @param {string} text */
const lengthOf = (text) => encoder.encode(JSON.stringify(text)).length - 2;

/**
 * @param {{ label: string, inputId: string, sendId: string, bytesMax: number,
 *   send: (text: string) => void, typed?: () => void, changed?: () => void, tooLong: () => void,
 *   files?: { label: string, add: (files: File[]) => void, ready: () => boolean, waiting: () => boolean } }} options `changed`: also
 *   when it is emptied
 */
export function composer({ label, inputId, sendId, bytesMax, send, typed, changed, tooLong, files }) {
  /** With files, a text is not needed; while some are on their way, nothing is sent. */
  const isReady = (/** @type {string} */ text) => !files?.waiting() && (text !== '' || Boolean(files?.ready()));
  const grow = () => {
    input.style.height = 'auto';
    const height = input.value.length > LONG ? HEIGHT_MAX_PX : Math.min(input.scrollHeight, HEIGHT_MAX_PX);
    input.style.height = `${height}px`;
    button.disabled = !isReady(input.value.trim());
  };
  const submit = (/** @type {Event | undefined} */ event) => {
    event?.preventDefault();
    const text = input.value.replace(CONTROL, '').trim();
    if (!isReady(text)) return;
    if (lengthOf(text) > bytesMax) return tooLong();
    input.value = '';
    send(text);
    grow();
    input.focus();
  };
  const input = el('textarea', {
    rows: '1', dir: 'auto', placeholder: label, 'aria-label': label, 'data-testid': inputId, enterkeyhint: 'send',
    on: {
      input: () => { grow(); changed?.(); if (input.value) typed?.(); },
      paste: (event) => {
        const pasted = filesIn(event.clipboardData);
        if (!files || pasted.length === 0) return;
        event.preventDefault();
        files.add(pasted);
      },
      keydown: (event) => event.key === 'Enter' && !event.shiftKey && !event.isComposing && submit(event),
    },
  });
  const button = el('button', { type: 'submit', class: 'button primary send', 'aria-label': phrase('send'), title: phrase('sendKey'), 'data-testid': sendId, disabled: true }, icon('send'));
  const chosen = el('input', { type: 'file', multiple: true, hidden: true, 'data-testid': `${inputId}-files`,
    on: { change: () => { files?.add([...(chosen.files ?? [])]); chosen.value = ''; input.focus(); } } });
  const attach = files && [chosen, iconButton('clip', files.label, { 'data-testid': `${inputId}-attach`, on: { click: () => chosen.click() } })];
  const element = el('form', { class: 'composer', on: { submit } }, attach, input, button);
  return {
    element,
    focus: () => input.focus(),
    /** There are more or fewer files than before. */
    filesChanged: () => grow(),
    /** What is being written. */
    text: () => input.value,
    /** Puts a text in place of what was being written. @param {string} text */
    set(text) {
      input.value = text;
      grow();
      input.focus();
    },
    /** The same for what was written earlier: somebody may be elsewhere by now. @param {string} text */
    restore(text) {
      input.value = text;
      grow();
    },
  };
}
