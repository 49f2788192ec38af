// Where the tiles of a call are: as large as they can be, and nobody cut off.

/** Between two tiles, in CSS pixels. */
export const GAP = 8;

/** The shape that a tile has as long as it shows no picture: width to height. */
const USUAL = 16 / 9;

/** What stands beside the large tile takes at least this of the stage's width, or of its height. */
const STRIP = { width: 0.2, height: 0.2, widthMin: 96, heightMin: 72, heightMax: 170, widthMax: 260 };

/** And at most this, so that the large one is seen to be the large one. */
const STRIP_SHARE_MAX = 0.4;

/** The own tile beside one other person: a part of the stage's width, in CSS pixels between these. */
const OWN = { share: 0.22, min: 84, max: 230, heightShare: 0.34 };

/** @typedef {{ width: number, height: number }} Size in CSS pixels */
/** `x` counts from where lines of text begin. @typedef {{ x: number, y: number, width: number, height: number }} Place */
/** `ratio`: of its picture, width to height; null: it shows none. @typedef {{ ratio: number | null, isOwn: boolean }} Tile */

/**
 * Where each tile is, in the order of the tiles.
 *
 * @param {Size} stage
 * @param {Tile[]} tiles
 * @param {number | null} large which of them is to be larger than all others
 * @returns {Place[]}
 */
export function arrange(stage, tiles, large = null) {
  const ratios = tiles.map(({ ratio }) => ratio ?? USUAL);
  if (large !== null && tiles.length > 1) return around(stage, ratios, large);
  const own = tiles.findIndex(({ isOwn }) => isOwn);
  if (tiles.length === 2 && own >= 0 && !tiles[1 - own].isOwn) return together(stage, ratios, own);
  return grid(stage, ratios);
}

/**
 * Tiles of one size, in the number of columns that shows most of the pictures. A last row that is not full is centred.
 *
 * @param {Size} stage
 * @param {number[]} ratios
 * @returns {Place[]}
 */
function grid(stage, ratios) {
  const [narrowest, widest] = [Math.min(...ratios), Math.max(...ratios)];
  let best = { columns: 1, cell: { width: 0, height: 0 }, shown: -1 };
  for (let columns = 1; columns <= ratios.length; columns += 1) {
    const rows = Math.ceil(ratios.length / columns);
    const room = { width: (stage.width - GAP * (columns - 1)) / columns, height: (stage.height - GAP * (rows - 1)) / rows };
    if (room.width <= 0 || room.height <= 0) continue;
    // No wider and no higher than any picture in it can use.
    const cell = { width: Math.floor(Math.min(room.width, room.height * widest)), height: Math.floor(Math.min(room.height, room.width / narrowest)) };
    const shown = ratios.reduce((sum, ratio) => sum + area(fitted(cell, ratio)), 0);
    if (shown > best.shown) best = { columns, cell, shown };
  }
  const { columns, cell } = best;
  const rows = Math.ceil(ratios.length / columns);
  return ratios.map((_, at) => {
    const row = Math.floor(at / columns);
    const inRow = Math.min(columns, ratios.length - row * columns);
    return {
      ...cell,
      x: Math.round((stage.width - extent(inRow, cell.width)) / 2 + (at % columns) * (cell.width + GAP)),
      y: Math.round((stage.height - extent(rows, cell.height)) / 2 + row * (cell.height + GAP)),
    };
  });
}

/**
 * One large tile and a strip of the others at its end or below it, whichever leaves the large one more. What the large one
 * cannot use is the strip's.
 *
 * @param {Size} stage
 * @param {number[]} ratios
 * @param {number} large
 * @returns {Place[]}
 */
function around(stage, ratios, large) {
  const strip = {
    width: between(STRIP.widthMin, stage.width * STRIP.width, STRIP.widthMax),
    height: between(STRIP.heightMin, stage.height * STRIP.height, STRIP.heightMax),
  };
  const beside = fitted({ width: stage.width - strip.width - GAP, height: stage.height }, ratios[large]);
  const above = fitted({ width: stage.width, height: stage.height - strip.height - GAP }, ratios[large]);
  const others = ratios.filter((_, at) => at !== large);
  const isBeside = area(beside) >= area(above);
  const main = isBeside ? beside : above;
  const rest = isBeside
    ? { width: atMost(stage.width - main.width - GAP, stage.width), height: stage.height }
    : { width: stage.width, height: atMost(stage.height - main.height - GAP, stage.height) };
  const strips = grid(rest, others);
  const used = bounds(strips);
  // Both together are in the middle, and close to each other.
  const place = isBeside
    ? { ...main, x: Math.round((stage.width - main.width - GAP - used.width) / 2), y: Math.round((stage.height - main.height) / 2) }
    : { ...main, x: Math.round((stage.width - main.width) / 2), y: Math.round((stage.height - main.height - GAP - used.height) / 2) };
  const shift = isBeside ? { x: place.x + main.width + GAP - used.x, y: 0 } : { x: 0, y: place.y + main.height + GAP - used.y };
  const places = strips.map((one) => ({ ...one, x: one.x + shift.x, y: one.y + shift.y }));
  return [...places.slice(0, large), place, ...places.slice(large)];
}

/**
 * Two people: the other as large as possible, and oneself small in the corner.
 *
 * @param {Size} stage
 * @param {number[]} ratios
 * @param {number} own which of them is oneself
 * @returns {Place[]}
 */
function together(stage, ratios, own) {
  const other = fitted(stage, ratios[1 - own]);
  const large = { ...other, x: Math.round((stage.width - other.width) / 2), y: Math.round((stage.height - other.height) / 2) };
  const small = fitted({ width: between(OWN.min, stage.width * OWN.share, OWN.max), height: stage.height * OWN.heightShare }, ratios[own]);
  const corner = { ...small, x: Math.max(0, stage.width - small.width - GAP), y: Math.max(0, stage.height - small.height - GAP) };
  return own === 1 ? [large, corner] : [corner, large];
}

/** What these take together. @param {Place[]} places @returns {Place} */
function bounds(places) {
  const [x, y] = [Math.min(...places.map((one) => one.x)), Math.min(...places.map((one) => one.y))];
  return { x, y, width: Math.max(...places.map((one) => one.x + one.width)) - x, height: Math.max(...places.map((one) => one.y + one.height)) - y };
}

/** How long so many tiles are in a row. @param {number} count @param {number} length of each */
const extent = (count, length) => count * length + (count - 1) * GAP;

/** The largest of this shape in there, in whole pixels. @param {Size} room @param {number} ratio @returns {Size} */
const fitted = ({ width, height }, ratio) => ({
  width: Math.max(0, Math.floor(Math.min(width, height * ratio))),
  height: Math.max(0, Math.floor(Math.min(height, width / ratio))),
});

const area = (/** @type {Size} */ { width, height }) => width * height;
const between = (/** @type {number} */ min, /** @type {number} */ wanted, /** @type {number} */ max) => Math.max(min, Math.min(max, wanted));
const atMost = (/** @type {number} */ wanted, /** @type {number} */ whole) => Math.floor(Math.max(0, Math.min(wanted, whole * STRIP_SHARE_MAX)));
