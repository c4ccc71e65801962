-- What was part of what, and when: projects of programmes, programmes of portfolios. Only what is present is a part.

CREATE TABLE membership (
  id UUID NOT NULL,
  project_id UUID,
  programme_id UUID,
  portfolio_id UUID,
  from_at TIMESTAMP WITH TIME ZONE NOT NULL,
  to_at TIMESTAMP WITH TIME ZONE,
  PRIMARY KEY (id)
);

CREATE INDEX membership_project_ix ON membership (project_id);

CREATE INDEX membership_programme_ix ON membership (programme_id);

CREATE INDEX membership_portfolio_ix ON membership (portfolio_id);

COMMENT ON COLUMN membership.project_id IS 'The project; empty: the programme is the part.';

COMMENT ON COLUMN membership.programme_id IS 'The programme.';

COMMENT ON COLUMN membership.portfolio_id IS 'The portfolio a programme is part of.';

COMMENT ON COLUMN membership.from_at IS 'Since when the register shows it.';

COMMENT ON COLUMN membership.to_at IS 'Until when; empty: it is so now.';

CREATE FUNCTION keep_membership() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  part text := TG_ARGV[0];
  whole text := TG_ARGV[1];
BEGIN
  EXECUTE format(
    'UPDATE public.membership m SET to_at = b.valid_from FROM becomes b
     WHERE m.%1$I = b.id AND m.%2$I IS NOT NULL AND m.to_at IS NULL
       AND (b.presence <> ''present'' OR m.%2$I IS DISTINCT FROM b.%2$I)', part, whole);
  EXECUTE format(
    'INSERT INTO public.membership (id, %1$I, %2$I, from_at)
     SELECT md5(b.id::text || b.%2$I::text || b.valid_from::text)::uuid, b.id, b.%2$I, b.valid_from FROM becomes b
     WHERE b.presence = ''present'' AND b.%2$I IS NOT NULL AND NOT EXISTS (
       SELECT FROM public.membership m WHERE m.%1$I = b.id AND m.%2$I = b.%2$I AND m.to_at IS NULL)
     ON CONFLICT DO NOTHING', part, whole);
  RETURN NULL;
END $$;

REVOKE EXECUTE ON FUNCTION keep_membership() FROM PUBLIC;

DO $$
DECLARE pair text[];
BEGIN
  FOREACH pair SLICE 1 IN ARRAY ARRAY[['project', 'project_id', 'programme_id'], ['programme', 'programme_id', 'portfolio_id']] LOOP
    EXECUTE format(
      'CREATE TRIGGER keep_membership_begun AFTER INSERT ON %I REFERENCING NEW TABLE AS becomes
       FOR EACH STATEMENT EXECUTE FUNCTION keep_membership(%L, %L)', pair[1], pair[2], pair[3]);
    EXECUTE format(
      'CREATE TRIGGER keep_membership_changed AFTER UPDATE ON %I REFERENCING NEW TABLE AS becomes
       FOR EACH STATEMENT EXECUTE FUNCTION keep_membership(%L, %L)', pair[1], pair[2], pair[3]);
  END LOOP;
END $$;

GRANT SELECT ON membership TO portbook_app;
