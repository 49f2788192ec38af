-- Of a call that is being handed over to another room: whose word is awaited, and until when. One of which neither is
-- known, because an instance of an earlier version began it, is under way no more.

ALTER TABLE calls
    ADD COLUMN transfer_awaited uuid[],
    ADD COLUMN transfer_until   timestamptz;
