-- Old symbols as lean ones, and why one cannot be held; null where it can. A futures contract is the perpetual of its pair:
-- there can be only one there.
SELECT s.id, s.exchange_id, s.symbol_base, s.symbol_quote, s.exchange_symbol, s.symbol_type,
       CASE s.symbol_type WHEN 'FUTURES' THEN 'perpetual' ELSE 'spot' END COLLATE "C" AS contract_type,
       'base'::text COLLATE "C" AS quantity_unit, s.is_active, s.precision_price, s.precision_quantity, s.min_quantity,
       s.min_notional, s.created_at, s.updated_at,
       CASE
           WHEN octet_length(s.symbol_base) NOT BETWEEN 1 AND 23 OR octet_length(s.symbol_quote) NOT BETWEEN 1 AND 23
               THEN 'a symbol_base or symbol_quote of none or more than 23 bytes'
           WHEN octet_length(s.exchange_symbol) NOT BETWEEN 1 AND 47
               THEN 'an exchange_symbol of none or more than 47 bytes'
           WHEN s.exchange_id NOT IN (SELECT e.id FROM {schema}.exchanges AS e) THEN 'an exchange_id in no row of exchanges'
           WHEN s.min_quantity < 0 OR s.min_notional < 0 OR s.min_quantity = 'Infinity' OR s.min_notional = 'Infinity'
               OR s.precision_price < 0 OR s.precision_quantity < 0
               THEN 'a precision or minimum that is negative or infinite'
           WHEN count(*) OVER (PARTITION BY s.exchange_id, s.exchange_symbol) > 1
               THEN 'an exchange_symbol that its exchange has twice'
       END AS refusal
FROM (SELECT o.id::integer AS id, o.exchange_id::integer AS exchange_id, upper(o.symbol_base) COLLATE "C" AS symbol_base,
             upper(o.symbol_quote) COLLATE "C" AS symbol_quote, o.exchange_symbol::text COLLATE "C" AS exchange_symbol,
             coalesce(o.symbol_type::text, 'SPOT') COLLATE "C" AS symbol_type, coalesce({is_active}, true) AS is_active,
             {precision_price} AS precision_price, {precision_quantity} AS precision_quantity,
             nullif({min_quantity}, 'NaN') AS min_quantity, nullif({min_notional}, 'NaN') AS min_notional,
             {created_at} AS created_at, {updated_at} AS updated_at
      FROM {old_table} AS o) AS s
