DROP TABLE {schema}.coverage;
