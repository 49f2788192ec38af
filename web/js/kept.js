// What a user has written and not sent yet, in this browser's database: it outlives the page until they sign out.
//
// Nothing depends on it. Where there is no such database (a private window may have none, a disk may be full), or it does
// not answer, reading finds nothing, writing fails, and what is written lives as long as the page; until it answers after
// all.

/** @typedef {import('../client/src/outbox.js').Keep} Keep */
/** @typedef {import('../client/src/outbox.js').Waiting} Waiting */

const NAME = 'switchboard';

/**
 * A database that does not answer for this long, because another page holds on to it or the disk hangs, is done without
 * until it does.
 */
const ANSWER_MS = 3_000;

/** @returns {Promise<IDBDatabase>} */
function open() {
  return new Promise((resolve, reject) => {
    if (!globalThis.indexedDB) throw new Error('there is no database');
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore('drafts', { keyPath: ['userId', 'place'] });
      request.result.createObjectStore('outbox', { keyPath: ['userId', 'roomId', 'waiting.message.clientId'] });
    };
    request.onerror = () => reject(request.error ?? new Error('the database cannot be opened'));
    request.onsuccess = () => {
      // Another page may need a newer one.
      request.result.onversionchange = () => request.result.close();
      resolve(request.result);
    };
  });
}

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
const done = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error ?? new Error('the database refuses'));
});

/** All keys that begin with these. @param {string[]} key */
const beginningWith = (...key) => IDBKeyRange.bound(key, [...key, []]);

/**
 * One write, committed at once: the page may be about to end, and takes with it what is not.
 *
 * @template T
 * @param {IDBObjectStore} store
 * @param {IDBRequest<T>} request
 */
const written = (store, request) => {
  store.transaction.commit?.();
  return done(request);
};

/** The database does not answer. */
class Hangs extends Error {}

/** @template T @param {Promise<T>} answer @returns {Promise<T>} */
const inTime = (answer) => new Promise((resolve, reject) => {
  const timer = setTimeout(() => reject(new Hangs('the database does not answer')), ANSWER_MS);
  answer.then(resolve, reject).finally(() => clearTimeout(timer));
});

/** In the order in which they were written. @param {{ order: number }} one @param {{ order: number }} other */
const byOrder = (one, other) => one.order - other.order;

/**
 * @typedef {{ text: string, target: { isEdit: boolean, seq: number, name: string, text: string } | null }} Draft a text
 *   that is being written, and the message that it answers or replaces
 */

/**
 * @param {string} userId
 * @param {{ lost?: () => void }} [options] `lost`, once: there is a database, and it takes nothing for now
 */
export function createKept(userId, { lost = () => {} } = {}) {
  const database = open();
  let isPersistent = true;
  let isClosed = false;
  let isToldOfLoss = false;
  /** @type {Set<() => void>} */
  const awaitReturn = new Set();
  const tellOfLoss = (/** @type {Error} */ error) => {
    console.info('What is not sent is not kept:', error.message);
    if (globalThis.indexedDB && !isToldOfLoss && !isClosed) lost();
    isToldOfLoss = true;
  };
  const giveUp = (/** @type {Error} */ error) => {
    if (!isPersistent) return;
    isPersistent = false;
    tellOfLoss(error);
  };
  /** It has answered: what was not kept meanwhile can be. */
  const takeBack = () => {
    if (isPersistent || isClosed) return;
    isPersistent = true;
    for (const returned of awaitReturn) returned();
  };
  inTime(database).catch(giveUp);
  database.then(takeBack, giveUp);
  // Without a database there is nothing that pages share.
  const news = globalThis.indexedDB && globalThis.BroadcastChannel ? new BroadcastChannel(`${NAME}.outbox.${userId}`) : null;

  /**
   * Works on a store; what was begun first is done first.
   *
   * @template T
   * @param {'drafts' | 'outbox'} name
   * @param {IDBTransactionMode} mode
   * @param {(store: IDBObjectStore) => Promise<T>} work
   * @returns {Promise<T>}
   */
  async function transact(name, mode, work) {
    const opened = await database;
    if (isClosed) throw new Error('the user has signed out');
    const transaction = opened.transaction(name, mode);
    const committed = new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      // A full disk is noticed only here.
      transaction.onabort = () => reject(transaction.error ?? new Error('the database has given up'));
    });
    committed.catch(() => {});
    const answer = await work(transaction.objectStore(name));
    if (mode === 'readwrite') await committed;
    return answer;
  }

  /** The same, and gives the database up if it does not answer, for as long as it does not. @type {typeof transact} */
  function attempt(name, mode, work) {
    const done = transact(name, mode, work);
    const answer = inTime(done);
    answer.catch((error) => {
      if (error instanceof Hangs) giveUp(error);
      // It is there, and full.
      else if (mode === 'readwrite') tellOfLoss(error);
    });
    done.then(takeBack, () => {});
    return answer;
  }

  /** The same, unless the database was given up. @type {typeof transact} */
  function on(name, mode, work) {
    return isPersistent ? attempt(name, mode, work) : Promise.reject(new Hangs('the database was given up'));
  }

  /**
   * Deletes. Begun also where the database was given up, as it may only be slow, and what stays there comes back with
   * the next page; but not waited for then.
   *
   * @param {'drafts' | 'outbox'} name
   * @param {IDBValidKey} key
   * @param {() => void} [tell] it is deleted
   */
  function drop(name, key, tell = () => {}) {
    const dropped = attempt(name, 'readwrite', (store) => written(store, store.delete(key))).then(tell);
    if (isPersistent) return dropped;
    dropped.catch(() => {});
    return Promise.reject(new Hangs('the database was given up'));
  }

  /** @param {string[]} key @returns {Promise<{ roomId: string, order: number, waiting: Waiting }[]>} */
  const entries = (...key) => on('outbox', 'readonly', (store) => done(store.getAll(beginningWith(...key))));

  /** @param {string} roomId @returns {Keep} */
  function outbox(roomId) {
    const tell = () => news?.postMessage(roomId);
    /** By client id. Each is after all that this page has seen, whatever the clock says meanwhile. @type {Map<string, number>} */
    const orders = new Map();
    let last = 0;
    const orderOf = (/** @type {string} */ clientId, order = Math.max(Date.now(), last + 1)) => {
      const known = orders.get(clientId) ?? order;
      orders.set(clientId, known);
      last = Math.max(last, known);
      return known;
    };
    return {
      async all() {
        const found = (await entries(userId, roomId)).sort(byOrder);
        for (const { order, waiting } of found) orderOf(waiting.message.clientId, order);
        return found.map(({ waiting }) => waiting);
      },
      put(waiting) {
        const order = orderOf(waiting.message.clientId);
        return on('outbox', 'readwrite', (store) => written(store, store.put({ userId, roomId, order, waiting }))).then(tell);
      },
      remove: (clientId) => drop('outbox', [userId, roomId, clientId], tell),
      inTurn: (work) => (navigator.locks ? navigator.locks.request(`${NAME}.outbox.${userId}.${roomId}`, work) : work()),
      watch(look) {
        const hear = (/** @type {MessageEvent} */ { data }) => data === roomId && look();
        news?.addEventListener('message', hear);
        awaitReturn.add(look);
        return () => {
          news?.removeEventListener('message', hear);
          awaitReturn.delete(look);
        };
      },
    };
  }

  return {
    outbox,
    /** Whatever waits or was refused, in all rooms. */
    unsent: () => entries(userId),
    /** Whether what is kept outlives the page. */
    isPersistent: () => isPersistent,
    /** The database, given up once, has answered. @param {() => void} returned */
    onReturn: (returned) => awaitReturn.add(returned),

    /** @param {string} place @returns {Promise<Draft | undefined>} */
    draft: (place) => on('drafts', 'readonly', (store) => done(store.get([userId, place]))),
    /** @param {string} place @param {Draft | null} draft */
    keepDraft: (place, draft) => (draft
      ? on('drafts', 'readwrite', (store) => written(store, store.put({ userId, place, text: draft.text, target: draft.target })))
      : drop('drafts', [userId, place])),

    /** Nothing more is written: another page of the user has signed out. */
    close: () => (isClosed = true),

    /**
     * The user signs out: nothing of theirs stays, and nothing more is written. Tried also where it was given up, and
     * carried out also where the page does not wait for it.
     */
    async clear() {
      const all = (/** @type {IDBObjectStore} */ store) => written(store, store.delete(beginningWith(userId)));
      await Promise.allSettled([inTime(transact('drafts', 'readwrite', all)), inTime(transact('outbox', 'readwrite', all))]);
      isClosed = true;
    },
  };
}
