// The buttons of the call one is in.

import { el, fill, icon, iconButton } from '../../dom.js';
import { phrase } from '../../words.js';
import { openDeviceMenu } from '../devices.js';
import { reactMenu } from './react.js';

/** @param {Pick<App.Parts, 'calls' | 'devices'> & { react: (emoji: string) => void }} parts */
export function callBar({ calls, devices, react }) {
  const reactions = reactMenu(react);
  const mute = control('call-mute', 'M', () => calls.toggleMute());
  const camera = control('call-camera', 'V', () => calls.toggleCamera());
  const share = control('call-share', 'S', () => calls.toggleSharing());
  const hand = control('call-hand', 'Y', () => calls.toggleHand());
  const hold = control('call-hold', 'P', () => calls.toggleHold());
  const menu = iconButton('settings', phrase('devices.button'), { class: 'control', 'data-testid': 'call-devices', on: { click: () => openDeviceMenu({ calls, devices }) } });
  const hangUp = el('button', { type: 'button', class: 'button danger', 'data-testid': 'call-hangup', title: phrase('call.hangUpKey'), on: { click: () => calls.hangUp() } },
    icon('hangUp'), el('span', {}, phrase('call.hangUp')));
  const element = el('div', { class: 'call-controls', role: 'toolbar', 'aria-label': phrase('call.title') },
    mute.element, camera.element, share.element, hand.element, reactions.element, hold.element, menu, hangUp);
  return {
    element,
    closeMenus: () => reactions.close(),
    /** @param {App.Active} active */
    update({ muted, hasMicrophone, hasCamera, said: { sharing, handRaised, onHold } }) {
      const isSilent = muted || !hasMicrophone;
      const words = phrase(muted ? 'call.unmute' : 'call.mute');
      mute.set(isSilent ? 'micOff' : 'mic', hasMicrophone ? words : phrase('call.askMicrophone'), isSilent, true);
      camera.set(hasCamera ? 'camera' : 'cameraOff', phrase(hasCamera ? 'call.cameraOff' : 'call.cameraOn'), !hasCamera, true);
      share.set('screen', phrase(sharing ? 'call.unshare' : 'call.share'), sharing, true);
      hand.set('hand', phrase(handRaised ? 'call.lowerHand' : 'call.raiseHand'), handRaised, true);
      hold.set('pause', phrase(onHold ? 'call.unhold' : 'call.hold'), onHold, true);
    },
  };
}

/**
 * A round button that is pressed or not.
 *
 * @param {string} testId
 * @param {string} key
 * @param {() => void} press
 */
export function control(testId, key, press) {
  const element = iconButton('mic', '', { class: 'control', 'data-testid': testId, on: { click: press } });
  return {
    element,
    /** @param {Parameters<typeof icon>[0]} name @param {string} label @param {boolean} isOff @param {boolean} isPossible */
    set(name, label, isOff, isPossible) {
      element.setAttribute('aria-label', label);
      element.title = phrase('call.withKey', { label, key });
      element.classList.toggle('off', isOff);
      element.disabled = !isPossible;
      if (element.dataset.icon === name) return;
      element.dataset.icon = name;
      fill(element, icon(name));
    },
  };
}
