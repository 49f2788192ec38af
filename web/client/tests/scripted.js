// A server for tests: it answers by script, and connections break when the test says so.

import { Client } from '../src/index.js';

/** Waits until everything that is due now has happened. */
export const settled = async () => {
  for (let turn = 0; turn < 40; turn += 1) await Promise.resolve();
};

export const HOUR_MS = 3_600_000;

/** Virtual time. `performance.now` goes with it. */
export function virtualTime(t) {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: 1_000_000 });
  t.mock.method(performance, 'now', () => Date.now());
  return async (ms) => {
    // In steps, so that what a timer starts gets its own timers in time; shorter than any deadline.
    const step = Math.min(2_000, Math.max(250, ms / 500));
    for (let left = ms; left > 0; left -= step) {
      t.mock.timers.tick(Math.min(step, left));
      await settled();
    }
  };
}

/** One WebSocket, whose other end is the server below. */
export class Connection {
  readyState = 0;
  sent = [];
  constructor(server, url) {
    this.server = server;
    this.url = url;
  }
  send(text) {
    const request = JSON.parse(text);
    this.sent.push(request);
    this.server.take(this, request);
  }
  close(code = 1005) {
    if (this.readyState === 3) return;
    this.readyState = 3;
    queueMicrotask(() => this.onclose?.({ code }));
  }
  /** The methods of its requests so far, less those that every connection makes. */
  get methods() {
    return this.sent.map(({ method }) => method).filter((method) => !method.startsWith('connection.'));
  }
  /** The server says this, to be heard in the same task as what it said before. */
  say(message) {
    if (this.readyState === 1) this.onmessage({ data: JSON.stringify({ jsonrpc: '2.0', ...message }) });
  }
  async tell(method, params) {
    this.say({ method, params });
    await settled();
  }
  /** It breaks, or the server closes it. */
  async drop(code = 1006) {
    this.close(code);
    await settled();
  }
}

export class ScriptedServer {
  connections = [];
  /** Whether it accepts connections. */
  isUp = true;
  /** Requests that no script answers: the test does. */
  #waiting = [];
  #scripts = new Map([
    ['connection.open', () => ({ connectionId: `c${this.connections.length}`, pingIntervalMs: 25_000, expiresAt: new Date(Date.now() + HOUR_MS).toISOString() })],
    ['connection.refresh', () => ({ expiresAt: new Date(Date.now() + HOUR_MS).toISOString() })],
  ]);

  /** What a client takes for the platform's. */
  get WebSocket() {
    const server = this;
    return function Socket(url) {
      const connection = new Connection(server, url);
      server.connections.push(connection);
      queueMicrotask(() => {
        if (!server.isUp) return connection.close(1006);
        if (server.isUp === 'silent') return;
        connection.readyState = 1;
        connection.onopen?.();
      });
      return connection;
    };
  }

  get last() {
    return this.connections.at(-1);
  }

  /** Answers every request of this method: with what `script` returns, or refuses with what it throws. */
  script(method, script) {
    this.#scripts.set(method, script);
  }

  /** From now on the test answers them. */
  hold(method) {
    this.#scripts.delete(method);
  }

  take(connection, request) {
    const script = this.#scripts.get(request.method);
    if (!script) return this.#waiting.push({ connection, request });
    queueMicrotask(() => {
      try {
        connection.say({ id: request.id, result: script(request.params, connection) ?? {} });
      } catch (error) {
        connection.say({ id: request.id, error: { message: error.message, data: error } });
      }
    });
    return undefined;
  }

  /** Requests of this method that wait for the test. */
  waiting(method) {
    return this.#waiting.filter(({ connection, request }) => request.method === method && connection.readyState === 1).map(({ request }) => request.params);
  }

  /** Answers the oldest of them, in this very task. */
  answerNow(method, outcome) {
    const at = this.#waiting.findIndex(({ connection, request }) => request.method === method && connection.readyState === 1);
    if (at < 0) throw new Error(`nobody asks for ${method}`);
    const [{ connection, request }] = this.#waiting.splice(at, 1);
    connection.say({ id: request.id, ...outcome });
  }

  async answer(method, result) {
    this.answerNow(method, { result });
    await settled();
  }

  async refuse(method, code, data = {}) {
    this.answerNow(method, { error: { message: code, data: { code, fault: 'caller', ...data } } });
    await settled();
  }
}

/** What a script throws to refuse. */
export const refusal = (code, data = {}) => Object.assign(new Error(code), { code, fault: 'caller', ...data });

/** A client whose connection is open, in virtual time. */
export async function opened(t, { token = () => 'token', server = new ScriptedServer() } = {}) {
  const pass = virtualTime(t);
  const client = new Client({ server: 'https://sb.test', token, WebSocket: server.WebSocket, fetch: null });
  client.connect();
  await settled();
  return { client, server, pass };
}
