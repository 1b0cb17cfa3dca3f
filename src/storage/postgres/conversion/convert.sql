-- Puts the lean tables in the place of the old ones: the last rows are copied while nobody can write, everything is compared,
-- and then, with everybody kept out for a moment, the tables change places. One transaction: whatever fails, nothing happened.

-- Tries on the new tables whether what hangs on the old ones can be made anew, and whether triggers let a row pass. Nothing of
-- it stays. Returns what cannot, one text each.
CREATE FUNCTION {before}.try_hanging() RETURNS SETOF text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $body$
DECLARE
    one record;
    wrong text[] := '{}';
BEGIN
    BEGIN
        PERFORM {before}.note_hanging();
        PERFORM set_config('search_path', quote_ident({next_text}) || ', ' || quote_ident({schema_text}), true);
        PERFORM {before}.copy_reference();
        FOR one IN SELECT * FROM {before}.hanging ORDER BY place, number LOOP
            BEGIN
                IF one.refusal IS NOT NULL THEN
                    RAISE EXCEPTION '%', one.refusal;
                END IF;
                IF one.try_sql IS NOT NULL THEN
                    EXECUTE one.try_sql;
                END IF;
            EXCEPTION WHEN OTHERS THEN
                wrong := wrong || pg_catalog.format('%s %s: %s', one.kind, one.name, SQLERRM);
            END;
        END LOOP;
        FOR one IN SELECT d.* FROM {before}.datasets AS d
                   WHERE EXISTS (SELECT FROM {before}.hanging AS h
                                 WHERE h.kind = 'trigger' AND h.name LIKE '% of ' || d.table_name) LOOP
            BEGIN
                PERFORM {before}.try_row(one.table_name, one.is_time_cut);
            EXCEPTION WHEN OTHERS THEN
                wrong := wrong || pg_catalog.format('triggers of %s: %s', one.table_name, SQLERRM);
            END;
        END LOOP;
        RAISE EXCEPTION USING ERRCODE = 'MD000';
    EXCEPTION WHEN SQLSTATE 'MD000' THEN
        NULL;
    END;
    RETURN QUERY SELECT unnest(wrong);
END
$body$;

-- Inserts one old row into a lean table and updates it.
CREATE FUNCTION {before}.try_row(table_name text, is_time_cut boolean) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $body$
DECLARE
    columns text := {before}.shared_columns(format('%I.%I', {before_text}, 'lean_' || table_name),
                                            format('%I.%I', {next_text}, table_name), '{}');
    newest timestamptz;
BEGIN
    EXECUTE format('SELECT max("timestamp") FROM %I.%I WHERE "timestamp" BETWEEN %L AND %L', {schema_text}, table_name,
                   '1970-01-01 00:00+00', '2262-04-10 00:00+00') INTO newest;
    IF newest IS NULL THEN
        RETURN;
    END IF;
    IF is_time_cut THEN
        PERFORM {next}.marketdb_ensure_partitions(table_name, newest, newest + interval '1 microsecond');
    END IF;
    -- Triggers of users mean what they will mean there.
    PERFORM set_config('search_path', quote_ident({next_text}) || ', ' || quote_ident({schema_text}), true);
    EXECUTE format('INSERT INTO %I.%I (%s) SELECT %s FROM %I.%I WHERE "timestamp" = $1 LIMIT 1', {next_text}, table_name,
                   columns, columns, {before_text}, 'lean_' || table_name) USING newest;
    EXECUTE format('UPDATE %I.%I SET received_at = "timestamp" WHERE "timestamp" = $1', {next_text}, table_name) USING newest;
END
$body$;

-- Locks all old or lean tables that are there, and before them those that refer to them: a writer of such a table holds it while
-- it waits for ours, and we shall want it later. Asked for only briefly, again and again: whoever comes after us would wait
-- behind us, and one that holds a table while it waits for another of ours would be ended by deadlock_timeout, or we. Asked to,
-- it ends the statements of those who wait for us and hold what we want: with --despite-sessions they are there, and would fail
-- a moment later.
CREATE FUNCTION {before}.lock_tables(mode text, may_cancel boolean) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $body$
DECLARE
    max_tries CONSTANT integer := 60;
    one regclass;
BEGIN
    FOR try IN 1..max_tries LOOP
        BEGIN
            PERFORM set_config('lock_timeout', '200ms', true);
            FOR one IN
                WITH ours AS (
                    SELECT c.oid, c.relname::text AS name
                    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                    WHERE n.nspname IN ({schema_text}, {before_text}) AND c.relkind IN ('r', 'p')
                      AND c.relname IN ('exchanges', 'symbols', 'book_ticker_snapshots', 'trade_snapshots',
                                        'funding_rate_snapshots', 'balance_snapshots')
                ), referring AS (
                    SELECT DISTINCT k.conrelid AS oid FROM pg_constraint AS k
                    WHERE k.contype = 'f' AND k.conparentid = 0 AND k.confrelid IN (SELECT o.oid FROM ours AS o)
                      AND k.conrelid NOT IN (SELECT o.oid FROM ours AS o)
                )
                SELECT l.oid::regclass
                FROM (SELECT 1 AS place, r.oid, '' AS name FROM referring AS r UNION ALL SELECT 2, o.oid, o.name FROM ours AS o) AS l
                ORDER BY l.place, l.name, l.oid LOOP
                EXECUTE format('LOCK TABLE %s IN %s MODE', one, mode);
            END LOOP;
            PERFORM set_config('lock_timeout', '5s', true);
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            IF try = max_tries THEN
                RAISE;
            END IF;
        END;
        IF may_cancel THEN
            PERFORM {before}.cancel_waiting();
        END IF;
        PERFORM pg_sleep(0.2);
    END LOOP;
END
$body$;

CREATE FUNCTION {before}.cancel_waiting() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $body$
BEGIN
    PERFORM pg_cancel_backend(w.pid)
    FROM (SELECT DISTINCT l.pid FROM pg_locks AS l WHERE NOT l.granted) AS w
    WHERE pg_backend_pid() = ANY (pg_blocking_pids(w.pid))
      AND EXISTS (SELECT FROM pg_locks AS held JOIN pg_class AS c ON c.oid = held.relation
                  WHERE held.pid = w.pid AND held.granted AND held.locktype = 'relation'
                    AND c.relnamespace IN (to_regnamespace(quote_ident({schema_text})),
                                           to_regnamespace(quote_ident({before_text}))));
EXCEPTION WHEN insufficient_privilege THEN
    NULL;
END
$body$;

-- Counts the series of the lean tables anew: rows were also deleted while they were copied.
CREATE FUNCTION {before}.count_series() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $body$
DECLARE
    one record;
BEGIN
    DELETE FROM {next}.series;
    FOR one IN SELECT * FROM {before}.datasets LOOP
        EXECUTE format('INSERT INTO %1$I.series (dataset, series_id, account, asset_name, rows, first_timestamp, last_timestamp,'
                       ' min_skew, max_skew) SELECT %2$L, %4$s, count(*), min("timestamp"), max("timestamp"),'
                       ' (extract(epoch FROM min(received_at - "timestamp")) * 1000000)::bigint,'
                       ' (extract(epoch FROM max(received_at - "timestamp")) * 1000000)::bigint'
                       ' FROM %1$I.%3$I GROUP BY %5$s', {next_text}, one.dataset, one.table_name,
                       CASE one.dataset WHEN 'balances' THEN 'exchange_id, account, asset_name' ELSE 'symbol_id, '''', ''''' END,
                       CASE one.dataset WHEN 'balances' THEN 'exchange_id, account, asset_name' ELSE 'symbol_id' END);
    END LOOP;
END
$body$;

-- New ids go on behind the old ones.
CREATE FUNCTION {before}.set_next_ids(target text, source text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $body$
DECLARE
    one text;
    old_sequence text;
    last_id bigint;
    last_given bigint := 0;
BEGIN
    FOREACH one IN ARRAY '{exchanges,symbols}'::text[] LOOP
        EXECUTE format('SELECT coalesce(max(id), 0) FROM %I.%I', target, one) INTO last_id;
        old_sequence := pg_get_serial_sequence(format('%I.%I', source, one), 'id');
        IF old_sequence IS NOT NULL THEN
            EXECUTE format('SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM %s', old_sequence) INTO last_given;
        END IF;
        last_id := greatest(last_id, last_given);
        IF last_id > 0 AND pg_get_serial_sequence(format('%I.%I', target, one), 'id') IS NOT NULL THEN
            PERFORM setval(pg_get_serial_sequence(format('%I.%I', target, one), 'id'), last_id);
        END IF;
    END LOOP;
END
$body$;

-- Moves the tables of a schema that are ours, with their partitions, from one schema to another.
CREATE FUNCTION {before}.move_old_away() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $body$
DECLARE
    one text;
    part record;
BEGIN
    FOREACH one IN ARRAY '{exchanges,symbols,book_ticker_snapshots,trade_snapshots,funding_rate_snapshots,balance_snapshots}'::text[]
    LOOP
        CONTINUE WHEN to_regclass(format('%I.%I', {schema_text}, one)) IS NULL;
        FOR part IN SELECT c.oid::regclass AS name, c.relname::text AS relname, n.nspname::text AS nspname
                    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                    WHERE c.oid = to_regclass(format('%I.%I', {schema_text}, one))
                       OR c.oid IN (SELECT p.relid FROM pg_partition_tree(to_regclass(format('%I.%I', {schema_text}, one))) AS p)
        LOOP
            INSERT INTO {before}.moved (table_name, schema_name) VALUES (part.relname, part.nspname);
            EXECUTE format('ALTER TABLE %s SET SCHEMA %I', part.name, {before_text});
        END LOOP;
    END LOOP;
END
$body$;

-- Moves everything lean into the schema, and lets its functions mean it.
CREATE FUNCTION {before}.move_lean_in() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET check_function_bodies = off
    AS $body$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT c.oid::regclass AS name, CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END AS word
               FROM pg_class AS c
               WHERE c.relnamespace = to_regnamespace(quote_ident({next_text})) AND c.relkind IN ('r', 'p', 'v') LOOP
        EXECUTE format('ALTER %s %s SET SCHEMA %I', one.word, one.name, {schema_text});
    END LOOP;
    FOR one IN SELECT p.oid, p.oid::regprocedure AS name FROM pg_proc AS p
               WHERE p.pronamespace = to_regnamespace(quote_ident({next_text})) LOOP
        EXECUTE format('ALTER FUNCTION %s SET SCHEMA %I', one.name, {schema_text});
        -- Their bodies are texts that name the schema; its name was chosen so that it is found nowhere else.
        EXECUTE replace(pg_get_functiondef(one.oid), {next_text}, {schema_text});
    END LOOP;
    EXECUTE format('DROP SCHEMA %I', {next_text});
END
$body$;

-- What belongs to the lean tables goes to those who had the like: who could read rows of a table can read what is kept about all of
-- them, a view who could read all that it shows, and who could write or delete rows can do what belongs to that. The tables' own
-- grants are made anew with what else hung on them.
CREATE FUNCTION {before}.grant_alike() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $body$
DECLARE
    who record;
    tables text[] := (SELECT array_agg(d.table_name) FROM {before}.datasets AS d);
    partitioned text[] := (SELECT array_agg(d.table_name) FROM {before}.datasets AS d WHERE d.is_time_cut);
    one text;
BEGIN
    FOR who IN SELECT CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END AS name,
                      coalesce(array_agg(c.relname::text) FILTER (WHERE acl.privilege_type = 'SELECT'), '{}') AS reads,
                      coalesce(array_agg(c.relname::text) FILTER (WHERE acl.privilege_type = 'INSERT'), '{}') AS inserts,
                      coalesce(array_agg(c.relname::text) FILTER (WHERE acl.privilege_type = 'DELETE'), '{}') AS deletes
               FROM pg_class AS c CROSS JOIN LATERAL aclexplode(c.relacl) AS acl
               WHERE c.relnamespace = to_regnamespace(quote_ident({before_text})) AND acl.grantee <> c.relowner
                 AND c.relname IN ('exchanges', 'symbols', 'book_ticker_snapshots', 'trade_snapshots', 'funding_rate_snapshots',
                                   'balance_snapshots')
               GROUP BY acl.grantee LOOP
        IF who.reads && tables THEN
            FOREACH one IN ARRAY '{sources,series,reference_version,partitioning,schema_migrations,coverage,retention_policies,
                             retention_holds}'::text[] LOOP
                EXECUTE format('GRANT SELECT ON %I.%I TO %s', {schema_text}, one, who.name);
            END LOOP;
        END IF;
        IF who.reads @> tables THEN
            EXECUTE format('GRANT SELECT ON %I.quarantined_rows TO %s', {schema_text}, who.name);
        END IF;
        IF who.reads @> '{exchanges,symbols,book_ticker_snapshots}'::text[] THEN
            EXECUTE format('GRANT SELECT ON %1$I.quotes, %1$I.latest_quotes TO %2$s', {schema_text}, who.name);
        END IF;
        IF who.reads @> '{exchanges,symbols,funding_rate_snapshots}'::text[] THEN
            EXECUTE format('GRANT SELECT ON %I.funding TO %s', {schema_text}, who.name);
        END IF;
        IF who.inserts && tables THEN
            FOREACH one IN ARRAY '{sources,series,reference_version,partitioning,schema_migrations,coverage,retention_policies,
                             retention_holds}'::text[] LOOP
                EXECUTE format('GRANT SELECT ON %I.%I TO %s', {schema_text}, one, who.name);
            END LOOP;
            -- A trigger looks for the ids of new rows, where a foreign key did.
            EXECUTE format('GRANT SELECT (id) ON %1$I.symbols, %1$I.exchanges TO %2$s', {schema_text}, who.name);
            EXECUTE format('GRANT INSERT, UPDATE ON %1$I.sources, %1$I.series TO %2$s', {schema_text}, who.name);
            EXECUTE format('GRANT INSERT ON %I.quarantined_rows TO %s', {schema_text}, who.name);
            EXECUTE format('GRANT INSERT, UPDATE, DELETE ON %I.coverage TO %s', {schema_text}, who.name);
            EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I.pending_claims TO %s', {schema_text}, who.name);
            EXECUTE format('GRANT EXECUTE ON FUNCTION %I.marketdb_ensure_partitions(text, timestamptz, timestamptz) TO %s',
                           {schema_text}, who.name);
        END IF;
        IF who.deletes && tables THEN
            EXECUTE format('GRANT DELETE ON %I.series TO %s', {schema_text}, who.name);
            EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %1$I.coverage, %1$I.pending_claims, %1$I.retention_policies,'
                           ' %1$I.retention_holds TO %2$s', {schema_text}, who.name);
            EXECUTE format('GRANT SELECT, UPDATE (width) ON %I.partitioning TO %s', {schema_text}, who.name);
        END IF;
        IF who.deletes @> partitioned THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %I.marketdb_drop_partitions(text, timestamptz) TO %s', {schema_text}, who.name);
        END IF;
    END LOOP;
END
$body$;

-- Rows that cannot be held may have come while the others were copied.
CREATE FUNCTION {before}.refuse_unholdable() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $body$
DECLARE
    one record;
    refused text;
BEGIN
    FOR one IN SELECT * FROM {before}.datasets ORDER BY place LOOP
        EXECUTE format('SELECT string_agg(format(%L, r.rows, r.refusal), %L) FROM (SELECT a.refusal, count(*) AS rows'
                       ' FROM %I.%I AS a WHERE a.refusal IS NOT NULL GROUP BY 1) AS r', '%s: %s', '; ', {before_text},
                       'all_' || one.table_name) INTO refused;
        IF refused IS NOT NULL THEN
            RAISE EXCEPTION 'the lean schema cannot hold rows of %: %', one.table_name, refused
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END LOOP;
END
$body$;

-- Keeps everybody out, lets a function of this schema prepare what comes (or refuse it), and takes away what hangs on the tables.
-- What hangs there is locked only briefly: who reads a view has it before our tables.
CREATE FUNCTION {before}.take_everything(preparation text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $body$
DECLARE
    max_tries CONSTANT integer := 5;
    one record;
BEGIN
    FOR try IN 1..max_tries LOOP
        BEGIN
            PERFORM {before}.lock_tables('ACCESS EXCLUSIVE', true);
            EXECUTE format('SELECT %I.%I()', {before_text}, preparation);
            -- The texts below mean what they mean in this path.
            PERFORM set_config('search_path', quote_ident({schema_text}), true);
            PERFORM set_config('lock_timeout', '200ms', true);
            FOR one IN SELECT * FROM {before}.hanging AS h WHERE h.drop_sql <> '' ORDER BY h.place DESC, h.number LOOP
                EXECUTE one.drop_sql;
            END LOOP;
            PERFORM set_config('lock_timeout', '5s', true);
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            IF try = max_tries THEN
                RAISE;
            END IF;
        END;
        PERFORM pg_sleep(0.2);
    END LOOP;
END
$body$;

-- Of the old tables: what hangs on them, which may have changed since the plan.
CREATE FUNCTION {before}.prepare_old() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $body$
DECLARE
    wrong text;
BEGIN
    PERFORM {before}.note_hanging();
    SELECT string_agg(format('%s %s: %s', h.kind, h.name, h.refusal), '; ') INTO wrong
    FROM {before}.hanging AS h WHERE h.refusal IS NOT NULL;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '%', wrong USING ERRCODE = 'invalid_table_definition';
    END IF;
    PERFORM {before}.end_noting();
END
$body$;

-- Returns the dataset whose rows differ, in which case the transaction is not to be committed; null: done.
CREATE FUNCTION {before}.convert(may_leave_behind boolean) RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $body$
DECLARE
    one record;
    wrong text;
BEGIN
    PERFORM {before}.lock_tables('EXCLUSIVE', false);
    LOOP
        WHILE {before}.copy_piece(100000) IS NOT NULL LOOP
        END LOOP;
        EXIT WHEN {before}.catch_up(100000) = 0;
    END LOOP;
    PERFORM {before}.copy_reference();
    IF NOT may_leave_behind THEN
        PERFORM {before}.refuse_unholdable();
    END IF;
    FOR one IN SELECT * FROM {before}.datasets ORDER BY place LOOP
        wrong := {before}.difference(one.dataset);
        IF wrong IS NOT NULL THEN
            RAISE NOTICE '%', wrong;
            RETURN one.dataset;
        END IF;
    END LOOP;
    PERFORM {before}.count_series();
    PERFORM {before}.set_next_ids({next_text}, {schema_text});
    UPDATE {next}.sources SET finished_at = now(), rows = (SELECT coalesce(sum(s.rows), 0) FROM {next}.series AS s)
    WHERE id = (SELECT s.source_id FROM {before}.state AS s);

    PERFORM {before}.take_everything('prepare_old');
    PERFORM {before}.move_old_away();
    PERFORM {before}.move_lean_in();
    PERFORM set_config('search_path', quote_ident({schema_text}), true);
    FOR one IN SELECT * FROM {before}.hanging AS h ORDER BY h.place, h.number LOOP
        EXECUTE one.create_sql;
    END LOOP;
    PERFORM {before}.grant_alike();
    UPDATE {before}.state SET phase = 'completing';
    RETURN NULL;
END
$body$;

-- What takes its time and can be done afterwards: fills a materialised view, checks a foreign key. One at a time. Returns what it
-- did; null: nothing is left.
CREATE FUNCTION {before}.finish_one() RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $body$
DECLARE
    one record;
BEGIN
    SELECT * INTO one FROM {before}.hanging AS h WHERE h.finish_sql IS NOT NULL AND NOT h.is_finished ORDER BY h.place, h.number LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM set_config('search_path', quote_ident({schema_text}), true);
    EXECUTE one.finish_sql;
    UPDATE {before}.hanging SET is_finished = true WHERE number = one.number;
    RETURN one.finish_sql;
END
$body$;

-- Drops the old tables. What somebody has hung on them since then forbids it.
CREATE FUNCTION {before}.drop_old() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $body$
BEGIN
    EXECUTE (SELECT 'DROP VIEW ' || string_agg(c.oid::regclass::text, ', ') FROM pg_class AS c
             WHERE c.relnamespace = to_regnamespace(quote_ident({before_text})) AND c.relkind = 'v'
               AND (c.relname LIKE 'lean\_%' OR c.relname LIKE 'all\_%'));
    EXECUTE (SELECT 'DROP TABLE ' || string_agg(format('%I.%I', {before_text}, m.table_name), ', ') FROM {before}.moved AS m);
END
$body$;
