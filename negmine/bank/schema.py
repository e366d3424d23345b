"""The bank's tables, as migrations that are only ever appended to, never changed.

`PRAGMA application_id` marks the file as a bank, `PRAGMA user_version` counts the migrations that it has seen.
"""

from __future__ import annotations

APPLICATION_ID = 0x6E65676D  # "negm"

_FIRST = """
-- One row for each detector and settings that scanned. `key` is the hash of all that changes a result.
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    weights TEXT NOT NULL,
    weights_sha256 TEXT NOT NULL,
    class_names TEXT NOT NULL,       -- JSON, class id to name
    detector_settings TEXT NOT NULL, -- JSON: conf, iou, imgsz, ...
    scan_settings TEXT NOT NULL,     -- JSON: crop, context, size, ...
    versions TEXT NOT NULL           -- JSON, as they were when the run began
) STRICT;

-- One row for each picture, whatever it is called and however often it is there.
CREATE TABLE sources (
    id INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL UNIQUE,     -- of the file's bytes
    path TEXT NOT NULL,              -- where it was found first, for people: odd characters are escaped
    path_bytes BLOB NOT NULL,        -- the same, exactly
    width INTEGER NOT NULL,          -- of the EXIF-upright image, pixels
    height INTEGER NOT NULL,
    truth_key TEXT NOT NULL          -- changes when the known objects do; '' where no labels are known
) STRICT;

-- Where a picture was found. Size and time tell whether it must be read again.
CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL,              -- for people: control characters and what is no UTF-8 are escaped
    path_bytes BLOB NOT NULL UNIQUE, -- the exact name
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    source_id INTEGER NOT NULL REFERENCES sources (id),
    truth_hash TEXT                  -- of the labels that belong to this file; NULL: the user says it is background
) STRICT;
CREATE INDEX files_source ON files (source_id);

-- The labels of a picture, and their objects. A picture found twice may have two; no negative touches any of them.
CREATE TABLE truths (
    id INTEGER PRIMARY KEY,
    source_id INTEGER NOT NULL REFERENCES sources (id),
    hash TEXT NOT NULL,
    UNIQUE (source_id, hash)
) STRICT;
CREATE TABLE objects (
    id INTEGER PRIMARY KEY,
    truth_id INTEGER NOT NULL REFERENCES truths (id) ON DELETE CASCADE,
    class_name TEXT NOT NULL,
    difficult INTEGER NOT NULL,
    crowd INTEGER NOT NULL,
    x1 REAL NOT NULL, y1 REAL NOT NULL, x2 REAL NOT NULL, y2 REAL NOT NULL
) STRICT;
CREATE INDEX objects_truth ON objects (truth_id);

-- A run has judged a source, with the objects known at that time.
CREATE TABLE scans (
    run_id INTEGER NOT NULL REFERENCES runs (id),
    source_id INTEGER NOT NULL REFERENCES sources (id),
    truth_key TEXT NOT NULL,
    PRIMARY KEY (run_id, source_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE negatives (
    id INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL UNIQUE,     -- of the file's bytes, and its name
    file TEXT NOT NULL,              -- relative to the bank
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    phash TEXT NOT NULL              -- perceptual hash, 16 hex digits
) STRICT;

-- Where a negative was cut from: x1, y1 inclusive, x2, y2 exclusive, pixels of the source.
CREATE TABLE crops (
    id INTEGER PRIMARY KEY,
    negative_id INTEGER NOT NULL REFERENCES negatives (id) ON DELETE CASCADE,
    source_id INTEGER NOT NULL REFERENCES sources (id),
    x1 INTEGER NOT NULL, y1 INTEGER NOT NULL, x2 INTEGER NOT NULL, y2 INTEGER NOT NULL,
    UNIQUE (negative_id, source_id, x1, y1, x2, y2)
) STRICT;
CREATE INDEX crops_source ON crops (source_id);

CREATE TABLE detections (
    id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES runs (id),
    source_id INTEGER NOT NULL REFERENCES sources (id),
    class_name TEXT NOT NULL,
    score REAL NOT NULL,
    x1 REAL NOT NULL, y1 REAL NOT NULL, x2 REAL NOT NULL, y2 REAL NOT NULL,
    kind TEXT NOT NULL,              -- true_positive, background, localization, duplicate, confusion, ...
    negative_id INTEGER REFERENCES negatives (id) ON DELETE SET NULL,
    skipped TEXT                     -- why a background false positive gave no negative
) STRICT;
CREATE INDEX detections_scan ON detections (source_id, run_id);
CREATE INDEX detections_negative ON detections (negative_id);

CREATE TABLE variants (
    id INTEGER PRIMARY KEY,
    negative_id INTEGER NOT NULL REFERENCES negatives (id) ON DELETE CASCADE,
    sha256 TEXT NOT NULL UNIQUE,
    file TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    operation TEXT NOT NULL,
    parameters TEXT NOT NULL,        -- JSON
    UNIQUE (negative_id, operation, parameters)
) STRICT;

-- What a person said of a negative: accepted, rejected, or target (an object that the labels lack).
CREATE TABLE reviews (
    negative_id INTEGER PRIMARY KEY REFERENCES negatives (id) ON DELETE CASCADE,
    state TEXT NOT NULL CHECK (state IN ('accepted', 'rejected', 'target'))
) STRICT;

-- Files whose rows are gone; removed once that is certain, by the next writer if this one is killed.
CREATE TABLE removals (file TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

-- For people: every negative with its score, hardest first.
CREATE VIEW hardest AS
SELECT n.id, n.file, max(d.score) AS score, d.class_name, s.path AS source,
       coalesce(r.state, 'unreviewed') AS review
FROM negatives n
JOIN detections d ON d.negative_id = n.id
JOIN sources s ON s.id = d.source_id
LEFT JOIN reviews r ON r.negative_id = n.id
GROUP BY n.id ORDER BY score DESC, n.id;
"""

_SECOND = """
-- Operations whose result is the negative itself, or another variant: no file is written, and none is tried again.
CREATE TABLE repeats (
    negative_id INTEGER NOT NULL REFERENCES negatives (id) ON DELETE CASCADE,
    operation TEXT NOT NULL,
    parameters TEXT NOT NULL,        -- JSON
    PRIMARY KEY (negative_id, operation, parameters)
) STRICT, WITHOUT ROWID;
"""

_THIRD = """
-- The catalogue keeps items, of which a file is one kind; a frame of a video or an object in a store may be others.
-- `key` names an item exactly (the bytes of the path, for a file); `path` is the same for people. Size and time are its
-- stamp: while they stay the same, the image is not read again.
ALTER TABLE files RENAME TO items;
ALTER TABLE items RENAME COLUMN path_bytes TO key;
ALTER TABLE sources RENAME COLUMN path_bytes TO key;
"""

_FOURTH = """
-- What was decided, in order, so that it can be undone. An act is one decision, about one negative or many.
CREATE TABLE acts (
    id INTEGER PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('unreviewed', 'accepted', 'rejected', 'target')),
    origin TEXT NOT NULL,            -- where it was decided: review, bank, merge, ...
    undone INTEGER NOT NULL          -- 0 or 1
) STRICT;
CREATE TABLE act_negatives (
    act_id INTEGER NOT NULL REFERENCES acts (id),
    negative_id INTEGER NOT NULL REFERENCES negatives (id) ON DELETE CASCADE,
    before TEXT NOT NULL CHECK (before IN ('unreviewed', 'accepted', 'rejected', 'target')),
    PRIMARY KEY (act_id, negative_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX act_negatives_negative ON act_negatives (negative_id);

-- What was said of false positives whose negatives are gone. A negative at the same place gets the same.
CREATE TABLE doubts (
    source_id INTEGER NOT NULL REFERENCES sources (id),
    state TEXT NOT NULL CHECK (state IN ('unreviewed', 'rejected', 'target')),
    unlabelled REAL,                 -- as in likenesses
    class_name TEXT NOT NULL,
    score REAL NOT NULL,
    x1 REAL NOT NULL, y1 REAL NOT NULL, x2 REAL NOT NULL, y2 REAL NOT NULL,
    UNIQUE (source_id, x1, y1, x2, y2, state)
) STRICT;

-- What a detector's neck sees in the hardest false positive of a negative, and in a labelled object: to compare them.
CREATE TABLE negative_features (
    negative_id INTEGER NOT NULL REFERENCES negatives (id) ON DELETE CASCADE,
    key TEXT NOT NULL,               -- hash of the weights, the input size, and what of the neck is kept
    x1 REAL NOT NULL, y1 REAL NOT NULL, x2 REAL NOT NULL, y2 REAL NOT NULL, -- of the false positive, in its source
    vector BLOB NOT NULL,            -- float16, little-endian, of length 1
    UNIQUE (negative_id, key)
) STRICT;
CREATE TABLE object_features (
    sha256 TEXT NOT NULL,            -- of the image, which need not be one of the sources
    key TEXT NOT NULL,
    x1 REAL NOT NULL, y1 REAL NOT NULL, x2 REAL NOT NULL, y2 REAL NOT NULL,
    vector BLOB NOT NULL,
    UNIQUE (key, sha256, x1, y1, x2, y2)
) STRICT;

-- What comparing negatives said of each.
CREATE TABLE likenesses (
    negative_id INTEGER PRIMARY KEY REFERENCES negatives (id) ON DELETE CASCADE,
    unlabelled REAL,                 -- 0 to 1: how much it looks like a target without a label; NULL: nobody knows
    cluster INTEGER,                 -- negatives that look alike have the same; 1 is that of the hardest
    place INTEGER                    -- so have those of one box in many frames of one camera; NULL: not compared here
) STRICT;

-- 1 for labels of another bank, whose items need not be here. A scan drops only its own that no item has any more.
ALTER TABLE truths ADD COLUMN is_merged INTEGER NOT NULL DEFAULT 0;
"""

_FIFTH = """
-- 0 where nobody says that an image is background: a frame of a video in which flickers were looked for.
ALTER TABLE items ADD COLUMN is_background INTEGER NOT NULL DEFAULT 1;

-- Likely misses: where a thing was found in the frames before and after, and not in this one.
CREATE TABLE gaps (
    id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES runs (id),
    source_id INTEGER NOT NULL REFERENCES sources (id),
    class_name TEXT NOT NULL,
    score REAL NOT NULL,             -- the lower one of those beside the gap
    x1 REAL NOT NULL, y1 REAL NOT NULL, x2 REAL NOT NULL, y2 REAL NOT NULL
) STRICT;
CREATE INDEX gaps_scan ON gaps (source_id, run_id);

-- Frames of cameras, which cannot be read again: those that a negative was cut from are kept in the bank. The key of
-- such a source, and of its item, is the name of its file, relative to the bank.
CREATE TABLE frames (
    source_id INTEGER PRIMARY KEY REFERENCES sources (id),
    file TEXT NOT NULL,              -- relative to the bank
    camera TEXT NOT NULL,            -- its address, without user, password and query
    taken_ms INTEGER NOT NULL        -- when it came, in milliseconds since 1970 (UTC)
) STRICT;
"""

_SIXTH = """
-- What a person said of likely misses: a thing is there (target), or none is (rejected). It is about a place in an
-- image, whichever run finds it again.
CREATE TABLE gap_reviews (
    source_id INTEGER NOT NULL REFERENCES sources (id),
    class_name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('rejected', 'target')),
    score REAL NOT NULL,
    x1 REAL NOT NULL, y1 REAL NOT NULL, x2 REAL NOT NULL, y2 REAL NOT NULL,
    UNIQUE (source_id, class_name, x1, y1, x2, y2)
) STRICT;
"""

MIGRATIONS: tuple[str, ...] = (_FIRST, _SECOND, _THIRD, _FOURTH, _FIFTH, _SIXTH)

# A reader migrates nothing. These views give it the tables of an older bank under the names that they have today.
OLDER_TABLES = """
CREATE TEMP VIEW items AS
    SELECT id, path, path_bytes AS key, size, mtime_ns, source_id, truth_hash, 1 AS is_background FROM main.files;
CREATE TEMP VIEW sources AS
    SELECT id, sha256, path, path_bytes AS key, width, height, truth_key FROM main.sources;
"""
RENAMED_IN = 3  # the migration before which they are needed
# The tables of the fourth migration, for a bank that has not seen it: empty.
LATER_TABLES = """
CREATE TEMP VIEW acts AS SELECT 0 AS id, '' AS state, '' AS origin, 0 AS undone WHERE 0;
CREATE TEMP VIEW act_negatives AS SELECT 0 AS act_id, 0 AS negative_id, '' AS before WHERE 0;
CREATE TEMP VIEW doubts AS
    SELECT 0 AS source_id, '' AS state, 0.0 AS unlabelled, '' AS class_name, 0.0 AS score, 0.0 AS x1, 0.0 AS y1,
           0.0 AS x2, 0.0 AS y2 WHERE 0;
CREATE TEMP VIEW negative_features AS
    SELECT 0 AS negative_id, '' AS key, 0.0 AS x1, 0.0 AS y1, 0.0 AS x2, 0.0 AS y2, x'' AS vector WHERE 0;
CREATE TEMP VIEW object_features AS
    SELECT '' AS sha256, '' AS key, 0.0 AS x1, 0.0 AS y1, 0.0 AS x2, 0.0 AS y2, x'' AS vector WHERE 0;
CREATE TEMP VIEW likenesses AS SELECT 0 AS negative_id, 0.0 AS unlabelled, 0 AS cluster, 0 AS place WHERE 0;
"""
ADDED_IN = 4
# What the fifth migration adds, for a bank that has not seen it; and the items, for one whose items have their name.
NEWEST_TABLES = """
CREATE TEMP VIEW gaps AS
    SELECT 0 AS id, 0 AS run_id, 0 AS source_id, '' AS class_name, 0.0 AS score, 0.0 AS x1, 0.0 AS y1, 0.0 AS x2,
           0.0 AS y2 WHERE 0;
CREATE TEMP VIEW frames AS SELECT 0 AS source_id, '' AS file, '' AS camera, 0 AS taken_ms WHERE 0;
"""
ITEMS_THAT_ARE_BACKGROUND = "CREATE TEMP VIEW items AS SELECT *, 1 AS is_background FROM main.items;"
EXTENDED_IN = 5
GAP_REVIEWS = """
CREATE TEMP VIEW gap_reviews AS
    SELECT 0 AS source_id, '' AS class_name, '' AS state, 0.0 AS score, 0.0 AS x1, 0.0 AS y1, 0.0 AS x2, 0.0 AS y2
    WHERE 0;
"""
REVIEWED_IN = 6  # the migration since which likely misses can be judged
