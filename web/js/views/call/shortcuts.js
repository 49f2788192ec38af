// The keys of a call.

import { shortcuts } from '../../shortcuts.js';
import { phrase } from '../../words.js';

/** Clicks what has this name for tests, if it is on the page and seen. @param {string} testId */
export function clickShown(testId) {
  /** @type {HTMLElement | null} */
  const part = document.querySelector(`[data-testid="${testId}"]`);
  if (part?.checkVisibility?.() !== false) part?.click();
}

/** @param {App.Calls} calls */
export function addCallShortcuts(calls) {
  shortcuts.add('j', phrase('shortcut.joinCall'), () => clickShown('call-join'));
  shortcuts.add('m', phrase('shortcut.mute'), () => calls.toggleMute());
  shortcuts.add('v', phrase('shortcut.camera'), () => calls.toggleCamera());
  shortcuts.add('p', phrase('shortcut.hold'), () => calls.toggleHold());
  shortcuts.add('s', phrase('shortcut.share'), () => calls.toggleSharing());
  shortcuts.add('y', phrase('shortcut.hand'), () => calls.toggleHand());
  shortcuts.add('g', phrase('shortcut.callView'), () => clickShown('call-view'));
  shortcuts.add('c', phrase('shortcut.callChat'), () => clickShown('call-chat'));
  shortcuts.add('f', phrase('shortcut.fullScreen'), () => clickShown('call-full'));
  shortcuts.add('e', phrase('shortcut.react'), () => clickShown('call-react'));
  shortcuts.add('H', phrase('shortcut.hangUp'), () => calls.hangUp());
}
