-- Of findings of records: which row they tell of, whatever it is part of now.
ALTER TABLE finding ADD COLUMN own_id UUID;
UPDATE finding SET own_id = entity_id WHERE record_id IS NOT NULL AND entity_id IS NOT NULL;
