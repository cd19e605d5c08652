-- What PostgreSQL lacks of Redshift's own: functions, and the views of loads, unloads and tables that operators read.
-- Run by a superuser; running it again changes nothing. A user sees the rows of its own statements, a superuser all.
-- Sources: https://docs.aws.amazon.com/redshift/latest/dg/r_STL_LOAD_ERRORS.html,
-- https://docs.aws.amazon.com/redshift/latest/dg/SYS_LOAD_ERROR_DETAIL.html,
-- https://docs.aws.amazon.com/redshift/latest/dg/SYS_LOAD_HISTORY.html,
-- https://docs.aws.amazon.com/redshift/latest/dg/SYS_UNLOAD_HISTORY.html,
-- https://docs.aws.amazon.com/redshift/latest/dg/SYS_UNLOAD_DETAIL.html,
-- https://docs.aws.amazon.com/redshift/latest/dg/r_STL_UNLOAD_LOG.html,
-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_TABLE_INFO.html,
-- https://docs.aws.amazon.com/redshift/latest/dg/r_PG_TABLE_DEF.html

CREATE SCHEMA IF NOT EXISTS redshift_catalogue;
GRANT USAGE ON SCHEMA redshift_catalogue TO PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO PUBLIC;
CREATE SEQUENCE IF NOT EXISTS redshift_catalogue.queries START 1000;
CREATE TABLE IF NOT EXISTS redshift_catalogue.load_errors (
  user_name name, query bigint, session int, tbl bigint, at timestamp DEFAULT timezone('UTC', clock_timestamp()),
  filename text, line_number bigint, colname text, type text, err_code int, err_reason text, raw_field_value text);
CREATE TABLE IF NOT EXISTS redshift_catalogue.loads (
  user_name name, query bigint, session int, table_name text, started timestamp, ended timestamp, source text,
  format text, filename text, rows bigint, bytes bigint, errors bigint);
CREATE TABLE IF NOT EXISTS redshift_catalogue.unloads (
  user_name name, query bigint, session int, started timestamp, ended timestamp, location text, format text,
  compression text, filename text, rows bigint, bytes bigint);
CREATE TABLE IF NOT EXISTS redshift_catalogue.layouts (
  tbl oid PRIMARY KEY, dist_style text, dist_key text, sort_keys text[], encodings jsonb);

CREATE OR REPLACE FUNCTION redshift_catalogue.counter(wanted text) RETURNS bigint LANGUAGE sql STABLE AS
  $$ SELECT coalesce(nullif(current_setting('drx.' || wanted, true), ''), '-1')::bigint $$;
CREATE OR REPLACE FUNCTION redshift_catalogue.pg_last_copy_count() RETURNS bigint LANGUAGE sql STABLE AS
  $$ SELECT greatest(redshift_catalogue.counter('copy_count'), 0) $$;
CREATE OR REPLACE FUNCTION redshift_catalogue.pg_last_unload_count() RETURNS bigint LANGUAGE sql STABLE AS
  $$ SELECT greatest(redshift_catalogue.counter('unload_count'), 0) $$;
CREATE OR REPLACE FUNCTION redshift_catalogue.pg_last_copy_id() RETURNS bigint LANGUAGE sql STABLE AS
  $$ SELECT redshift_catalogue.counter('copy_id') $$;
CREATE OR REPLACE FUNCTION redshift_catalogue.pg_last_query_id() RETURNS bigint LANGUAGE sql STABLE AS
  $$ SELECT redshift_catalogue.counter('query_id') $$;
CREATE OR REPLACE FUNCTION redshift_catalogue.sha256(text) RETURNS bytea LANGUAGE sql IMMUTABLE AS
  $$ SELECT pg_catalog.sha256(convert_to($1, 'UTF8')) $$;
CREATE OR REPLACE FUNCTION redshift_catalogue.sha512(text) RETURNS bytea LANGUAGE sql IMMUTABLE AS
  $$ SELECT pg_catalog.sha512(convert_to($1, 'UTF8')) $$;
CREATE OR REPLACE FUNCTION redshift_catalogue.textlen(text) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT length($1) $$;
CREATE OR REPLACE FUNCTION redshift_catalogue.trunc(timestamp) RETURNS date LANGUAGE sql IMMUTABLE AS $$ SELECT $1::date $$;
CREATE OR REPLACE FUNCTION redshift_catalogue.json_extract_path_text(varchar, VARIADIC text[]) RETURNS text LANGUAGE sql
  IMMUTABLE AS $$ SELECT pg_catalog.json_extract_path_text($1::json, VARIADIC $2) $$;
CREATE OR REPLACE FUNCTION redshift_catalogue.datediff(unit text, earlier timestamp, later timestamp) RETURNS bigint
  LANGUAGE sql IMMUTABLE AS $$ SELECT CASE
    WHEN unit IN ('year', 'quarter', 'month') THEN
      div(extract(year FROM later) * 12 + extract(month FROM later) - 1,
          CASE unit WHEN 'year' THEN 12 WHEN 'quarter' THEN 3 ELSE 1 END)
      - div(extract(year FROM earlier) * 12 + extract(month FROM earlier) - 1,
          CASE unit WHEN 'year' THEN 12 WHEN 'quarter' THEN 3 ELSE 1 END)
    WHEN unit = 'week' THEN (date_trunc('week', later + interval '1 day')::date
      - date_trunc('week', earlier + interval '1 day')::date) / 7
    ELSE round(extract(epoch FROM date_trunc(unit, later) - date_trunc(unit, earlier))
      / extract(epoch FROM ('1 ' || unit)::interval)) END::bigint $$;
CREATE OR REPLACE FUNCTION redshift_catalogue.record_layout(relation regclass, style text, key text, sorted text[], packed jsonb)
  RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path TO pg_catalog AS
  $$ INSERT INTO redshift_catalogue.layouts VALUES (relation, style, key, sorted, packed)
     ON CONFLICT (tbl) DO UPDATE SET dist_style = style, dist_key = key, sort_keys = sorted, encodings = packed $$;

CREATE OR REPLACE VIEW redshift_catalogue.stl_load_errors AS
  SELECT 0 AS userid, 0 AS slice, tbl, at AS starttime, session, query, filename, line_number, colname, type,
    ''::text AS col_length, 0 AS position, ''::text AS raw_line, raw_field_value, err_code, err_reason
  FROM redshift_catalogue.load_errors WHERE (user_name = current_user OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user));
CREATE OR REPLACE VIEW redshift_catalogue.sys_load_error_detail AS
  SELECT 0 AS user_id, query AS query_id, 0::bigint AS transaction_id, session AS session_id,
    current_setting('drx.database') AS database_name, tbl AS table_id, at AS start_time, filename AS file_name, line_number,
    colname AS column_name, type AS column_type, ''::text AS column_length, 0 AS position, err_code AS error_code,
    err_reason AS error_message
  FROM redshift_catalogue.load_errors WHERE (user_name = current_user OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user));
CREATE OR REPLACE VIEW redshift_catalogue.sys_load_history AS
  SELECT 0 AS user_id, query AS query_id, 0::bigint AS transaction_id, session AS session_id,
    current_setting('drx.database') AS database_name, 'completed'::text AS status, table_name, min(started) AS start_time,
    max(ended) AS end_time, (extract(epoch FROM max(ended) - min(started)) * 1000000)::bigint AS duration,
    source AS data_source, format AS file_format, sum(rows)::bigint AS loaded_rows, sum(bytes)::bigint AS loaded_bytes,
    count(*) AS source_file_count, sum(bytes)::bigint AS source_file_bytes, sum(errors)::bigint AS error_count
  FROM redshift_catalogue.loads WHERE (user_name = current_user OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)) GROUP BY query, session, table_name, source, format;
CREATE OR REPLACE VIEW redshift_catalogue.stl_load_commits AS
  SELECT 0 AS userid, query, 0 AS slice, table_name AS name, filename, rows AS lines_scanned, errors,
    ended AS curtime, 1 AS status, format AS file_format
  FROM redshift_catalogue.loads WHERE (user_name = current_user OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user));
CREATE OR REPLACE VIEW redshift_catalogue.stl_unload_log AS
  SELECT 0 AS userid, query, 0 AS slice, session AS pid, filename AS path, started AS start_time, ended AS end_time,
    rows AS line_count, bytes AS transfer_size, format AS file_format
  FROM redshift_catalogue.unloads WHERE filename <> '' AND (user_name = current_user OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user));
CREATE OR REPLACE VIEW redshift_catalogue.sys_unload_detail AS
  SELECT 0 AS user_id, query AS query_id, 0::bigint AS transaction_id, session AS session_id,
    current_setting('drx.database') AS database_name, started AS start_time, ended AS end_time, filename AS file_name,
    format AS file_format, rows AS line_count, bytes AS transfer_size
  FROM redshift_catalogue.unloads WHERE filename <> '' AND (user_name = current_user OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user));
CREATE OR REPLACE VIEW redshift_catalogue.sys_unload_history AS
  SELECT 0 AS user_id, query AS query_id, 0::bigint AS transaction_id, session AS session_id,
    current_setting('drx.database') AS database_name, 'completed'::text AS status, min(started) AS start_time,
    max(ended) AS end_time, (extract(epoch FROM max(ended) - min(started)) * 1000000)::bigint AS duration,
    format AS file_format, compression AS compression_type, location AS unloaded_location,
    sum(rows)::bigint AS unloaded_rows, count(*) FILTER (WHERE filename <> '') AS unloaded_files_count,
    sum(bytes)::bigint AS unloaded_files_size, ''::text AS error_message
  FROM redshift_catalogue.unloads WHERE (user_name = current_user OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)) GROUP BY query, session, format, compression, location;
CREATE OR REPLACE VIEW redshift_catalogue.svv_table_info AS
  SELECT current_setting('drx.database') AS database, n.nspname::text AS schema, c.oid::bigint AS table_id,
    c.relname::text AS "table", CASE WHEN l.encodings <> '{}' THEN 'Y' ELSE 'N' END AS encoded,
    CASE WHEN l.dist_style = 'KEY' THEN 'KEY(' || l.dist_key || ')' WHEN l.dist_style <> '' THEN l.dist_style
      ELSE 'AUTO(EVEN)' END AS diststyle,
    l.sort_keys[1] AS sortkey1, coalesce(cardinality(l.sort_keys), 0) AS sortkey_num,
    greatest(pg_table_size(c.oid) / 1048576, 1) AS size, greatest(c.reltuples, 0)::bigint AS tbl_rows
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN redshift_catalogue.layouts l ON l.tbl = c.oid
  WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'redshift_catalogue')
    AND has_table_privilege(c.oid, 'SELECT');
CREATE OR REPLACE VIEW redshift_catalogue.pg_table_def AS
  SELECT n.nspname::text AS schemaname, c.relname::text AS tablename, a.attname::text AS "column",
    format_type(a.atttypid, a.atttypmod) AS type, coalesce(l.encodings ->> a.attname, 'none') AS encoding,
    coalesce(l.dist_key = a.attname, false) AS distkey,
    coalesce(array_position(l.sort_keys, a.attname::text), 0) AS sortkey, a.attnotnull AS notnull
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN redshift_catalogue.layouts l ON l.tbl = c.oid
  WHERE c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
    AND (n.nspname = ANY(current_schemas(false))) AND n.nspname <> 'redshift_catalogue';
GRANT SELECT ON redshift_catalogue.stl_load_errors TO PUBLIC;
GRANT SELECT ON redshift_catalogue.sys_load_error_detail TO PUBLIC;
GRANT SELECT ON redshift_catalogue.sys_load_history TO PUBLIC;
GRANT SELECT ON redshift_catalogue.stl_load_commits TO PUBLIC;
GRANT SELECT ON redshift_catalogue.stl_unload_log TO PUBLIC;
GRANT SELECT ON redshift_catalogue.sys_unload_detail TO PUBLIC;
GRANT SELECT ON redshift_catalogue.sys_unload_history TO PUBLIC;
GRANT SELECT ON redshift_catalogue.svv_table_info TO PUBLIC;
GRANT SELECT ON redshift_catalogue.pg_table_def TO PUBLIC;
