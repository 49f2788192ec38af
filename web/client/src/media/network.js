// When the network of this device changes, as far as the browser tells: paths of media are lost with it.

/** What Network Information tells, where a browser has it: it changes also when nothing but the speed does. */
const type = () => /** @type {{ connection?: EventTarget & { type?: string } }} */ (globalThis.navigator)?.connection?.type;

/**
 * Calls back when the device is on another network, or on one again. Returns what ends that.
 *
 * @param {() => void} changed
 */
export function onNetworkChange(changed) {
  const connection = /** @type {{ connection?: EventTarget }} */ (globalThis.navigator)?.connection;
  let before = type();
  const compare = () => {
    const now = type();
    const isOther = now !== before && now !== 'none';
    before = now;
    if (isOther) changed();
  };
  globalThis.addEventListener?.('online', changed);
  connection?.addEventListener?.('change', compare);
  return () => {
    globalThis.removeEventListener?.('online', changed);
    connection?.removeEventListener?.('change', compare);
  };
}
