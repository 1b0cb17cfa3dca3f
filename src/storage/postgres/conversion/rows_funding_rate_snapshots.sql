-- Old funding rates as lean ones, and why one cannot be held; null where it can. A rate whose settlement is over was paid.
SELECT f.symbol_id, f."timestamp",
       CASE WHEN f.milliseconds <= extract(epoch FROM f."timestamp") * 1000 THEN 'settled' ELSE 'predicted' END COLLATE "C"
           AS kind, f.received_at, f.funding_rate, NULL::integer AS interval_minutes,
       CASE WHEN f.milliseconds BETWEEN 0 AND 9214646400000
           THEN '1970-01-01 00:00+00'::timestamptz + f.milliseconds * interval '1 millisecond'
       END AS funding_time,
       NULL::double precision AS mark_price,
       CASE
           WHEN f.symbol_id IS NULL OR f."timestamp" IS NULL THEN 'a null in the key'
           WHEN f."timestamp" < '1970-01-01 00:00+00' OR f."timestamp" >= '2262-04-11 00:00+00'
               THEN 'a time outside 1970 to 2262'
           WHEN f.symbol_id NOT IN (SELECT s.id FROM {schema}.symbols AS s) THEN 'a symbol_id in no row of symbols'
           WHEN f.funding_rate IS NULL OR f.funding_rate IN ('NaN', 'Infinity', '-Infinity')
               THEN 'a funding_rate that is not finite'
           WHEN f.milliseconds NOT BETWEEN 0 AND 9214646400000 THEN 'a funding_time outside 1970 to 2261'
       END AS refusal
FROM (SELECT o.symbol_id::integer AS symbol_id, o."timestamp", {received_at} AS received_at, {funding_rate} AS funding_rate, {funding_time} AS milliseconds
      FROM {old_table} AS o) AS f
