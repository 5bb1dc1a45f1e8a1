-- A wish to rest until something new is owed.
ALTER TABLE intent RENAME TO old_intent;
CREATE TABLE intent (
    agent  TEXT PRIMARY KEY,
    desire TEXT NOT NULL CHECK (desire IN ('up', 'down', 'parked', 'resting')),
    actor  TEXT NOT NULL CHECK (actor <> ''),
    reason TEXT NOT NULL,
    at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO intent SELECT agent, desire, actor, reason, at FROM old_intent;
DROP TABLE old_intent;
