-- What migrations say of each new table of the accounts.

-- Every index of a tenant table begins with the account, so whether the planner takes the right one must not hang on
-- how many rows it believes an account to have. With statistics it believes an account that is newer than they are to
-- have none: all indexes look alike then, and a look-up by id may read everything that the account has. Without, it
-- takes every account for a part of the table (1/200), which only ever speaks for the narrowest index.
CREATE OR REPLACE FUNCTION without_statistics(tenant_table regclass, column_name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET STATISTICS 0', tenant_table, column_name);
    BEGIN
        -- What was gathered before stays otherwise, and only a superuser may delete it.
        DELETE FROM pg_statistic WHERE starelid = tenant_table AND staattnum =
            (SELECT attnum FROM pg_attribute WHERE attrelid = tenant_table AND attname = column_name);
    EXCEPTION WHEN insufficient_privilege THEN NULL;
    END;
END $$;
REVOKE EXECUTE ON FUNCTION without_statistics(regclass, text) FROM PUBLIC;

-- Binds a table to the account of the transaction. Every table with an `account_id` needs it.
CREATE OR REPLACE FUNCTION protect(tenant_table regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('CREATE POLICY one_account ON %s TO switchboard_app
        USING      (account_id = current_setting(''app.account_id'')::uuid)
        WITH CHECK (account_id = current_setting(''app.account_id'')::uuid)', tenant_table);
    PERFORM without_statistics(tenant_table, 'account_id');
END $$;
REVOKE EXECUTE ON FUNCTION protect(regclass) FROM PUBLIC;
