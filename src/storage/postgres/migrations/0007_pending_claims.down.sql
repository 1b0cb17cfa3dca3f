DROP TABLE {schema}.pending_claims;
