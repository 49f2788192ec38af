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
  /** @type {string | undefined} */ (known.find(([, sign]) => sign instanceof RegExp && sign.test(text))?.[0]);

/** The browser and the system that a header speaks of. @param {string} userAgent */
export const platformOf = (userAgent) => ({ browser: nameIn(BROWSERS, userAgent), system: nameIn(SYSTEMS, userAgent) });

/**
 * "Firefox on Windows"; what is no browser's header stays as it is.
 *
 * @param {string} userAgent
 */
export function clientName(userAgent) {
  const { browser, system } = platformOf(userAgent);
  return browser && system ? phrase('client.on', { browser, system }) : (browser ?? userAgent);
}
