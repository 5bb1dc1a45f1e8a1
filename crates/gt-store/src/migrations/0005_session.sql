-- The program's own session of a run, and whether a turn was begun in it.
ALTER TABLE incarnation ADD COLUMN session TEXT CHECK (session <> '');
ALTER TABLE incarnation ADD COLUMN session_used INTEGER NOT NULL DEFAULT 0 CHECK (session_used IN (0, 1));
