-- What a mapping meant, so that the next one can be held against it, and which mappings agree.
ALTER TABLE mapping_used ADD COLUMN meaning JSONB;
ALTER TABLE mapping_used ADD COLUMN agrees_with TEXT;
COMMENT ON COLUMN mapping_used.meaning IS 'Stream → rule → field → digest of what the line means.';
COMMENT ON COLUMN mapping_used.agrees_with IS 'Version of another mapping with which every claim made with this one would be the same.';
