// What the modules need of a browser, as little as that is, for tests that run without one.

import { Inbox, Mailbox, Presence, Room, RoomList } from '../client/src/index.js';

/** Waits until everything that is due now has happened. */
export const settled = async () => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
};

/** The socket as the models see it: requests wait for the test's answer, events come from the test. */
export class SocketDouble {
  #handlers = new Map();
  #openers = [];
  #inbox = null;
  #mailbox = null;
  #presence = null;
  #rooms = new Map();
  #roomList = null;
  /** Requests without an answer yet. */
  waiting = [];
  /** Every request ever made, as `[method, params]`. */
  requests = [];
  state = { get: () => ({ phase: 'open', connectionId: this.connectionId, everOpen: true }) };
  connectionId = 'me';

  /** @param {{ keep?: import('../client/src/outbox.js').Keep }} parts */
  constructor({ keep = () => null } = {}) {
    const request = (...request) => this.call(...request);
    const state = () => this.state.get();
    /** The library's client, for what takes that. */
    this.client = {
      request,
      on: (...listening) => this.on(...listening),
      inbox: () => (this.#inbox ??= new Inbox({ request }, () => {})),
      mailbox: () => (this.#mailbox ??= new Mailbox({ request }, () => {})),
      presence: () => (this.#presence ??= new Presence({ request })),
      room: (id) => this.#rooms.get(id) ?? this.#enter(new Room(id, { request }, { left: () => this.#rooms.delete(id), keep: keep(id) })),
      roomList: () => (this.#roomList ??= new RoomList({ request }, () => {})),
      get state() { return state(); },
    };
    this.on('inbox.event', (event) => this.#inbox?.handle(event));
    this.on('mailbox.entry', (entry) => this.#mailbox?.handle(entry));
    for (const name of ['rooms.unreadChanged', 'rooms.callsChanged']) this.on(name, (params) => this.#roomList?.handle({ name, params }));
    this.on('presence.changed', (change) => this.#presence?.handle(change));
  }

  #enter(room) {
    this.#rooms.set(room.id, room);
    queueMicrotask(() => room.resume().catch(() => {}));
    return room;
  }

  call = (method, params = {}) => {
    this.requests.push([method, params]);
    return new Promise((resolve, reject) => this.waiting.push({ method, params, resolve, reject }));
  };

  on = (method, handler) => {
    this.#handlers.set(method, [...(this.#handlers.get(method) ?? []), handler]);
    return () => this.#handlers.set(method, this.#handlers.get(method).filter((known) => known !== handler));
  };

  onOpened = (opener) => this.#openers.push(opener);

  /** The methods of the requests so far. */
  get methods() {
    return this.requests.map(([method]) => method);
  }

  /** Answers the oldest request of this method. */
  async answer(method, result) {
    await settled();
    this.#take(method).resolve(result);
    await settled();
  }

  /** Refuses the oldest request of this method. */
  async refuse(method, code, data = {}) {
    await settled();
    this.#take(method).reject(Object.assign(new Error(code), { code, fault: 'caller', ...data }));
    await settled();
  }

  #take(method) {
    const at = this.waiting.findIndex((request) => request.method === method);
    if (at < 0) throw new Error(`nobody asks for ${method}; made were: ${this.methods.join(', ')}`);
    return this.waiting.splice(at, 1)[0];
  }

  async emit(method, params) {
    this.#rooms.get(params.roomId)?.handle(method, params);
    if (method === 'connection.reload') this.#rooms.get(params.sequence.roomId)?.reload().catch(() => {});
    for (const handler of this.#handlers.get(method) ?? []) handler(params);
    await settled();
  }

  /** The connection stands, for the first time or again. */
  async open({ connectionId = this.connectionId } = {}) {
    this.connectionId = connectionId;
    for (const room of this.#rooms.values()) room.lost();
    this.#inbox?.resume().catch(() => {});
    this.#mailbox?.resume().catch(() => {});
    this.#presence?.resume().catch(() => {});
    this.#roomList?.resume().catch(() => {});
    for (const opener of this.#openers) opener({ connectionId: this.connectionId }).catch(() => {});
    for (const room of this.#rooms.values()) room.resume().catch(() => {});
    await settled();
  }
}

/** The REST layer as the models see it: each path has its answer, or the error it throws. */
export class ApiDouble {
  answers = new Map();
  requests = [];

  #request = (method) => async (path, body, key) => {
    this.requests.push({ method, path, body, key });
    const answer = this.answers.get(`${method} ${path}`);
    if (answer instanceof Error) throw answer;
    if (answer === undefined) throw new Error(`no answer for ${method} ${path}`);
    return answer;
  };
  get = this.#request('GET');
  post = this.#request('POST');
  patch = this.#request('PATCH');
}

/** Stands in for what is global in a browser, until the test is over. */
export function withGlobals(t, globals) {
  for (const [name, value] of Object.entries(globals)) {
    const before = Object.getOwnPropertyDescriptor(globalThis, name);
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    t.after(() => (before ? Object.defineProperty(globalThis, name, before) : delete globalThis[name]));
  }
}

/** What a browser keeps for a site, or for a tab. */
export class StorageDouble {
  #items = new Map();
  getItem = (key) => this.#items.get(key) ?? null;
  setItem = (key, value) => this.#items.set(key, String(value));
  removeItem = (key) => this.#items.delete(key);
}
