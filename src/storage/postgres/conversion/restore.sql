-- The way back: the old tables come into their place again, with what was written to the lean ones since, as far as they can
-- hold it. Rows that were deleted since are there again.

-- How many rows of a dataset were brought back, and how many cannot be, by reason.
CREATE TABLE {before}.returned (
    table_name text NOT NULL,
    reason     text,
    rows       bigint NOT NULL
);

-- Rounds to what a column of eight decimals keeps; the shortest text says what was meant.
CREATE FUNCTION {before}.as_numeric(value double precision) RETURNS numeric
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1
    AS $body$ SELECT round(value::text::numeric, 8) $body$;

-- Whether rounding changes a value by more than a millionth.
CREATE FUNCTION {before}.is_rounded_off(value double precision) RETURNS boolean
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
    AS $body$
    SELECT CASE WHEN value <> 0 THEN abs({before}.as_numeric(value)::double precision / value - 1) > 1e-6 ELSE false END
$body$;

-- Inserts rows one by one, because one of them, or more, is refused. Returns how many were.
CREATE FUNCTION {before}.insert_one_by_one(statement text, source text) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $body$
DECLARE
    one record;
    refused bigint := 0;
BEGIN
    -- Triggers of users mean what they meant there.
    PERFORM set_config('search_path', quote_ident({schema_text}), true);
    FOR one IN EXECUTE format('SELECT r.ctid AS place FROM %s AS r', source) LOOP
        BEGIN
            EXECUTE format(statement, format('(SELECT * FROM %s AS r WHERE r.ctid = %L)', source, one.place));
        EXCEPTION WHEN integrity_constraint_violation OR data_exception OR raise_exception THEN
            refused := refused + 1;
        END;
    END LOOP;
    RETURN refused;
END
$body$;

-- Runs an INSERT .. SELECT .. FROM %s, for all rows of a source at once if none is refused.
CREATE FUNCTION {before}.bring_back(name text, statement text, source text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $body$
DECLARE
    total bigint;
    refused bigint := 0;
BEGIN
    PERFORM set_config('search_path', quote_ident({schema_text}), true);
    EXECUTE format('SELECT count(*) FROM %s', source) INTO total;
    BEGIN
        EXECUTE format(statement, source);
    EXCEPTION WHEN integrity_constraint_violation OR data_exception OR raise_exception THEN
        refused := {before}.insert_one_by_one(statement, source);
    END;
    INSERT INTO {before}.returned (table_name, reason, rows)
    VALUES (name, NULL, total - refused), (name, 'refused by the old table', refused);
END
$body$;

-- Exchanges and symbols that are new or were changed.
CREATE FUNCTION {before}.bring_back_reference() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $body$
DECLARE
    one text;
    columns text;
    compared text;
BEGIN
    FOREACH one IN ARRAY '{exchanges,symbols}'::text[] LOOP
        columns := {before}.shared_columns(format('%I.%I', {schema_text}, one)::regclass, format('%I.%I', {before_text}, one)::regclass, '{}');
        compared := {before}.shared_columns(format('%I.%I', {schema_text}, one)::regclass, format('%I.%I', {before_text}, 'lean_' || one)::regclass, '{}');
        EXECUTE format('CREATE TABLE %1$I.%2$I AS SELECT n.* FROM %3$I.%4$I AS n'
                       ' JOIN (SELECT %5$s FROM %3$I.%4$I EXCEPT SELECT %5$s FROM %1$I.%6$I) AS changed USING (id)',
                       {before_text}, 'back_' || one, {schema_text}, one, compared, 'lean_' || one);
        IF one = 'symbols' THEN
            WITH gone AS (
                DELETE FROM {before}.back_symbols AS s
                WHERE s.contract_type <> CASE s.symbol_type WHEN 'SPOT' THEN 'spot' ELSE 'perpetual' END
                   OR s.quantity_unit <> 'base' RETURNING 1
            )
            INSERT INTO {before}.returned SELECT one, 'a contract that the old table cannot tell from the perpetual', count(*) FROM gone;
        END IF;
        PERFORM {before}.bring_back(one, format(
            'INSERT INTO %I.%I AS t (%s) SELECT %s FROM %%s AS given ORDER BY id ON CONFLICT (id) DO UPDATE SET (%s) = ROW(%s)',
            {before_text}, one, columns, columns,
            (SELECT string_agg(p, ', ') FROM unnest(string_to_array(columns, ', ')) AS p WHERE p <> 'id'),
            (SELECT string_agg('excluded.' || p, ', ') FROM unnest(string_to_array(columns, ', ')) AS p WHERE p <> 'id')),
            format('%I.%I', {before_text}, 'back_' || one));
    END LOOP;
END
$body$;

-- Lean rows in old form, of the relation that stands for <rows>, and why one cannot be held.
CREATE FUNCTION {before}.old_form(table_name text, source text) RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
    AS $body$
    SELECT replace(CASE table_name
        WHEN 'book_ticker_snapshots' THEN $form$
            SELECT n.symbol_id, CASE {clock} WHEN 'received' THEN n.received_at ELSE n."timestamp" END AS "timestamp",
                   {before}.as_numeric(n.bid_price) AS bid_price, {before}.as_numeric(n.bid_qty) AS bid_qty,
                   {before}.as_numeric(n.ask_price) AS ask_price, {before}.as_numeric(n.ask_qty) AS ask_qty,
                   nullif(n.sequence, 0) AS sequence_number, n."timestamp" AS lean_timestamp, n.sequence AS lean_order,
                   CASE WHEN {clock} = 'received' AND n.received_at IS NULL THEN 'no received_at'
                        WHEN n.bid_price IS NULL OR n.ask_price IS NULL THEN 'a side is missing'
                        WHEN {before}.is_rounded_off(n.bid_price) OR {before}.is_rounded_off(n.bid_qty)
                            OR {before}.is_rounded_off(n.ask_price) OR {before}.is_rounded_off(n.ask_qty)
                            THEN 'rounded by more than a millionth'
                   END AS refusal
            FROM <rows> AS n $form$
        WHEN 'funding_rate_snapshots' THEN $form$
            SELECT n.symbol_id, CASE {clock} WHEN 'received' THEN n.received_at ELSE n."timestamp" END AS "timestamp",
                   {before}.as_numeric(n.funding_rate) AS funding_rate,
                   (extract(epoch FROM n.funding_time) * 1000)::bigint AS funding_time, n.funding_time AS next_funding_time,
                   n."timestamp" AS lean_timestamp, 0 AS lean_order,
                   CASE WHEN {clock} = 'received' AND n.received_at IS NULL THEN 'no received_at'
                        WHEN n.funding_time IS NULL THEN 'no funding_time'
                        WHEN (n.kind = 'settled') <> (n.funding_time <= CASE {clock} WHEN 'received' THEN n.received_at
                                                                        ELSE n."timestamp" END)
                            THEN 'a kind that does not follow from funding_time'
                        WHEN {before}.is_rounded_off(n.funding_rate) THEN 'rounded by more than a millionth'
                   END AS refusal
            FROM <rows> AS n $form$
        WHEN 'balance_snapshots' THEN $form$
            SELECT n.exchange_id, n.asset_name,
                   CASE {clock} WHEN 'received' THEN n.received_at ELSE n."timestamp" END AS "timestamp",
                   n.available_balance, n.locked_balance, n.frozen_balance, n.borrowing_balance, n.interest_balance,
                   n."timestamp" AS lean_timestamp, 0 AS lean_order,
                   CASE WHEN {clock} = 'received' AND n.received_at IS NULL THEN 'no received_at'
                        WHEN n.account <> 'main' THEN 'an account other than main'
                   END AS refusal
            FROM <rows> AS n $form$
        WHEN 'trade_snapshots' THEN $form$
            SELECT n.symbol_id, n."timestamp", {before}.as_numeric(n.price) AS price,
                   {before}.as_numeric(n.quantity) AS quantity, n.side,
                   CASE WHEN left(n.trade_id, 1) <> '~' THEN n.trade_id END AS trade_id,
                   {before}.as_numeric(n.quote_quantity) AS quote_quantity, n.is_buyer, n.is_maker,
                   n."timestamp" AS lean_timestamp, n.sequence AS lean_order, n.trade_id AS lean_trade_id,
                   CASE WHEN n.side IS NULL THEN 'an unknown side'
                        WHEN {before}.is_rounded_off(n.price) OR {before}.is_rounded_off(n.quantity)
                            THEN 'rounded by more than a millionth'
                   END AS refusal
            FROM <rows> AS n $form$
    END, '<rows>', source)
$body$;

-- Rows of one dataset that are new or were changed, in old form; of several of one key the last.
CREATE FUNCTION {before}.find_changed_rows(name text, key text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $body$
DECLARE
    lean text := format('%I.%I', {schema_text}, name);
    changed text := format('%I.%I', {before_text}, 'changed_' || name);
    together_rows text := format('%I.%I', {before_text}, 'together_' || name);
    back text := format('%I.%I', {before_text}, 'back_' || name);
    same text := {before}.shared_columns(format('%I.%I', {before_text}, 'lean_' || name), lean, '{}');
    together bigint;
    remaining bigint;
BEGIN
    EXECUTE format('CREATE TABLE %s AS %s', changed, {before}.old_form(name, format(
        '(SELECT %1$s FROM %2$s EXCEPT SELECT %1$s FROM %3$I.%4$I)', same, lean, {before_text}, 'lean_' || name)));
    INSERT INTO {before}.returned (table_name, reason, rows)
    SELECT * FROM {before}.refusals_of(name);
    EXECUTE format('ANALYZE %s', changed);
    EXECUTE format('CREATE TABLE %1$s AS SELECT f.* FROM (%2$s) AS f'
                   ' WHERE f.refusal IS NULL AND (%3$s) IN (SELECT %3$s FROM %4$s WHERE refusal IS NULL)',
                   together_rows, {before}.old_form(name, lean), key, changed);
    GET DIAGNOSTICS together = ROW_COUNT;
    EXECUTE format('CREATE TABLE %1$s AS SELECT DISTINCT ON (%2$s) * FROM %3$s'
                   ' ORDER BY %2$s, lean_timestamp DESC, lean_order DESC', back, key, together_rows);
    GET DIAGNOSTICS remaining = ROW_COUNT;
    EXECUTE format('DROP TABLE %s', together_rows);
    EXECUTE format('ANALYZE %s', back);
    INSERT INTO {before}.returned VALUES (name, 'at one time with a later one', together - remaining);
END
$body$;

CREATE FUNCTION {before}.refusals_of(name text) RETURNS TABLE (table_name text, reason text, rows bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $body$
BEGIN
    RETURN QUERY EXECUTE format('SELECT %L, refusal, count(*) FROM %I.%I WHERE refusal IS NOT NULL GROUP BY refusal', name,
                                {before_text}, 'changed_' || name);
END
$body$;

-- Replaces trades that the old table knows by their id, and takes them out of those that come back. If one of them, or more, is
-- refused, the others are replaced one by one.
CREATE FUNCTION {before}.replace_known_trades(old text, back text, others text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $body$
DECLARE
    statement text := format(
        'WITH known AS (UPDATE %1$s AS o SET (%2$s) = ROW(%3$s) FROM %4$s AS b WHERE o.symbol_id = b.symbol_id'
        ' AND o."timestamp" = b."timestamp" AND coalesce(nullif(o.trade_id, %5$L), %6$L || o.id) = b.lean_trade_id'
        ' AND (b.ctid = $1 OR $1 IS NULL) RETURNING b.ctid AS place)'
        ' DELETE FROM %4$s WHERE ctid IN (SELECT k.place FROM known AS k)',
        old, others, {before}.prefixed(others, 'b.'), back, '', '~');
    everything tid := NULL;
    one record;
    changed bigint;
    replaced bigint := 0;
    refused bigint := 0;
BEGIN
    PERFORM set_config('search_path', quote_ident({schema_text}), true);
    BEGIN
        EXECUTE statement USING everything;
        GET DIAGNOSTICS replaced = ROW_COUNT;
    EXCEPTION WHEN integrity_constraint_violation OR data_exception OR raise_exception THEN
        FOR one IN EXECUTE format('SELECT b.ctid AS place FROM %s AS b', back) LOOP
            BEGIN
                EXECUTE statement USING one.place;
                GET DIAGNOSTICS changed = ROW_COUNT;
                replaced := replaced + changed;
            EXCEPTION WHEN integrity_constraint_violation OR data_exception OR raise_exception THEN
                EXECUTE format('DELETE FROM %s WHERE ctid = $1', back) USING one.place;
                refused := refused + 1;
            END;
        END LOOP;
    END;
    INSERT INTO {before}.returned (table_name, reason, rows)
    VALUES ('trade_snapshots', NULL, replaced), ('trade_snapshots', 'refused by the old table', refused);
END
$body$;

CREATE FUNCTION {before}.bring_back_rows(name text, key text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $body$
DECLARE
    old text := format('%I.%I', {before_text}, name);
    back text := format('%I.%I', {before_text}, 'back_' || name);
    columns text;
    others text;
BEGIN
    PERFORM {before}.find_changed_rows(name, key);
    columns := {before}.shared_columns(back, old, '{}');
    others := {before}.shared_columns(back, old, '{symbol_id,exchange_id,asset_name,timestamp,trade_id}');
    IF name <> 'trade_snapshots' THEN
        PERFORM {before}.bring_back(name, format(
            'INSERT INTO %s (%s) SELECT %s FROM %%s AS given ON CONFLICT (%s) DO UPDATE SET (%s) = ROW(%s)', old, columns,
            columns, key, others, {before}.prefixed(others, 'excluded.')), back);
        RETURN;
    END IF;
    -- Trades have no key there: those that are known by their id are replaced, the others come in addition.
    PERFORM {before}.replace_known_trades(old, back, others);
    PERFORM {before}.bring_back(name, format('INSERT INTO %s (%s) SELECT %s FROM %%s AS given ORDER BY "timestamp", lean_order',
                                             old, columns, columns), back);
END
$body$;

-- Brings back what was written, and refuses, unless it may leave behind what the old tables cannot hold.
CREATE FUNCTION {before}.bring_all_back(may_leave_behind boolean) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $body$
DECLARE
    one record;
    lost text;
BEGIN
    PERFORM {before}.lock_tables('EXCLUSIVE', false);
    PERFORM {before}.bring_back_reference();
    FOR one IN SELECT * FROM {before}.datasets ORDER BY place LOOP
        PERFORM {before}.bring_back_rows(one.table_name, CASE one.dataset
            WHEN 'balances' THEN 'exchange_id, asset_name, "timestamp"'
            WHEN 'trades' THEN 'symbol_id, "timestamp", lean_trade_id'
            ELSE 'symbol_id, "timestamp"' END);
    END LOOP;
    -- What a missing table would have held.
    FOR one IN SELECT t.name FROM unnest('{book_ticker_snapshots,trade_snapshots,funding_rate_snapshots,balance_snapshots}'::text[])
                   AS t (name)
               WHERE t.name NOT IN (SELECT d.table_name FROM {before}.datasets AS d) LOOP
        EXECUTE format('INSERT INTO %I.returned SELECT %L, %L, count(*) FROM %I.%I', {before_text}, one.name,
                       'there was no such table', {schema_text}, one.name);
    END LOOP;
    INSERT INTO {before}.returned SELECT 'quarantined_rows', 'there was no such table', count(*) FROM {schema}.quarantined_rows;
    INSERT INTO {before}.returned SELECT 'retention_holds', 'there was no such table', count(*) FROM {schema}.retention_holds AS h
        WHERE h.released_at IS NULL;
    INSERT INTO {before}.returned SELECT 'retention_policies', 'there was no such table', count(*) FROM {schema}.retention_policies;
    SELECT string_agg(format('%s rows of %s: %s', r.rows, r.table_name, r.reason), '; ') INTO lost
    FROM (SELECT r.table_name, r.reason, sum(r.rows) AS rows FROM {before}.returned AS r
          WHERE r.reason IS NOT NULL GROUP BY 1, 2 HAVING sum(r.rows) > 0 ORDER BY 1, 2) AS r;
    IF lost IS NOT NULL AND NOT may_leave_behind THEN
        RAISE EXCEPTION '%', lost USING ERRCODE = 'integrity_constraint_violation';
    END IF;
END
$body$;

-- Of the lean tables: nothing that was made since then may hang on them.
CREATE FUNCTION {before}.prepare_lean() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $body$
DECLARE
    unknown text;
BEGIN
    PERFORM set_config('search_path', quote_ident({schema_text}), true);
    SELECT pg_catalog.string_agg(pg_catalog.format('%s %s', d.kind, d.name), ', ') INTO unknown
    FROM {before}.dependents AS d
    WHERE d.kind NOT IN ('grant', 'trigger', 'object')
      AND NOT EXISTS (SELECT FROM {before}.hanging AS h WHERE h.kind = d.kind AND h.name = d.name);
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION 'made since then on the lean tables: %; drop them first', unknown USING ERRCODE = 'invalid_table_definition';
    END IF;
    PERFORM set_config('lock_timeout', '200ms', true);
    LOCK TABLE {schema}.quotes, {schema}.latest_quotes, {schema}.funding IN ACCESS EXCLUSIVE MODE;
END
$body$;

-- Puts the old tables back, with what hung on them.
CREATE FUNCTION {before}.move_old_back() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $body$
DECLARE
    one record;
BEGIN
    PERFORM {before}.set_next_ids({before_text}, {before_text});
    FOR one IN SELECT * FROM {before}.moved LOOP
        EXECUTE format('ALTER TABLE %I.%I SET SCHEMA %I', {before_text}, one.table_name, one.schema_name);
    END LOOP;
    PERFORM set_config('search_path', quote_ident({schema_text}), true);
    FOR one IN SELECT * FROM {before}.hanging AS h WHERE h.kind NOT IN ('grant', 'trigger') ORDER BY h.place, h.number LOOP
        EXECUTE one.create_sql;
        IF one.finish_sql IS NOT NULL THEN
            EXECUTE one.finish_sql;
        END IF;
    END LOOP;
END
$body$;
