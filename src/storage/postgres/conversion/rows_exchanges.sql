-- Old exchanges as lean ones, and why one cannot be held; null where it can.
SELECT e.id, e.enum_value, e.exchange_name, e.market_type, e.is_active, e.created_at,
       CASE
           WHEN octet_length(e.enum_value) > 31 OR e.enum_value !~ '^[A-Z0-9][A-Z0-9_]*_(SPOT|FUTURES)$'
               THEN 'an enum_value that is not <VENUE>_SPOT or <VENUE>_FUTURES'
           WHEN e.market_type IS NULL OR NOT e.enum_value LIKE '%\_' || e.market_type
               THEN 'a market_type that contradicts enum_value'
           WHEN e.exchange_name IS NULL OR octet_length(e.exchange_name) NOT BETWEEN 1 AND 31
               THEN 'an exchange_name of none or more than 31 bytes'
           WHEN count(*) OVER (PARTITION BY e.enum_value) > 1 THEN 'an enum_value that is there twice'
       END AS refusal
FROM (SELECT o.id::integer AS id, upper(o.enum_value) COLLATE "C" AS enum_value,
             o.exchange_name::text COLLATE "C" AS exchange_name, o.market_type::text COLLATE "C" AS market_type,
             coalesce({is_active}, true) AS is_active, {created_at} AS created_at
      FROM {old_table} AS o) AS e
