// What this browser remembers from one visit to the next, or this tab from one page to the next.

/**
 * A value under a key of a storage, as JSON. Where there is no storage, or it takes nothing, it lives as long as the page.
 *
 * @template Value
 * @param {string} key
 * @param {Value} initial what it is until something is remembered
 * @param {() => Storage} [storage] asked for each time: a browser may refuse even to name it
 */
export function remembered(key, initial, storage = () => localStorage) {
  let value = initial;
  try {
    const kept = JSON.parse(storage().getItem(key) ?? 'null');
    if (kept !== null && typeof kept === typeof initial) value = typeof kept === 'object' ? { ...initial, ...kept } : kept;
  } catch {
    // Nothing is remembered, or nothing that could be read.
  }
  return {
    get: () => value,
    /** @param {Value} next */
    set(next) {
      value = next;
      try {
        if (next === null) storage().removeItem(key);
        else storage().setItem(key, JSON.stringify(next));
      } catch {
        // A full or forbidden storage is done without.
      }
    },
  };
}
