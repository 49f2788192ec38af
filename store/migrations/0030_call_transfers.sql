-- Calls that are handed over to another room: to which and by whom, while that is under way; and where each has gone.

ALTER TABLE calls
    ADD COLUMN transfer_room_id uuid,
    ADD COLUMN transfer_by      uuid;

ALTER TABLE call_parties ADD COLUMN transferred_to uuid;
