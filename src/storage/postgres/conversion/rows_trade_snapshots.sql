-- Old trades as lean ones, and why one cannot be held; null where it can. A trade without an id is named after its row, and is
-- numbered by it unless its id is a number.
SELECT t.symbol_id, t."timestamp", t.trade_id, t.sequence, t.received_at, t.price, t.quantity, t.side, t.quote_quantity,
       t.is_buyer, t.is_maker, t.row_id,
       CASE
           WHEN t.symbol_id IS NULL OR t."timestamp" IS NULL THEN 'a null in the key'
           WHEN t."timestamp" < '1970-01-01 00:00+00' OR t."timestamp" >= '2262-04-11 00:00+00'
               THEN 'a time outside 1970 to 2262'
           WHEN t.symbol_id NOT IN (SELECT s.id FROM {schema}.symbols AS s) THEN 'a symbol_id in no row of symbols'
           WHEN octet_length(t.trade_id) > 63 THEN 'a trade_id of more than 63 bytes'
           WHEN (t.price > 0 AND t.quantity > 0 AND t.price < 'Infinity' AND t.quantity < 'Infinity') IS NOT TRUE
               THEN 'a price or quantity that is not positive and finite'
           WHEN t.quote_quantity < 0 OR t.quote_quantity = 'Infinity' THEN 'a quote_quantity that is negative or infinite'
           WHEN t.side NOT IN ('buy', 'sell') THEN 'a side that is neither buy nor sell'
       END AS refusal
FROM (SELECT o.symbol_id::integer AS symbol_id, o."timestamp",
             coalesce(nullif({trade_id}, ''), '~' || o.id) COLLATE "C" AS trade_id,
             CASE WHEN {trade_id} ~ '^[0-9]{1,15}$' THEN {trade_id}::bigint ELSE o.id::bigint END AS sequence,
             NULL::timestamptz AS received_at, nullif({price}, 'NaN') AS price, nullif({quantity}, 'NaN') AS quantity,
             {side} COLLATE "C" AS side, nullif({quote_quantity}, 'NaN') AS quote_quantity, {is_buyer} AS is_buyer,
             {is_maker} AS is_maker, o.id::bigint AS row_id
      FROM {old_table} AS o) AS t
