-- What a search asks for: rows that have all of these words, each as the beginning of one, behind the mark
-- of the account (see `words`).
CREATE FUNCTION asked(beginnings text[]) RETURNS tsquery LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT string_agg(quote_literal(left(md5(current_setting('app.account_id')), 8) || beginning) || ':*', ' & ')::tsquery
    FROM unnest(beginnings) AS beginning
$$;
