-- What a source is about to claim when all of its rows are stored. Whoever takes a time out of the claims takes it out of these too,
-- so that rows which went meanwhile are not claimed; for anything else they do not count.
CREATE TABLE {schema}.pending_claims (LIKE {schema}.coverage INCLUDING ALL);

-- Whoever keeps claims keeps these.
DO $body$
DECLARE
    who record;
BEGIN
    FOR who IN SELECT CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END AS name
               FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                    CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) AS acl
               WHERE n.nspname = {schema_text} AND c.relname = 'coverage' AND acl.grantee <> c.relowner
                 AND acl.privilege_type IN ('INSERT', 'UPDATE', 'DELETE')
               GROUP BY acl.grantee LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I.pending_claims TO %s', {schema_text}, who.name);
    END LOOP;
END
$body$;
