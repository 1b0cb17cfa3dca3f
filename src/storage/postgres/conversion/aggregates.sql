-- Continuous aggregates of TimescaleDB over the tables, and over such aggregates. The views that their users know depend on what
-- TimescaleDB keeps for them, and not on the tables.
WITH RECURSIVE found AS (
    SELECT a.view_schema, a.view_name, a.materialization_hypertable_schema, a.materialization_hypertable_name,
           a.hypertable_name AS table_name
    FROM timescaledb_information.continuous_aggregates AS a
    WHERE a.hypertable_schema = {schema_text}
      AND a.hypertable_name IN ('exchanges', 'symbols', 'book_ticker_snapshots', 'trade_snapshots', 'funding_rate_snapshots',
                                'balance_snapshots')
    UNION
    SELECT a.view_schema, a.view_name, a.materialization_hypertable_schema, a.materialization_hypertable_name, f.table_name
    FROM found AS f
    JOIN timescaledb_information.continuous_aggregates AS a
        ON a.hypertable_schema = f.materialization_hypertable_schema AND a.hypertable_name = f.materialization_hypertable_name
)
SELECT format('%I.%I', f.view_schema, f.view_name) AS name, f.table_name::text FROM found AS f ORDER BY 1
