// A small observable state: read it, patch it, be told once per turn of the event loop.

/**
 * @template State
 * @param {State} initial
 * @returns {App.Store<State>}
 */
export function createStore(initial) {
  let state = initial;
  let due = false;
  /** @type {Set<(state: State) => unknown>} */
  const listeners = new Set();

  const tell = () => {
    due = false;
    for (const listener of [...listeners]) listener(state);
  };

  return {
    /** The state as it is now. Treat it as read-only. */
    get: () => state,

    /** Replaces the named members. Listeners hear of any number of patches once. */
    set(patch) {
      state = { ...state, ...patch };
      if (due) return;
      due = true;
      queueMicrotask(tell);
    },

    /** Calls `listener` now and after every change, until the returned function is called. */
    subscribe(listener) {
      listeners.add(listener);
      listener(state);
      return () => listeners.delete(listener);
    },
  };
}
