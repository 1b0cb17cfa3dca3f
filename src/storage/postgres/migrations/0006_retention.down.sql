-- marketdb_drop_partitions stays as it is: it looks for holds only where their table is, and it is called as before.
DROP TABLE {schema}.retention_holds;
DROP TABLE {schema}.retention_policies;
