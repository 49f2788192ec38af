// Ringing, on both ends: the dialog of the one who is called, the card of the one who calls.

import { avatar, el, fill, icon } from '../dom.js';
import { go } from '../router.js';
import { phrase } from '../words.js';

/** Keys pressed this soon after the dialog opened were meant for what was below it. */
const STRAY_KEYS_MS = 600;

/** @param {App.Parts} parts */
export function ringing({ calls }) {
  const incoming = incomingDialog(calls);
  const outgoing = el('div', { class: 'ringing-card', role: 'status', hidden: true, 'data-testid': 'call-outgoing' });
  /** @type {Pick<App.CallState, 'incoming' | 'outgoing'>} */
  let shown = { incoming: null, outgoing: null };
  calls.state.subscribe((now) => {
    if (now.incoming !== shown.incoming) incoming.show(now.incoming);
    if (now.outgoing !== shown.outgoing) showOutgoing(now.outgoing);
    shown = now;
  });

  /** @param {App.Ringing | null} call */
  function showOutgoing(call) {
    outgoing.hidden = !call;
    if (!call) return fill(outgoing);
    if (shown.outgoing) return;
    fill(outgoing,
      avatar(call.name, call.userId, 'pulsing'),
      el('span', { class: 'row-title' }, phrase('call.calling', { name: call.name })),
      el('button', { type: 'button', class: 'button danger small', 'data-testid': 'call-cancel', on: { click: () => calls.cancel() } }, icon('hangUp'), el('span', {}, phrase('call.cancel'))));
  }
  return [incoming.element, outgoing];
}

/** @param {App.Calls} calls */
function incomingDialog(calls) {
  const face = el('div', {});
  const title = el('h2', { id: 'incoming-title', dir: 'auto', tabindex: '-1', autofocus: true });
  const kind = el('p', { class: 'muted' });
  let openedAt = 0;
  const isStray = () => performance.now() - openedAt < STRAY_KEYS_MS;
  const accept = async () => {
    const roomId = await calls.accept();
    if (roomId) go('rooms', roomId);
  };
  const element = el('dialog', {
    class: 'card incoming', role: 'alertdialog', 'aria-labelledby': 'incoming-title', 'data-testid': 'call-incoming',
    on: {
      cancel: (event) => {
        event.preventDefault();
        if (!isStray()) calls.decline();
      },
      keydown: (event) => {
        if (event.key !== 'Enter' || event.target.closest('button')) return;
        event.preventDefault();
        if (!isStray()) accept();
      },
    },
  }, face, title, kind,
  el('div', { class: 'incoming-actions' },
    el('button', { type: 'button', class: 'button danger', 'data-testid': 'incoming-decline', on: { click: () => calls.decline() } }, icon('hangUp'), el('span', {}, phrase('call.decline')), el('kbd', {}, phrase('key.escape'))),
    el('button', { type: 'button', class: 'button positive', 'data-testid': 'incoming-accept', on: { click: accept } }, icon('phone'), el('span', {}, phrase('call.accept')), el('kbd', {}, phrase('key.enter')))));

  return {
    element,
    /** @param {App.Ringing | null} call */
    show(call) {
      if (!call) return element.close();
      fill(face, avatar(call.name, call.userId, 'large pulsing'));
      fill(title, call.name);
      fill(kind, phrase(call.media === 'video' ? 'call.isCallingVideo' : 'call.isCalling'));
      openedAt = performance.now();
      if (!element.open) element.showModal();
    },
  };
}
