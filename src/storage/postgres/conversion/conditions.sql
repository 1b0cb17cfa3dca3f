-- What has to be so before anything can be moved: each row says what is not.
WITH tables AS (
    SELECT c.oid, c.relname::text AS name, c.relowner
    FROM pg_catalog.pg_class AS c
    WHERE c.relnamespace = (SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname = {schema_text})
      AND c.relname IN ('exchanges', 'symbols', 'book_ticker_snapshots', 'trade_snapshots', 'funding_rate_snapshots',
                        'balance_snapshots')
      AND c.relkind IN ('r', 'p')
)
SELECT 'owner' AS kind, t.name AS name,
       format('it belongs to %s: run this as that role', t.relowner::regrole) AS refusal
FROM tables AS t WHERE t.relowner <> (SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user)
UNION ALL
SELECT 'right', current_database()::text,
       format('%s may not make a schema in it: GRANT CREATE ON DATABASE %I TO %I', current_user, current_database(), current_user)
WHERE NOT pg_catalog.has_database_privilege(current_database(), 'CREATE')
UNION ALL
SELECT 'right', {schema_text},
       format('%s may not make tables in it: GRANT CREATE ON SCHEMA %I TO %I', current_user, {schema_text}, current_user)
WHERE NOT pg_catalog.has_schema_privilege({schema_text}, 'CREATE')
UNION ALL
SELECT 'name', c.relname::text, 'the lean schema has a relation of that name: rename this one'
FROM pg_catalog.pg_class AS c
WHERE c.relnamespace = (SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname = {schema_text})
  AND (c.relname IN ('sources', 'series', 'reference_version', 'partitioning', 'quarantined_rows', 'coverage', 'schema_migrations',
                     'quotes', 'latest_quotes', 'funding', 'sources_pkey', 'sources_id_seq', 'series_pkey', 'reference_version_pkey',
                     'partitioning_pkey', 'partitioning_table_name_key', 'quarantined_rows_pkey', 'coverage_pkey', 'pending_claims', 'pending_claims_pkey', 'retention_policies',
                     'retention_holds', 'retention_policies_id_seq', 'retention_holds_id_seq', 'retention_policies_pkey',
                     'retention_policies_dataset_key', 'retention_holds_pkey',
                     'schema_migrations_pkey')
       OR c.relname ~ '^(book_ticker|trade)_snapshots_[0-9]{4}_[0-9]{2}')
UNION ALL
SELECT 'name', p.proname::text, 'the lean schema has functions of that kind of name: rename this one'
FROM pg_catalog.pg_proc AS p
WHERE p.pronamespace = (SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname = {schema_text})
  AND p.proname LIKE 'marketdb\_%'
UNION ALL
SELECT 'key', t.name, format('it has no unique key of %s, so its rows cannot be told apart', wanted.columns)
FROM tables AS t
JOIN (VALUES ('book_ticker_snapshots', 'symbol_id, timestamp'), ('funding_rate_snapshots', 'symbol_id, timestamp'),
             ('balance_snapshots', 'asset_name, exchange_id, timestamp'), ('exchanges', 'id'), ('symbols', 'id')) AS wanted (name, columns) USING (name)
WHERE NOT EXISTS (
    SELECT FROM pg_catalog.pg_index AS i
    WHERE i.indrelid = t.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
      AND (SELECT string_agg(a.attname::text, ', ' ORDER BY a.attname::text COLLATE "C")
           FROM pg_catalog.pg_attribute AS a
           WHERE a.attrelid = t.oid AND a.attnum = ANY (i.indkey::smallint[])) = wanted.columns)
