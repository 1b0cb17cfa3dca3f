DROP TABLE {schema}.reference_version;
DROP TABLE {schema}.series;
DROP TABLE {schema}.sources;
DROP TABLE {schema}.symbols;
DROP TABLE {schema}.exchanges;
DROP FUNCTION {schema}.marketdb_tell_reference_change();
DROP FUNCTION {schema}.marketdb_reference_channel();
DROP FUNCTION {schema}.marketdb_refuse_removal();
DROP FUNCTION {schema}.marketdb_pair(text, text, text, timestamptz);
