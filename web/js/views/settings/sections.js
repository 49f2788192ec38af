// What can be set up: for each kind of thing where it is, what is shown of it and what can be changed.
//
// A field's `type` is an input's, or `choice`, `choices`, `lines`. `only` says whether a field belongs
// to making a thing or to changing it; without it, to both.

import { moment } from '../../format.js';
import { PASSWORD_RULE, ownAccount } from './own.js';

const ROLES = { ADMIN: 'Administrator', USER: 'User', AGENT_USER: 'Agent' };

const PERMISSIONS = [
  'account.manage', 'audit.read', 'calls.read', 'cannedResponses.manage', 'channels.read', 'channels.manage',
  'contacts.read', 'contacts.manage', 'contacts.erase', 'conversations.read', 'conversations.manage', 'keys.manage',
  'labels.manage', 'messages.send', 'roles.manage', 'rooms.read', 'rooms.manage', 'teams.manage', 'users.read',
  'users.manage', 'webhooks.manage',
];

const EVENTS = {
  messageCreated: 'Message arrived or written', messageUpdated: 'Message came further', conversationUpdated: 'Conversation changed',
  noteCreated: 'Note written', noteUpdated: 'Note changed', noteDeleted: 'Note deleted', conversationErased: 'Conversation forgotten',
};

const named = (values) => Object.fromEntries(values.map((value) => [value, value]));
const state = (off, { on = 'On', word = 'Off' } = {}) => (off ? `${word} since ${moment(off)}` : on);
const people = async ({ api }) => Object.fromEntries((await api.get('/v1/users?limit=100')).items.map(({ id, name }) => [id, name]));

const ownRoles = async ({ api }) => Object.fromEntries([['', 'none'], ...(await api.get('/v1/roles?limit=100')).items.map(({ id, name }) => [id, name])]);

const NAME = { name: 'name', label: 'Name', required: true, maxlength: 200 };

export const SECTIONS = {
  // Whose issuer is another has no password here.
  own: { label: 'Your account', hint: 'Your password', view: ownAccount, suits: ({ email }) => email !== null },
  users: {
    label: 'Users', hint: 'Who signs in, and their role', thing: 'user', path: '/v1/users', needs: 'users.read', changes: 'users.manage',
    columns: { Name: ({ name }) => name, 'E-mail': ({ email }) => email ?? '–', Role: ({ role }) => ROLES[role], Active: ({ deactivatedAt }) => state(deactivatedAt, { on: 'Yes', word: 'No,' }) },
    fields: [
      { ...NAME },
      { name: 'email', label: 'E-mail', type: 'email', required: true, only: 'create' },
      { name: 'password', label: 'First password', type: 'password', required: true, minlength: 15, hint: PASSWORD_RULE, only: 'create', autocomplete: 'new-password' },
      { name: 'role', label: 'Role', type: 'choice', options: ROLES, value: 'AGENT_USER' },
      { name: 'roleId', label: 'Own role', type: 'choice', nullable: true, options: ownRoles, hint: 'Decides instead, if there is one.', only: 'change' },
    ],
    toggle: { field: 'active', isOn: ({ deactivatedAt }) => !deactivatedAt, off: 'Deactivate', on: 'Activate', warns: 'They are signed out everywhere and cannot sign in.' },
  },
  roles: {
    label: 'Roles', hint: 'Sets of permissions of your own', thing: 'role', path: '/v1/roles', needs: 'users.read', changes: 'roles.manage',
    columns: { Name: ({ name }) => name, Permissions: ({ permissions }) => permissions.join(', ') || 'none' },
    fields: [NAME, { name: 'permissions', label: 'May', type: 'choices', options: named(PERMISSIONS) }],
    remove: { label: 'Delete' },
  },
  teams: {
    label: 'Teams', hint: 'Agents who answer together', thing: 'team', path: '/v1/teams', needs: 'users.read', changes: 'teams.manage',
    columns: { Name: ({ name }) => name },
    fields: [NAME],
    members: { label: 'Members', path: (id) => `/v1/teams/${id}/members`, field: 'userIds', options: people },
    remove: { label: 'Delete' },
  },
  labels: {
    label: 'Labels', hint: 'Words that sort conversations', thing: 'label', path: '/v1/labels', needs: 'conversations.read', changes: 'labels.manage',
    columns: { Name: ({ name }) => name, Color: ({ color }) => color },
    swatch: ({ color }) => color,
    fields: [NAME, { name: 'color', label: 'Color', type: 'color', value: '#1f6feb' }],
    remove: { label: 'Delete', warns: 'It leaves every conversation.' },
  },
  'canned-responses': {
    label: 'Canned responses', hint: 'Texts that are often sent', thing: 'canned response', path: '/v1/canned-responses', needs: 'conversations.read', changes: 'cannedResponses.manage',
    columns: { Shortcode: ({ shortcode }) => `/${shortcode}`, Text: ({ text }) => text },
    fields: [
      { name: 'shortcode', label: 'Shortcode', required: true, maxlength: 64, hint: 'Letters, digits, _ and -.' },
      { name: 'text', label: 'Text', type: 'lines', required: true },
    ],
    remove: { label: 'Delete' },
  },
  channels: {
    label: 'Channels', hint: 'Numbers that customers write to', thing: 'channel', path: '/v1/channels', needs: 'channels.manage', changes: 'channels.manage',
    columns: { Name: ({ name }) => name, Kind: () => 'WhatsApp', 'Webhook path': ({ webhookPath }) => webhookPath, State: ({ disabledAt }) => state(disabledAt) },
    constant: { kind: 'whatsapp' },
    fields: [
      NAME,
      { name: 'phoneNumberId', label: 'Phone number id', required: true, only: 'create', hint: 'As Meta calls the number.' },
      { name: 'accessToken', label: 'Access token', type: 'password', required: true, hint: 'Authorises what is sent.' },
      { name: 'appSecret', label: 'App secret', type: 'password', required: true, hint: 'Signs what is received.' },
      { name: 'verifyToken', label: 'Verify token', type: 'password', required: true, hint: 'Proves to Meta that the webhook is yours.' },
    ],
    toggle: { field: 'enabled', isOn: ({ disabledAt }) => !disabledAt, off: 'Switch off', on: 'Switch on', warns: 'Its webhooks are refused and nothing is sent by it.' },
  },
  webhooks: {
    label: 'Webhooks', hint: 'Programs that are told', thing: 'webhook', path: '/v1/webhooks', needs: 'webhooks.manage', changes: 'webhooks.manage',
    columns: { Address: ({ url }) => url, Kind: ({ kind }) => (kind === 'n8n' ? 'n8n' : 'Standard Webhooks'), Events: ({ events }) => events.map((event) => EVENTS[event]).join(', '), State: ({ disabledAt }) => state(disabledAt) },
    fields: [
      { name: 'kind', label: 'Kind', type: 'choice', options: { standard: 'Standard Webhooks (signed)', n8n: 'n8n (shared secret)' }, only: 'create' },
      { name: 'url', label: 'Address', type: 'url', required: true },
      { name: 'secret', label: 'Shared secret', type: 'password', hint: 'Needed for n8n. For signed ones a secret is made if you give none, and shown once.' },
      { name: 'events', label: 'Is told about', type: 'choices', options: EVENTS, value: ['messageCreated'] },
    ],
    once: { field: 'secret', label: 'The secret to check signatures with' },
    details: { label: 'Deliveries', path: ({ id }) => `/v1/webhooks/${id}/deliveries`, columns: { Event: ({ seq, event }) => `${seq} ${event.type}`, State: (it) => ({ waiting: `Waits until ${moment(it.dueAt)}`, taken: 'Taken', givenUp: 'Given up' })[it.state], Answer: ({ answerStatus, error }) => [answerStatus, error].filter(Boolean).join(' ') || '–' }, again: ({ id }, { seq }) => `/v1/webhooks/${id}/deliveries/${seq}/replay` },
    toggle: { field: 'enabled', isOn: ({ disabledAt }) => !disabledAt, off: 'Switch off', on: 'Switch on', warns: 'It is told nothing more; what waits is given up.' },
    remove: { label: 'Delete', warns: 'Its deliveries are deleted too.' },
  },
  'api-keys': {
    label: 'API keys', hint: 'How programs sign in', thing: 'API key', path: '/v1/api-keys', needs: 'keys.manage', changes: 'keys.manage',
    columns: { Name: ({ name }) => name, Key: ({ hint }) => `${hint}…`, May: ({ permissions }) => permissions.join(', ') || 'nothing', 'Last used': ({ lastUsedAt }) => (lastUsedAt ? moment(lastUsedAt) : 'never'), State: ({ revokedAt }) => state(revokedAt, { on: 'Good', word: 'Revoked' }) },
    fields: [NAME, { name: 'permissions', label: 'May', type: 'choices', options: named(PERMISSIONS) }].map((field) => ({ ...field, only: 'create' })),
    once: { field: 'key', label: 'The new key' },
    remove: { label: 'Revoke', warns: 'Programs that use it are refused from now on.', unless: ({ revokedAt }) => revokedAt },
  },
  sessions: {
    label: 'Your sign-ins', hint: 'Where you are signed in', thing: 'sign-in', path: '/v1/me/sign-ins',
    columns: { Client: ({ userAgent }) => userAgent ?? 'unknown', From: ({ address }) => address ?? '–', Began: ({ createdAt }) => moment(createdAt), 'Last used': ({ lastUsedAt, current }) => (current ? 'here, now' : moment(lastUsedAt)) },
    remove: { label: 'End', unless: ({ current }) => current },
  },
  'audit-log': {
    label: 'Audit log', hint: 'Who did what', thing: 'entry', path: '/v1/audit-log', needs: 'audit.read',
    columns: { When: ({ at }) => moment(at), Who: ({ actorKind, actorId }, names) => names[actorId] ?? { user: 'A user', api_key: 'An API key', system: 'Switchboard' }[actorKind], What: ({ action }) => action, From: ({ address }) => address ?? '–', Change: ({ before, after }) => difference(before, after) },
    names: people,
  },
};

/** What is different between two versions of a thing, in one line. */
function difference(before, after) {
  if (!before || !after) return (after ?? before)?.name ?? (after ?? before)?.url ?? '';
  const changed = Object.keys(after).filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]));
  return changed.map((key) => `${key}: ${JSON.stringify(before[key] ?? null)} → ${JSON.stringify(after[key])}`).join(', ');
}
