// How a call is looked at: all alike or the speaker large, with the chat or without it, on the whole screen.

import { el, fill, icon, iconButton } from '../../dom.js';
import { phrase } from '../../words.js';

/** Where there is no room for both, the call comes first. */
const SMALL = '(max-width: 720px), (max-height: 500px)';

/**
 * @param {{ frame: HTMLElement, heading: HTMLElement, tiles: ReturnType<typeof import('./stage.js').stage> }} parts `frame`:
 *   what carries the choices, for the styles; `heading`: the call's name
 */
export function viewControls({ frame, heading, tiles }) {
  const view = toggle('call-view', 'G', () => {
    tiles.showSpeaker(!tiles.isSpeakerView());
    show();
  });
  const chat = toggle('call-chat', 'C', () => {
    frame.dataset.chat = frame.dataset.chat === 'closed' ? 'open' : 'closed';
    show();
  });
  const full = toggle('call-full', 'F', () => setFull(!isFull()));
  const element = el('span', { class: 'call-views' }, view.element, chat.element, full.element);
  /** How the chat was before the call filled the screen. */
  let chatBefore = 'open';

  const isFull = () => frame.classList.contains('full');

  function show() {
    const isSpeaker = tiles.isSpeakerView();
    view.set(isSpeaker ? 'grid' : 'speaker', phrase(isSpeaker ? 'call.gridView' : 'call.speakerView'));
    const isOpen = frame.dataset.chat !== 'closed';
    // Without the chat the room's name is not on the page.
    heading.setAttribute('aria-level', isOpen ? '2' : '1');
    chat.set('rooms', phrase(isOpen ? 'call.hideChat' : 'call.showChat'), isOpen);
    full.set(isFull() ? 'smallScreen' : 'fullScreen', phrase(isFull() ? 'call.leaveFullScreen' : 'call.fullScreen'));
  }

  /** The page is what fills the screen, so that whoever rings is seen there, too. @param {boolean} on */
  function setFull(on) {
    if (on === isFull()) return;
    frame.classList.toggle('full', on);
    if (on) chatBefore = frame.dataset.chat ?? 'open';
    frame.dataset.chat = on ? 'closed' : chatBefore;
    show();
    // Where the browser does not let it, as on some phones, the call has the whole window at least.
    if (on) document.documentElement.requestFullscreen?.().catch(() => {});
    else if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
  }

  document.addEventListener('fullscreenchange', () => document.fullscreenElement ?? setFull(false));
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && !event.defaultPrevented && !document.querySelector('dialog[open]')) setFull(false);
  });

  return {
    element,
    show,
    /** A call begins. */
    enter() {
      frame.dataset.chat = matchMedia(SMALL).matches ? 'closed' : 'open';
    },
    leave: () => setFull(false),
  };
}

/**
 * A button that says what it does next.
 *
 * @param {string} testId
 * @param {string} key
 * @param {() => void} press
 */
function toggle(testId, key, press) {
  const element = iconButton('grid', '', { class: 'small', 'data-testid': testId, on: { click: press } });
  return {
    element,
    /** @param {Parameters<typeof icon>[0]} name @param {string} label @param {boolean} [isOpen] of one that opens something */
    set(name, label, isOpen) {
      element.setAttribute('aria-label', label);
      element.title = phrase('call.withKey', { label, key });
      if (isOpen !== undefined) element.setAttribute('aria-expanded', String(isOpen));
      if (element.dataset.icon === name) return;
      element.dataset.icon = name;
      fill(element, icon(name));
    },
  };
}
