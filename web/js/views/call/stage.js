// The tiles of a call and where they are: all alike, or one large with the others beside it.

import { el, keyed } from '../../dom.js';
import { tile } from '../tile.js';
import { arrange } from './layout.js';
import { ActiveSpeaker } from './speaker.js';

/** @typedef {ReturnType<typeof tilesOf>[number]} Shown */

const keyOf = (/** @type {Shown} */ person) => `${person.isSelf ? 'self' : person.connectionId} ${person.isScreen}`;

/**
 * What there is to show: screens, then people, oneself last.
 *
 * @param {App.Active} active
 * @param {App.Person} user
 */
function tilesOf({ self, camera, screen, said, route: way, others, subscriptions }, user) {
  const isPaused = (/** @type {string | null | undefined} */ trackId) => {
    const subscription = subscriptions.get(trackId ?? '');
    return subscription?.reason === 'bandwidth' && !subscription.layer;
  };
  const own = { connectionId: self, userId: user.id, name: user.name, isSelf: true, trackId: null, audio: null, state: said, silenced: false, isPaused: false, route: /** @type {string} */ (way) };
  const people = others.map(({ tracks, connectionId, userId, name, state, route: by }) => {
    const person = { connectionId, userId, name, state, isSelf: false, silenced: said.onHold, route: /** @type {string} */ (by) };
    const find = (/** @type {Wire.TrackSource} */ source) => tracks.find((track) => track.source === source && !track.muted);
    const camera = find('camera');
    const shown = { ...person, isScreen: false, isPaused: isPaused(camera?.trackId), trackId: camera?.trackId ?? null, video: camera?.track ?? null, audio: find('microphone')?.track ?? null };
    const picture = find('screen');
    return picture ? [{ ...person, isScreen: true, isPaused: isPaused(picture.trackId), trackId: picture.trackId, video: picture.track, audio: find('screenAudio')?.track ?? null }, shown] : [shown];
  });
  const mine = screen ? [{ ...own, isScreen: true, video: screen }, { ...own, isScreen: false, video: camera }] : [{ ...own, isScreen: false, video: camera }];
  return [...people, mine].flat().sort((a, b) => Number(b.isScreen) - Number(a.isScreen));
}

/**
 * @param {{ user: App.Person, view: App.Calls['view'], changed: () => void }} parts `view`: follows how large a tile is seen;
 *   `changed`: another tile is pinned, or none
 */
export function stage({ user, view, changed }) {
  const element = el('div', { class: 'tiles', 'data-testid': 'tiles' });
  /** In the order in which they came. @type {Map<Element, ReturnType<typeof tile> & { key: string, isForeignScreen: boolean }>} */
  const made = new Map();
  const speaker = new ActiveSpeaker();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let listening;
  /** @type {Shown[]} */
  let all = [];
  /** Whose call it is. @type {string | null} */
  let room = null;
  /** @type {string | null} */
  let pinned = null;
  let isSpeakerView = false;
  let isDocked = false;

  const create = (/** @type {Shown} */ person) => {
    const key = keyOf(person);
    const pin = () => {
      pinned = pinned === key ? null : key;
      place();
      changed();
    };
    const one = tile(person, { reshaped: () => place(), pin, view });
    made.set(one.element, { ...one, key, isForeignScreen: person.isScreen && !person.isSelf });
    return one.element;
  };

  const forget = () => {
    for (const [node, one] of made) {
      if (node.parentNode === element) continue;
      made.delete(node);
      one.leave();
    }
  };

  /** Hears who speaks, and again once it is time for somebody else to have the large tile. */
  const listen = () => {
    clearTimeout(listening);
    const others = all.filter(({ isSelf, isScreen }) => !isSelf && !isScreen).map(({ connectionId, state }) => ({ connectionId: connectionId ?? '', speaking: state.speaking }));
    const again = speaker.hear(others, performance.now());
    if (again !== null) listening = setTimeout(() => { listen(); place(); }, again);
  };

  /** Which tile is to be the large one: what was pinned, else the screen that was shared last, else who speaks. */
  const largest = () => {
    const keys = all.map(keyOf);
    if (pinned && keys.includes(pinned)) return pinned;
    const screen = [...made.values()].findLast(({ isForeignScreen }) => isForeignScreen)?.key;
    if (screen) return screen;
    // Of two people the other is large already.
    return isSpeakerView && all.length > 2 ? `${speaker.current} false` : null;
  };

  /** In the small window there is no room for everybody. @param {string | null} large */
  const inSight = (large) => {
    if (!isDocked) return all;
    const others = all.filter((person) => (large ? keyOf(person) === large : !person.isSelf));
    return others.length > 0 ? others : all;
  };

  function place() {
    const large = largest();
    const shown = inSight(large);
    const byKey = new Map([...made.values()].map((one) => [one.key, one]));
    const at = shown.findIndex((person) => keyOf(person) === large);
    const size = { width: element.clientWidth, height: element.clientHeight };
    const places = arrange(size, shown.map((person) => ({ ratio: byKey.get(keyOf(person))?.ratio() ?? null, isOwn: person.isSelf })), at < 0 ? null : at);
    for (const person of all) {
      const key = keyOf(person);
      byKey.get(key)?.put(places[shown.indexOf(person)] ?? null);
      byKey.get(key)?.highlight({ isPinned: key === pinned, isPossible: all.length > 1 && !isDocked, isLarge: key === large });
    }
    element.dataset.layout = at < 0 ? 'grid' : 'large';
  }
  new ResizeObserver(() => place()).observe(element);

  const show = (/** @type {Shown[]} */ next) => {
    all = next;
    element.dataset.count = String(all.length);
    keyed(element, all, { key: keyOf, create, update: (node, person) => made.get(node)?.update(person) });
    forget();
    if (!all.some((person) => keyOf(person) === pinned)) pinned = null;
    listen();
    place();
  };

  return {
    element,
    /** @param {App.Active} active */
    update(active) {
      // Handed over to another room, it is another session, with the same people.
      if (room !== active.roomId) for (const one of made.values()) one.follow();
      room = active.roomId;
      show(tilesOf(active, user));
    },
    clear: () => show([]),
    isSpeakerView: () => isSpeakerView,
    /** @param {boolean} on whether the one who speaks is large */
    showSpeaker(on) {
      isSpeakerView = on;
      // Whoever asks for another view wants to see one.
      pinned = null;
      place();
    },
    /** @param {boolean} on whether there is only a small window */
    dock(on) {
      if (on === isDocked) return;
      isDocked = on;
      place();
    },
    /** The tile of somebody's, by connection; null: the own. @param {string | null} connectionId */
    of: (connectionId) => [...made.values()].find(({ key }) => key === (connectionId ? `${connectionId} false` : 'self false')) ?? null,
  };
}
