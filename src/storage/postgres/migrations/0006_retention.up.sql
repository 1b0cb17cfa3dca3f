-- How long rows are kept, and which of them are held.

-- 0: there is no limit.
CREATE TABLE {schema}.retention_policies (
    id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dataset       text COLLATE "C" NOT NULL UNIQUE,
    max_age_us    bigint NOT NULL,
    max_bytes     bigint NOT NULL,
    takes_imports boolean NOT NULL,
    updated_at    timestamptz,
    CHECK (max_age_us >= 0 AND max_bytes >= 0)
);

-- Without a dataset of all of them, without an end open there, and holding until it is released.
CREATE TABLE {schema}.retention_holds (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dataset     text COLLATE "C",
    start_time  timestamptz,
    end_time    timestamptz,
    reason      text COLLATE "C" NOT NULL,
    created_at  timestamptz,
    released_at timestamptz,
    CHECK (start_time < end_time)
);

-- Whoever reads the counts reads what is kept for how long; whoever keeps them decides it.
DO $body$
DECLARE
    who record;
BEGIN
    FOR who IN SELECT CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END AS name,
                      bool_or(acl.privilege_type IN ('INSERT', 'UPDATE', 'DELETE')) AS writes
               FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                    CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) AS acl
               WHERE n.nspname = {schema_text} AND c.relname = 'series' AND acl.grantee <> c.relowner
                 AND acl.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
               GROUP BY acl.grantee LOOP
        EXECUTE format('GRANT SELECT ON %1$I.retention_policies, %1$I.retention_holds TO %2$s', {schema_text}, who.name);
        IF who.writes THEN
            EXECUTE format('GRANT INSERT, UPDATE, DELETE ON %1$I.retention_policies, %1$I.retention_holds TO %2$s',
                           {schema_text}, who.name);
            EXECUTE format('GRANT UPDATE (width) ON %I.partitioning TO %s', {schema_text}, who.name);
        END IF;
    END LOOP;
END
$body$;

-- Drops partitions of book_ticker_snapshots or trade_snapshots, or their chunks where these are hypertables, that end at the
-- cut-off or before it: the oldest one of which nobody holds any time and which, if marketdb.spare_imports is 'on', has no row of
-- an import or a copy. Its rows leave `series` in the same transaction. Returns how many rows went, and the time that they were
-- of stands in marketdb.dropped_start and marketdb.dropped_end until the transaction ends; or null if there is no such partition:
-- call it until then, each time in a transaction of its own. As the owner.
--
-- Which one it is is asked without a lock, and again with the locks. Counting reads the partition; meanwhile nobody can write to
-- it, nor hold anything, and everything else goes on. Then the table is locked against everybody for a moment. That lock is asked
-- for only briefly, again and again, because whoever comes after us would wait behind us for a reader before us. Writers take the
-- table before the partition and we the other way round, so whoever waits for the partition may hold the table, and so may
-- whoever waits for the holds: we give way, long before deadlock_timeout would end one of us. The holds too are locked after the
-- partition, so whoever is about to hold something may wait for the partition: that lock is asked for only briefly as well. Of
-- two that drop from different tables neither waits for the other.
--
-- Errors: 22023  no such table, or no cut-off; 55P03  others held the table, the partition or the holds for too long, or wait to
--         write to it or to hold it, or rows of an import or a hold came meanwhile: try again; 25001  the isolation level would
--         hide rows. Nothing was dropped.
CREATE OR REPLACE FUNCTION {schema}.marketdb_drop_partitions(table_name text, cutoff timestamptz) RETURNS bigint
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '5s'
    SET "TimeZone" = 'UTC'
    SET "DateStyle" = 'ISO'
    AS $body$
DECLARE
    max_tries CONSTANT integer := 10;
    parent CONSTANT text := format('%I.%I', {schema_text}, table_name);
    dataset_name CONSTANT text := (SELECT p.dataset FROM {schema}.partitioning AS p
                                   WHERE p.table_name = marketdb_drop_partitions.table_name);
    is_native CONSTANT boolean := coalesce((SELECT c.relkind = 'p' FROM pg_class AS c WHERE c.oid = to_regclass(parent)), false);
    extension text;
    is_hypertable boolean := false;
    -- The rows of a chunk are asked for through its table, with constant bounds.
    parts CURSOR FOR
        SELECT format(CASE WHEN is_native THEN '%2$I.%1$I' ELSE '%1$s' END, p.partition_name, {schema_text}) AS name,
               p.start_time, p.end_time,
               format(CASE WHEN is_native THEN '%2$I.%1$I WHERE true'
                           ELSE '%3$s WHERE "timestamp" >= %4$L AND "timestamp" < %5$L' END,
                      p.partition_name, {schema_text}, parent, p.start_time, p.end_time) AS its_rows
        FROM {schema}.marketdb_partitions(table_name) AS p
        ORDER BY p.start_time;
    oldest record;
    -- Null where this step has been undone: the function stays then.
    holds CONSTANT regclass := to_regclass(format('%I.retention_holds', {schema_text}));
    held_sql CONSTANT text := format(
        'SELECT EXISTS (SELECT FROM %s AS h WHERE h.released_at IS NULL AND (h.dataset IS NULL OR h.dataset = $1)'
        ' AND coalesce(h.start_time, ''-infinity'') < $3 AND coalesce(h.end_time, ''infinity'') > $2)', holds);
    is_held boolean := false;
    spares_imports CONSTANT boolean := coalesce(current_setting('marketdb.spare_imports', true) = 'on', false);
    import_ids integer[] := '{}';
    has_imports boolean := false;
    gone_ids integer[];
    gone_rows bigint[];
    staying_ids integer[];
BEGIN
    IF NOT is_native THEN
        SELECT n.nspname INTO extension
        FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
        WHERE e.extname = 'timescaledb' AND to_regclass('timescaledb_information.hypertables') IS NOT NULL;
        IF FOUND THEN
            EXECUTE 'SELECT EXISTS (SELECT FROM timescaledb_information.hypertables AS h'
                    ' WHERE h.hypertable_schema = $1 AND h.hypertable_name = $2)'
            INTO is_hypertable USING {schema_text}::text, table_name;
        END IF;
    END IF;
    IF dataset_name IS NULL OR cutoff IS NULL OR NOT (is_native OR is_hypertable) THEN
        RAISE EXCEPTION '% before %: has no partitions, or no cut-off', table_name, cutoff
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'partitions of % are dropped in read committed transactions only', table_name
            USING ERRCODE = 'active_sql_transaction';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(format('marketdb retention %s', parent), 0));

    -- As a list that the statements take for a constant: joined with `sources` they might go through the rows once a source.
    IF spares_imports THEN
        import_ids := ARRAY(SELECT s.id FROM {schema}.sources AS s WHERE s.kind IN ('import', 'copy'));
    END IF;
    FOR part IN parts LOOP
        EXIT WHEN part.end_time > cutoff;
        IF holds IS NOT NULL THEN
            EXECUTE held_sql INTO is_held USING dataset_name, part.start_time, part.end_time;
            CONTINUE WHEN is_held;
        END IF;
        IF cardinality(import_ids) > 0 THEN
            EXECUTE format('SELECT EXISTS (SELECT FROM %s AND source_id = ANY ($1))', part.its_rows)
            INTO has_imports USING import_ids;
            CONTINUE WHEN has_imports;
        END IF;
        oldest := part;
        EXIT;
    END LOOP;
    IF oldest IS NULL THEN
        RETURN NULL;
    END IF;

    EXECUTE format('LOCK TABLE %s IN SHARE MODE', oldest.name);
    IF holds IS NOT NULL THEN
        PERFORM set_config('lock_timeout', '200ms', true);
        EXECUTE format('LOCK TABLE %s IN SHARE MODE', holds);
        PERFORM set_config('lock_timeout', '5s', true);
        EXECUTE held_sql INTO is_held USING dataset_name, oldest.start_time, oldest.end_time;
        IF is_held THEN
            RAISE EXCEPTION '% before %: a hold of % came meanwhile', table_name, cutoff, oldest.name
                USING ERRCODE = 'lock_not_available';
        END IF;
    END IF;
    IF spares_imports THEN
        import_ids := ARRAY(SELECT s.id FROM {schema}.sources AS s WHERE s.kind IN ('import', 'copy'));
    END IF;
    EXECUTE format('SELECT coalesce(array_agg(symbol_id), ''{}''), coalesce(array_agg(rows), ''{}''),'
                   ' coalesce(bool_or(has_imports), false) FROM (SELECT symbol_id, count(*) AS rows, %s AS has_imports'
                   ' FROM %s GROUP BY symbol_id) AS counted',
                   CASE WHEN cardinality(import_ids) > 0 THEN 'bool_or(source_id = ANY ($1))' ELSE 'false' END, oldest.its_rows)
    INTO gone_ids, gone_rows, has_imports USING import_ids;
    IF has_imports THEN
        RAISE EXCEPTION '% before %: rows of an import came into % meanwhile', table_name, cutoff, oldest.name
            USING ERRCODE = 'lock_not_available';
    END IF;

    FOR try IN 1..max_tries LOOP
        IF EXISTS (SELECT FROM pg_locks AS l WHERE l.relation IN (to_regclass(oldest.name), holds) AND NOT l.granted) THEN
            RAISE EXCEPTION '% before %: others wait to write to % or to hold it', table_name, cutoff, oldest.name
                USING ERRCODE = 'lock_not_available';
        END IF;
        BEGIN
            PERFORM set_config('lock_timeout', '200ms', true);
            IF is_native THEN
                EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', parent);
                EXECUTE format('DROP TABLE %s', oldest.name);
            ELSE
                EXECUTE format('SELECT %I.drop_chunks($1, older_than => $2, newer_than => $3)', extension)
                USING parent::regclass, oldest.end_time, oldest.start_time;
            END IF;
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

    -- What is left of a series begins in the first partition that has a row of it.
    staying_ids := ARRAY(SELECT s.series_id FROM {schema}.series AS s
                         WHERE s.dataset = dataset_name AND s.series_id = ANY (gone_ids));
    FOR part IN parts LOOP
        EXIT WHEN cardinality(staying_ids) = 0;
        EXECUTE format('WITH begins AS (SELECT of.id, (SELECT min("timestamp") FROM %2$s AND symbol_id = of.id)'
                       ' AS first FROM unnest($1) AS of (id)),'
                       ' kept AS (UPDATE %1$I.series AS s SET first_timestamp = begins.first FROM begins'
                       ' WHERE s.dataset = $2 AND s.series_id = begins.id AND begins.first IS NOT NULL)'
                       ' SELECT coalesce(array_agg(begins.id), ''{}'') FROM begins WHERE begins.first IS NULL',
                       {schema_text}, part.its_rows) INTO staying_ids USING staying_ids, dataset_name;
    END LOOP;
    PERFORM set_config('marketdb.dropped_start', oldest.start_time::text, true),
            set_config('marketdb.dropped_end', oldest.end_time::text, true);
    RETURN (SELECT coalesce(sum(one), 0) FROM unnest(gone_rows) AS one);
END
$body$;
