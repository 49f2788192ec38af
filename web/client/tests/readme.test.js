import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { ScriptedServer, settled } from './scripted.js';

/** Stands in for what is global in a browser, until the test is over. */
function withGlobals(t, globals) {
  for (const [name, value] of Object.entries(globals)) {
    const before = Object.getOwnPropertyDescriptor(globalThis, name);
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    t.after(() => (before ? Object.defineProperty(globalThis, name, before) : delete globalThis[name]));
  }
}

test('the example that people copy runs as it stands', async (t) => {
  const page = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const example = page.split('```js\n')[1].split('```')[0];
  const address = /'https:\/\/[^']*\/client\/index\.js'/;
  assert.match(example, address);
  const file = new URL(`./example-${process.pid}.mjs`, import.meta.url);
  // There is no page to close it.
  await writeFile(file, `${example.replace(address, '\'../src/index.js\'')}\nexport { client };\n`);
  t.after(() => rm(file, { force: true }));

  const server = new ScriptedServer();
  const said = (seq, text) => ({ id: `${seq}`, seq, userId: 'u', name: 'Ada', text, createdAt: '' });
  server.script('room.join', ({ roomId }) => ({ roomId, name: 'Lobby', members: [], memberCount: 0, messages: [said(1, 'Hi')], seq: 1, more: false, recovered: true }));
  server.script('room.send', ({ text }) => ({ message: said(2, text) }));
  const shown = [];
  withGlobals(t, {
    WebSocket: server.WebSocket,
    fetch: async () => new Response('token of the back end'),
    list: { append: ({ textContent }) => shown.push(textContent), replaceChildren: () => shown.splice(0) },
    document: { createElement: () => ({}) },
  });
  const { client } = await import(file);
  await settled();
  assert.deepEqual(shown, ['Ada: Hi', 'Ada: Hello']);
  assert.equal(server.connections[0].sent[0].params.token, 'token of the back end');
  client.close();
});
