-- What the audit says of use (who asked, who was refused, who took files) is forgotten after a while. The application
-- still can neither change nor remove a line: it can have this remove old ones of use, and none that is younger than
-- thirty days, whatever it is told. What people changed and decided stays.
CREATE INDEX audit_use_ix ON audit (at) WHERE action IN ('asked', 'refused', 'exported');

CREATE FUNCTION forget_use(days integer, most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE gone bigint;
BEGIN
  IF days IS NULL OR days < 30 THEN
    RAISE EXCEPTION 'the audit keeps use for 30 days at least' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  DELETE FROM public.audit WHERE seq IN (
    SELECT seq FROM public.audit
    WHERE action IN ('asked', 'refused', 'exported') AND at < now() - make_interval(days => days)
    ORDER BY at LIMIT most FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS gone = ROW_COUNT;
  RETURN gone;
END $$;

REVOKE EXECUTE ON FUNCTION forget_use(integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forget_use(integer, integer) TO portbook_app;
