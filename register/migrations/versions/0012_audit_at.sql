-- What the audit says since an instant is found by it: lines of a minute, among those of years.
CREATE INDEX audit_at_ix ON audit (at);
