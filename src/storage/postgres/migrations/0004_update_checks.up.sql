-- The ids that an UPDATE sets are looked up once a statement. A row trigger BEFORE UPDATE, although it is for the id's column
-- alone, makes every UPDATE of the table lock each row before writing it: a quarter of all records of the server's log.

DROP TRIGGER has_symbol ON {schema}.book_ticker_snapshots;
DROP TRIGGER has_symbol ON {schema}.trade_snapshots;
DROP TRIGGER has_symbol ON {schema}.funding_rate_snapshots;
DROP TRIGGER has_exchange ON {schema}.balance_snapshots;
DROP FUNCTION {schema}.marketdb_require_symbol();
DROP FUNCTION {schema}.marketdb_require_exchange();

-- Refuses an UPDATE that leaves an unknown id in its table. Such a trigger cannot ask which rows changed (one that can has none
-- of its columns to choose by), so it goes through the ids of the table, by one probe of the key for each.
CREATE FUNCTION {schema}.marketdb_require_known_ids() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $body$
DECLARE
    column_name CONSTANT text := TG_ARGV[0];
    referenced CONSTANT text := TG_ARGV[1];
    unknown integer;
BEGIN
    EXECUTE format('WITH RECURSIVE given AS ('
                   '(SELECT t.%1$I AS id FROM %2$s AS t ORDER BY t.%1$I LIMIT 1)'
                   ' UNION ALL SELECT (SELECT t.%1$I FROM %2$s AS t WHERE t.%1$I > g.id ORDER BY t.%1$I LIMIT 1)'
                   ' FROM given AS g WHERE g.id IS NOT NULL)'
                   ' SELECT g.id FROM given AS g WHERE g.id IS NOT NULL'
                   ' AND NOT EXISTS (SELECT FROM %3$I.%4$I AS known WHERE known.id = g.id) LIMIT 1',
                   column_name, TG_RELID::regclass, {schema_text}, referenced)
    INTO unknown;
    IF unknown IS NOT NULL THEN
        PERFORM {schema}.marketdb_refuse_unknown(TG_TABLE_NAME, column_name, unknown, TG_NAME);
    END IF;
    RETURN NULL;
END
$body$;

CREATE TRIGGER has_symbol AFTER UPDATE OF symbol_id ON {schema}.book_ticker_snapshots
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.marketdb_require_known_ids('symbol_id', 'symbols');
CREATE TRIGGER has_symbol AFTER UPDATE OF symbol_id ON {schema}.trade_snapshots
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.marketdb_require_known_ids('symbol_id', 'symbols');
CREATE TRIGGER has_symbol AFTER UPDATE OF symbol_id ON {schema}.funding_rate_snapshots
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.marketdb_require_known_ids('symbol_id', 'symbols');
CREATE TRIGGER has_exchange AFTER UPDATE OF exchange_id ON {schema}.balance_snapshots
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.marketdb_require_known_ids('exchange_id', 'exchanges');

-- A statement that names a partition fires that partition's own triggers, so those that are there get it too.
DO $body$
DECLARE
    part record;
BEGIN
    FOR part IN SELECT b.inhrelid::regclass AS name FROM pg_catalog.pg_inherits AS b
                JOIN pg_catalog.pg_partitioned_table AS p ON p.partrelid = b.inhparent
                JOIN pg_catalog.pg_class AS c ON c.oid = b.inhparent
                JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                WHERE n.nspname = {schema_text} AND c.relname IN ('book_ticker_snapshots', 'trade_snapshots') LOOP
        EXECUTE format('CREATE TRIGGER has_symbol AFTER UPDATE OF symbol_id ON %s FOR EACH STATEMENT'
                       ' EXECUTE FUNCTION %I.marketdb_require_known_ids(''symbol_id'', ''symbols'')', part.name, {schema_text});
    END LOOP;
END
$body$;

-- As it was, and the new partition gets this trigger as well.
CREATE OR REPLACE FUNCTION {schema}.marketdb_make_partition(table_name text, gap_start timestamptz, gap_end timestamptz)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    SET "TimeZone" = 'UTC'
    SET "DateStyle" = 'ISO'
    AS $body$
DECLARE
    parent text := format('%I.%I', {schema_text}, table_name);
    part text := format('%I.%I', {schema_text}, {schema}.marketdb_partition_name(table_name, gap_start, gap_end));
BEGIN
    EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING ALL)', part, parent);
    EXECUTE format('CREATE TRIGGER adds_rows AFTER INSERT ON %s REFERENCING NEW TABLE AS new_rows'
                   ' FOR EACH STATEMENT EXECUTE FUNCTION %I.marketdb_add_symbol_rows(%L)', part, {schema_text},
                   (SELECT p.dataset FROM {schema}.partitioning AS p
                    WHERE p.table_name = marketdb_make_partition.table_name));
    EXECUTE format('CREATE TRIGGER has_symbol AFTER UPDATE OF symbol_id ON %s FOR EACH STATEMENT'
                   ' EXECUTE FUNCTION %I.marketdb_require_known_ids(''symbol_id'', ''symbols'')', part, {schema_text});
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)', parent, part, gap_start, gap_end);
END
$body$;
