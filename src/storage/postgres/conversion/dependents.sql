-- What hangs on the old tables: whether it is made anew on the lean ones, and by which statements, or why it cannot be. A text
-- is as unqualified as the search path of the session allows. Reads the catalogue only.
WITH RECURSIVE tables AS (
    SELECT c.oid, c.relname::text AS name, c.reltype, c.relkind, c.relowner, c.relrowsecurity
    FROM pg_catalog.pg_class AS c
    WHERE c.relnamespace = (SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname = {schema_text})
      AND c.relname IN ('exchanges', 'symbols', 'book_ticker_snapshots', 'trade_snapshots', 'funding_rate_snapshots',
                        'balance_snapshots')
      AND c.relkind IN ('r', 'p')
), relations AS (
    SELECT t.oid, t.reltype, t.name FROM tables AS t
    UNION
    SELECT c.oid, c.reltype, t.name
    FROM tables AS t CROSS JOIN LATERAL pg_catalog.pg_partition_tree(t.oid) AS part
    JOIN pg_catalog.pg_class AS c ON c.oid = part.relid
), views_found AS (
    SELECT r.ev_class AS oid, 1 AS depth
    FROM pg_catalog.pg_depend AS d JOIN pg_catalog.pg_rewrite AS r ON r.oid = d.objid
    WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
      AND d.refobjid IN (SELECT oid FROM relations) AND r.ev_class NOT IN (SELECT oid FROM relations)
    UNION
    SELECT r.ev_class, v.depth + 1
    FROM views_found AS v
    JOIN pg_catalog.pg_depend AS d ON d.refobjid = v.oid AND d.refclassid = 'pg_catalog.pg_class'::regclass
        AND d.classid = 'pg_catalog.pg_rewrite'::regclass
    JOIN pg_catalog.pg_rewrite AS r ON r.oid = d.objid
    WHERE r.ev_class <> v.oid
), views AS (
    SELECT c.oid, c.reltype, c.relkind, c.relname, c.relnamespace, c.relowner, c.relacl, c.reloptions, c.reltablespace, c.relispopulated,
           n.nspname, format('%I.%I', n.nspname, c.relname) AS name, max(v.depth) AS depth,
           CASE c.relkind WHEN 'm' THEN 'materialized view' ELSE 'view' END AS kind,
           CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END AS word
    FROM views_found AS v
    JOIN pg_catalog.pg_class AS c ON c.oid = v.oid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname <> {before_text}
      AND NOT (n.nspname = {schema_text} AND c.relname IN ('quotes', 'latest_quotes', 'funding'))
    GROUP BY c.oid, n.nspname
), lean_columns AS (
    -- What the lean tables have of the old ones' columns.
    SELECT v.name, unnest(string_to_array(v.columns, ' ')) AS column_name
    FROM (VALUES ('exchanges', 'id enum_value exchange_name market_type is_active created_at'),
                 ('symbols', 'id exchange_id symbol_base symbol_quote exchange_symbol symbol_type is_active precision_price'
                             ' precision_quantity min_quantity min_notional created_at updated_at'),
                 ('book_ticker_snapshots', 'timestamp symbol_id bid_price bid_qty ask_price ask_qty'),
                 ('trade_snapshots', 'timestamp symbol_id price quantity side trade_id quote_quantity is_buyer is_maker'),
                 ('funding_rate_snapshots', 'timestamp symbol_id funding_rate'),
                 ('balance_snapshots', 'timestamp exchange_id asset_name available_balance locked_balance total_balance'
                                       ' frozen_balance borrowing_balance interest_balance')) AS v (name, columns)
), lost_columns AS (
    SELECT r.ev_class AS oid, string_agg(DISTINCT rel.name || '.' || a.attname, ', ') AS names
    FROM pg_catalog.pg_depend AS d
    JOIN pg_catalog.pg_rewrite AS r ON r.oid = d.objid
    JOIN relations AS rel ON rel.oid = d.refobjid
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
      AND (rel.name, a.attname::text) NOT IN (SELECT l.name, l.column_name FROM lean_columns AS l)
    GROUP BY r.ev_class
), grants AS (
    SELECT v.oid, string_agg(format('; GRANT %s ON %s TO %s%s', acl.privilege_type, v.name,
                                    CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END,
                                    CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END), '') AS texts
    FROM views AS v CROSS JOIN LATERAL pg_catalog.aclexplode(v.relacl) AS acl
    WHERE acl.grantee <> v.relowner
    GROUP BY v.oid
), view_indexes AS (
    SELECT i.indrelid AS oid, string_agg('; ' || pg_catalog.pg_get_indexdef(i.indexrelid), '') AS texts
    FROM pg_catalog.pg_index AS i WHERE i.indrelid IN (SELECT oid FROM views) GROUP BY i.indrelid
), found AS (
    SELECT v.depth AS place, v.kind, v.name,
           CASE
               WHEN v.nspname LIKE '\_timescaledb%' THEN 'it belongs to a continuous aggregate'
               WHEN NOT pg_catalog.pg_has_role(current_user, v.relowner, 'USAGE')
                   THEN format('it belongs to %s, whose role this one does not have', v.relowner::regrole)
               WHEN NOT (pg_catalog.has_schema_privilege(current_user, v.relnamespace, 'CREATE')
                         AND pg_catalog.has_schema_privilege(v.relowner, v.relnamespace, 'CREATE'))
                   THEN format('%s and %s would need CREATE on schema %I', current_user, v.relowner::regrole, v.nspname)
               WHEN l.names IS NOT NULL THEN format('it uses %s, which the lean tables do not have or have as something else', l.names)
               WHEN EXISTS (SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = v.oid AND NOT t.tgisinternal)
                   THEN 'it has triggers'
               WHEN EXISTS (SELECT FROM pg_catalog.pg_rewrite AS r WHERE r.ev_class = v.oid AND r.rulename <> '_RETURN')
                   THEN 'it has rules'
               WHEN EXISTS (SELECT FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = v.oid AND a.attacl IS NOT NULL)
                   THEN 'it has grants on columns'
               WHEN v.reltablespace <> 0 THEN 'it lies in a tablespace'
           END AS refusal,
           format('CREATE %s %s%s AS %s%s; ALTER %s %s OWNER TO %s%s%s%s', v.word, v.name,
                  coalesce(' WITH (' || array_to_string(v.reloptions, ', ') || ')', ''),
                  rtrim(pg_catalog.pg_get_viewdef(v.oid), ';'), CASE v.relkind WHEN 'm' THEN ' WITH NO DATA' ELSE '' END,
                  v.word, v.name, v.relowner::regrole, i.texts, g.texts,
                  format('; COMMENT ON %s %s IS %L', v.word, v.name, pg_catalog.obj_description(v.oid, 'pg_class')))
               AS create_sql,
           format('DROP %s IF EXISTS %s', v.word, v.name) AS drop_sql,
           CASE WHEN v.relkind = 'm' AND v.relispopulated THEN format('REFRESH MATERIALIZED VIEW %s', v.name) END AS finish_sql,
           format('CREATE VIEW %I.%I AS %s', {next_text}, v.relname, pg_catalog.pg_get_viewdef(v.oid)) AS try_sql
    FROM views AS v
    LEFT JOIN lost_columns AS l ON l.oid = v.oid
    LEFT JOIN grants AS g ON g.oid = v.oid
    LEFT JOIN view_indexes AS i ON i.oid = v.oid
    UNION ALL
    SELECT 1000, 'foreign key', format('%s of %s', k.conname, k.conrelid::regclass),
           CASE
               WHEN NOT pg_catalog.pg_has_role(current_user, c.relowner, 'USAGE')
                   THEN format('its table belongs to %s, whose role this one does not have', c.relowner::regrole)
               WHEN pg_catalog.pg_get_constraintdef(k.oid) !~ 'REFERENCES [^(]*(exchanges\((id|enum_value)|symbols\(id)\)'
                   THEN 'it refers to columns that are no key of the lean tables'
           END,
           format('ALTER TABLE IF EXISTS %s ADD CONSTRAINT %I %s%s', k.conrelid::regclass, k.conname,
                  pg_catalog.pg_get_constraintdef(k.oid),
                  CASE WHEN k.convalidated AND c.relkind = 'r' THEN ' NOT VALID' ELSE '' END),
           format('ALTER TABLE IF EXISTS %s DROP CONSTRAINT IF EXISTS %I', k.conrelid::regclass, k.conname),
           CASE WHEN k.convalidated AND c.relkind = 'r'
               THEN format('ALTER TABLE IF EXISTS %s VALIDATE CONSTRAINT %I', k.conrelid::regclass, k.conname) END,
           NULL
    FROM pg_catalog.pg_constraint AS k JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid
    WHERE k.contype = 'f' AND k.conparentid = 0 AND k.confrelid IN (SELECT oid FROM relations)
      AND k.conrelid NOT IN (SELECT oid FROM relations)
      AND k.conrelid NOT IN (SELECT i.inhrelid FROM pg_catalog.pg_inherits AS i JOIN relations AS r ON r.oid = i.inhparent)
    UNION ALL
    SELECT 2000, 'trigger', format('%s of %s', g.tgname, t.name),
           CASE WHEN g.tgname = 'ts_insert_blocker' THEN 'the table is a hypertable of TimescaleDB'
                WHEN g.tgenabled <> 'O' THEN 'it is disabled, or fires for replicated rows'
                WHEN t.relkind = 'p' AND g.tgparentid <> 0 THEN 'it belongs to another trigger'
           END,
           pg_catalog.pg_get_triggerdef(g.oid, true), '', NULL, pg_catalog.pg_get_triggerdef(g.oid, true)
    FROM tables AS t JOIN pg_catalog.pg_trigger AS g ON g.tgrelid = t.oid
    WHERE NOT g.tgisinternal AND g.tgname NOT IN ('marketdb_notes_change', 'marketdb_notes_truncation', 'adds_rows', 'has_symbol',
                                                  'has_exchange', 'ids_stay', 'ids_stay_as_they_are', 'all_ids_stay',
                                                  'tells_insert', 'tells_update')
    UNION ALL
    SELECT 2100, 'grant', format('%s on %s', acl.privilege_type, t.name),
           NULL,
           format('GRANT %s ON %I.%I TO %s%s', acl.privilege_type, {schema_text}, t.name,
                  CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END,
                  CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END), '', NULL, NULL
    FROM tables AS t JOIN pg_catalog.pg_class AS c ON c.oid = t.oid
    CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) AS acl
    WHERE acl.grantee <> c.relowner
    UNION ALL
    SELECT 2100, 'grant', format('%s on %s of %s', acl.privilege_type, a.attname, t.name),
           CASE WHEN (t.name, a.attname::text) NOT IN (SELECT l.name, l.column_name FROM lean_columns AS l)
               THEN 'the lean table has no such column' END,
           format('GRANT %s (%I) ON %I.%I TO %s', acl.privilege_type, a.attname, {schema_text}, t.name,
                  CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END), '', NULL, NULL
    FROM tables AS t JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.oid AND a.attacl IS NOT NULL
    CROSS JOIN LATERAL pg_catalog.aclexplode(a.attacl) AS acl
    UNION ALL
    SELECT 3000, 'publication', p.pubname::text, format('its subscribers have the old columns; take %s out of it first', p.tablename),
           '', '', NULL, NULL
    FROM pg_catalog.pg_publication_tables AS p
    WHERE (p.schemaname, p.tablename) IN (
        SELECT n.nspname, c.relname FROM relations AS r JOIN pg_catalog.pg_class AS c ON c.oid = r.oid
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace)
    UNION ALL
    SELECT DISTINCT 3000, 'subscription', u.subname::text, format('it fills %s, whose columns change', r.name), '', '', NULL, NULL
    FROM relations AS r JOIN pg_catalog.pg_subscription_rel AS sr ON sr.srrelid = r.oid
    JOIN pg_catalog.pg_subscription AS u ON u.oid = sr.srsubid
    UNION ALL
    SELECT 3000, 'row security', t.name, 'COPY, by which rows are written, does not heed it', '', '', NULL, NULL
    FROM tables AS t
    WHERE t.relrowsecurity OR EXISTS (SELECT FROM pg_catalog.pg_policy AS p WHERE p.polrelid = t.oid)
    UNION ALL
    SELECT 3000, 'rule', format('%s of %s', r.rulename, t.name), 'a COPY passes it by', '', '', NULL, NULL
    FROM tables AS t JOIN pg_catalog.pg_rewrite AS r ON r.ev_class = t.oid
    UNION ALL
    SELECT DISTINCT 3000, 'inheritance', i.inhrelid::regclass::text,
           CASE WHEN n.nspname LIKE '\_timescaledb%' THEN format('%s is a hypertable of TimescaleDB', r.name)
                ELSE format('it inherits from %s', r.name) END, '', '', NULL, NULL
    FROM relations AS r JOIN pg_catalog.pg_inherits AS i ON i.inhparent = r.oid
    JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE NOT c.relispartition
    UNION ALL
    SELECT DISTINCT 3000, 'object', pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid),
           'marketdb does not know how to make it anew', '', '', NULL, NULL
    FROM pg_catalog.pg_depend AS d
    WHERE d.deptype = 'n' AND d.classid IN ('pg_catalog.pg_proc'::regclass, 'pg_catalog.pg_class'::regclass)
      AND (d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid IN (SELECT oid FROM relations UNION SELECT oid FROM views)
           OR d.refclassid = 'pg_catalog.pg_type'::regclass
           AND d.refobjid IN (SELECT reltype FROM relations UNION SELECT reltype FROM views))
)
SELECT f.place, f.kind, f.name, f.refusal, f.create_sql, f.drop_sql, f.finish_sql, f.try_sql FROM found AS f
