// What somebody can do who cannot be heard or seen, by what the browser says of it.

/** @typedef {import('../../client/src/media/local.js').DeviceProblem} DeviceProblem */

/** @typedef {{ browser?: string, system?: string }} Platform */

/** Where the permissions of one site are: each browser hides them elsewhere. @param {Platform} platform */
function ofSite({ browser, system }) {
  if (system === 'iPhone' || system === 'iPad') return 'advice.site.ios';
  if (browser === 'Firefox') return 'advice.site.firefox';
  if (browser === 'Safari') return 'advice.site.safari';
  return system === 'Android' ? 'advice.site.android' : 'advice.site.chromium';
}

/** The systems that ask for each program, and where. */
const OF_SYSTEM = /** @type {const} */ ({ macOS: 'advice.system.macos', Windows: 'advice.system.windows' });

const OTHERS = /** @type {const} */ ({ notFound: 'advice.notFound', inUse: 'advice.inUse', insecure: 'advice.insecure' });

/**
 * The key of the sentence that says what to do.
 *
 * @param {Pick<DeviceProblem, 'reason' | 'message'>} problem
 * @param {PermissionState | null} permission what the browser says of this page; null: it does not say
 * @param {Platform} platform
 */
export function adviceFor({ reason, message }, permission, platform) {
  if (reason !== 'notAllowed') return OTHERS[/** @type {keyof typeof OTHERS} */ (reason)] ?? 'advice.other';
  // Chromium says by its message that it was not the person, or the site's setting, who refused.
  if (/system/i.test(message)) return OF_SYSTEM[/** @type {keyof typeof OF_SYSTEM} */ (platform.system)] ?? 'advice.system.other';
  // It asks again.
  return permission === 'prompt' ? 'advice.dismissed' : ofSite(platform);
}
