// Who is meant by the @names of a text.

/** The most that the server takes. */
const MENTIONS_MAX = 20;

/**
 * The users among `members` whose name stands behind an @ in the text; of two names that both fit, the longer.
 *
 * @param {string} text
 * @param {{ userId: string, name: string }[]} members
 * @returns {string[]}
 */
export function mentionsIn(text, members) {
  const found = new Set();
  const byLength = members.filter(({ name }) => name !== '').toSorted((a, b) => b.name.length - a.name.length);
  for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
    const rest = text.slice(at + 1).toLocaleLowerCase();
    const meant = byLength.find(({ name }) => {
      const next = rest.charAt(name.length);
      return rest.startsWith(name.toLocaleLowerCase()) && !/[\p{L}\p{N}]/u.test(next);
    });
    if (meant) found.add(meant.userId);
  }
  return [...found].slice(0, MENTIONS_MAX);
}
