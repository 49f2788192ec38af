// Before a call: one's own picture, how loud the microphone is, which devices, and what of it to join with.

import { LocalMedia, SpeechMeter } from '../../client/src/index.js';
import { avatar, el, fill, icon, iconButton, say } from '../dom.js';
import { phrase } from '../words.js';
import { deviceFields, deviceProblems, levelMeter } from './device-fields.js';

/** @typedef {import('../model/devices.js').DeviceSource} DeviceSource */
/** @typedef {{ calls: Pick<App.Calls, 'state' | 'join'>, devices: App.Devices, user: Pick<App.Person, 'id' | 'name'> }} PreviewParts */

const SWITCHES = /** @type {const} */ ({
  microphone: { on: ['mic', 'call.mute'], off: ['micOff', 'call.unmute'] },
  camera: { on: ['camera', 'call.cameraOff'], off: ['cameraOff', 'call.cameraOn'] },
});

/** Joins a room's call, after a look at picture and sound unless the user wants none. @param {PreviewParts} parts @param {string} roomId */
export function enterCall(parts, roomId) {
  const { calls, devices } = parts;
  const { entry } = devices.state.get();
  if (entry.preview) preview(parts, roomId);
  else calls.join(roomId, { video: entry.camera, muted: !entry.microphone });
}

/** @param {PreviewParts} parts @param {string} roomId */
function preview({ calls, devices, user }, roomId) {
  const before = calls.state.get().active;
  const local = new LocalMedia({ devices: devices.wanted() });
  /** With what on one joins. */
  const { microphone, camera } = devices.state.get().entry;
  const on = { microphone, camera };
  let isJoined = false;

  const picture = ownPicture(user);
  const level = levelMeter();
  const meter = new SpeechMeter(() => {}, level.show);
  const problems = deviceProblems(devices, (source) => local.ask(source).then(show));
  const fields = deviceFields(devices, (kind, id) => {
    if (kind !== 'speaker') local.choose(kind, id || null).then(show);
  });
  const switches = { microphone: deviceSwitch('microphone', () => flip('microphone')), camera: deviceSwitch('camera', () => flip('camera')) };
  const direct = el('input', { type: 'checkbox', 'data-testid': 'preview-direct' });

  const show = () => {
    if (!dialog.isConnected) return;
    picture.show(on.camera ? local.tracks.camera : null, on.camera && isAsking ? phrase('preview.asking') : phrase('preview.cameraIsOff'));
    meter.watch(local.tracks.microphone);
    if (!local.tracks.microphone || !on.microphone) level.show(0);
    switches.microphone.show(on.microphone && (isAsking || local.tracks.microphone !== null));
    switches.camera.show(on.camera && (isAsking || local.hasCamera));
    problems.show(local.problems);
  };

  /** Whoever wants what could not be had asks for it again. @param {DeviceSource} source */
  function flip(source) {
    on[source] = local.problemOf(source) !== null || !on[source];
    local.mute(!on.microphone);
    if (source === 'camera') local.camera(on.camera).then(show);
    else if (on.microphone) local.ask('microphone').then(show);
    show();
  }

  const join = async (/** @type {boolean} */ withCamera) => {
    isJoined = true;
    devices.enterWith({ ...on, preview: !direct.checked });
    if (!withCamera) local.camera(false);
    dialog.close();
    await calls.join(roomId, { prepared: local, muted: !on.microphone });
  };

  const stage = el('div', { class: 'preview-stage' }, picture.element, el('div', { class: 'preview-controls' }, switches.microphone.element, level.element, switches.camera.element));
  const dialog = previewDialog({ join: () => join(on.camera), joinWithSoundOnly: () => join(false), closed: () => leave() },
    stage, problems.element, fields.element, el('label', { class: 'check' }, direct, phrase('preview.direct')));

  // Whoever takes another call meanwhile looks at that one.
  const offs = [
    calls.state.subscribe(({ active }) => active && active.startedAt !== before?.startedAt && dialog.open && dialog.close()),
    devices.state.subscribe(({ permissions }) => {
      for (const source of /** @type {const} */ (['microphone', 'camera'])) {
        const isAllowedNow = permissions[source] === 'granted' && local.problemOf(source)?.reason === 'notAllowed';
        if (isAllowedNow && on[source]) local.ask(source).then(show);
      }
      show();
    }),
  ];
  function leave() {
    offs.forEach((off) => off());
    fields.leave();
    meter.stop();
    if (!isJoined) local.stop();
    dialog.remove();
  }

  let isAsking = true;
  local.lost = show;
  local.mute(!on.microphone);
  document.body.append(dialog);
  dialog.showModal();
  local.start({ video: on.camera }).then(() => {
    isAsking = false;
    devices.look();
    show();
  });
  show();
}

/** @param {{ join: () => unknown, joinWithSoundOnly: () => unknown, closed: () => void }} acts @param {...Dom.Child} content */
function previewDialog({ join, joinWithSoundOnly, closed }, ...content) {
  /** @type {HTMLDialogElement} */
  const dialog = el('dialog', { class: 'card preview', 'aria-labelledby': 'preview-title', 'data-testid': 'preview', on: { close: closed } },
    el('div', { class: 'card-header' }, el('h2', { id: 'preview-title' }, phrase('preview.title')), iconButton('close', phrase('close'), { on: { click: () => dialog.close() } })),
    content,
    el('div', { class: 'dialog-actions' },
      el('button', { type: 'button', class: 'button', 'data-testid': 'preview-audio', on: { click: joinWithSoundOnly } }, phrase('preview.audioOnly')),
      el('button', { type: 'button', class: 'button primary', autofocus: true, 'data-testid': 'preview-join', on: { click: join } }, phrase('preview.join'))));
  return dialog;
}

/** A button that switches a device on or off. @param {DeviceSource} source @param {() => void} press */
function deviceSwitch(source, press) {
  const element = el('button', { type: 'button', class: 'icon-button control', 'data-testid': `preview-${source}`, on: { click: press } });
  return {
    element,
    /** @param {boolean} isOn */
    show(isOn) {
      const [name, label] = SWITCHES[source][isOn ? 'on' : 'off'];
      element.setAttribute('aria-label', phrase(label));
      element.title = phrase(label);
      element.classList.toggle('off', !isOn);
      if (element.dataset.icon === name) return;
      element.dataset.icon = name;
      fill(element, icon(name));
    },
  };
}

/** One's own picture as in a mirror, or why there is none. @param {PreviewParts['user']} user */
function ownPicture(user) {
  /** @type {HTMLVideoElement} */
  const video = el('video', { autoplay: true, playsinline: true, 'aria-label': phrase('preview.picture') });
  video.muted = true;
  const words = el('p', { role: 'status' });
  const instead = el('div', { class: 'preview-instead' }, avatar(user.name, user.id, 'large'), words);
  /** @type {MediaStreamTrack | null} */
  let shown = null;
  return {
    element: el('div', { class: 'preview-picture' }, instead, video),
    /** @param {MediaStreamTrack | null} track @param {string} without what to say where there is none */
    show(track, without) {
      video.hidden = !track;
      instead.hidden = Boolean(track);
      say(words, track ? '' : without);
      if (track === shown) return;
      shown = track;
      video.srcObject = track && new MediaStream([track]);
    },
  };
}
