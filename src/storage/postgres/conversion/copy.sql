-- Copies rows of the old tables into the lean ones, which are made beside them, in a schema of their own, while old programs go
-- on writing. The views lean_.. have the old rows in lean form, those that can be held.

-- Rows that old programs deleted meanwhile. Ids stay in the lean tables otherwise.
CREATE FUNCTION {before}.drop_lost(name text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $body$
DECLARE
    lean text := format('%I.%I', {next_text}, name);
    lost integer[];
BEGIN
    EXECUTE format('SELECT array_agg(n.id) FROM %s AS n WHERE NOT EXISTS (SELECT FROM %I.%I AS o WHERE o.id = n.id)', lean,
                   {schema_text}, name) INTO lost;
    IF lost IS NULL THEN
        RETURN;
    END IF;
    EXECUTE format('ALTER TABLE %s DISABLE TRIGGER ids_stay', lean);
    EXECUTE format('DELETE FROM %s WHERE id = ANY ($1)', lean) USING lost;
    EXECUTE format('ALTER TABLE %s ENABLE TRIGGER ids_stay', lean);
END
$body$;

-- Both tables as they are now. Rows of which others may depend cannot be left out: one that came meanwhile and cannot be held is
-- an error.
CREATE FUNCTION {before}.copy_reference() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $body$
DECLARE
    refused text;
BEGIN
    SELECT string_agg(format('%s of id %s: %s', r.name, r.id, r.refusal), '; ' ORDER BY r.name, r.id) INTO refused
    FROM (SELECT 'exchange' AS name, e.id, e.refusal FROM {before}.all_exchanges AS e WHERE e.refusal IS NOT NULL
          UNION ALL
          SELECT 'symbol', s.id, s.refusal FROM {before}.all_symbols AS s WHERE s.refusal IS NOT NULL) AS r;
    IF refused IS NOT NULL THEN
        RAISE EXCEPTION 'the lean schema cannot hold %', refused USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    PERFORM {before}.drop_lost('symbols');
    -- Two that have changed their names with each other would meet in the key.
    UPDATE {next}.exchanges AS n SET enum_value = '~' || n.id
    WHERE NOT EXISTS (SELECT FROM {before}.lean_exchanges AS l WHERE l.id = n.id AND l.enum_value = n.enum_value);
    PERFORM {before}.upsert_by_id('{next}.exchanges', '{before}.lean_exchanges',
                                  {before}.shared_columns('{before}.lean_exchanges', '{next}.exchanges', '{}'));
    UPDATE {next}.symbols AS n SET exchange_symbol = '~' || n.id
    FROM {before}.lean_symbols AS l
    WHERE l.id = n.id AND (l.exchange_id, l.exchange_symbol) IS DISTINCT FROM (n.exchange_id, n.exchange_symbol);
    PERFORM {before}.upsert_by_id('{next}.symbols', '{before}.lean_symbols',
                                  {before}.shared_columns('{before}.lean_symbols', '{next}.symbols', '{}'));
    -- Last, when no symbol is on them any more.
    PERFORM {before}.drop_lost('exchanges');
END
$body$;

-- Where the next piece of a table ends: about max_rows behind its beginning, and never within one moment. Null: nowhere.
CREATE FUNCTION {before}.end_of_piece(table_name text, beginning timestamptz, max_rows integer) RETURNS timestamptz
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
    AS $body$
DECLARE
    ending timestamptz;
BEGIN
    EXECUTE format('SELECT "timestamp" FROM %I.%I WHERE "timestamp" >= $1 ORDER BY "timestamp" OFFSET %s LIMIT 1',
                   {schema_text}, table_name, max_rows) INTO ending USING beginning;
    IF ending = beginning THEN
        EXECUTE format('SELECT min("timestamp") FROM %I.%I WHERE "timestamp" > $1', {schema_text}, table_name)
        INTO ending USING beginning;
    END IF;
    RETURN ending;
END
$body$;

CREATE FUNCTION {before}.make_partitions(table_name text, beginning timestamptz, ending timestamptz) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET "TimeZone" = 'UTC'
    AS $body$
DECLARE
    month timestamptz;
BEGIN
    -- By months that have rows, so that one stray row of 1970 does not make hundreds of partitions.
    FOR month IN EXECUTE format(
        'WITH RECURSIVE months AS ('
        ' SELECT date_trunc(''month'', min(o."timestamp")) AS at FROM %1$I.%2$I AS o WHERE o."timestamp" >= $1 AND o."timestamp" < $2'
        ' UNION ALL'
        ' SELECT (SELECT date_trunc(''month'', min(o."timestamp")) FROM %1$I.%2$I AS o'
        '         WHERE o."timestamp" >= m.at + interval ''1 month'' AND o."timestamp" >= $1 AND o."timestamp" < $2)'
        ' FROM months AS m WHERE m.at IS NOT NULL)'
        ' SELECT at FROM months WHERE at IS NOT NULL', {schema_text}, table_name)
    USING greatest(beginning, '1970-01-01 00:00+00'), least(ending, '2262-04-01 00:00+00')
    LOOP
        PERFORM {next}.marketdb_ensure_partitions(table_name, month, month + interval '1 month');
    END LOOP;
END
$body$;

-- Copies one piece, the next of the first dataset that is not copied. Returns its rows; null: all are copied. The transaction
-- reads one snapshot, so that the symbols are there that the rows name.
CREATE FUNCTION {before}.copy_piece(max_rows integer) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $body$
DECLARE
    one record;
    ending timestamptz;
    copied bigint;
    columns text;
BEGIN
    SELECT * INTO one FROM {before}.datasets WHERE NOT is_copied ORDER BY place LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM {before}.copy_reference();
    ending := coalesce({before}.end_of_piece(one.table_name, one.copied_until, max_rows), 'infinity');
    IF one.is_time_cut THEN
        PERFORM {before}.make_partitions(one.table_name, one.copied_until, ending);
    END IF;
    columns := {before}.shared_columns(format('%I.%I', {before_text}, 'lean_' || one.table_name),
                                       format('%I.%I', {next_text}, one.table_name), '{}');
    EXECUTE format('INSERT INTO %I.%I (%s, source_id) SELECT %s, $1 FROM %I.%I'
                   ' WHERE "timestamp" >= $2 AND "timestamp" < $3',
                   {next_text}, one.table_name, columns, columns, {before_text}, 'lean_' || one.table_name)
    USING (SELECT s.source_id FROM {before}.state AS s), one.copied_until, ending;
    GET DIAGNOSTICS copied = ROW_COUNT;
    UPDATE {before}.datasets SET copied_until = ending, is_copied = (ending = 'infinity'), rows = rows + copied
    WHERE place = one.place;
    RETURN copied;
END
$body$;

-- Forgets what was copied of a dataset, so that it is copied anew.
CREATE FUNCTION {before}.copy_anew(name text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $body$
BEGIN
    EXECUTE format('TRUNCATE %I.%I', {next_text}, (SELECT d.table_name FROM {before}.datasets AS d WHERE d.dataset = name));
    DELETE FROM {before}.changes AS c WHERE c.dataset = name;
    UPDATE {before}.datasets AS d SET copied_until = '-infinity', is_copied = false, rows = 0 WHERE d.dataset = name;
END
$body$;

-- Brings the rows of one dataset whose keys were noted into the state in which they are now; those behind the place up to which
-- it is copied will be copied as they are then. The plans are fixed: few keys of a large table.
CREATE FUNCTION {before}.follow_notes(one {before}.datasets, numbers bigint[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp SET "TimeZone" = 'UTC'
    SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off
    AS $body$
DECLARE
    lean text := format('%I.%I', {next_text}, one.table_name);
    source text := format('%I.%I', {before_text}, 'lean_' || one.table_name);
    columns text := {before}.shared_columns(source, lean, '{}');
    keys text := format('(SELECT DISTINCT c.series_id, c.asset_name, c."timestamp" FROM %I.changes AS c WHERE c.number = ANY ($1)'
                        ' AND c.dataset = %L AND c."timestamp" > %L AND c."timestamp" < %L)', {before_text}, one.dataset,
                        '-infinity', one.copied_until);
    is_key text := CASE one.dataset
        WHEN 'balances' THEN 't.exchange_id = k.series_id AND t.account = ''main'' AND t.asset_name = k.asset_name'
        ELSE 't.symbol_id = k.series_id' END || ' AND t."timestamp" = k."timestamp"';
    day timestamptz;
BEGIN
    IF one.is_time_cut THEN
        FOR day IN EXECUTE format('SELECT DISTINCT date_trunc(''day'', "timestamp") FROM %s AS k', keys) USING numbers LOOP
            PERFORM {before}.make_partitions(one.table_name, day, day + interval '1 day');
        END LOOP;
    END IF;
    EXECUTE format('DELETE FROM %s AS t USING %s AS k WHERE %s', lean, keys, is_key) USING numbers;
    -- OFFSET 0 keeps the search within the view, where the index is.
    EXECUTE format('INSERT INTO %s (%s, source_id) SELECT %s, $2 FROM %s AS k'
                   ' CROSS JOIN LATERAL (SELECT t.* FROM %s AS t WHERE %s OFFSET 0) AS found',
                   lean, columns, {before}.prefixed(columns, 'found.'), keys, source, is_key)
    USING numbers, (SELECT s.source_id FROM {before}.state AS s);
END
$body$;

-- Follows the oldest notes. Returns how many; of a table that was emptied all are one.
CREATE FUNCTION {before}.catch_up(max_notes integer) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $body$
DECLARE
    numbers bigint[];
    one {before}.datasets;
    emptied text := (SELECT min(c.dataset) FROM {before}.changes AS c WHERE c.is_truncation);
BEGIN
    IF emptied IS NOT NULL THEN
        PERFORM {before}.copy_anew(emptied);
        RETURN 1;
    END IF;
    numbers := ARRAY(SELECT c.number FROM {before}.changes AS c ORDER BY c.number LIMIT max_notes);
    PERFORM {before}.copy_reference();
    FOR one IN SELECT d.* FROM {before}.datasets AS d
               WHERE EXISTS (SELECT FROM {before}.changes AS c WHERE c.number = ANY (numbers) AND c.dataset = d.dataset) LOOP
        PERFORM {before}.follow_notes(one, numbers);
    END LOOP;
    DELETE FROM {before}.changes AS c WHERE c.number = ANY (numbers);
    RETURN cardinality(numbers);
END
$body$;

-- What differs between the old rows and the lean ones: null, or a text that says so. Their number is compared, and the sum of
-- the hashes of whole rows.
CREATE FUNCTION {before}.difference(name text) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 SET "TimeZone" = 'UTC'
    AS $body$
DECLARE
    one record;
    columns text;
    old_rows bigint;
    old_sum numeric;
    lean_rows bigint;
    lean_sum numeric;
BEGIN
    SELECT * INTO one FROM {before}.datasets AS d WHERE d.dataset = name;
    columns := {before}.shared_columns(format('%I.%I', {before_text}, 'lean_' || one.table_name),
                                       format('%I.%I', {next_text}, one.table_name), '{}');
    EXECUTE format('SELECT count(*), coalesce(sum(hashtextextended(ROW(%s)::text, 0)), 0) FROM %I.%I', columns, {before_text},
                   'lean_' || one.table_name) INTO old_rows, old_sum;
    EXECUTE format('SELECT count(*), coalesce(sum(hashtextextended(ROW(%s)::text, 0)), 0) FROM %I.%I', columns, {next_text},
                   one.table_name) INTO lean_rows, lean_sum;
    IF old_rows <> lean_rows THEN
        RETURN format('%s rows of %s were expected and %s are there', old_rows, one.table_name, lean_rows);
    END IF;
    IF old_sum <> lean_sum THEN
        RETURN format('of %s the sums differ', one.table_name);
    END IF;
    RETURN NULL;
END
$body$;
