// The files of a message: pictures as pictures, others as links with name and size.

import { el, icon } from '../dom.js';
import { size } from '../format.js';
import { phrase } from '../words.js';

/** The longer side of a picture in a thread, in CSS pixels. */
const SIDE_MAX_PX = 320;

/** A link is asked for again this long before it ceases to be good. */
const MARGIN_MS = 30_000;

/**
 * Links to a room's files, asked for once while they are good.
 *
 * @param {{ path: string, api: App.RoomParts['api'] }} options
 */
export function links({ path, api }) {
  /** @type {Map<string, { until: number, link: Promise<Wire.AttachmentLink> }>} */
  const known = new Map();
  return (/** @type {string} */ id) => {
    const before = known.get(id);
    if (before && before.until > Date.now()) return before.link;
    /** @type {Promise<Wire.AttachmentLink>} */
    const link = api.get(`${path}/${id}`);
    const entry = { until: Infinity, link };
    known.set(id, entry);
    link.then(({ expiresAt }) => (entry.until = Date.parse(expiresAt) - MARGIN_MS), () => known.delete(id));
    return link;
  };
}

/**
 * @param {Wire.RoomAttachment[]} attachments
 * @param {{ isPending: boolean, link: ReturnType<typeof links>, failed: (error: App.Problem) => void }} options
 */
export function attachmentList(attachments, { isPending, link, failed }) {
  return attachments.map((attachment) => (attachment.hasThumbnail && !isPending
    ? picture(attachment, link, failed)
    : file(attachment, isPending, link, failed)));
}

/** @param {Wire.RoomAttachment} about @param {ReturnType<typeof links>} link @param {(error: App.Problem) => void} failed */
function picture(about, link, failed) {
  const { id, fileName, width, height } = about;
  const scale = Math.min(1, SIDE_MAX_PX / Math.max(width ?? 1, height ?? 1));
  // Its place is kept while it loads, so that the thread does not jump.
  const image = el('img', {
    alt: fileName, decoding: 'async', 'data-testid': 'attachment-picture',
    width: Math.max(1, Math.round((width ?? SIDE_MAX_PX) * scale)), height: Math.max(1, Math.round((height ?? SIDE_MAX_PX) * scale)),
  });
  link(id).then(({ thumbnailUrl, url }) => (image.src = thumbnailUrl ?? url), failed);
  return el('button', { type: 'button', class: 'picture', title: fileName, 'aria-label': phrase('room.openFile', { name: fileName }),
    on: { click: () => open(about, link, failed) } }, image);
}

/** @param {Wire.RoomAttachment} about @param {boolean} isPending @param {ReturnType<typeof links>} link @param {(error: App.Problem) => void} failed */
function file(about, isPending, link, failed) {
  return el('button', { type: 'button', class: 'link attachment', 'data-testid': 'attachment', disabled: isPending, on: { click: () => open(about, link, failed) } },
    icon('file'), el('span', { dir: 'auto' }, about.fileName), el('span', { class: 'muted' }, size(about.sizeBytes)));
}

/** What a browser shows by itself opens beside this page, everything else is saved. */
async function open(/** @type {Wire.RoomAttachment} */ { id }, /** @type {ReturnType<typeof links>} */ link, /** @type {(error: App.Problem) => void} */ failed) {
  try {
    const { url } = await link(id);
    Object.assign(document.createElement('a'), { href: url, target: '_blank', rel: 'noopener' }).click();
  } catch (error) {
    failed(error);
  }
}
