// One participant of a call, or the screen that one shares: picture or initials, name, sound.

import { avatar, el, icon, say } from '../dom.js';
import { phrase } from '../words.js';

/** Without a new picture for this long the camera counts as off. */
const STILL_MS = 2_500;

/** What a tile is called, which is what screen readers say of it. @param {{ name: string, isSelf: boolean, isScreen: boolean }} person */
function called({ name, isSelf, isScreen }) {
  if (!isScreen) return isSelf ? phrase('you', { name }) : name;
  return isSelf ? phrase('call.ownScreen') : phrase('call.screenOf', { name });
}

/** @param {{ connectionId: string | null, userId: string, name: string, isSelf: boolean, isScreen: boolean }} person */
export function tile({ connectionId, userId, name, isSelf, isScreen }) {
  const caption = el('span', { dir: 'auto' });
  const mark = (/** @type {Parameters<typeof icon>[0]} */ name, /** @type {string} */ label, /** @type {string} */ kind) =>
    el('span', { class: `tile-mark ${kind}`, 'data-testid': `tile-${kind}`, hidden: true }, icon(name), el('span', { class: 'sr' }, label));
  const silent = mark('micOff', phrase('call.muted'), 'muted');
  const shares = mark('screen', phrase('call.isSharing'), 'sharing');
  const held = mark('pause', phrase('call.onHold'), 'held');
  const hand = mark('hand', phrase('call.handRaised'), 'hand');
  const sound = isSelf ? null : el('audio', { autoplay: true });
  const element = el('figure', {
    class: `tile ${isSelf ? 'self' : ''} ${isScreen ? 'screen' : ''}`, 'data-testid': isScreen ? 'tile-screen' : 'tile', 'data-connection-id': connectionId ?? '', 'data-user-id': userId,
    'data-kind': isSelf ? 'self' : 'remote', 'data-video': 'off',
  }, avatar(name, userId, 'large'), el('figcaption', {}, caption, silent, shares, hand, held), sound);
  say(caption, called({ name, isSelf, isScreen }));
  /** @type {HTMLVideoElement | null} */
  let current = null;
  /** @type {HTMLVideoElement | null} */
  let coming = null;
  let pictureAt = -Infinity;

  // A screen may stand still for hours.
  const watch = isScreen ? undefined : setInterval(() => {
    const isMoving = current && performance.now() - pictureAt < STILL_MS;
    element.dataset.video = isMoving ? 'on' : 'off';
  }, 500);

  const stamp = (/** @type {HTMLVideoElement} */ video) => {
    if (video !== current && video !== coming) return;
    pictureAt = performance.now();
    if (video === coming) swap();
    element.dataset.video = 'on';
    video.requestVideoFrameCallback?.(() => stamp(video));
  };

  /** The new picture takes the old one's place only once it moves: a change of route shows no gap. */
  function swap() {
    current?.remove();
    current = coming;
    coming = null;
    current?.classList.add('current');
  }

  /** @param {MediaStreamTrack | null} track */
  function showVideo(track) {
    if (trackOf(coming ?? current) === track) return;
    coming?.remove();
    coming = null;
    if (!track) {
      current?.remove();
      current = null;
      element.dataset.video = 'off';
      return;
    }
    const video = el('video', { autoplay: true, playsinline: true, muted: true });
    video.muted = true;
    video.srcObject = new MediaStream([track]);
    coming = video;
    element.prepend(video);
    if ('requestVideoFrameCallback' in video) video.requestVideoFrameCallback(() => stamp(video));
    else /** @type {HTMLVideoElement} */ (video).ontimeupdate = () => stamp(video);
    play(video);
  }

  /** @param {MediaStreamTrack | null} track */
  function showAudio(track) {
    if (!sound || trackOf(sound) === track) return;
    sound.srcObject = track ? new MediaStream([track]) : null;
    if (track) play(sound);
  }

  /** Browsers may want a gesture before sound: the next one will do. @param {HTMLMediaElement} media */
  function play(media) {
    media.play().catch((error) => {
      if (error.name === 'NotAllowedError') addEventListener('pointerdown', () => media.play().catch(() => {}), { once: true });
    });
  }

  return {
    element,
    /** @param {{ video: MediaStreamTrack | null, audio: MediaStreamTrack | null, state: App.Active['said'], silenced: boolean, route: string, connectionId: string | null }} shown */
    update({ video, audio, state, silenced, route, connectionId: id }) {
      showVideo(video);
      showAudio(audio);
      silent.hidden = isScreen || !state.muted;
      shares.hidden = isScreen || !state.sharing;
      hand.hidden = isScreen || !state.handRaised;
      held.hidden = !state.onHold;
      if (sound) sound.muted = silenced;
      element.dataset.speaking = String(!isScreen && state.speaking);
      element.dataset.route = route;
      if (id) element.dataset.connectionId = id;
    },
    leave() {
      clearInterval(watch);
      showVideo(null);
      showAudio(null);
    },
  };
}

/** The track that plays, if any. @param {HTMLMediaElement | null} media */
const trackOf = (media) => (media?.srcObject instanceof MediaStream ? media.srcObject.getTracks()[0] : null);
