-- Questions about a folder of `tracer export TRACE… -o fleet`. The text is the same for DuckDB,
-- ClickHouse and Spark: run the views of the engine first, as docs/fleet.md explains.

-- 1. Which hosts talk to a destination, with which programs?
SELECT host, destination, remote_port, program, process.user AS account,
    count(*) AS connections, max(started) AS last
FROM connections
WHERE direction IS NULL AND destination LIKE (SELECT wanted FROM settings)
GROUP BY 1, 2, 3, 4, 5 ORDER BY host, last DESC;

-- 2. Which destinations are new since that day?
SELECT destination, min(started) AS first, min_by(host, started) AS first_host,
    min_by(program, started) AS program, count(DISTINCT host) AS hosts
FROM connections
WHERE direction IS NULL
GROUP BY destination HAVING min(date) >= (SELECT since FROM settings)
ORDER BY first;

-- 3. Which recordings are incomplete, and what do they lack?
SELECT date, host, recording, reason, missing
FROM recordings
WHERE NOT complete OR reason IS NULL
ORDER BY date, host;

-- 4. Who made files setuid or setgid?
SELECT host, date, name AS file, after_state.mode AS mode, after_state.user AS owner,
    program, process.user AS account, tree, because
FROM changes
WHERE kind = 'file' AND after_state.type = 'file'
    AND substr(after_state.mode, 1, 1) IN ('2', '3', '4', '5', '6', '7')
ORDER BY date, host, file;

-- 5. When was each service tag first seen, and where?
SELECT tag, min(started) AS first, min_by(host, started) AS first_host,
    min_by(program, started) AS program, count(*) AS connections
FROM connections
WHERE tag IS NOT NULL
GROUP BY tag ORDER BY first;

-- 6. Which version of a package did each host get last?
SELECT c.name AS package, max_by(c.after, r.started) AS version, c.host AS host,
    max(r.started) AS recorded
FROM changes AS c JOIN recordings AS r ON r.recording = c.recording AND r.host = c.host
WHERE c.kind = 'package' AND c.after IS NOT NULL
GROUP BY c.name, c.host ORDER BY package, version, host;

-- 7. Which hosts record with which tracer, on which kernel?
SELECT tracer, kernel, arch, count(DISTINCT host) AS hosts, max(started) AS last
FROM recordings
GROUP BY tracer, kernel, arch ORDER BY last DESC;

-- 8. What deserves attention, on how many hosts?
SELECT attention, kind, name, count(DISTINCT host) AS hosts, min(program) AS program,
    min(recording) AS recording
FROM changes
WHERE attention IS NOT NULL
GROUP BY attention, kind, name ORDER BY hosts DESC, attention, name;

-- 9. Which listeners can be reached from other machines?
SELECT host, date, protocol, local_host, local_port, state, program, tree
FROM listeners
WHERE local_host NOT LIKE '127.%' AND local_host <> '::1'
ORDER BY host, local_port;

-- 10. Which destinations refuse or do not answer?
SELECT destination, remote_port, state, error, count(*) AS connections,
    count(DISTINCT host) AS hosts, max(started) AS last
FROM connections
WHERE state IN ('refused', 'timed_out', 'unreachable', 'blocked', 'aborted', 'failed')
GROUP BY 1, 2, 3, 4 ORDER BY connections DESC, destination;

-- 11. Which names could not be looked up?
SELECT question, rcode, sum(count) AS lookups, array_agg(DISTINCT process.name) AS programs,
    array_agg(DISTINCT host) AS hosts
FROM lookups
WHERE rcode <> 'NOERROR'
GROUP BY question, rcode ORDER BY lookups DESC;

-- 12. Which hosts have no recording since that day?
SELECT host, max(date) AS last, count(*) AS recordings
FROM recordings
GROUP BY host HAVING max(date) < (SELECT since FROM settings)
ORDER BY last, host;

-- 13. Which downloads were executed, and from where?
SELECT sha256, min(name) AS file, min(urls) AS urls, count(DISTINCT host) AS hosts,
    array_agg(DISTINCT address) AS addresses
FROM downloads
GROUP BY sha256 ORDER BY hosts DESC, file;

-- 14. Which programs ran as root from a directory that others may write to?
SELECT exe, host, date, argv, processes.user AS account, because, started
FROM processes
WHERE uid = 0 AND (exe LIKE '/tmp/%' OR exe LIKE '/var/tmp/%' OR exe LIKE '/dev/shm/%')
ORDER BY date, host, started;
