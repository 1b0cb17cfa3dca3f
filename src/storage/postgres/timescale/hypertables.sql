-- Makes book tickers and trades hypertables of TimescaleDB, when their schema has just been made; {extension} is the schema of
-- its functions. Only what its Apache edition has is used. Chunks are made when rows need them; how wide the next ones are is
-- {extension}.set_chunk_time_interval's business, not that of `partitioning`.

SELECT {extension}.create_hypertable(to_regclass(format('%I.%I', {schema_text}, p.table_name)),
                                     {extension}.by_range('timestamp', interval '30 days'), create_default_indexes => false)
FROM {schema}.partitioning AS p;

-- The chunks of a table and their bounds. Names are whole and quoted, because a chunk lies in a schema of the extension's;
-- marketdb_drop_partitions knows both kinds.
CREATE OR REPLACE FUNCTION {schema}.marketdb_partitions(table_name text)
    RETURNS TABLE (partition_name text, start_time timestamptz, end_time timestamptz)
    LANGUAGE sql
    STABLE
    SET search_path = pg_catalog, pg_temp
    SET "TimeZone" = 'UTC'
    SET "DateStyle" = 'ISO'
    AS $body$
    SELECT format('%I.%I', c.chunk_schema, c.chunk_name), c.range_start, c.range_end
    FROM timescaledb_information.chunks AS c
    WHERE c.hypertable_schema = {schema_text} AND c.hypertable_name = marketdb_partitions.table_name
    ORDER BY 2
$body$;
