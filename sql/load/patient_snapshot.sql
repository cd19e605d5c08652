-- inputs: the files that the night exports from the datasource patient_snapshot
-- grain:  one row for each patient token, day and kind: vital-signs, laboratory, condition, device, claim
-- owner:  clinical-data
--
-- Runs before each load; every statement must be harmless when it runs again. The schema is the warehouse's: the
-- database user of the nights needs USAGE and CREATE on it, and owns what it makes here. Grant analysts the views
-- alone: by them nobody sees a single patient's row.
CREATE TABLE IF NOT EXISTS clinic.patient_snapshot (
  patient_token VARCHAR(64)      NOT NULL,
  day           DATE             NOT NULL,
  kind          VARCHAR(32)      NOT NULL,
  events        BIGINT           NOT NULL,
  value_sum     DOUBLE PRECISION,
  charged_cents BIGINT,
  paid_cents    BIGINT
);

-- grain: one row for each day and kind with eleven patients or more, the least that CMS lets a cell show.
-- Source: https://resdac.org/articles/cms-cell-size-suppression-policy
CREATE OR REPLACE VIEW clinic.snapshot_by_day AS
SELECT
  day,
  kind,
  COUNT(DISTINCT patient_token) AS patients,
  SUM(events) AS events,
  SUM(charged_cents) AS charged_cents,
  SUM(paid_cents) AS paid_cents
FROM clinic.patient_snapshot
GROUP BY day, kind
HAVING COUNT(DISTINCT patient_token) >= 11;

-- grain: one row for each month with eleven patients or more who were both measured and billed on one day.
CREATE OR REPLACE VIEW clinic.care_and_cost_by_month AS
SELECT
  DATE_TRUNC('month', clinical.day) AS month,
  COUNT(DISTINCT clinical.patient_token) AS patients,
  SUM(clinical.measurements) AS measurements,
  SUM(billed.charged_cents) AS charged_cents,
  SUM(billed.paid_cents) AS paid_cents
FROM (
  SELECT patient_token, day, SUM(events) AS measurements
  FROM clinic.patient_snapshot
  WHERE kind IN ('vital-signs', 'laboratory')
  GROUP BY patient_token, day
) AS clinical
JOIN (
  SELECT patient_token, day, charged_cents, paid_cents
  FROM clinic.patient_snapshot
  WHERE kind = 'claim'
) AS billed ON billed.patient_token = clinical.patient_token AND billed.day = clinical.day
GROUP BY DATE_TRUNC('month', clinical.day)
HAVING COUNT(DISTINCT clinical.patient_token) >= 11;
