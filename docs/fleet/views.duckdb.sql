-- Views for DuckDB over the folder `fleet` in the current directory. The questions of
-- queries.sql ask them.

-- The day that divides old from new, and the destination to look for, with % for any text.
CREATE OR REPLACE VIEW settings AS SELECT current_date - 7 AS since, '%.example%' AS wanted;

CREATE OR REPLACE MACRO exported(name) AS TABLE
    SELECT * REPLACE (CAST(date AS DATE) AS date)
    FROM read_parquet('fleet/' || name || '/**/*.parquet', union_by_name = true,
        hive_partitioning = true, hive_types_autocast = false);

CREATE OR REPLACE VIEW recordings AS FROM exported('recordings');
CREATE OR REPLACE VIEW processes AS FROM exported('processes');
CREATE OR REPLACE VIEW lookups AS FROM exported('lookups');

-- The destination is the host that a proxy was asked for, else the best name, else the address.
CREATE OR REPLACE VIEW connections AS
    SELECT *, coalesce(destination_host, names[1].name, remote_host) AS destination,
        coalesce(process.exe, process.name) AS program
    FROM exported('connections');

CREATE OR REPLACE VIEW listeners AS
    SELECT *, coalesce(process.exe, process.name) AS program FROM exported('listeners');
CREATE OR REPLACE VIEW changes AS
    SELECT *, coalesce(process.exe, process.name) AS program FROM exported('changes');

-- A row for each address that a download may have come from.
CREATE OR REPLACE VIEW downloads AS
    SELECT changes.*, one.remote_host AS address
    FROM changes LEFT JOIN UNNEST("from") AS of(one) ON true
    WHERE kind = 'download';
