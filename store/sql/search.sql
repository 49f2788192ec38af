-- Words, as they are stored and as they are looked for. `words` is in generated columns: what is stored
-- stays as it is when it changes, until its rows are written again.

-- The words of a text, each behind a mark of its account, so that what others say about the same
-- words costs an account nothing. Also cut at these signs, so that parts of an address are found.
CREATE OR REPLACE FUNCTION words(account uuid, said text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_to_tsvector(array_agg(left(md5(account::text), 8) || lexeme)), '')
    FROM unnest(to_tsvector('simple', translate(said, '@._-+/:', '       ')))
$$;

-- What a search asks for: rows that have all of these words, each as the beginning of one, behind the mark
-- of the account (see `words`).
CREATE OR REPLACE FUNCTION asked(beginnings text[]) RETURNS tsquery LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT string_agg(quote_literal(left(md5(current_setting('app.account_id')), 8) || beginning) || ':*', ' & ')::tsquery
    FROM unnest(beginnings) AS beginning
$$;
