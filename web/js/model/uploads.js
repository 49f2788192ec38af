// Files on their way into a message: each with its progress, until the message is sent.

/** Files of one message, as the server has it. */
const FILES_MAX = 10;

/** @typedef {{ file: File, percent: number, attachment: Wire.RoomAttachment | null, error: App.Problem | null, abort: AbortController }} Upload */

export class Uploads {
  #path;
  #api;
  #changed;
  /** @type {Upload[]} */
  #all = [];

  /** @param {{ path: string, api: Pick<App.RoomParts['api'], 'upload' | 'remove'>, changed: () => void }} options */
  constructor({ path, api, changed }) {
    this.#path = path;
    this.#api = api;
    this.#changed = changed;
  }

  /** @returns {readonly Upload[]} */
  get all() {
    return this.#all;
  }

  /** Whether there are files, and all of them are there. */
  get isReady() {
    return this.#all.length > 0 && !this.isWaiting;
  }

  /** Whether some are on their way, or failed. */
  get isWaiting() {
    return this.#all.some(({ attachment }) => !attachment);
  }

  /** Begins to upload files; true if a message may have all of them. @param {Iterable<File>} files */
  add(files) {
    for (const file of files) {
      if (this.#all.length >= FILES_MAX) return false;
      /** @type {Upload} */
      const upload = { file, percent: 0, attachment: null, error: null, abort: new AbortController() };
      this.#all = [...this.#all, upload];
      this.start(upload);
    }
    return true;
  }

  /** Uploads a file, or tries again. @param {Upload} upload */
  async start(upload) {
    Object.assign(upload, { percent: 0, error: null, abort: new AbortController() });
    this.#changed();
    try {
      const query = new URLSearchParams({ fileName: upload.file.name });
      const progress = (/** @type {number} */ share) => {
        const percent = Math.floor(share * 100);
        if (percent === upload.percent) return;
        upload.percent = percent;
        this.#changed();
      };
      upload.attachment = await this.#api.upload(`${this.#path}?${query}`, upload.file, { signal: upload.abort.signal, progress });
    } catch (error) {
      upload.error = error;
    }
    if (this.#all.includes(upload)) this.#changed();
    else this.#giveUp(upload);
  }

  /** @param {Upload} upload */
  remove(upload) {
    upload.abort.abort();
    this.#all = this.#all.filter((one) => one !== upload);
    this.#giveUp(upload);
    this.#changed();
  }

  /** What the server cannot be told now, it removes after a day. @param {Upload} upload */
  #giveUp({ attachment }) {
    if (attachment) this.#api.remove(`${this.#path}/${attachment.id}`).catch(() => {});
  }

  /** The files for the message that is sent now. @returns {Wire.RoomAttachment[]} */
  take() {
    const taken = this.#all.flatMap(({ attachment }) => attachment ?? []);
    this.#all = [];
    this.#changed();
    return taken;
  }

  /** Gives everything up. */
  leave() {
    this.#all.forEach((upload) => this.remove(upload));
  }
}
