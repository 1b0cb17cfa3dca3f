-- Old balances as lean ones, and why one cannot be held; null where it can.
SELECT b.exchange_id, b.account, b.asset_name, b."timestamp", b.received_at, b.available_balance, b.locked_balance,
       b.frozen_balance, b.borrowing_balance, b.interest_balance, b.available_balance + b.locked_balance AS total_balance,
       CASE
           WHEN b.exchange_id IS NULL OR b."timestamp" IS NULL OR b.asset_name IS NULL THEN 'a null in the key'
           WHEN b."timestamp" < '1970-01-01 00:00+00' OR b."timestamp" >= '2262-04-11 00:00+00'
               THEN 'a time outside 1970 to 2262'
           WHEN b.exchange_id NOT IN (SELECT e.id FROM {schema}.exchanges AS e) THEN 'an exchange_id in no row of exchanges'
           WHEN octet_length(b.asset_name) NOT BETWEEN 1 AND 23 THEN 'an asset_name of none or more than 23 bytes'
           WHEN b.available_balance IS NULL OR b.locked_balance IS NULL
               OR b.available_balance IN ('NaN', 'Infinity', '-Infinity') OR b.locked_balance IN ('NaN', 'Infinity')
               OR b.frozen_balance IN ('Infinity', '-Infinity') OR b.borrowing_balance IN ('Infinity', '-Infinity')
               OR b.interest_balance IN ('Infinity', '-Infinity')
               THEN 'an amount that is not finite'
           WHEN b.locked_balance < 0 THEN 'a negative locked_balance'
       END AS refusal
FROM (SELECT o.exchange_id::integer AS exchange_id, 'main'::text COLLATE "C" AS account,
             o.asset_name::text COLLATE "C" AS asset_name, o."timestamp", {received_at} AS received_at,
             {available_balance} AS available_balance, {locked_balance} AS locked_balance,
             nullif({frozen_balance}, 'NaN') AS frozen_balance, nullif({borrowing_balance}, 'NaN') AS borrowing_balance,
             nullif({interest_balance}, 'NaN') AS interest_balance
      FROM {old_table} AS o) AS b
