-- Sessions of other programs in this database whose role may write to the old tables, or to tables that refer to them. Those that
-- may only read are not in the way. What another role's session does is hidden from a role without pg_read_all_stats; that it is there is not.
SELECT a.pid, a.usename::text AS role, coalesce(nullif(a.application_name, ''), 'no name')::text AS program,
       coalesce(a.state, 'unknown')::text AS state
FROM pg_catalog.pg_stat_activity AS a
WHERE a.datname = current_database() AND a.pid <> pg_catalog.pg_backend_pid()
  AND coalesce(a.backend_type, 'client backend') = 'client backend'
  AND a.usesysid IS NOT NULL
  AND EXISTS (
      WITH ours AS (
          SELECT c.oid FROM pg_catalog.pg_class AS c
          WHERE c.relnamespace = (SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname = {schema_text})
            AND c.relname IN ('exchanges', 'symbols', 'book_ticker_snapshots', 'trade_snapshots', 'funding_rate_snapshots',
                              'balance_snapshots')
      )
      SELECT FROM (SELECT o.oid FROM ours AS o UNION
                   SELECT k.conrelid FROM pg_catalog.pg_constraint AS k
                   WHERE k.contype = 'f' AND k.confrelid IN (SELECT o.oid FROM ours AS o)) AS written
      WHERE pg_catalog.has_table_privilege(a.usesysid, written.oid, 'INSERT, UPDATE, DELETE'))
ORDER BY a.pid
