// Notifications of this browser while no page is open: asked for by the user, shown by the service worker.

import { createStore } from '../store.js';

/** The service worker, under a name that lasts: browsers know it by that. */
const WORKER = 'worker.js';

/** @param {string} text base64url */
const bytes = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.codePointAt(0) ?? 0);

/** @param {Uint8Array} one @param {ArrayBuffer | null | undefined} other */
const isSame = (one, other) => Boolean(other) && one.join() === new Uint8Array(other ?? []).join();

/** @param {{ api: App.Api }} parts */
export function createPush({ api }) {
  const isSupported = 'serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window;
  /** `blocked`: the browser was told never to ask. */
  const state = createStore(/** @type {App.PushState} */ ({ phase: isSupported ? 'off' : 'unsupported' }));

  const registered = () => navigator.serviceWorker.register(WORKER, { type: 'module' });

  /** Has the server push to this browser, whose subscription may be another by now. */
  async function subscribe() {
    const registration = await registered();
    const { publicKey } = await api.get('/v1/push-key');
    const applicationServerKey = bytes(publicKey);
    let subscription = await registration.pushManager.getSubscription();
    if (subscription && !isSame(applicationServerKey, subscription.options.applicationServerKey)) {
      await subscription.unsubscribe();
      subscription = null;
    }
    subscription ??= await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey });
    const { id } = await api.post('/v1/push-subscriptions', subscription.toJSON());
    state.set({ phase: 'on', id });
  }

  /** Whoever has allowed it once is not asked again. */
  async function restore() {
    if (!isSupported) return;
    if (Notification.permission === 'denied') return state.set({ phase: 'blocked' });
    const registration = await navigator.serviceWorker.getRegistration();
    if (Notification.permission === 'granted' && await registration?.pushManager.getSubscription()) await subscribe();
  }

  return {
    state,
    restore: () => restore().catch(() => {}),
    /** Only ever after a click: browsers ask then, and people know what for. */
    async turnOn() {
      const permission = await Notification.requestPermission();
      if (permission !== 'granted') return state.set({ phase: permission === 'denied' ? 'blocked' : 'off' });
      await subscribe();
    },
    async turnOff() {
      const { id } = state.get();
      state.set({ phase: 'off', id: undefined });
      const registration = await navigator.serviceWorker.getRegistration();
      const subscription = await registration?.pushManager.getSubscription();
      await subscription?.unsubscribe();
      if (id) await api.remove(`/v1/push-subscriptions/${id}`);
    },
  };
}
