// The console's client: signed in by the REST layer, shown by a store, resumed in the console's order.

import { Client } from '../client/src/index.js';
import { createStore } from './store.js';

/**
 * The token for the client; null once nobody is signed in.
 *
 * @param {Pick<App.Api, 'accessToken'>} api
 */
const tokenOf = (api) => async (/** @type {{ fresh: boolean }} */ { fresh }) => {
  try {
    return await api.accessToken({ fresh });
  } catch (error) {
    if (error.status === 401 || error.code === 'auth.required') return null;
    throw error;
  }
};

/** @param {Pick<App.Api, 'accessToken'>} api @param {{ kept?: Pick<App.Kept, 'outbox'> }} [parts] */
export function createSocket(api, { kept } = {}) {
  const client = new Client({ token: tokenOf(api), keep: kept?.outbox });
  const state = createStore(client.state);
  /** @type {((opened: import('../types/api.js').ConnectionOpened) => Promise<unknown>)[]} */
  const openers = [];

  client.on('state', (now) => state.set(now));
  client.on('opened', async (opened) => {
    for (const opener of openers) {
      if (client.state.connectionId !== opened.connectionId) return;
      await opener(opened).catch((error) => console.info('Not resumed:', error.code ?? error));
    }
  });

  return {
    client,
    state,
    /** @type {Client['request']} */
    call: (method, params, options) => client.request(method, params, options),
    /** @type {Client['on']} */
    on: (event, handler) => client.on(event, handler),
    /** Runs `opener` after every (re)connect, in order of registration, each after the one before. */
    onOpened: (/** @type {typeof openers[number]} */ opener) => openers.push(opener),
    start: () => client.connect(),
    /** Tries now instead of when the wait is over. */
    retryNow: () => client.connect(),
  };
}
