-- Old book tickers as lean ones, and why one cannot be held; null where it can.
SELECT q.symbol_id, q."timestamp", q.sequence, q.received_at, q.bid_price, q.bid_qty, q.ask_price, q.ask_qty,
       CASE
           WHEN q.symbol_id IS NULL OR q."timestamp" IS NULL THEN 'a null in the key'
           WHEN q."timestamp" < '1970-01-01 00:00+00' OR q."timestamp" >= '2262-04-11 00:00+00'
               THEN 'a time outside 1970 to 2262'
           WHEN q.symbol_id NOT IN (SELECT s.id FROM {schema}.symbols AS s) THEN 'a symbol_id in no row of symbols'
           WHEN (q.bid_price IS NULL) <> (q.bid_qty IS NULL) OR (q.ask_price IS NULL) <> (q.ask_qty IS NULL)
               THEN 'half a side'
           WHEN q.bid_price IS NULL AND q.ask_price IS NULL THEN 'no side'
           WHEN least(q.bid_price, q.bid_qty, q.ask_price, q.ask_qty) <= 0
               OR greatest(q.bid_price, q.bid_qty, q.ask_price, q.ask_qty) = 'Infinity'
               THEN 'a price or size that is not positive and finite'
           WHEN q.ask_price < q.bid_price THEN 'ask_price below bid_price'
       END AS refusal
FROM (SELECT o.symbol_id::integer AS symbol_id, o."timestamp", coalesce({sequence_number}, 0) AS sequence,
             {received_at} AS received_at, nullif({bid_price}, 'NaN') AS bid_price, nullif({bid_qty}, 'NaN') AS bid_qty,
             nullif({ask_price}, 'NaN') AS ask_price, nullif({ask_qty}, 'NaN') AS ask_qty
      FROM {old_table} AS o) AS q
