-- Messages to be brought to agents.
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
