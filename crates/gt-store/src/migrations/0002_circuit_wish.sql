-- The wish that there was when a circuit opened: only another one closes it.
ALTER TABLE memory ADD COLUMN circuit_wish_at INTEGER;
UPDATE memory SET circuit_wish_at = (SELECT at FROM intent WHERE intent.agent = memory.agent)
    WHERE circuit_opened_at IS NOT NULL;
