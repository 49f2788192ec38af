// Which browser and system a User-Agent header speaks of, as people call them.

import { phrase } from './words.js';

// Order matters: each names those it descends from as well.
const BROWSERS = [
  ['Edge', /\bEdg(?:e|A|iOS)?\//], ['Opera', /\b(?:OPR|Opera)\//], ['Samsung Internet', /\bSamsungBrowser\//],
  ['Firefox', /\b(?:Firefox|FxiOS)\//], ['Chrome', /(?:Chrome|CriOS)\//], ['Chromium', /\bChromium\//], ['Safari', /\bSafari\//],
  ['curl', /^curl\//],
];
const SYSTEMS = [
  ['Android', /\bAndroid\b/], ['iPhone', /\biPhone\b/], ['iPad', /\biPad\b/], ['Windows', /\bWindows\b/],
  ['macOS', /\bMac OS X\b|\bMacintosh\b/], ['ChromeOS', /\bCrOS\b/], ['Linux', /\bLinux\b/],
];

const nameIn = (/** @type {(string | RegExp)[][]} */ known, /** @type {string} */ text) =>
  known.find(([, sign]) => sign instanceof RegExp && sign.test(text))?.[0];

/**
 * "Firefox on Windows"; what is no browser's header stays as it is.
 *
 * @param {string} userAgent
 */
export function clientName(userAgent) {
  const browser = nameIn(BROWSERS, userAgent);
  const system = nameIn(SYSTEMS, userAgent);
  return browser && system ? phrase('client.on', { browser: String(browser), system: String(system) }) : String(browser ?? userAgent);
}
