-- Views for Spark over the folder `fleet` in the current directory. The questions of
-- queries.sql ask them.

-- The day that divides old from new, and the destination to look for, with % for any text.
CREATE OR REPLACE TEMPORARY VIEW settings AS
    SELECT current_date - 7 AS since, '%.example%' AS wanted;

-- Names of folders are texts, also those that look like numbers. Days are days of UTC.
SET spark.sql.sources.partitionColumnTypeInference.enabled = false;
SET spark.sql.session.timeZone = UTC;

CREATE OR REPLACE TEMPORARY VIEW recordings_files USING parquet OPTIONS (path 'fleet/recordings');
CREATE OR REPLACE TEMPORARY VIEW processes_files USING parquet OPTIONS (path 'fleet/processes');
CREATE OR REPLACE TEMPORARY VIEW connections_files USING parquet OPTIONS (path 'fleet/connections');
CREATE OR REPLACE TEMPORARY VIEW lookups_files USING parquet OPTIONS (path 'fleet/lookups');
CREATE OR REPLACE TEMPORARY VIEW listeners_files USING parquet OPTIONS (path 'fleet/listeners');
CREATE OR REPLACE TEMPORARY VIEW changes_files USING parquet OPTIONS (path 'fleet/changes');

CREATE OR REPLACE TEMPORARY VIEW recordings AS
    SELECT * EXCEPT (date), CAST(date AS DATE) AS date FROM recordings_files;
CREATE OR REPLACE TEMPORARY VIEW processes AS
    SELECT * EXCEPT (date), CAST(date AS DATE) AS date FROM processes_files;
CREATE OR REPLACE TEMPORARY VIEW lookups AS
    SELECT * EXCEPT (date), CAST(date AS DATE) AS date FROM lookups_files;

-- The destination is the host that a proxy was asked for, else the best name, else the address.
CREATE OR REPLACE TEMPORARY VIEW connections AS
    SELECT * EXCEPT (date), CAST(date AS DATE) AS date,
        coalesce(destination_host, get(names, 0).name, remote_host) AS destination,
        coalesce(process.exe, process.name) AS program
    FROM connections_files;

CREATE OR REPLACE TEMPORARY VIEW listeners AS
    SELECT * EXCEPT (date), CAST(date AS DATE) AS date,
        coalesce(process.exe, process.name) AS program
    FROM listeners_files;
CREATE OR REPLACE TEMPORARY VIEW changes AS
    SELECT * EXCEPT (date), CAST(date AS DATE) AS date,
        coalesce(process.exe, process.name) AS program
    FROM changes_files;

-- A row for each address that a download may have come from.
CREATE OR REPLACE TEMPORARY VIEW downloads AS
    SELECT changes.*, one.remote_host AS address
    FROM changes LATERAL VIEW OUTER explode(`from`) AS one
    WHERE kind = 'download';
