-- Makes book tickers and trades hypertables of TimescaleDB, when their schema has just been made; {extension} is the schema of
-- its functions. Only what its Apache edition has is used. Chunks are made when rows need them; how wide the next ones are is
-- {extension}.set_chunk_time_interval's business, not that of `partitioning`.

SELECT {extension}.create_hypertable(to_regclass(format('%I.%I', {schema_text}, p.table_name)),
                                     {extension}.by_range('timestamp', interval '30 days'), create_default_indexes => false)
FROM {schema}.partitioning AS p;

-- The chunks of a table and their bounds.
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

-- As that of native partitions: drops the oldest chunk that ends at the cut-off or before it, whose rows leave `series` in the
-- same transaction; returns how many rows went, or null if there is no such chunk. As the owner. Counting keeps writers of the
-- chunk out; the lock against its readers is asked for only briefly, again and again.
CREATE OR REPLACE FUNCTION {schema}.marketdb_drop_partitions(table_name text, cutoff timestamptz) RETURNS bigint
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '5s'
    AS $body$
DECLARE
    max_tries CONSTANT integer := 10;
    parent text := format('%I.%I', {schema_text}, table_name);
    dataset_name text := (SELECT p.dataset FROM {schema}.partitioning AS p
                          WHERE p.table_name = marketdb_drop_partitions.table_name);
    oldest record;
    gone_ids integer[];
    gone_rows bigint[];
    staying_ids integer[];
    later record;
BEGIN
    IF dataset_name IS NULL OR cutoff IS NULL THEN
        RAISE EXCEPTION '% before %: has no chunks, or no cut-off', table_name, cutoff
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'chunks of % are dropped in read committed transactions only', table_name
            USING ERRCODE = 'active_sql_transaction';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(format('marketdb retention %s', parent), 0));
    SELECT * INTO oldest FROM {schema}.marketdb_partitions(table_name) AS p WHERE p.end_time <= cutoff ORDER BY p.start_time LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;

    EXECUTE format('LOCK TABLE %s IN SHARE MODE', oldest.partition_name);
    EXECUTE format('SELECT coalesce(array_agg(symbol_id), ''{}''), coalesce(array_agg(rows), ''{}'')'
                   ' FROM (SELECT symbol_id, count(*) AS rows FROM %s WHERE "timestamp" >= %L AND "timestamp" < %L'
                   ' GROUP BY symbol_id) AS counted', parent, oldest.start_time, oldest.end_time)
    INTO gone_ids, gone_rows;

    FOR try IN 1..max_tries LOOP
        IF EXISTS (SELECT FROM pg_locks AS l WHERE l.relation = to_regclass(oldest.partition_name) AND NOT l.granted) THEN
            RAISE EXCEPTION '% before %: others wait to write to %', table_name, cutoff, oldest.partition_name
                USING ERRCODE = 'lock_not_available';
        END IF;
        BEGIN
            PERFORM set_config('lock_timeout', '200ms', true);
            PERFORM {extension}.drop_chunks(parent::regclass, older_than => oldest.end_time, newer_than => oldest.start_time);
            EXIT;
        EXCEPTION
            WHEN lock_not_available THEN
                IF try = max_tries THEN
                    RAISE;
                END IF;
        END;
        PERFORM pg_sleep(0.5);
    END LOOP;

    UPDATE {schema}.series AS s SET rows = s.rows - gone.rows
    FROM unnest(gone_ids, gone_rows) AS gone (id, rows)
    WHERE s.dataset = dataset_name AND s.series_id = gone.id;
    DELETE FROM {schema}.series AS s WHERE s.dataset = dataset_name AND s.series_id = ANY (gone_ids) AND s.rows <= 0;

    -- What is left of a series begins in the first chunk that has a row of it.
    staying_ids := ARRAY(SELECT s.series_id FROM {schema}.series AS s
                         WHERE s.dataset = dataset_name AND s.series_id = ANY (gone_ids));
    FOR later IN SELECT * FROM {schema}.marketdb_partitions(table_name) AS p ORDER BY p.start_time LOOP
        EXIT WHEN cardinality(staying_ids) = 0;
        EXECUTE format('WITH begins AS (SELECT of.id, (SELECT min("timestamp") FROM %2$s WHERE symbol_id = of.id'
                       ' AND "timestamp" >= %3$L AND "timestamp" < %4$L) AS first FROM unnest($1) AS of (id)),'
                       ' kept AS (UPDATE %1$I.series AS s SET first_timestamp = begins.first FROM begins'
                       ' WHERE s.dataset = $2 AND s.series_id = begins.id AND begins.first IS NOT NULL)'
                       ' SELECT coalesce(array_agg(begins.id), ''{}'') FROM begins WHERE begins.first IS NULL',
                       {schema_text}, parent, later.start_time, later.end_time) INTO staying_ids USING staying_ids, dataset_name;
    END LOOP;
    RETURN (SELECT coalesce(sum(one), 0) FROM unnest(gone_rows) AS one);
END
$body$;
