// The recordings of a room: beginning and ending one, and what there is of those that have ended.

import { all } from '../views/members.js';

/** @typedef {{ id: string, status: 'recording' | 'ended' | 'interrupted', startedAt: string, endedAt: string | null }} Recording */

/** How long one is that has ended, in milliseconds; null while it goes on and where nobody saw its end. @param {Pick<Recording, 'startedAt' | 'endedAt'>} recording */
export const lengthOf = ({ startedAt, endedAt }) => (endedAt ? Date.parse(endedAt) - Date.parse(startedAt) : null);

/** @param {Pick<ReturnType<typeof import('../api.js').createRequests>, 'get' | 'post' | 'save'>} api @param {string} room */
export function recordingsOf(api, room) {
  const path = `/v1/rooms/${room}/recordings`;
  /** Those of the room, the newest first. @returns {Promise<Recording[]>} */
  const list = async () => (await all(api, path)).reverse();
  return {
    list,
    begin: () => api.post(path),
    /** Ends the one that goes on. Older ones that are not stored yet have ended. */
    async stop() {
      const going = (await list()).find(({ status }) => status === 'recording');
      if (going) await api.post(`${path}/${going.id}/stop`);
    },
    /** The files of one: whose each is, and what it is called. @param {string} id @returns {Promise<{ name: string | null, file: string }[]>} */
    async files(id) {
      const { tracks } = await api.get(`${path}/${id}/manifest`);
      return tracks.filter((/** @type {{ file: string | null }} */ { file }) => file !== null);
    },
    /** @param {string} id @param {string} file */
    save: (id, file) => api.save(`${path}/${id}/files/${encodeURIComponent(file)}`, file),
  };
}
