-- What is to be merged anew, and how far that has come: a worker goes on where the last one stopped.

CREATE TABLE merge_due (
  entity TEXT NOT NULL,
  cause TEXT NOT NULL,
  after UUID DEFAULT '00000000-0000-0000-0000-000000000000' NOT NULL,
  PRIMARY KEY (entity)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON merge_due TO portbook_app;

-- Rows joined by an earlier version do not say which source each value was chosen from.
INSERT INTO merge_due (entity, cause) SELECT DISTINCT entity, 'remap' FROM claim;
