-- Calls that outlive the instance that runs them: what another needs to run on, and who runs.

-- `epoch` grows with every instance that takes a call over; what a runner writes under an older one is refused.
-- `runner` is null only where an earlier version recorded the call, which nobody takes over.
ALTER TABLE calls
    ADD COLUMN epoch             bigint NOT NULL DEFAULT 0,
    ADD COLUMN runner            uuid,
    ADD COLUMN media             text   NOT NULL DEFAULT 'audio',
    ADD COLUMN caller_connection uuid,
    ADD COLUMN callee_connection uuid;

-- Those that an instance runs: few, and all that is read of an instance that is gone.
CREATE INDEX calls_running ON calls (runner, id) WHERE ended_at IS NULL;

GRANT SELECT (account_id, id, epoch, runner, ended_at) ON calls TO switchboard_system;
CREATE POLICY running ON calls FOR SELECT TO switchboard_system USING (ended_at IS NULL);

-- Instances of the hub, by the database's clock: theirs may differ. Who has stopped in order, or is silent, is gone.
CREATE TABLE hub_nodes (
    id      uuid        PRIMARY KEY,
    seen_at timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON hub_nodes TO switchboard_system;

-- What earlier versions left open for ever: nobody talks for a day without an end.
ALTER TABLE calls NO FORCE ROW LEVEL SECURITY;
UPDATE calls SET ended_at = started_at, outcome = CASE WHEN answered_at IS NULL THEN 'missed' ELSE 'lost' END
    WHERE ended_at IS NULL AND started_at < clock_timestamp() - interval '1 day';
-- Those who follow calls are told now: a table that has somebody yet to be told cannot be altered.
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE calls FORCE ROW LEVEL SECURITY;
