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
