-- Contacts in the order of their names.
CREATE INDEX contacts_by_name ON contacts (account_id, name, id) WHERE merged_into IS NULL;
