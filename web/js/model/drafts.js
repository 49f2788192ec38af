// Texts that are being written: kept as one writes, found again on coming back.

/** How often a text that grows is written down. */
const EVERY_MS = 300;

/** @typedef {import('../kept.js').Draft} Draft */

/**
 * @param {{ kept: Pick<App.Kept, 'draft' | 'keepDraft'> & { onReturn: (returned: () => void) => unknown } }} parts
 */
export function createDrafts({ kept }) {
  /** What this page knows better than the database: all that was written here. @type {Map<string, Draft | null>} */
  const known = new Map();
  /** @type {Set<string>} */
  const due = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  /** Writes down now what is due. */
  function flush() {
    clearTimeout(timer);
    timer = undefined;
    for (const place of due) kept.keepDraft(place, known.get(place) ?? null).catch(() => {});
    due.clear();
  }

  kept.onReturn(() => {
    for (const place of known.keys()) due.add(place);
    flush();
  });
  globalThis.addEventListener?.('pagehide', flush);
  globalThis.document?.addEventListener('visibilitychange', flush);

  return {
    flush,
    /** @param {string} place @returns {Promise<Draft | null>} */
    async read(place) {
      return known.get(place) ?? (known.has(place) ? null : (await kept.draft(place).catch(() => null)) ?? null);
    },
    /** @param {string} place @param {Draft} draft one without text and target is none */
    keep(place, draft) {
      const isThere = Boolean(draft.text || draft.target);
      known.set(place, isThere ? draft : null);
      due.add(place);
      // What was sent must not come back as a draft.
      if (!isThere) flush();
      else timer ??= setTimeout(flush, EVERY_MS);
    },
  };
}
