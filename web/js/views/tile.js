// One participant of a call, or the screen that one shares: picture or initials, name, sound, and how they are.

import { avatar, el, icon, iconButton } from '../dom.js';
import { phrase } from '../words.js';
import { reactions } from './call/reactions.js';
import { levelMark } from './call/level.js';
import { guestMark } from './guest-mark.js';

/** Without a new picture for this long the camera counts as off. */
const STILL_MS = 2_500;

/** What a tile narrower than this, in CSS pixels, has room for: the styles say. */
const SIZES = /** @type {const} */ ([{ name: 'tiny', width: 110 }, { name: 'small', width: 200 }]);

/**
 * Who a tile is of.
 *
 * @typedef {{ connectionId: string | null, userId: string, name: string, isSelf: boolean, isScreen: boolean }} Person
 */

/**
 * What there is to see and hear of them.
 *
 * @typedef {Person & { trackId: string | null, video: MediaStreamTrack | null, audio: MediaStreamTrack | null, state: App.Active['said'], silenced: boolean,
 *   isPaused: boolean, route: string }} Shown `trackId`: of the picture, if others send it; `isPaused`: the network of this
 *   device does not carry it for now
 */

/** What a tile is called, which is what screen readers say of it. @param {{ name: string, isSelf: boolean, isScreen: boolean }} person */
function called({ name, isSelf, isScreen }) {
  if (!isScreen) return isSelf ? phrase('you', { name }) : name;
  return isSelf ? phrase('call.ownScreen') : phrase('call.screenOf', { name });
}

/**
 * @param {Person} person
 * @param {{ reshaped: () => void, pin: () => void, view: App.Calls['view'] }} does `reshaped`: the picture has another shape now
 */
export function tile({ connectionId, userId, name, isSelf, isScreen }, { reshaped, pin, view }) {
  const title = called({ name, isSelf, isScreen });
  const caption = el('span', { dir: 'auto' }, title);
  const mark = (/** @type {Parameters<typeof icon>[0]} */ name, /** @type {string} */ label, /** @type {string} */ kind) =>
    el('span', { class: `tile-mark ${kind}`, 'data-testid': `tile-${kind}`, hidden: true }, icon(name), el('span', { class: 'sr' }, label));
  const silent = mark('micOff', phrase('call.muted'), 'muted');
  const shares = mark('screen', phrase('call.isSharing'), 'sharing');
  const held = mark('pause', phrase('call.onHold'), 'held');
  const hand = mark('hand', phrase('call.handRaised'), 'hand');
  const paused = el('span', { class: 'tile-paused', 'data-testid': 'tile-paused', hidden: true }, phrase('call.pausedForBandwidth'));
  const level = levelMark();
  const floating = reactions();
  const sound = isSelf ? null : el('audio', { autoplay: true });
  const pinned = iconButton('pin', phrase('call.pin', { name: title }), { class: 'tile-pin', 'data-testid': 'tile-pin', 'aria-pressed': 'false', on: { click: (event) => { event.stopPropagation(); pin(); } } });
  const element = el('figure', {
    class: `tile ${isSelf ? 'self' : ''} ${isScreen ? 'screen' : ''}`, 'data-testid': isScreen ? 'tile-screen' : 'tile', 'data-connection-id': connectionId ?? '', 'data-user-id': userId,
    'data-kind': isSelf ? 'self' : 'remote', 'data-video': 'off', on: { click: () => pinned.hidden || pin() },
  }, avatar(name, userId, 'large'), el('figcaption', {}, caption, !isSelf && guestMark(userId), silent, shares, hand, held, !isScreen && level.element), paused, floating.element, pinned, sound);
  const picture = moving(element, isScreen, reshaped);
  let seen = isSelf ? null : view(element);
  let isFirst = false;
  /** @type {string | null} */
  let shown = null;

  return {
    element,
    /** The shape of its picture, width to height; null while there is none. */
    ratio: () => picture.ratio(),
    /** @param {Shown} shown */
    update({ trackId, video, audio, state, silenced, isPaused, route, connectionId: id }) {
      shown = trackId;
      seen?.show(shown, { pinned: isFirst });
      picture.show(video);
      if (sound) listen(sound, audio, silenced);
      silent.hidden = isScreen || !state.muted;
      shares.hidden = isScreen || !state.sharing;
      hand.hidden = isScreen || !state.handRaised;
      held.hidden = !state.onHold;
      paused.hidden = !isPaused;
      element.dataset.speaking = String(!isScreen && state.speaking);
      element.dataset.route = route;
      if (id) element.dataset.connectionId = id;
    },
    /** @param {import('./call/layout.js').Place | null} place null: there is no room for it */
    put(place) {
      element.hidden = !place;
      if (!place) return;
      element.style.insetInlineStart = `${place.x}px`;
      element.style.top = `${place.y}px`;
      element.style.width = `${place.width}px`;
      element.style.height = `${place.height}px`;
      element.dataset.size = SIZES.find(({ width }) => place.width < width)?.name ?? 'large';
    },
    /** @param {{ isPinned: boolean, isPossible: boolean, isLarge: boolean }} how */
    highlight({ isPinned, isPossible, isLarge }) {
      pinned.hidden = !isPossible;
      pinned.setAttribute('aria-pressed', String(isPinned));
      pinned.title = phrase(isPinned ? 'call.unpin' : 'call.pin', { name: title });
      element.dataset.large = String(isLarge);
      isFirst = isLarge;
      seen?.show(shown, { pinned: isFirst });
    },
    /** @param {import('../../client/src/media/quality.js').QualityLevel | null} quality */
    rate: (quality) => level.set(quality),
    /** @param {string} emoji */
    react: (emoji) => floating.add(emoji),
    /** The session is another one. */
    follow() {
      seen?.close();
      seen = isSelf ? null : view(element);
    },
    leave() {
      seen?.close();
      picture.leave();
      floating.clear();
      if (sound) listen(sound, null, true);
    },
  };
}

/**
 * The picture in a tile.
 *
 * @param {HTMLElement} element
 * @param {boolean} isScreen
 * @param {() => void} reshaped
 */
function moving(element, isScreen, reshaped) {
  /** @type {HTMLVideoElement | null} */
  let current = null;
  /** @type {HTMLVideoElement | null} */
  let coming = null;
  let pictureAt = -Infinity;

  // A screen may stand still for hours.
  const watch = isScreen ? undefined : setInterval(() => {
    const isMoving = current && performance.now() - pictureAt < STILL_MS;
    if (element.checkVisibility?.() ?? true) element.dataset.video = isMoving ? 'on' : 'off';
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
    reshaped();
  }

  /** @param {MediaStreamTrack | null} track */
  function show(track) {
    if (trackOf(coming ?? current) === track) return;
    coming?.remove();
    coming = null;
    if (!track) {
      current?.remove();
      current = null;
      element.dataset.video = 'off';
      return reshaped();
    }
    const video = el('video', { autoplay: true, playsinline: true, muted: true });
    video.addEventListener('resize', () => { if (video === current) reshaped(); });
    video.muted = true;
    video.srcObject = new MediaStream([track]);
    coming = video;
    element.prepend(video);
    if ('requestVideoFrameCallback' in video) video.requestVideoFrameCallback(() => stamp(video));
    else /** @type {HTMLVideoElement} */ (video).ontimeupdate = () => stamp(video);
    play(video);
  }

  return {
    show,
    ratio: () => (current?.videoWidth && current.videoHeight ? current.videoWidth / current.videoHeight : null),
    leave() {
      clearInterval(watch);
      show(null);
    },
  };
}

/** @param {HTMLAudioElement} sound @param {MediaStreamTrack | null} track @param {boolean} silenced */
function listen(sound, track, silenced) {
  sound.muted = silenced;
  if (trackOf(sound) === track) return;
  sound.srcObject = track ? new MediaStream([track]) : null;
  if (track) play(sound);
}

/** Browsers may want a gesture before sound: the next one will do. @param {HTMLMediaElement} media */
function play(media) {
  media.play().catch((error) => {
    if (error.name === 'NotAllowedError') addEventListener('pointerdown', () => media.play().catch(() => {}), { once: true });
  });
}

/** The track that plays, if any. @param {HTMLMediaElement | null} media */
const trackOf = (media) => (media?.srcObject instanceof MediaStream ? media.srcObject.getTracks()[0] : null);
