-- The wish that there was when a circuit opened: only another one closes it.
ALTER TABLE memory ADD COLUMN circuit_wish_at INTEGER;
