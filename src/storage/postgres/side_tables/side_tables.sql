-- What an existing schema has no table for, in a schema of its own beside it: where rows come from, and rows of files that could
-- not be stored. Made by `marketdb init --side-tables`. The comment names the existing schema.

CREATE SCHEMA marketdb;
COMMENT ON SCHEMA marketdb IS {comment};

CREATE TABLE marketdb.sources (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text COLLATE "C" NOT NULL,
    name        text COLLATE "C" NOT NULL,
    sha256      text COLLATE "C",
    program     text COLLATE "C",
    host        text COLLATE "C",
    started_at  timestamptz NOT NULL,
    finished_at timestamptz,
    rows        bigint NOT NULL
);

CREATE TABLE marketdb.quarantined_rows (
    source_id integer NOT NULL REFERENCES marketdb.sources (id),
    line      bigint NOT NULL,
    dataset   text COLLATE "C" NOT NULL,
    reason    text COLLATE "C" NOT NULL,
    text      text COLLATE "C" NOT NULL,
    PRIMARY KEY (source_id, line)
);
