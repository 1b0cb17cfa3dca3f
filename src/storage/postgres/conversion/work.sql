-- What a conversion keeps in a schema of its own, from its first step to its last: how far it is, what old programs change
-- meanwhile, and later the old tables. Every step is one transaction, so that it can be killed anywhere and goes on where it was.

CREATE TABLE {before}.state (
    id           integer PRIMARY KEY CHECK (id = 1),
    phase        text NOT NULL CHECK (phase IN ('begun', 'copying', 'completing', 'converted')),
    legacy_clock text NOT NULL,
    source_id    integer,
    begun_at     timestamptz NOT NULL DEFAULT now()
);

-- Of each dataset that there is: up to where its rows are copied.
CREATE TABLE {before}.datasets (
    place        integer PRIMARY KEY,
    dataset      text NOT NULL UNIQUE,
    table_name   text NOT NULL,
    is_time_cut  boolean NOT NULL,
    copied_until timestamptz NOT NULL DEFAULT '-infinity',
    is_copied    boolean NOT NULL DEFAULT false,
    rows         bigint NOT NULL DEFAULT 0
);

-- Keys whose rows were written or deleted since the copying began, as often as they were. A truncation: all rows went.
CREATE TABLE {before}.changes (
    number        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dataset       text NOT NULL,
    series_id     integer,
    asset_name    text,
    "timestamp"   timestamptz,
    is_truncation boolean NOT NULL DEFAULT false
);

-- What hung on the old tables, and how it is made anew.
CREATE TABLE {before}.hanging (
    number      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    place       integer NOT NULL,
    kind        text NOT NULL,
    name        text NOT NULL,
    refusal     text,
    create_sql  text NOT NULL,
    drop_sql    text NOT NULL,
    finish_sql  text,
    try_sql     text,
    is_finished boolean NOT NULL DEFAULT false
);

-- From which schema a table came.
CREATE TABLE {before}.moved (
    table_name  text PRIMARY KEY,
    schema_name text NOT NULL
);

CREATE VIEW {before}.dependents AS {dependents};

-- Notes what hangs on the tables that stand in the schema now, in texts that mean what they mean there.
CREATE FUNCTION {before}.note_hanging() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $body$
BEGIN
    PERFORM set_config('search_path', quote_ident({schema_text}), true);
    INSERT INTO {before}.hanging (place, kind, name, refusal, create_sql, drop_sql, finish_sql, try_sql)
    SELECT d.place, d.kind, d.name, d.refusal, d.create_sql, d.drop_sql, d.finish_sql, d.try_sql
    FROM {before}.dependents AS d ORDER BY d.place, d.name;
END
$body$;

-- Whatever an old program does to a row is noted in its own transaction, as the owner. Fires for replicated changes too.
CREATE FUNCTION {before}.note_symbol_row() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $body$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO {before}.changes (dataset, series_id, "timestamp") VALUES (TG_ARGV[0], OLD.symbol_id, OLD."timestamp");
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO {before}.changes (dataset, series_id, "timestamp") VALUES (TG_ARGV[0], NEW.symbol_id, NEW."timestamp");
    END IF;
    RETURN NULL;
END
$body$;

CREATE FUNCTION {before}.note_balance_row() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $body$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO {before}.changes (dataset, series_id, asset_name, "timestamp")
        VALUES (TG_ARGV[0], OLD.exchange_id, OLD.asset_name, OLD."timestamp");
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO {before}.changes (dataset, series_id, asset_name, "timestamp")
        VALUES (TG_ARGV[0], NEW.exchange_id, NEW.asset_name, NEW."timestamp");
    END IF;
    RETURN NULL;
END
$body$;

CREATE FUNCTION {before}.note_truncation() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $body$
BEGIN
    INSERT INTO {before}.changes (dataset, is_truncation) VALUES (TG_ARGV[0], true);
    RETURN NULL;
END
$body$;

-- Sets the triggers, when all who write at the moment are done. They wait for nobody longer than the session's lock_timeout.
CREATE FUNCTION {before}.begin_noting() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $body$
DECLARE
    one record;
    part regclass;
    parent text;
BEGIN
    FOR one IN SELECT * FROM {before}.datasets ORDER BY place LOOP
        parent := format('%I.%I', {schema_text}, one.table_name);
        EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', parent);
        EXECUTE format('CREATE TRIGGER marketdb_notes_change AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW'
                       ' EXECUTE FUNCTION %I.%I(%L)', parent, {before_text},
                       CASE one.dataset WHEN 'balances' THEN 'note_balance_row' ELSE 'note_symbol_row' END, one.dataset);
        EXECUTE format('CREATE TRIGGER marketdb_notes_truncation AFTER TRUNCATE ON %s FOR EACH STATEMENT'
                       ' EXECUTE FUNCTION %I.note_truncation(%L)', parent, {before_text}, one.dataset);
        EXECUTE format('ALTER TABLE ONLY %s ENABLE ALWAYS TRIGGER marketdb_notes_change', parent);
        EXECUTE format('ALTER TABLE ONLY %s ENABLE ALWAYS TRIGGER marketdb_notes_truncation', parent);
        FOR part IN SELECT p.relid FROM pg_partition_tree(parent) AS p WHERE p.level > 0 LOOP
            EXECUTE format('ALTER TABLE ONLY %s ENABLE ALWAYS TRIGGER marketdb_notes_change', part);
        END LOOP;
    END LOOP;
END
$body$;

CREATE FUNCTION {before}.end_noting() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $body$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT * FROM {before}.datasets ORDER BY place LOOP
        EXECUTE format('DROP TRIGGER IF EXISTS marketdb_notes_change ON %I.%I', {schema_text}, one.table_name);
        EXECUTE format('DROP TRIGGER IF EXISTS marketdb_notes_truncation ON %I.%I', {schema_text}, one.table_name);
    END LOOP;
END
$body$;

-- `a, b` of the columns that two relations share, without those of a list.
CREATE FUNCTION {before}.shared_columns(one regclass, other regclass, without text[]) RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
    AS $body$
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
    FROM pg_attribute AS a
    JOIN pg_attribute AS b ON b.attrelid = other AND b.attname = a.attname AND b.attnum > 0 AND NOT b.attisdropped
    WHERE a.attrelid = one AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> ALL (without) AND b.attgenerated = ''
$body$;

-- `x.a, x.b` of `a, b`.
CREATE FUNCTION {before}.prefixed(columns text, prefix text) RETURNS text
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
    AS $body$ SELECT string_agg(prefix || part, ', ') FROM unnest(string_to_array(columns, ', ')) AS part $body$;

-- Inserts reference rows, or updates those of their id that differ.
CREATE FUNCTION {before}.upsert_by_id(target regclass, source text, columns text) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $body$
DECLARE
    others text := (SELECT string_agg(part, ', ') FROM unnest(string_to_array(columns, ', ')) AS part WHERE part <> 'id');
    given text := {before}.prefixed(others, 'excluded.');
    kept text := {before}.prefixed(others, 't.');
    changed bigint;
BEGIN
    EXECUTE format('INSERT INTO %s AS t (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s AS given ORDER BY id'
                   ' ON CONFLICT (id) DO UPDATE SET (%s) = ROW(%s) WHERE (%s) IS DISTINCT FROM (%s)',
                   target, columns, columns, source, others, given, kept, given);
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END
$body$;
