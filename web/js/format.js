// How times and names look, and what ids are.

import { locale } from './language.js';
import { phrase } from './words.js';

export { randomId } from '../client/src/random-id.js';

const TIME = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit' });
const DAY = new Intl.DateTimeFormat(locale, { weekday: 'long', day: 'numeric', month: 'long' });
const SHORT_DAY = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short' });
const SHORT = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' });
const FULL = new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'medium' });

const NUMBER = new Intl.NumberFormat(locale);
const PART = new Intl.NumberFormat(locale, { useGrouping: false });
const SECONDS = new Intl.NumberFormat(locale, { minimumIntegerDigits: 2 });

const HUES = 8;

/** How many, in the reader's digits. @param {number} count */
export const number = (count) => NUMBER.format(count);

/** The day a time is in, comparable. @param {string | Date} time */
const dayOf = (time) => new Date(time).toDateString();

/** 14:05 @param {string} time RFC 3339 */
export const clock = (time) => TIME.format(new Date(time));

/** Day and time, as short as they are clear. @param {string} time RFC 3339 */
export const moment = (time) => SHORT.format(new Date(time));

/** Everything, for tooltips. @param {string} time RFC 3339 */
export const full = (time) => FULL.format(new Date(time));

/** Today, Yesterday, or the day's name. @param {string} time RFC 3339 */
export function day(time) {
  const now = new Date();
  if (dayOf(time) === now.toDateString()) return phrase('day.today');
  now.setDate(now.getDate() - 1);
  return dayOf(time) === now.toDateString() ? phrase('day.yesterday') : DAY.format(new Date(time));
}

/** The clock for today, the date for earlier. @param {string} time RFC 3339 */
export const brief = (time) =>
  dayOf(time) === new Date().toDateString() ? clock(time) : SHORT_DAY.format(new Date(time));

const UNITS = /** @type {const} */ (['byte', 'kilobyte', 'megabyte', 'gigabyte']);

/** 1.2 MB, for how large a file is. @param {number} bytes */
export function size(bytes) {
  const step = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(bytes, 1)) / 3));
  const format = new Intl.NumberFormat(locale, { style: 'unit', unit: UNITS[step], unitDisplay: step ? 'short' : 'long', maximumFractionDigits: step > 1 ? 1 : 0 });
  return format.format(bytes / 1000 ** step);
}

/** 3:07, for how long something lasts. @param {number} ms */
export function duration(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const minutes = Math.floor(seconds / 60);
  return `${PART.format(minutes)}:${SECONDS.format(seconds % 60)}`;
}

/** Up to two letters for an avatar; a number has none. @param {string} name */
export function initials(name) {
  const words = name.split(/\s+/).filter((word) => /^\p{L}/u.test(word));
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return letters.map((word) => [...word][0]?.toUpperCase() ?? '').join('') || '#';
}

/** One of a few colours, always the same for the same text. @param {string} text */
export function hue(text) {
  let sum = 0;
  for (const unit of text) sum = (sum * 31 + (unit.codePointAt(0) ?? 0)) % 65521;
  return sum % HUES;
}
