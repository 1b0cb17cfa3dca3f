-- Trades have no unique key there: of several with one id the last counts, a null never takes a value away, and the number is that
-- of the first.
SELECT r.symbol_id, r."timestamp", r.trade_id, min(r.sequence) AS sequence, min(r.received_at) AS received_at,
       (array_agg(r.price ORDER BY r.row_id DESC))[1] AS price,
       (array_agg(r.quantity ORDER BY r.row_id DESC))[1] AS quantity,
       (array_agg(r.side ORDER BY r.row_id DESC) FILTER (WHERE r.side IS NOT NULL))[1] AS side,
       (array_agg(r.quote_quantity ORDER BY r.row_id DESC) FILTER (WHERE r.quote_quantity IS NOT NULL))[1] AS quote_quantity,
       (array_agg(r.is_buyer ORDER BY r.row_id DESC) FILTER (WHERE r.is_buyer IS NOT NULL))[1] AS is_buyer,
       (array_agg(r.is_maker ORDER BY r.row_id DESC) FILTER (WHERE r.is_maker IS NOT NULL))[1] AS is_maker
FROM ({rows}) AS r
WHERE r.refusal IS NULL
GROUP BY r.symbol_id, r."timestamp", r.trade_id
