// What can be set up: for each kind of thing where it is, what is shown of it and what can be changed.

import { clientName } from '../../client.js';
import { moment } from '../../format.js';
import { phrase } from '../../words.js';
import { languageSettings } from '../languages.js';
import { ownAccount } from './own.js';

const ROLES = { ADMIN: phrase('role.ADMIN'), USER: phrase('role.USER'), AGENT_USER: phrase('role.AGENT_USER') };

/** @type {Wire.Permission[]} */
const PERMISSIONS = [
  'account.manage', 'auditEntries.read', 'calls.read', 'cannedResponses.manage', 'channels.read', 'channels.manage',
  'contacts.read', 'contacts.manage', 'contacts.erase', 'conversations.read', 'conversations.manage', 'apiKeys.manage',
  'labels.manage', 'messages.send', 'roles.manage', 'rooms.create', 'rooms.read', 'rooms.manage', 'teams.manage', 'users.read',
  'users.manage', 'webhooks.manage',
];

const EVENTS = {
  messageCreated: phrase('event.messageCreated'), messageUpdated: phrase('event.messageUpdated'),
  conversationUpdated: phrase('event.conversationUpdated'), noteCreated: phrase('event.noteCreated'),
  noteUpdated: phrase('event.noteUpdated'), noteDeleted: phrase('event.noteDeleted'), conversationErased: phrase('event.conversationErased'),
  notificationCreated: phrase('event.notificationCreated'),
  roomStarted: phrase('event.roomStarted'), roomEnded: phrase('event.roomEnded'),
  participantJoined: phrase('event.participantJoined'), participantLeft: phrase('event.participantLeft'),
  trackPublished: phrase('event.trackPublished'), trackUnpublished: phrase('event.trackUnpublished'),
  recordingReady: phrase('event.recordingReady'),
};

/** @param {string[]} values @returns {Settings.Options} */
const named = (values) => Object.fromEntries(values.map((value) => [value, value]));

/**
 * Whether something is on, or since when not.
 *
 * @param {string | null} off
 * @param {{ on?: Words.Plain, word?: Words.Plain }} words
 */
const state = (off, { on = 'settings.on', word = 'settings.offWord' } = {}) =>
  (off ? phrase('settings.since', { word: phrase(word), time: moment(off) }) : phrase(on));

/** @param {App.Parts} parts @returns {Promise<Settings.Options>} */
const people = async ({ api }) => Object.fromEntries((await api.get('/v1/users?limit=100')).items.map((/** @type {Wire.User} */ { id, name }) => [id, name]));

/** @param {App.Parts} parts @returns {Promise<Settings.Options>} */
const ownRoles = async ({ api }) => {
  const { items } = await api.get('/v1/roles?limit=100');
  return Object.fromEntries([['', phrase('none')], ...items.map((/** @type {{ id: string, name: string }} */ { id, name }) => [id, name])]);
};

const ACTORS = { user: phrase('audit.user'), apiKey: phrase('audit.apiKey'), system: phrase('audit.system') };

const DELIVERY_STATES = {
  waiting: (/** @type {string} */ dueAt) => phrase('webhooks.waits', { time: moment(dueAt) }),
  taken: () => phrase('webhooks.taken'),
  givenUp: () => phrase('webhooks.givenUp'),
};

/** @type {Settings.Field} */
const NAME = { name: 'name', label: 'column.name', required: true, maxlength: 200 };

/** @type {Settings.Column} */
const NAME_COLUMN = { label: 'column.name', text: ({ name }) => name };

/** @type {Settings.Section['toggle']} */
const SWITCH = {
  field: 'enabled', isOn: ({ disabledAt }) => !disabledAt, off: 'settings.switchOff', question: 'settings.switchOffQuestion',
  on: 'settings.switchOn', warns: 'channels.offWarning',
};

/** @type {Record<string, Settings.Section>} */
export const SECTIONS = {
  // Whose issuer is another has no password here.
  own: { label: 'own.label', hint: 'own.hint', view: ownAccount, suits: ({ email }) => email !== null, path: '', columns: [] },
  language: { label: 'language.label', hint: 'language.hint', view: languageSettings, path: '', columns: [] },
  users: {
    label: 'users.label', hint: 'users.hint', titles: { create: 'users.new', change: 'users.change' },
    path: '/v1/users', needs: 'users.read', changes: 'users.manage',
    columns: [
      NAME_COLUMN, { label: 'column.email', text: ({ email }) => email ?? '–' },
      { label: 'column.role', text: ({ role }) => ROLES[/** @type {keyof typeof ROLES} */ (role)] },
      { label: 'column.active', text: ({ deactivatedAt }) => state(deactivatedAt, { on: 'users.yes', word: 'users.no' }) },
    ],
    fields: [
      NAME,
      { name: 'email', label: 'column.email', type: 'email', required: true, only: 'create' },
      { name: 'password', label: 'users.firstPassword', type: 'password', required: true, minlength: 15, hint: 'own.rule', only: 'create', autocomplete: 'new-password' },
      { name: 'role', label: 'column.role', type: 'choice', options: ROLES, value: 'AGENT_USER' },
      { name: 'roleId', label: 'users.ownRole', type: 'choice', nullable: true, options: ownRoles, hint: 'users.ownRoleHint', only: 'change' },
    ],
    toggle: {
      field: 'active', isOn: ({ deactivatedAt }) => !deactivatedAt, off: 'users.deactivate', question: 'users.deactivateQuestion',
      on: 'users.activate', warns: 'users.deactivateWarning',
    },
  },
  roles: {
    label: 'roles.label', hint: 'roles.hint', titles: { create: 'roles.new', change: 'roles.change' },
    path: '/v1/roles', needs: 'users.read', changes: 'roles.manage',
    columns: [NAME_COLUMN, { label: 'column.permissions', text: ({ permissions }) => permissions.join(', ') || phrase('none') }],
    fields: [NAME, { name: 'permissions', label: 'column.may', type: 'choices', options: named(PERMISSIONS) }],
    remove: { label: 'settings.delete', question: 'roles.deleteQuestion' },
  },
  teams: {
    label: 'teams.label', hint: 'teams.hint', titles: { create: 'teams.new', change: 'teams.change' },
    path: '/v1/teams', needs: 'users.read', changes: 'teams.manage',
    columns: [NAME_COLUMN],
    fields: [NAME],
    members: { label: 'teams.members', path: (id) => `/v1/teams/${id}/members`, field: 'userIds', options: people },
    remove: { label: 'settings.delete', question: 'teams.deleteQuestion' },
  },
  labels: {
    label: 'labels.label', hint: 'labels.hint', titles: { create: 'labels.new', change: 'labels.change' },
    path: '/v1/labels', needs: 'conversations.read', changes: 'labels.manage',
    columns: [NAME_COLUMN, { label: 'column.color', text: ({ color }) => color }],
    swatch: ({ color }) => color,
    fields: [NAME, { name: 'color', label: 'column.color', type: 'color', value: '#1f6feb' }],
    remove: { label: 'settings.delete', question: 'labels.deleteQuestion', warns: 'labels.deleteWarning' },
  },
  'canned-responses': {
    label: 'canned.label', hint: 'canned.hint', titles: { create: 'canned.new', change: 'canned.change' },
    path: '/v1/canned-responses', needs: 'conversations.read', changes: 'cannedResponses.manage',
    columns: [{ label: 'column.shortcode', text: ({ shortcode }) => `/${shortcode}` }, { label: 'column.text', text: ({ text }) => text, long: true }],
    fields: [
      { name: 'shortcode', label: 'column.shortcode', required: true, maxlength: 64, hint: 'canned.shortcodeHint' },
      { name: 'text', label: 'column.text', type: 'lines', required: true },
    ],
    remove: { label: 'settings.delete', question: 'canned.deleteQuestion' },
  },
  channels: {
    label: 'channels.label', hint: 'channels.hint', titles: { create: 'channels.new', change: 'channels.change' },
    path: '/v1/channels', needs: 'channels.manage', changes: 'channels.manage',
    columns: [
      NAME_COLUMN, { label: 'column.kind', text: () => phrase('channel.whatsapp') },
      { label: 'column.webhookPath', text: ({ webhookPath }) => webhookPath, long: true },
      { label: 'column.state', text: ({ disabledAt }) => state(disabledAt) },
    ],
    constant: { kind: 'whatsapp' },
    fields: [
      NAME,
      { name: 'phoneNumberId', label: 'channels.phoneNumberId', required: true, only: 'create', hint: 'channels.phoneNumberIdHint' },
      { name: 'accessToken', label: 'channels.accessToken', type: 'password', required: true, hint: 'channels.accessTokenHint' },
      { name: 'appSecret', label: 'channels.appSecret', type: 'password', required: true, hint: 'channels.appSecretHint' },
      { name: 'verifyToken', label: 'channels.verifyToken', type: 'password', required: true, hint: 'channels.verifyTokenHint' },
    ],
    toggle: SWITCH,
  },
  webhooks: {
    label: 'webhooks.label', hint: 'webhooks.hint', titles: { create: 'webhooks.new', change: 'webhooks.change' },
    path: '/v1/webhooks', needs: 'webhooks.manage', changes: 'webhooks.manage',
    columns: [
      { label: 'column.address', text: ({ url }) => url, long: true },
      { label: 'column.kind', text: ({ kind }) => phrase(kind === 'n8n' ? 'webhooks.n8n' : 'webhooks.standard') },
      { label: 'column.events', text: ({ events }) => events.map((/** @type {keyof typeof EVENTS} */ event) => EVENTS[event]).join(', ') },
      { label: 'column.state', text: ({ disabledAt }) => state(disabledAt) },
    ],
    fields: [
      { name: 'kind', label: 'column.kind', type: 'choice', options: { standard: phrase('webhooks.standardSigned'), n8n: phrase('webhooks.n8nShared') }, only: 'create' },
      { name: 'url', label: 'column.address', type: 'url', required: true },
      { name: 'secret', label: 'webhooks.sharedSecret', type: 'password', hint: 'webhooks.secretHint' },
      { name: 'events', label: 'webhooks.isTold', type: 'choices', options: EVENTS, value: ['messageCreated'], hint: 'webhooks.eventsHint' },
    ],
    once: { field: 'secret', label: 'webhooks.secret' },
    details: {
      label: 'webhooks.deliveries', path: ({ id }) => `/v1/webhooks/${id}/deliveries`,
      columns: [
        { label: 'column.event', text: ({ seq, event }) => `${seq} ${event.type}` },
        { label: 'column.state', text: (it) => DELIVERY_STATES[/** @type {keyof typeof DELIVERY_STATES} */ (it.state)](it.dueAt) },
        { label: 'column.answer', text: ({ answerStatus, error }) => [answerStatus, error].filter(Boolean).join(' ') || '–' },
      ],
      again: ({ id }, { seq }) => `/v1/webhooks/${id}/deliveries/${seq}/replay`,
    },
    toggle: { ...SWITCH, warns: 'webhooks.offWarning' },
    remove: { label: 'settings.delete', question: 'webhooks.deleteQuestion', warns: 'webhooks.deleteWarning' },
  },
  'api-keys': {
    label: 'keys.label', hint: 'keys.hint', titles: { create: 'keys.new' },
    path: '/v1/api-keys', needs: 'apiKeys.manage', changes: 'apiKeys.manage',
    columns: [
      NAME_COLUMN, { label: 'column.key', text: ({ hint }) => phrase('keys.beginning', { hint }) },
      { label: 'column.may', text: ({ permissions }) => permissions.join(', ') || phrase('keys.nothing') },
      { label: 'column.lastUsed', text: ({ lastUsedAt }) => (lastUsedAt ? moment(lastUsedAt) : phrase('keys.never')) },
      { label: 'column.state', text: ({ revokedAt }) => state(revokedAt, { on: 'keys.good', word: 'keys.revoked' }) },
    ],
    fields: [
      { ...NAME, only: 'create' },
      { name: 'permissions', label: 'column.may', type: 'choices', options: named(PERMISSIONS), only: 'create' },
    ],
    once: { field: 'key', label: 'keys.made' },
    remove: { label: 'keys.revoke', question: 'keys.revokeQuestion', warns: 'keys.revokeWarning', unless: ({ revokedAt }) => revokedAt },
  },
  'sign-ins': {
    label: 'signIns.label', hint: 'signIns.hint', path: '/v1/me/sign-ins',
    columns: [
      { label: 'column.client', text: ({ userAgent }) => (userAgent ? clientName(userAgent) : phrase('signIns.unknown')), title: ({ userAgent }) => userAgent },
      { label: 'column.from', text: ({ address }) => address ?? '–' },
      { label: 'column.began', text: ({ createdAt }) => moment(createdAt) },
      { label: 'column.lastUsed', text: ({ lastUsedAt, current }) => (current ? phrase('signIns.here') : moment(lastUsedAt)) },
    ],
    remove: { label: 'signIns.end', question: 'signIns.endQuestion', unless: ({ current }) => current },
  },
  'audit-entries': {
    label: 'audit.label', hint: 'audit.hint', path: '/v1/audit-entries', needs: 'auditEntries.read',
    columns: [
      { label: 'column.when', text: ({ at }) => moment(at) },
      { label: 'column.who', text: ({ actorKind, actorId }, names) => names[actorId] ?? ACTORS[/** @type {keyof typeof ACTORS} */ (actorKind)] ?? actorKind },
      { label: 'column.what', text: ({ action }) => action },
      { label: 'column.from', text: ({ address }) => address ?? '–' },
      { label: 'column.change', text: ({ before, after }) => difference(before, after), long: true },
    ],
    names: people,
  },
};

/** What is different between two versions of a thing, in one line. @param {Settings.Item} before @param {Settings.Item} after */
function difference(before, after) {
  if (!before || !after) return (after ?? before)?.name ?? (after ?? before)?.url ?? '';
  const changed = Object.keys(after).filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]));
  return changed.map((key) => `${key}: ${JSON.stringify(before[key] ?? null)} → ${JSON.stringify(after[key])}`).join(', ');
}
