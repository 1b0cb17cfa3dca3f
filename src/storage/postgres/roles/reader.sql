-- A role that reads: dashboards, psql, research. Run this when `marketdb init` has made the tables, as a superuser or as a member
-- of the owner, and again after a migration.
BEGIN;

DO $body$
BEGIN
    CREATE ROLE {reader} LOGIN;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$body$;
ALTER ROLE {reader} SET default_transaction_read_only = on;

GRANT USAGE ON SCHEMA {schema} TO {reader};
GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {reader};
-- Partitions are made by the owner, when rows need them.
ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema} GRANT SELECT ON TABLES TO {reader};

GRANT EXECUTE ON FUNCTION
    {schema}.marketdb_partitions(text),
    {schema}.marketdb_missing_partitions(text, timestamptz, timestamptz),
    {schema}.marketdb_reference_channel(),
    {schema}.marketdb_latest_quotes(),
    {schema}.marketdb_pair(text, text, text, timestamptz)
TO {reader};

COMMIT;
