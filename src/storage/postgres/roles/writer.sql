-- A role that records: it reads and writes rows and owns nothing. Run this when `marketdb init` has made the tables, as a superuser
-- or as a member of the owner, and again after a migration.
BEGIN;

DO $body$
BEGIN
    CREATE ROLE {writer} LOGIN;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$body$;

GRANT USAGE ON SCHEMA {schema} TO {writer};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {writer};
-- Partitions are made by the owner, when rows need them.
ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {writer};

-- Its history and its version the schema keeps by itself.
REVOKE INSERT, UPDATE, DELETE ON {schema}.schema_migrations, {schema}.reference_version, {schema}.partitioning FROM {writer};
REVOKE DELETE ON {schema}.exchanges, {schema}.symbols FROM {writer};
REVOKE INSERT, UPDATE, DELETE ON {schema}.quotes, {schema}.latest_quotes, {schema}.funding FROM {writer};
GRANT UPDATE (width) ON {schema}.partitioning TO {writer};

GRANT EXECUTE ON FUNCTION
    {schema}.marketdb_ensure_partitions(text, timestamptz, timestamptz),
    {schema}.marketdb_drop_partitions(text, timestamptz),
    {schema}.marketdb_partitions(text),
    {schema}.marketdb_missing_partitions(text, timestamptz, timestamptz),
    {schema}.marketdb_refuse_unknown(text, text, integer, text),
    {schema}.marketdb_reference_channel(),
    {schema}.marketdb_latest_quotes(),
    {schema}.marketdb_pair(text, text, text, timestamptz)
TO {writer};

COMMIT;
