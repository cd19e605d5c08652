-- inputs: records.conditions, one row for each diagnosis; records.devices, one row for each device that was fitted
-- grain:  one row for each diagnosis and device of the days that the night rebuilds, with the patient's identifier
-- owner:  clinical-data
--
-- The identifier goes to the run's own prefix alone, and is replaced by a token there before anything ingests it.
SELECT CAST(day AS VARCHAR) AS "timestamp", patient_id, 'condition' AS category
FROM records.conditions
WHERE day >= CAST(:interval_start AS TIMESTAMP) AND day < CAST(:interval_end AS TIMESTAMP)
UNION ALL
SELECT CAST(day AS VARCHAR) AS "timestamp", patient_id, 'device' AS category
FROM records.devices
WHERE day >= CAST(:interval_start AS TIMESTAMP) AND day < CAST(:interval_end AS TIMESTAMP)
