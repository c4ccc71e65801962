-- Nothing ever counted them once.

COMMENT ON COLUMN risk.shared_cause IS 'Risks with the same word here share a cause: they strike together, and count as many all the same.';
COMMENT ON COLUMN bi.fact_risk.shared_cause IS 'Risks with the same word here share a cause: they strike together, and count as many all the same.';
COMMENT ON COLUMN bi.fact_risk_daily.shared_cause IS 'Risks with the same word here share a cause: they strike together, and count as many all the same.';
