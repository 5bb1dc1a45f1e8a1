-- Times are UTC milliseconds. Agents, addresses and uuids are text in the form they are shown in.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT: a number is never given twice, even after the newest rows were pruned.
CREATE TABLE event (
    seq   INTEGER PRIMARY KEY AUTOINCREMENT,
    at    INTEGER NOT NULL,
    kind  TEXT NOT NULL,
    agent TEXT,
    actor TEXT NOT NULL CHECK (actor <> ''),
    text  TEXT NOT NULL
) STRICT;
CREATE INDEX event_of_agent ON event (agent, seq) WHERE agent IS NOT NULL;

CREATE TABLE intent (
    agent  TEXT PRIMARY KEY,
    desire TEXT NOT NULL CHECK (desire IN ('up', 'down', 'parked', 'resting')),
    actor  TEXT NOT NULL CHECK (actor <> ''),
    reason TEXT NOT NULL,
    at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE incarnation (
    seq           INTEGER PRIMARY KEY,
    id            TEXT NOT NULL UNIQUE,
    agent         TEXT NOT NULL,
    pane          TEXT NOT NULL,
    holder_pid    INTEGER NOT NULL,
    holder_start  INTEGER NOT NULL,
    process_pid   INTEGER,
    process_start INTEGER,
    boot_id       TEXT NOT NULL,
    command_hash  TEXT NOT NULL,
    started_at    INTEGER NOT NULL,
    ended_at      INTEGER,
    ended_how     TEXT,
    exit_kind     TEXT CHECK (exit_kind IN ('code', 'signal', 'not_started')),
    exit_number   INTEGER, session TEXT CHECK (session <> ''), session_used INTEGER NOT NULL DEFAULT 0 CHECK (session_used IN (0, 1)),
    CHECK ((process_pid IS NULL) = (process_start IS NULL)),
    CHECK ((ended_at IS NULL) = (ended_how IS NULL)),
    CHECK ((exit_kind IS NULL) = (exit_number IS NULL)),
    CHECK (ended_at IS NOT NULL OR exit_kind IS NULL)
) STRICT;
CREATE INDEX incarnation_of_agent ON incarnation (agent, seq);
CREATE INDEX incarnation_open ON incarnation (seq) WHERE ended_at IS NULL;

CREATE TABLE memory (
    agent               TEXT PRIMARY KEY,
    circuit_opened_at   INTEGER,
    circuit_tries       INTEGER,
    circuit_last_try_at INTEGER,
    poke_at             INTEGER,
    poke_incarnation    TEXT,
    poke_result         TEXT CHECK (poke_result IN ('delivered', 'not_typed', 'not_tried')),
    poke_screen         TEXT CHECK (poke_screen IN ('prompt', 'draft', 'dialog', 'busy')),
    poke_digest         INTEGER,
    misses              INTEGER NOT NULL,
    escalated_at        INTEGER, circuit_wish_at INTEGER,
    CHECK ((circuit_opened_at IS NULL) = (circuit_tries IS NULL)),
    CHECK ((circuit_opened_at IS NULL) = (circuit_last_try_at IS NULL)),
    CHECK ((poke_at IS NULL) = (poke_incarnation IS NULL)),
    CHECK ((poke_at IS NULL) = (poke_result IS NULL)),
    CHECK ((poke_result IS 'not_typed') = (poke_screen IS NOT NULL)),
    CHECK ((poke_result IS 'not_typed') = (poke_digest IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE attempt (
    agent    TEXT NOT NULL REFERENCES memory (agent) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    cause    TEXT NOT NULL,
    PRIMARY KEY (agent, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE request (
    seq          INTEGER PRIMARY KEY,
    id           TEXT NOT NULL UNIQUE,
    agent        TEXT NOT NULL,
    incarnation  TEXT,
    action       TEXT NOT NULL,
    actor        TEXT NOT NULL CHECK (actor <> ''),
    message      TEXT,
    requested_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    state        TEXT NOT NULL DEFAULT 'open'
        CHECK (state IN ('open', 'taken', 'done', 'refused', 'expired', 'cancelled')),
    taken_at     INTEGER,
    closed_at    INTEGER,
    reason       TEXT,
    CHECK (state <> 'taken' OR taken_at IS NOT NULL),
    CHECK ((state IN ('open', 'taken')) = (closed_at IS NULL)),
    CHECK ((closed_at IS NULL) = (reason IS NULL))
) STRICT;
CREATE UNIQUE INDEX request_pending ON request (agent, ifnull(incarnation, ''))
    WHERE state = 'open';

CREATE TABLE message (
    seq             INTEGER PRIMARY KEY,
    id              TEXT NOT NULL UNIQUE,
    sender          TEXT NOT NULL CHECK (sender <> ''),
    recipient       TEXT NOT NULL CHECK (recipient <> ''),
    subject         TEXT NOT NULL,
    body            TEXT NOT NULL,
    sent_at         INTEGER NOT NULL,
    priority        INTEGER NOT NULL CHECK (priority BETWEEN 0 AND 4),
    kind            TEXT NOT NULL,
    thread          TEXT NOT NULL,
    reply_to        TEXT,
    pinned          INTEGER NOT NULL CHECK (pinned IN (0, 1)),
    -- Lifecycle mail in the original's form: the daemon's to handle, in nobody's inbox.
    lifecycle       INTEGER NOT NULL CHECK (lifecycle IN (0, 1)),
    read_at         INTEGER,
    acknowledged_at INTEGER,
    deleted_at      INTEGER,
    handled_at      INTEGER,
    CHECK (lifecycle = 1 OR handled_at IS NULL)
) STRICT;
CREATE INDEX message_inbox ON message (recipient)
    WHERE acknowledged_at IS NULL AND deleted_at IS NULL AND lifecycle = 0;
CREATE INDEX message_unread ON message (recipient)
    WHERE read_at IS NULL AND deleted_at IS NULL AND lifecycle = 0;
CREATE INDEX message_unhandled ON message (seq)
    WHERE lifecycle = 1 AND handled_at IS NULL AND deleted_at IS NULL;
CREATE INDEX message_thread ON message (thread);

CREATE TABLE nudge (
    seq         INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    agent       TEXT NOT NULL,
    slot        TEXT,
    priority    INTEGER NOT NULL CHECK (priority BETWEEN 0 AND 4),
    text        TEXT NOT NULL CHECK (text <> ''),
    actor       TEXT NOT NULL CHECK (actor <> ''),
    queued_at   INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    state       TEXT NOT NULL DEFAULT 'queued'
        CHECK (state IN ('queued', 'typing', 'confirmed', 'expired', 'cancelled', 'replaced')),
    incarnation TEXT,
    ended_at    INTEGER,
    reason      TEXT,
    CHECK (state <> 'typing' OR incarnation IS NOT NULL),
    CHECK ((state IN ('queued', 'typing')) = (ended_at IS NULL)),
    CHECK ((ended_at IS NULL) = (reason IS NULL))
) STRICT;
CREATE INDEX nudge_pending ON nudge (agent, priority, seq) WHERE state IN ('queued', 'typing');
CREATE UNIQUE INDEX nudge_slot ON nudge (agent, slot) WHERE state = 'queued' AND slot IS NOT NULL;

INSERT INTO meta VALUES ('key', 'value');
INSERT INTO event VALUES (7, 1700000000000, 'started', 'mayor', 'daemon', 'it began');
INSERT INTO intent VALUES ('mayor', 'parked', 'overseer', 'a holiday', 1700000000000);
INSERT INTO incarnation VALUES
    (1, '018bcfe5-6800-7000-8000-000000000001', 'mayor', '%7', 100, 5, 101, 6, 'boot', 'hash', 1700000000000, 1700000001000, 'exited',
     'code', 3, 'a-session', 1);
INSERT INTO memory VALUES
    ('mayor', 1700000000000, 1, 1700000001000, 1700000001000, '018bcfe5-6800-7000-8000-000000000001', 'not_typed', 'dialog', -1, 2, NULL, NULL);
INSERT INTO attempt VALUES ('mayor', 0, 1700000000000, 'exited');
INSERT INTO request VALUES
    (1, '018bcfe5-6be8-7000-8000-000000000001', 'mayor', '018bcfe5-6800-7000-8000-000000000001', 'restart', 'mayor', NULL, 1700000001000, 1700000600000, 'taken',
     1700000002000, NULL, NULL);
INSERT INTO message VALUES
    (1, '018bcfe5-6fd0-7000-8000-000000000001', 'overseer', 'mayor/', 'hello', 'text', 1700000002000, 2, 'notification',
     '018bcfe5-6fd0-7000-8000-000000000001', NULL, 0, 0, NULL, NULL, NULL, NULL);

INSERT INTO nudge VALUES
    (1, '018bcfe5-77a0-7000-8000-000000000001', 'mayor', 'ci', 2, 'look at it', 'overseer', 1700000004000, 1700000600000, 'typing',
     '018bcfe5-6800-7000-8000-000000000001', NULL, NULL);

PRAGMA user_version = 5;
