-- Queries for DuckDB over a folder of `tracer export TRACE… -o fleet`; docs/fleet.md explains them.
-- Run them in the directory that has the folder `fleet`. Each begins with its question.

CREATE OR REPLACE MACRO exported(name) AS TABLE
    SELECT * FROM read_parquet('fleet/' || name || '/**/*.parquet', union_by_name = true,
        hive_partitioning = true, hive_types = {'date': DATE, 'host': VARCHAR});
CREATE OR REPLACE VIEW recordings AS FROM exported('recordings');
CREATE OR REPLACE VIEW processes AS FROM exported('processes');
CREATE OR REPLACE VIEW lookups AS FROM exported('lookups');
CREATE OR REPLACE VIEW listeners AS FROM exported('listeners');
CREATE OR REPLACE VIEW changes AS FROM exported('changes');

-- The destination is the host that a proxy was asked for, else the best name, else the address.
CREATE OR REPLACE VIEW connections AS
    SELECT *, coalesce(destination_host, names[1].name, remote_host) AS destination
    FROM exported('connections');

-- The day that divides old from new.
SET VARIABLE since = current_date - 7;

-- The destination to look for, with % for any text.
SET VARIABLE wanted = '%.example%';

-- 1. Which hosts talk to a destination, with which programs?
SELECT host, destination, remote_port, process.exe AS program, process.user AS user,
    count(*) AS connections, max(started) AS last
FROM connections
WHERE destination LIKE getvariable('wanted') AND direction IS NULL
GROUP BY ALL ORDER BY host, last DESC;

-- 2. Which destinations are new since that day?
SELECT destination, min(started) AS first, arg_min(host, started) AS first_host,
    arg_min(process.exe, started) AS program, count(DISTINCT host) AS hosts
FROM connections
WHERE direction IS NULL
GROUP BY destination HAVING min(date) >= getvariable('since')
ORDER BY first;

-- 3. Which recordings are incomplete, and what do they lack?
SELECT date, host, recording, reason, len(gaps) AS gaps, missing
FROM recordings
WHERE NOT complete OR reason IS NULL
ORDER BY date, host;

-- 4. Who made files setuid or setgid?
SELECT host, date, name AS file, after_state.mode AS mode, after_state.user AS owner,
    process.exe AS program, process.user AS user, tree, because
FROM changes
WHERE kind = 'file' AND left(after_state.mode, 1) IN ('2', '3', '4', '5', '6', '7')
    AND after_state.type = 'file'
ORDER BY date, host, file;

-- 5. When was each service tag first seen, and where?
SELECT tag, min(started) AS first, arg_min(host, started) AS first_host,
    arg_min(process.exe, started) AS program, count(*) AS connections
FROM connections
WHERE tag IS NOT NULL
GROUP BY tag ORDER BY first;

-- 6. Which version of a package did each host get last?
SELECT name AS package, arg_max(after, r.started) AS version, host, max(r.started) AS recorded
FROM changes JOIN recordings AS r USING (recording, host)
WHERE kind = 'package' AND after IS NOT NULL
GROUP BY name, host ORDER BY package, version, host;

-- 7. Which hosts record with which tracer, on which kernel?
SELECT tracer, kernel, arch, count(DISTINCT host) AS hosts, max(started) AS last
FROM recordings
GROUP BY ALL ORDER BY last DESC;

-- 8. What deserves attention, on how many hosts?
SELECT attention, kind, name, count(DISTINCT host) AS hosts, any_value(process.exe) AS program,
    list(DISTINCT recording) AS recordings
FROM changes
WHERE attention IS NOT NULL
GROUP BY attention, kind, name ORDER BY hosts DESC, attention, name;

-- 9. Which listeners can be reached from other machines?
SELECT host, date, protocol, local_host, local_port, state, process.exe AS program, tree
FROM listeners
WHERE local_host NOT LIKE '127.%' AND local_host <> '::1'
ORDER BY host, local_port;

-- 10. Which destinations refuse or do not answer?
SELECT destination, remote_port, state, error, count(*) AS connections,
    count(DISTINCT host) AS hosts, max(started) AS last
FROM connections
WHERE state IN ('refused', 'timed_out', 'unreachable', 'blocked', 'aborted', 'failed')
GROUP BY ALL ORDER BY connections DESC, destination;

-- 11. Which names could not be looked up?
SELECT question, rcode, sum(count) AS lookups, list(DISTINCT process.name) AS programs,
    list(DISTINCT host) AS hosts
FROM lookups
WHERE rcode <> 'NOERROR'
GROUP BY question, rcode ORDER BY lookups DESC;

-- 12. Which hosts have no recording since that day?
SELECT host, max(date) AS last, count(*) AS recordings
FROM recordings
GROUP BY host HAVING max(date) < getvariable('since')
ORDER BY last;

-- 13. Which downloads were executed, and from where?
SELECT sha256, any_value(name) AS file, any_value(urls) AS urls, count(DISTINCT host) AS hosts,
    list(DISTINCT one.remote_host) AS addresses
FROM changes LEFT JOIN UNNEST("from") AS of(one) ON true
WHERE kind = 'download'
GROUP BY sha256 ORDER BY hosts DESC, file;

-- 14. Which programs ran as root from a directory that others may write to?
SELECT exe, host, date, argv, user, because, started
FROM processes
WHERE uid = 0 AND (exe LIKE '/tmp/%' OR exe LIKE '/var/tmp/%' OR exe LIKE '/dev/shm/%')
ORDER BY date, host, started;
