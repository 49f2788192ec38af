// Where messages are written: grows with the text, Enter sends, Shift+Enter breaks the line.

import { el, icon } from '../dom.js';
import { phrase } from '../words.js';

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
 *   send: (text: string) => void, typed?: () => void, changed?: () => void, tooLong: () => void }} options `changed`: also
 *   when it is emptied
 */
export function composer({ label, inputId, sendId, bytesMax, send, typed, changed, tooLong }) {
  const grow = () => {
    input.style.height = 'auto';
    const height = input.value.length > LONG ? HEIGHT_MAX_PX : Math.min(input.scrollHeight, HEIGHT_MAX_PX);
    input.style.height = `${height}px`;
    button.disabled = input.value.trim() === '';
  };
  const submit = (/** @type {Event | undefined} */ event) => {
    event?.preventDefault();
    const text = input.value.replace(CONTROL, '').trim();
    if (!text) return;
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
      keydown: (event) => event.key === 'Enter' && !event.shiftKey && !event.isComposing && submit(event),
    },
  });
  const button = el('button', { type: 'submit', class: 'button primary send', 'aria-label': phrase('send'), title: phrase('sendKey'), 'data-testid': sendId, disabled: true }, icon('send'));
  const element = el('form', { class: 'composer', on: { submit } }, input, button);
  return {
    element,
    focus: () => input.focus(),
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
