-- The owner of marketdb's schema. It makes the tables and migrates them, nothing else: programs that record or read have roles of
-- their own. Run this as a superuser, or as a role that may create roles and schemas and is a member of the owner; after it
-- run `marketdb init` as the owner. Running it again changes nothing. Passwords are yours to set: \password in psql.
BEGIN;

DO $body$
BEGIN
    CREATE ROLE {owner} LOGIN;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$body$;

CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {owner};
GRANT USAGE, CREATE ON SCHEMA {schema} TO {owner};

COMMIT;
