// The scripted server as it is reached without a WebSocket: what `fetch` gets of it.

import { Connection, ScriptedServer, settled } from './scripted.js';

const refused = (status, headers = {}) => new Response(null, { status, headers });

export class ScriptedEvents extends ScriptedServer {
  /** What was asked, as `POST /v1/events`. */
  asked = [];
  /** Whether something on the way keeps what is said until the answer ends. */
  gathers = false;
  /** Of so many posts the answer is lost. */
  losesAnswers = 0;
  /** Whether requests come through. */
  isReached = true;
  #byId = new Map();

  constructor() {
    super();
    this.isUp = false;
  }

  /** What a client takes for the platform's. */
  get fetch() {
    return async (url, options) => {
      await Promise.resolve();
      const { pathname, search } = new URL(url);
      const method = options.method ?? 'GET';
      this.asked.push(`${method} ${pathname.replace(/[^/]+$/, (last) => (last === 'events' ? last : 'id'))}${search}`);
      if (!this.isReached) throw new TypeError('network error');
      if (pathname === '/v1/events') return this.#begin(url);
      const line = this.#byId.get(pathname.split('/').at(-1));
      if (!line || options.headers.authorization !== `Bearer ${line.secret}`) return refused(410);
      if (method === 'POST') return this.#post(line, JSON.parse(options.body));
      if (method === 'DELETE') return this.#gone(line);
      return this.#follow(line, Number(options.headers['last-event-id']), search !== '', options.signal);
    };
  }

  #begin(url) {
    const connection = new Connection(this, url);
    this.connections.push(connection);
    const line = { connection, secret: `secret ${this.connections.length}`, posted: 0, said: [], stream: null };
    connection.readyState = 1;
    connection.onmessage = ({ data }) => this.#say(line, data);
    connection.onclose = ({ code }) => this.#close(line, code);
    connection.line = line;
    this.#byId.set(`${this.connections.length}`, line);
    return Response.json({ id: `${this.connections.length}`, secret: line.secret }, { status: 201 });
  }

  #post(line, { number, frames }) {
    if (number === line.posted + 1) {
      line.posted = number;
      for (const frame of frames) line.connection.send(JSON.stringify(frame));
    } else if (number > line.posted) return refused(409);
    if (this.losesAnswers > 0) {
      this.losesAnswers -= 1;
      throw new TypeError('network error');
    }
    return refused(204);
  }

  #gone(line) {
    line.connection.left = true;
    this.forget(line.connection);
    return refused(204);
  }

  #say(line, data) {
    line.said.push(data);
    this.#flush(line);
  }

  #close(line, code) {
    line.closed = code;
    this.#flush(line);
  }

  #follow(line, seen, isPoll, signal) {
    line.stream?.end();
    const stream = { isPoll, sent: seen };
    line.stream = stream;
    const body = new ReadableStream({
      start: (controller) => {
        const encoder = new TextEncoder();
        stream.put = (text) => controller.enqueue(encoder.encode(text));
        stream.end = () => {
          if (line.stream === stream) line.stream = null;
          try {
            controller.close();
          } catch {
            // It has ended already.
          }
        };
        stream.break = () => {
          line.stream = null;
          controller.error(new TypeError('network error'));
        };
        signal.addEventListener('abort', () => {
          if (line.stream === stream) line.stream = null;
          try {
            controller.error(signal.reason);
          } catch {
            // It has ended already.
          }
        });
      },
    });
    if (!isPoll) this.#put(stream, `:${' '.repeat(2048)}\n\nevent: flowing\ndata: {}\n\n`);
    queueMicrotask(() => this.#flush(line));
    return new Response(body, { status: 200 });
  }

  #put(stream, text) {
    if (stream.isPoll || !this.gathers) stream.put(text);
  }

  #flush(line) {
    const { stream } = line;
    if (!stream) return;
    const news = line.said.slice(stream.sent);
    if (news.length > 0) {
      const text = news.map((data, at) => `id: ${stream.sent + at + 1}\ndata: ${data}\n\n`).join('');
      stream.sent = line.said.length;
      this.#put(stream, text);
    }
    if (line.closed !== undefined) {
      this.#put(stream, `event: close\ndata: ${JSON.stringify({ code: line.closed })}\n\n`);
      stream.end();
    } else if (stream.isPoll && news.length > 0) stream.end();
  }

  /** The stream of the last connection breaks. */
  async breakStream() {
    this.last.line.stream.break();
    await settled();
  }

  /** The server knows a connection no more. */
  forget(connection = this.last) {
    for (const [id, line] of this.#byId) if (line.connection === connection) this.#byId.delete(id);
    connection.line.stream?.end();
  }
}
