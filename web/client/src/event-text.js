// Server-sent events as they come (HTML Standard, section 9.2.6), as far as the server makes use of them.

/**
 * @typedef {object} ServerEvent
 * @property {string} name `message` if it has none
 * @property {number} id 0 if it has none
 * @property {string} data
 */

/** Puts events together of whatever pieces they come in. */
export class EventText {
  #rest = '';

  /** @param {string} piece @returns {ServerEvent[]} those that are complete */
  read(piece) {
    const blocks = (this.#rest + piece).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    return blocks.map(parse).filter((event) => event !== null);
  }
}

/** @param {string} block @returns {ServerEvent | null} `null` if it is comments alone */
function parse(block) {
  /** @type {ServerEvent} */
  const event = { name: 'message', id: 0, data: '' };
  /** @type {string[]} */
  const data = [];
  for (const line of block.split('\n')) {
    const at = line.indexOf(':');
    const [field, value] = [line.slice(0, at), line.slice(at + 1).replace(/^ /, '')];
    if (field === 'data') data.push(value);
    else if (field === 'event') event.name = value;
    else if (field === 'id') event.id = Number(value);
  }
  if (data.length === 0) return null;
  return { ...event, data: data.join('\n') };
}
