-- The four time series. Book tickers and trades lie in partitions of a day or a month (UTC), which are made when a row needs
-- one; there is no default partition, because it would have to be searched whenever a partition is made.

CREATE TABLE {schema}.book_ticker_snapshots (
    symbol_id   integer NOT NULL,
    "timestamp" timestamptz NOT NULL,
    sequence    bigint NOT NULL,
    received_at timestamptz,
    bid_price   double precision,
    bid_qty     double precision,
    ask_price   double precision,
    ask_qty     double precision,
    source_id   integer,
    PRIMARY KEY (symbol_id, "timestamp", sequence),
    CONSTRAINT bid_is_positive CHECK (bid_price > 0 AND bid_qty > 0),
    CONSTRAINT ask_is_positive CHECK (ask_price > 0 AND ask_qty > 0),
    CONSTRAINT sides_are_whole
        CHECK ((bid_price IS NULL) = (bid_qty IS NULL) AND (ask_price IS NULL) = (ask_qty IS NULL)),
    CONSTRAINT a_side_is_there CHECK (bid_price IS NOT NULL OR ask_price IS NOT NULL),
    CONSTRAINT is_not_crossed CHECK (ask_price >= bid_price)
) PARTITION BY RANGE ("timestamp");

CREATE TABLE {schema}.trade_snapshots (
    symbol_id      integer NOT NULL,
    "timestamp"    timestamptz NOT NULL,
    trade_id       text COLLATE "C" NOT NULL,
    sequence       bigint NOT NULL,
    received_at    timestamptz,
    price          double precision NOT NULL,
    quantity       double precision NOT NULL,
    side           text COLLATE "C" CHECK (side IN ('buy', 'sell')),
    quote_quantity double precision,
    is_buyer       boolean,
    is_maker       boolean,
    source_id      integer,
    PRIMARY KEY (symbol_id, "timestamp", trade_id),
    CONSTRAINT amounts_are_positive CHECK (price > 0 AND quantity > 0 AND quote_quantity >= 0)
) PARTITION BY RANGE ("timestamp");

CREATE TABLE {schema}.funding_rate_snapshots (
    symbol_id        integer NOT NULL,
    "timestamp"      timestamptz NOT NULL,
    kind             text COLLATE "C" NOT NULL CHECK (kind IN ('predicted', 'settled')),
    received_at      timestamptz,
    funding_rate     double precision NOT NULL,
    interval_minutes integer,
    funding_time     timestamptz,
    mark_price       double precision,
    source_id        integer,
    PRIMARY KEY (symbol_id, "timestamp", kind),
    CONSTRAINT amounts_are_positive CHECK (interval_minutes > 0 AND mark_price > 0)
);

CREATE TABLE {schema}.balance_snapshots (
    exchange_id       integer NOT NULL,
    account           text COLLATE "C" NOT NULL,
    asset_name        text COLLATE "C" NOT NULL,
    "timestamp"       timestamptz NOT NULL,
    received_at       timestamptz,
    available_balance double precision NOT NULL,
    locked_balance    double precision NOT NULL,
    frozen_balance    double precision,
    borrowing_balance double precision,
    interest_balance  double precision,
    total_balance     double precision NOT NULL,
    source_id         integer,
    PRIMARY KEY (exchange_id, account, asset_name, "timestamp"),
    CONSTRAINT locked_is_not_negative CHECK (locked_balance >= 0)
);

-- How wide the partitions are that are made from now on: a day where rows are kept for 31 days or less, else a month. Those
-- that exist stay as they are.
CREATE TABLE {schema}.partitioning (
    dataset    text COLLATE "C" PRIMARY KEY,
    table_name text COLLATE "C" NOT NULL UNIQUE,
    width      text COLLATE "C" NOT NULL DEFAULT 'month' CHECK (width IN ('day', 'month'))
);
INSERT INTO {schema}.partitioning (dataset, table_name)
VALUES ('book-tickers', 'book_ticker_snapshots'), ('trades', 'trade_snapshots');

-- Sees to it, when a statement has inserted rows, that their ids are in symbols or exchanges, all of them at once, and adds the
-- rows to `series`; so the counts are exact whoever writes. A batch has few series: the rows are grouped first. The look for an
-- unknown id is no join, so that the plan, which is made once and kept, is one index probe for each, whether the first batch had
-- one row or a million. In the order of the key, so that two writers do not wait for each other. How many rows were inserted, and
-- not updated, stands in marketdb.inserted until the transaction ends: of a partitioned table RETURNING cannot tell.
-- The functions run with their caller's search path, so the comparison names its schema.
CREATE FUNCTION {schema}.marketdb_refuse_unknown(table_name text, column_name text, id integer, trigger_name text)
    RETURNS void
    LANGUAGE plpgsql
    AS $body$
BEGIN
    RAISE EXCEPTION '% % is in no row of %', column_name, id,
        CASE column_name WHEN 'symbol_id' THEN 'symbols' ELSE 'exchanges' END
        USING ERRCODE = 'foreign_key_violation',
              SCHEMA = {schema_text},
              TABLE = table_name,
              COLUMN = column_name,
              CONSTRAINT = trigger_name;
END
$body$;

CREATE FUNCTION {schema}.marketdb_add_symbol_rows() RETURNS trigger
    LANGUAGE plpgsql
    AS $body$
DECLARE
    unknown integer;
    inserted bigint;
BEGIN
    WITH given AS MATERIALIZED (
        SELECT n.symbol_id, count(*) AS rows, min(n."timestamp") AS first, max(n."timestamp") AS last,
               min(n.received_at - n."timestamp") AS min_skew, max(n.received_at - n."timestamp") AS max_skew
        FROM new_rows AS n GROUP BY n.symbol_id
    ), kept AS (
        INSERT INTO {schema}.series AS s (dataset, series_id, account, asset_name, rows, first_timestamp, last_timestamp,
                                          min_skew, max_skew)
        SELECT TG_ARGV[0], g.symbol_id, '', '', g.rows, g.first, g.last,
               (extract(epoch FROM g.min_skew) * 1000000)::bigint, (extract(epoch FROM g.max_skew) * 1000000)::bigint
        FROM given AS g ORDER BY g.symbol_id
        ON CONFLICT (dataset, series_id, account, asset_name) DO UPDATE SET
            rows = s.rows + excluded.rows,
            first_timestamp = least(s.first_timestamp, excluded.first_timestamp),
            last_timestamp = greatest(s.last_timestamp, excluded.last_timestamp),
            min_skew = least(s.min_skew, excluded.min_skew),
            max_skew = greatest(s.max_skew, excluded.max_skew)
    )
    SELECT (SELECT g.symbol_id FROM given AS g
            WHERE (SELECT known.id FROM {schema}.symbols AS known WHERE known.id OPERATOR(pg_catalog.=) g.symbol_id) IS NULL
            LIMIT 1),
           (SELECT sum(g.rows) FROM given AS g)
    INTO unknown, inserted;
    IF unknown IS NOT NULL THEN
        PERFORM {schema}.marketdb_refuse_unknown(TG_TABLE_NAME, 'symbol_id', unknown, TG_NAME);
    END IF;
    PERFORM set_config('marketdb.inserted', coalesce(inserted, 0)::text, true);
    RETURN NULL;
END
$body$;

CREATE FUNCTION {schema}.marketdb_add_balance_rows() RETURNS trigger
    LANGUAGE plpgsql
    AS $body$
DECLARE
    unknown integer;
    inserted bigint;
BEGIN
    WITH given AS MATERIALIZED (
        SELECT n.exchange_id, n.account, n.asset_name, count(*) AS rows, min(n."timestamp") AS first,
               max(n."timestamp") AS last, min(n.received_at - n."timestamp") AS min_skew,
               max(n.received_at - n."timestamp") AS max_skew
        FROM new_rows AS n GROUP BY n.exchange_id, n.account, n.asset_name
    ), kept AS (
        INSERT INTO {schema}.series AS s (dataset, series_id, account, asset_name, rows, first_timestamp, last_timestamp,
                                          min_skew, max_skew)
        SELECT TG_ARGV[0], g.exchange_id, g.account, g.asset_name, g.rows, g.first, g.last,
               (extract(epoch FROM g.min_skew) * 1000000)::bigint, (extract(epoch FROM g.max_skew) * 1000000)::bigint
        FROM given AS g ORDER BY g.exchange_id, g.account, g.asset_name
        ON CONFLICT (dataset, series_id, account, asset_name) DO UPDATE SET
            rows = s.rows + excluded.rows,
            first_timestamp = least(s.first_timestamp, excluded.first_timestamp),
            last_timestamp = greatest(s.last_timestamp, excluded.last_timestamp),
            min_skew = least(s.min_skew, excluded.min_skew),
            max_skew = greatest(s.max_skew, excluded.max_skew)
    )
    SELECT (SELECT g.exchange_id FROM given AS g
            WHERE (SELECT known.id FROM {schema}.exchanges AS known WHERE known.id OPERATOR(pg_catalog.=) g.exchange_id)
                IS NULL
            LIMIT 1),
           (SELECT sum(g.rows) FROM given AS g)
    INTO unknown, inserted;
    IF unknown IS NOT NULL THEN
        PERFORM {schema}.marketdb_refuse_unknown(TG_TABLE_NAME, 'exchange_id', unknown, TG_NAME);
    END IF;
    PERFORM set_config('marketdb.inserted', coalesce(inserted, 0)::text, true);
    RETURN NULL;
END
$body$;

-- The same for an UPDATE that changes the id. Few do, and the triggers of the others are not even asked, because they do not
-- assign the column; a transition table would be filled for every upsert.
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

CREATE TRIGGER adds_rows AFTER INSERT ON {schema}.book_ticker_snapshots
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.marketdb_add_symbol_rows('book-tickers');
CREATE TRIGGER adds_rows AFTER INSERT ON {schema}.trade_snapshots
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.marketdb_add_symbol_rows('trades');
CREATE TRIGGER adds_rows AFTER INSERT ON {schema}.funding_rate_snapshots
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.marketdb_add_symbol_rows('funding-rates');
CREATE TRIGGER adds_rows AFTER INSERT ON {schema}.balance_snapshots
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.marketdb_add_balance_rows('balances');

-- A row trigger of a partitioned table is one of its partitions too, also of those to come. BEFORE, because a row that moves to
-- another partition is deleted and inserted, and no AFTER UPDATE fires for it.
CREATE TRIGGER has_symbol BEFORE UPDATE OF symbol_id ON {schema}.book_ticker_snapshots
    FOR EACH ROW EXECUTE FUNCTION {schema}.marketdb_require_symbol();
CREATE TRIGGER has_symbol BEFORE UPDATE OF symbol_id ON {schema}.trade_snapshots
    FOR EACH ROW EXECUTE FUNCTION {schema}.marketdb_require_symbol();
CREATE TRIGGER has_symbol BEFORE UPDATE OF symbol_id ON {schema}.funding_rate_snapshots
    FOR EACH ROW EXECUTE FUNCTION {schema}.marketdb_require_symbol();
CREATE TRIGGER has_exchange BEFORE UPDATE OF exchange_id ON {schema}.balance_snapshots
    FOR EACH ROW EXECUTE FUNCTION {schema}.marketdb_require_exchange();

-- The partitions of a table and their bounds, [start_time, end_time), as the catalogue has them. Those on their way out
-- (DETACH .. CONCURRENTLY) no longer count.
CREATE FUNCTION {schema}.marketdb_partitions(table_name text)
    RETURNS TABLE (partition_name text, start_time timestamptz, end_time timestamptz)
    LANGUAGE sql
    STABLE
    SET search_path = pg_catalog, pg_temp
    SET "TimeZone" = 'UTC'
    SET "DateStyle" = 'ISO'
    AS $body$
    WITH bounds AS MATERIALIZED (
        SELECT part.relname::text AS name, pg_get_expr(part.relpartbound, part.oid) AS text
        FROM pg_inherits AS branch
        JOIN pg_class AS part ON part.oid = branch.inhrelid
        WHERE branch.inhparent = to_regclass(format('%I.%I', {schema_text}, marketdb_partitions.table_name))
          AND NOT branch.inhdetachpending
    )
    -- FOR VALUES FROM ('2026-11-01 00:00:00+00') TO ('2026-12-01 00:00:00+00'), or MINVALUE and MAXVALUE.
    SELECT bounds.name,
           coalesce(nullif(split_part(split_part(bounds.text, ') TO (', 1), '''', 2), '')::timestamptz, '-infinity'),
           coalesce(nullif(split_part(split_part(bounds.text, ') TO (', 2), '''', 2), '')::timestamptz, 'infinity')
    FROM bounds
    WHERE bounds.text LIKE 'FOR VALUES FROM %'
    ORDER BY 2
$body$;

-- The partitions that [start_time, end_time) would still need, of the width that is set, cut where neighbours begin and end:
-- those may be of another width, or another program's.
CREATE FUNCTION {schema}.marketdb_missing_partitions(table_name text, start_time timestamptz, end_time timestamptz)
    RETURNS TABLE (gap_start timestamptz, gap_end timestamptz)
    LANGUAGE plpgsql
    STABLE
    SET search_path = pg_catalog, pg_temp
    SET "TimeZone" = 'UTC'
    AS $body$
DECLARE
    unit text := (SELECT p.width FROM {schema}.partitioning AS p
                  WHERE p.table_name = marketdb_missing_partitions.table_name);
    reached timestamptz := marketdb_missing_partitions.start_time;
    unit_start timestamptz;
    last_end timestamptz;
    existing record;
BEGIN
    FOR existing IN
        SELECT p.start_time, p.end_time FROM {schema}.marketdb_partitions(marketdb_missing_partitions.table_name) AS p
        UNION ALL
        SELECT 'infinity', 'infinity'
        ORDER BY 1
    LOOP
        WHILE reached < existing.start_time AND reached < marketdb_missing_partitions.end_time LOOP
            unit_start := date_trunc(unit, reached);
            gap_start := greatest(unit_start, last_end);
            gap_end := least(unit_start + ('1 ' || unit)::interval, existing.start_time);
            RETURN NEXT;
            reached := gap_end;
        END LOOP;
        reached := greatest(reached, existing.end_time);
        last_end := existing.end_time;
    END LOOP;
END
$body$;

-- `book_ticker_snapshots_2026_11`; of a piece that is no whole month `book_ticker_snapshots_2026_11_25`, if need be with the
-- time; with a number behind it where another relation has that name already.
CREATE FUNCTION {schema}.marketdb_partition_name(table_name text, gap_start timestamptz, gap_end timestamptz)
    RETURNS text
    LANGUAGE plpgsql
    STABLE
    SET search_path = pg_catalog, pg_temp
    SET "TimeZone" = 'UTC'
    AS $body$
DECLARE
    wanted text := table_name || '_' || to_char(gap_start, CASE
        WHEN gap_start = date_trunc('month', gap_start) AND gap_end = gap_start + interval '1 month' THEN 'YYYY_MM'
        WHEN gap_start = date_trunc('day', gap_start) THEN 'YYYY_MM_DD'
        ELSE 'YYYY_MM_DD_HH24MISSUS'
    END);
    free_name text := wanted;
    number integer := 1;
BEGIN
    WHILE to_regclass(format('%I.%I', {schema_text}, free_name)) IS NOT NULL LOOP
        number := number + 1;
        free_name := wanted || '_' || number;
    END LOOP;
    RETURN free_name;
END
$body$;

-- Makes one partition. Made apart and then attached: PARTITION OF would lock the table against readers and writers, and two
-- writers that both need it would wait for each other. A statement that names a partition fires that partition's own
-- triggers, so it gets them too.
CREATE FUNCTION {schema}.marketdb_make_partition(table_name text, gap_start timestamptz, gap_end timestamptz)
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

-- Sees to it that book_ticker_snapshots or trade_snapshots has partitions for all of [start_time, end_time), and returns how
-- many it made. As the owner, so that a role that owns nothing can write; in a transaction of its own, because others who
-- need a partition wait for its end. What it locks stops neither readers nor writers.
--
-- Errors: 22023  no such table, or an empty range; 22008  a time outside 1970 to 2262; 54000  more than 400 at once, which
--         would need more locks than a server usually has. Nothing was made.
CREATE FUNCTION {schema}.marketdb_ensure_partitions(table_name text, start_time timestamptz, end_time timestamptz)
    RETURNS integer
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET "TimeZone" = 'UTC'
    SET "DateStyle" = 'ISO'
    AS $body$
DECLARE
    max_at_once CONSTANT integer := 400;
    missing integer;
    gap record;
BEGIN
    IF NOT EXISTS (SELECT FROM {schema}.partitioning AS p
                   WHERE p.table_name = marketdb_ensure_partitions.table_name) THEN
        RAISE EXCEPTION '% has no partitions', table_name USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF (start_time < end_time) IS NOT TRUE THEN
        RAISE EXCEPTION 'partitions of %: from % until % is no time at all', table_name, start_time, end_time
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF start_time < '1970-01-01 00:00:00+00' OR end_time > '2262-04-12 00:00:00+00' THEN
        RAISE EXCEPTION 'partitions of %: from % until % is not within 1970 to 2262', table_name, start_time, end_time
            USING ERRCODE = 'datetime_field_overflow';
    END IF;
    -- As hypertables they get their chunks by themselves.
    IF (SELECT c.relkind <> 'p' FROM pg_class AS c WHERE c.oid = to_regclass(format('%I.%I', {schema_text}, table_name)))
    THEN
        RETURN 0;
    END IF;
    missing := (SELECT count(*) FROM {schema}.marketdb_missing_partitions(table_name, start_time, end_time));
    IF missing > max_at_once THEN
        RAISE EXCEPTION 'partitions of %: from % until % are % to make, at most % at once', table_name, start_time,
            end_time, missing, max_at_once
            USING ERRCODE = 'program_limit_exceeded', HINT = 'Make them in pieces, or set the width to month.';
    END IF;
    IF missing = 0 THEN
        RETURN 0;
    END IF;

    -- Only with the lock is it certain what others have made meanwhile.
    PERFORM pg_advisory_xact_lock(hashtextextended(format('marketdb partitions %I.%I', {schema_text}, table_name), 0));
    missing := 0;
    FOR gap IN SELECT * FROM {schema}.marketdb_missing_partitions(table_name, start_time, end_time) LOOP
        PERFORM {schema}.marketdb_make_partition(table_name, gap.gap_start, gap.gap_end);
        missing := missing + 1;
    END LOOP;
    RETURN missing;
END
$body$;

-- Drops partitions of book_ticker_snapshots or trade_snapshots that end at the cut-off or before it: the oldest one, whose rows
-- leave `series` in the same transaction. Returns how many rows went, or null if there is no such partition: call it until
-- then, each time in a transaction of its own. As the owner.
--
-- Counting reads the partition; meanwhile nobody can write to it, and everything else goes on. Then the table is locked against
-- everybody for a moment. That lock is asked for only briefly, again and again, because whoever comes after us would wait
-- behind us for a reader before us. Writers take the table before the partition and we the other way round, so whoever waits
-- for the partition may hold the table: we give way, long before deadlock_timeout would end one of us.
--
-- Errors: 22023  no such table, or no cut-off; 55P03  others held the table or the partition for too long, or wait to write to
--         it; 25001  the isolation level would hide rows. Nothing was dropped.
CREATE FUNCTION {schema}.marketdb_drop_partitions(table_name text, cutoff timestamptz) RETURNS bigint
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
    oldest text;
    gone_ids integer[];
    gone_rows bigint[];
    staying_ids integer[];
    later record;
BEGIN
    IF dataset_name IS NULL OR cutoff IS NULL
        OR (SELECT c.relkind FROM pg_class AS c WHERE c.oid = to_regclass(parent)) IS DISTINCT FROM 'p' THEN
        RAISE EXCEPTION '% before %: has no partitions, or no cut-off', table_name, cutoff
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'partitions of % are dropped in read committed transactions only', table_name
            USING ERRCODE = 'active_sql_transaction';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(format('marketdb retention %s', parent), 0));
    SELECT format('%I.%I', {schema_text}, p.partition_name) INTO oldest
    FROM {schema}.marketdb_partitions(table_name) AS p
    WHERE p.end_time <= cutoff
    ORDER BY p.start_time LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;

    EXECUTE format('LOCK TABLE %s IN SHARE MODE', oldest);
    EXECUTE format('SELECT coalesce(array_agg(symbol_id), ''{}''), coalesce(array_agg(rows), ''{}'')'
                   ' FROM (SELECT symbol_id, count(*) AS rows FROM %s GROUP BY symbol_id) AS counted', oldest)
    INTO gone_ids, gone_rows;

    FOR try IN 1..max_tries LOOP
        IF EXISTS (SELECT FROM pg_locks AS l WHERE l.relation = to_regclass(oldest) AND NOT l.granted) THEN
            RAISE EXCEPTION '% before %: others wait to write to %', table_name, cutoff, oldest
                USING ERRCODE = 'lock_not_available';
        END IF;
        BEGIN
            PERFORM set_config('lock_timeout', '200ms', true);
            EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', parent);
            EXECUTE format('DROP TABLE %s', oldest);
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
    FOR later IN SELECT p.partition_name FROM {schema}.marketdb_partitions(table_name) AS p ORDER BY p.start_time LOOP
        EXIT WHEN cardinality(staying_ids) = 0;
        EXECUTE format('WITH begins AS (SELECT of.id, (SELECT min("timestamp") FROM %1$I.%2$I WHERE symbol_id = of.id)'
                       ' AS first FROM unnest($1) AS of (id)),'
                       ' kept AS (UPDATE %1$I.series AS s SET first_timestamp = begins.first FROM begins'
                       ' WHERE s.dataset = $2 AND s.series_id = begins.id AND begins.first IS NOT NULL)'
                       ' SELECT coalesce(array_agg(begins.id), ''{}'') FROM begins WHERE begins.first IS NULL',
                       {schema_text}, later.partition_name) INTO staying_ids USING staying_ids, dataset_name;
    END LOOP;
    RETURN (SELECT coalesce(sum(one), 0) FROM unnest(gone_rows) AS one);
END
$body$;

REVOKE ALL ON FUNCTION {schema}.marketdb_make_partition(text, timestamptz, timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION {schema}.marketdb_ensure_partitions(text, timestamptz, timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION {schema}.marketdb_drop_partitions(text, timestamptz) FROM PUBLIC;

-- The newest book ticker of each series: one index probe in the partition in which it lies as `series` says. Each partition is
-- asked in a statement with constant bounds, because one statement for all would plan and lock every partition there is.
CREATE FUNCTION {schema}.marketdb_latest_quotes() RETURNS SETOF {schema}.book_ticker_snapshots
    LANGUAGE plpgsql
    STABLE
    SET search_path = pg_catalog, pg_temp
    SET "TimeZone" = 'UTC'
    SET "DateStyle" = 'ISO'
    AS $body$
DECLARE
    starts timestamptz[];
    ends timestamptz[];
    part record;
BEGIN
    SELECT coalesce(array_agg(p.start_time ORDER BY p.start_time), '{-infinity}'),
           coalesce(array_agg(p.end_time ORDER BY p.start_time), '{infinity}')
    INTO starts, ends
    FROM {schema}.marketdb_partitions('book_ticker_snapshots') AS p;

    FOR part IN
        SELECT width_bucket(s.last_timestamp, starts) AS place, array_agg(s.series_id::integer) AS ids
        FROM {schema}.series AS s
        WHERE s.dataset = 'book-tickers'
        GROUP BY 1
    LOOP
        RETURN QUERY EXECUTE format(
            'SELECT newest.* FROM unnest($1) AS of (id) CROSS JOIN LATERAL (SELECT * FROM %I.book_ticker_snapshots AS b'
            ' WHERE b.symbol_id = of.id AND b."timestamp" >= %L AND b."timestamp" < %L'
            ' ORDER BY b."timestamp" DESC, b.sequence DESC LIMIT 1) AS newest',
            {schema_text}, starts[part.place], ends[part.place]) USING part.ids;
    END LOOP;
END
$body$;

-- For psql and dashboards: rows with the names of their exchange and symbol. Ask with bounds in time.
CREATE VIEW {schema}.quotes AS
SELECT e.enum_value AS exchange,
       {schema}.marketdb_pair(s.symbol_base, s.symbol_quote, s.contract_type, s.expires_at) AS symbol,
       s.exchange_symbol,
       s.symbol_base,
       s.symbol_quote,
       q."timestamp",
       q.received_at,
       q.sequence,
       q.bid_price,
       q.bid_qty,
       q.ask_price,
       q.ask_qty,
       (q.bid_price + q.ask_price) / 2 AS mid_price,
       (q.ask_price - q.bid_price) / ((q.bid_price + q.ask_price) / 2) * 10000 AS spread_bps,
       q.symbol_id
FROM {schema}.book_ticker_snapshots AS q
JOIN {schema}.symbols AS s ON s.id = q.symbol_id
JOIN {schema}.exchanges AS e ON e.id = s.exchange_id;

CREATE VIEW {schema}.latest_quotes AS
SELECT e.enum_value AS exchange,
       {schema}.marketdb_pair(s.symbol_base, s.symbol_quote, s.contract_type, s.expires_at) AS symbol,
       s.exchange_symbol,
       s.symbol_base,
       s.symbol_quote,
       q."timestamp",
       q.received_at,
       extract(epoch FROM now() - coalesce(q.received_at, q."timestamp"))::double precision AS age_seconds,
       q.sequence,
       q.bid_price,
       q.bid_qty,
       q.ask_price,
       q.ask_qty,
       (q.bid_price + q.ask_price) / 2 AS mid_price,
       (q.ask_price - q.bid_price) / ((q.bid_price + q.ask_price) / 2) * 10000 AS spread_bps,
       q.symbol_id
FROM {schema}.marketdb_latest_quotes() AS q
JOIN {schema}.symbols AS s ON s.id = q.symbol_id
JOIN {schema}.exchanges AS e ON e.id = s.exchange_id;

CREATE VIEW {schema}.funding AS
SELECT e.enum_value AS exchange,
       {schema}.marketdb_pair(s.symbol_base, s.symbol_quote, s.contract_type, s.expires_at) AS symbol,
       s.exchange_symbol,
       s.symbol_base,
       s.symbol_quote,
       f."timestamp",
       f.received_at,
       f.funding_rate,
       f.interval_minutes,
       f.kind,
       f.funding_time,
       f.funding_time AS next_funding_time,
       f.mark_price,
       f.symbol_id
FROM {schema}.funding_rate_snapshots AS f
JOIN {schema}.symbols AS s ON s.id = f.symbol_id
JOIN {schema}.exchanges AS e ON e.id = s.exchange_id;
