-- Views for ClickHouse over the folder `fleet` in the current directory. The questions of
-- queries.sql ask them.

-- ClickHouse 26.9 moves conditions before it reads parts of a struct, and then does not find them.
SET optimize_move_to_prewhere = 0;

-- The day that divides old from new, and the destination to look for, with % for any text.
CREATE OR REPLACE VIEW settings AS SELECT today() - 7 AS since, '%.example%' AS wanted;

CREATE OR REPLACE VIEW recordings AS
    SELECT * FROM file('fleet/recordings/**/*.parquet');
CREATE OR REPLACE VIEW processes AS
    SELECT * FROM file('fleet/processes/**/*.parquet');
CREATE OR REPLACE VIEW lookups AS
    SELECT * FROM file('fleet/lookups/**/*.parquet');

-- The destination is the host that a proxy was asked for, else the best name, else the address.
CREATE OR REPLACE VIEW connections AS
    SELECT *,
        coalesce(destination_host, if(empty(names), NULL, names[1].name), remote_host)
            AS destination,
        coalesce(process.exe, process.name) AS program
    FROM file('fleet/connections/**/*.parquet');

CREATE OR REPLACE VIEW listeners AS
    SELECT *, coalesce(process.exe, process.name) AS program
    FROM file('fleet/listeners/**/*.parquet');
CREATE OR REPLACE VIEW changes AS
    SELECT *, coalesce(process.exe, process.name) AS program
    FROM file('fleet/changes/**/*.parquet');

-- A row for each address that a download may have come from.
CREATE OR REPLACE VIEW downloads AS
    SELECT *, one.remote_host AS address
    FROM changes LEFT ARRAY JOIN `from` AS one
    WHERE kind = 'download';
