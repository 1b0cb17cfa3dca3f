-- Functions whose texts name one of the tables: nothing else says that they use it. They stay as they are.
SELECT p.oid::regprocedure::text AS name, (SELECT string_agg(t.name, ', ' ORDER BY t.name) FROM unnest(named.tables) AS t (name)) AS tables
FROM pg_catalog.pg_proc AS p
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
CROSS JOIN LATERAL (
    SELECT array_agg(DISTINCT m.found [1]) AS tables
    FROM regexp_matches(p.prosrc, '\m(exchanges|symbols|(?:book_ticker|trade|funding_rate|balance)_snapshots)\M', 'g') AS m (found)
) AS named
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', {next_text}, {before_text}) AND n.nspname !~ '^pg_'
  AND p.proname NOT LIKE 'marketdb\_%' AND named.tables IS NOT NULL
ORDER BY 1
