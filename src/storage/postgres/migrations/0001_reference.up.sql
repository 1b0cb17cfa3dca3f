-- Exchanges, symbols, sources, the counts of each series, and the number by which programs notice that exchanges or
-- symbols changed. Text is compared byte by byte.

CREATE TABLE {schema}.exchanges (
    id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    enum_value    text COLLATE "C" NOT NULL UNIQUE,
    exchange_name text COLLATE "C" NOT NULL,
    market_type   text COLLATE "C" NOT NULL CHECK (market_type IN ('SPOT', 'FUTURES')),
    is_active     boolean NOT NULL,
    created_at    timestamptz
);

CREATE TABLE {schema}.symbols (
    id                 integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    exchange_id        integer NOT NULL REFERENCES {schema}.exchanges (id),
    symbol_base        text COLLATE "C" NOT NULL,
    symbol_quote       text COLLATE "C" NOT NULL,
    exchange_symbol    text COLLATE "C" NOT NULL,
    symbol_type        text COLLATE "C" NOT NULL CHECK (symbol_type IN ('SPOT', 'FUTURES')),
    contract_type      text COLLATE "C" NOT NULL CHECK (contract_type IN ('spot', 'perpetual', 'inverse', 'dated')),
    quantity_unit      text COLLATE "C" NOT NULL CHECK (quantity_unit IN ('base', 'quote', 'contracts')),
    is_active          boolean NOT NULL,
    precision_price    integer,
    precision_quantity integer,
    settle_asset       text COLLATE "C",
    contract_size      double precision,
    tick_size          double precision,
    lot_size           double precision,
    min_quantity       double precision,
    min_notional       double precision,
    expires_at         timestamptz,
    listed_at          timestamptz,
    delisted_at        timestamptz,
    created_at         timestamptz,
    updated_at         timestamptz,
    UNIQUE (exchange_id, exchange_symbol)
);

CREATE TABLE {schema}.sources (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text COLLATE "C" NOT NULL,
    name        text COLLATE "C" NOT NULL,
    sha256      text COLLATE "C",
    program     text COLLATE "C",
    host        text COLLATE "C",
    started_at  timestamptz NOT NULL,
    finished_at timestamptz,
    rows        bigint NOT NULL
);

-- Every batch writes the rows of its series again: with room in the page no index has to follow.
CREATE TABLE {schema}.series (
    dataset         text COLLATE "C" NOT NULL,
    series_id       bigint NOT NULL,
    account         text COLLATE "C" NOT NULL,
    asset_name      text COLLATE "C" NOT NULL,
    rows            bigint NOT NULL,
    first_timestamp timestamptz NOT NULL,
    last_timestamp  timestamptz NOT NULL,
    min_skew        bigint,
    max_skew        bigint,
    PRIMARY KEY (dataset, series_id, account, asset_name)
) WITH (fillfactor = 50);

CREATE TABLE {schema}.reference_version (
    id      integer PRIMARY KEY CHECK (id = 1),
    version bigint NOT NULL
);
INSERT INTO {schema}.reference_version (id, version) VALUES (1, 1);

-- A pair as people write it: BTC/USDT; of a dated contract BTC/USDT-261225.
CREATE FUNCTION {schema}.marketdb_pair(symbol_base text, symbol_quote text, contract_type text, expires_at timestamptz)
    RETURNS text
    LANGUAGE sql
    STABLE
    RETURN symbol_base || '/' || symbol_quote
        || CASE
               WHEN contract_type = 'dated' AND expires_at IS NOT NULL
                   THEN to_char(expires_at AT TIME ZONE 'UTC', '-YYMMDD')
               ELSE ''
           END;

-- Rows refer to exchanges and symbols by their ids without a foreign key, which would be looked at row by row and costs
-- four fifths of the insert rate. In return an id that is there stays there.
CREATE FUNCTION {schema}.marketdb_refuse_removal() RETURNS trigger
    LANGUAGE plpgsql
    AS $body$
DECLARE
    refused text := CASE TG_OP
        WHEN 'TRUNCATE' THEN 'cannot be emptied'
        WHEN 'DELETE' THEN 'cannot lose the row of id ' || OLD.id
        ELSE 'cannot change the id ' || OLD.id
    END;
BEGIN
    RAISE EXCEPTION '% %: stored rows refer to its ids', TG_TABLE_NAME, refused
        USING ERRCODE = 'restrict_violation',
              HINT = 'Set is_active to false instead.',
              SCHEMA = TG_TABLE_SCHEMA,
              TABLE = TG_TABLE_NAME,
              COLUMN = 'id',
              CONSTRAINT = TG_NAME;
END
$body$;

CREATE TRIGGER ids_stay BEFORE DELETE ON {schema}.exchanges
    FOR EACH ROW EXECUTE FUNCTION {schema}.marketdb_refuse_removal();
CREATE TRIGGER ids_stay_as_they_are BEFORE UPDATE ON {schema}.exchanges
    FOR EACH ROW WHEN (OLD.id IS DISTINCT FROM NEW.id) EXECUTE FUNCTION {schema}.marketdb_refuse_removal();
CREATE TRIGGER all_ids_stay BEFORE TRUNCATE ON {schema}.exchanges
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.marketdb_refuse_removal();

CREATE TRIGGER ids_stay BEFORE DELETE ON {schema}.symbols
    FOR EACH ROW EXECUTE FUNCTION {schema}.marketdb_refuse_removal();
CREATE TRIGGER ids_stay_as_they_are BEFORE UPDATE ON {schema}.symbols
    FOR EACH ROW WHEN (OLD.id IS DISTINCT FROM NEW.id) EXECUTE FUNCTION {schema}.marketdb_refuse_removal();
CREATE TRIGGER all_ids_stay BEFORE TRUNCATE ON {schema}.symbols
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.marketdb_refuse_removal();

-- The channel on which changes of this schema's exchanges and symbols are told. A channel's name has at most 63 bytes.
CREATE FUNCTION {schema}.marketdb_reference_channel() RETURNS text
    LANGUAGE sql
    IMMUTABLE
    RETURN 'marketdb_reference_'
        || CASE
               WHEN octet_length({schema_text}) <= 63 - octet_length('marketdb_reference_') THEN {schema_text}
               ELSE md5({schema_text})
           END;

-- Whoever changes exchanges or symbols, and be it in psql, counts the version up and tells it, with the new version.
-- As the owner: nobody else needs the right to write the version. Statements that change nothing count for nothing.
-- NOTIFY serialises commits, so nothing else in this schema notifies.
CREATE FUNCTION {schema}.marketdb_tell_reference_change() RETURNS trigger
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $body$
DECLARE
    told bigint;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NOT EXISTS (SELECT FROM new_rows) THEN
            RETURN NULL;
        END IF;
    ELSIF NOT EXISTS (SELECT * FROM new_rows EXCEPT SELECT * FROM old_rows) THEN
        RETURN NULL;
    END IF;

    UPDATE {schema}.reference_version SET version = version + 1 RETURNING version INTO told;
    PERFORM pg_notify({schema}.marketdb_reference_channel(), told::text);
    RETURN NULL;
END
$body$;

CREATE TRIGGER tells_insert AFTER INSERT ON {schema}.exchanges
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.marketdb_tell_reference_change();
CREATE TRIGGER tells_update AFTER UPDATE ON {schema}.exchanges
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.marketdb_tell_reference_change();

CREATE TRIGGER tells_insert AFTER INSERT ON {schema}.symbols
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.marketdb_tell_reference_change();
CREATE TRIGGER tells_update AFTER UPDATE ON {schema}.symbols
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.marketdb_tell_reference_change();
