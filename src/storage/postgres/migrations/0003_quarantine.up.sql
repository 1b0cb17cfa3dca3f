-- Rows of files that could not be stored, kept with the reason.

CREATE TABLE {schema}.quarantined_rows (
    source_id integer NOT NULL REFERENCES {schema}.sources (id),
    line      bigint NOT NULL,
    dataset   text COLLATE "C" NOT NULL,
    reason    text COLLATE "C" NOT NULL,
    text      text COLLATE "C" NOT NULL,
    PRIMARY KEY (source_id, line)
);
