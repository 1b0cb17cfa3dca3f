DROP TRIGGER has_exchange ON {schema}.balance_snapshots;
DROP TRIGGER has_symbol ON {schema}.funding_rate_snapshots;
DROP TRIGGER has_symbol ON {schema}.trade_snapshots;
DROP TRIGGER has_symbol ON {schema}.book_ticker_snapshots;
DROP FUNCTION {schema}.marketdb_require_known_ids() CASCADE;  -- With the triggers of the partitions.

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
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)', parent, part, gap_start, gap_end);
END
$body$;

CREATE FUNCTION {schema}.marketdb_require_symbol() RETURNS trigger
    LANGUAGE plpgsql
    AS $body$
BEGIN
    IF NOT EXISTS (SELECT FROM {schema}.symbols AS known WHERE known.id OPERATOR(pg_catalog.=) NEW.symbol_id) THEN
        PERFORM {schema}.marketdb_refuse_unknown(TG_TABLE_NAME, 'symbol_id', NEW.symbol_id, TG_NAME);
    END IF;
    RETURN NEW;
END
$body$;

CREATE FUNCTION {schema}.marketdb_require_exchange() RETURNS trigger
    LANGUAGE plpgsql
    AS $body$
BEGIN
    IF NOT EXISTS (SELECT FROM {schema}.exchanges AS known WHERE known.id OPERATOR(pg_catalog.=) NEW.exchange_id) THEN
        PERFORM {schema}.marketdb_refuse_unknown(TG_TABLE_NAME, 'exchange_id', NEW.exchange_id, TG_NAME);
    END IF;
    RETURN NEW;
END
$body$;

CREATE TRIGGER has_symbol BEFORE UPDATE OF symbol_id ON {schema}.book_ticker_snapshots
    FOR EACH ROW EXECUTE FUNCTION {schema}.marketdb_require_symbol();
CREATE TRIGGER has_symbol BEFORE UPDATE OF symbol_id ON {schema}.trade_snapshots
    FOR EACH ROW EXECUTE FUNCTION {schema}.marketdb_require_symbol();
CREATE TRIGGER has_symbol BEFORE UPDATE OF symbol_id ON {schema}.funding_rate_snapshots
    FOR EACH ROW EXECUTE FUNCTION {schema}.marketdb_require_symbol();
CREATE TRIGGER has_exchange BEFORE UPDATE OF exchange_id ON {schema}.balance_snapshots
    FOR EACH ROW EXECUTE FUNCTION {schema}.marketdb_require_exchange();
