-- What is known to be complete, and what was missed: disjoint times of one source each. Who removes rows takes their time out of
-- it first.

CREATE TABLE {schema}.coverage (
    dataset    text COLLATE "C" NOT NULL,
    symbol_id  integer NOT NULL,
    clock      text COLLATE "C" NOT NULL CHECK (clock IN ('event', 'received')),
    kind       text COLLATE "C" NOT NULL CHECK (kind IN ('file', 'feed', 'declared', 'copy', 'gap')),
    source_id  integer NOT NULL,
    start_time timestamptz NOT NULL,
    end_time   timestamptz NOT NULL,
    PRIMARY KEY (dataset, symbol_id, clock, kind, source_id, start_time),
    CHECK (start_time < end_time)
);

-- Whoever reads the counts reads what is complete; whoever keeps them keeps it.
DO $body$
DECLARE
    who record;
BEGIN
    FOR who IN SELECT CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END AS name,
                      bool_or(acl.privilege_type IN ('INSERT', 'UPDATE', 'DELETE')) AS writes
               FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                    CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) AS acl
               WHERE n.nspname = {schema_text} AND c.relname = 'series' AND acl.grantee <> c.relowner
                 AND acl.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
               GROUP BY acl.grantee LOOP
        EXECUTE format('GRANT SELECT ON %I.coverage TO %s', {schema_text}, who.name);
        IF who.writes THEN
            EXECUTE format('GRANT INSERT, UPDATE, DELETE ON %I.coverage TO %s', {schema_text}, who.name);
        END IF;
    END LOOP;
END
$body$;
