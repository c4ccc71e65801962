-- What a record said before is read row by row and whole: in place, as in `claim`, it costs one write, not four.
ALTER TABLE claim_history SET (toast_tuple_target = 8160);
