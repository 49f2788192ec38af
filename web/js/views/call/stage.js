// The tiles of a call: screens, then people, oneself last.

import { el, keyed } from '../../dom.js';
import { tile } from '../tile.js';

/**
 * What there is to show.
 *
 * @param {App.Active} active
 * @param {Wire.User} user
 */
function tilesOf({ self, camera, screen, said, route: way, others }, user) {
  const own = { connectionId: self, userId: user.id, name: user.name, isSelf: true, audio: null, state: said, silenced: false, route: /** @type {string} */ (way) };
  const people = others.map(({ tracks, connectionId, userId, name, state, route: by }) => {
    const person = { connectionId, userId, name, state, isSelf: false, silenced: said.onHold, route: /** @type {string} */ (by) };
    const find = (/** @type {Wire.TrackSource} */ source) => tracks.find((track) => track.source === source && !track.muted);
    const shown = { ...person, isScreen: false, video: find('camera')?.track ?? null, audio: find('microphone')?.track ?? null };
    const picture = find('screen');
    return picture ? [{ ...person, isScreen: true, video: picture.track, audio: find('screenAudio')?.track ?? null }, shown] : [shown];
  });
  const mine = screen ? [{ ...own, isScreen: true, video: screen }, { ...own, isScreen: false, video: camera }] : [{ ...own, isScreen: false, video: camera }];
  return [...people, mine].flat().sort((a, b) => Number(b.isScreen) - Number(a.isScreen));
}

/** @param {Pick<App.Parts, 'user'>} parts */
export function tiles({ user }) {
  const element = el('div', { class: 'tiles', 'data-testid': 'tiles' });
  /** @type {Map<Element, ReturnType<typeof tile>>} */
  const made = new Map();

  const show = (/** @type {ReturnType<typeof tilesOf>} */ all) => {
    element.dataset.count = String(Math.min(all.length, 10));
    keyed(element, all, {
      key: (person) => `${person.isSelf ? 'self' : person.connectionId} ${person.isScreen}`,
      create: (person) => {
        const one = tile(person);
        made.set(one.element, one);
        return one.element;
      },
      update: (node, person) => made.get(node)?.update(person),
    });
    for (const [node, one] of made) {
      if (node.parentNode === element) continue;
      one.leave();
      made.delete(node);
    }
  };

  return {
    element,
    /** @param {App.Active} active */
    update: (active) => show(tilesOf(active, user)),
    clear: () => show([]),
  };
}
