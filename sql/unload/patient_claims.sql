-- inputs: billing.claims; one row for each claim
-- grain:  one row for each claim of the days that the night rebuilds, with the patient's identifier
-- owner:  clinical-data
--
-- The identifier goes to the run's own prefix alone, and is replaced by a token there before anything ingests it.
-- The days are complete, late claims among them: a rebuilt day has no other source for its claims.
SELECT
  CAST(service_date AS VARCHAR) AS "timestamp",
  patient_id,
  'claim' AS category,
  charged_cents,
  paid_cents
FROM billing.claims
WHERE service_date >= CAST(:interval_start AS TIMESTAMP)
  AND service_date < CAST(:interval_end AS TIMESTAMP)
