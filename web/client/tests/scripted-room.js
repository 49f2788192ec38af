// A room of the scripted server, and a client in it.

import { Client } from '../src/index.js';
import { ScriptedServer, settled, virtualTime } from './scripted.js';

export const said = (seq, text = `m${seq}`) => ({ id: `id-${seq}`, seq, userId: 'ada', name: 'Ada', text, createdAt: '2026-11-20T09:30:00Z' });
export const member = (id) => ({ connectionId: id, userId: id, name: id });

/** A room as the server has it, which answers joins from what was said there. */
export class Hub {
  log = [];
  pageSize = 100;
  replayable = 100;
  members = [];
  stored = new Map();
  constructor(server) {
    this.server = server;
    server.script('room.join', ({ after }) => this.join(after));
    server.script('room.send', ({ clientId, text }) => this.store(clientId, text));
  }
  get seq() {
    return this.log.length;
  }
  join(after) {
    const missed = this.log.slice(after ?? -50);
    const recovered = after === undefined || missed.length <= this.replayable;
    const messages = recovered ? missed.slice(0, this.pageSize) : this.log.slice(-50);
    const more = recovered && after !== undefined && missed.length > messages.length;
    const rest = { name: 'Lobby', members: more ? [] : this.members, memberCount: this.members.length, media: null };
    return { roomId: 'r', messages, more, recovered, seq: more ? messages.at(-1).seq : this.seq, ...rest };
  }
  /** Somebody says something, which nobody is told of. */
  add(text) {
    this.log.push(said(this.seq + 1, text));
    return this.log.at(-1);
  }
  /** The same, and those who are there hear it. */
  async say(text) {
    const message = this.add(text);
    await this.server.last.tell('room.message', { roomId: 'r', message });
  }
  store(clientId, text) {
    if (!this.stored.has(clientId)) this.stored.set(clientId, this.add(text));
    return { message: this.stored.get(clientId) };
  }
}

/** A client in the room, and what its page was told. */
export async function joined(t, { said: before = 0, keep = null, prepare = () => {} } = {}) {
  const pass = virtualTime(t);
  const server = new ScriptedServer();
  const hub = new Hub(server);
  for (let each = 0; each < before; each += 1) hub.add();
  prepare(hub, server);
  const client = new Client({ server: 'https://sb.test', token: () => 'token', WebSocket: server.WebSocket, fetch: null, keep });
  client.connect();
  const room = client.room('r');
  const told = [];
  room.on('reload', ({ messages }) => told.push(`reload ${messages.map(({ seq }) => seq).join(' ')}`.trim()));
  room.on('message', ({ seq }) => told.push(seq));
  room.on('failed', ({ code }) => told.push(code));
  await settled();
  return { client, server, hub, room, told, pass };
}

/** The connection breaks, and after `meanwhile` it is back. */
export async function reconnect({ server, pass }, meanwhile = () => {}) {
  await server.last.drop();
  await meanwhile();
  await pass(1_000);
}
