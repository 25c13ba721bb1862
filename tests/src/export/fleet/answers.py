"""Answers the questions of queries.sql from tracer's own jsonl, without a database.

answers.py TRACER SINCE WANTED TRACE...: prints the same lines as engine.py.
"""

import collections
import json
import re
import subprocess
import sys

TABLES = {
    "processes": ["tree"],
    "connections": ["connections"],
    "lookups": ["connections", "--lookups"],
    "listeners": ["connections", "--listening"],
    "changes": ["changes", "--all"],
}


def lines(tracer, words, trace):
    command = [tracer, *words, trace, "--format", "jsonl", "--header"]
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert ended.returncode in (0, 3), command
    header, *rows = map(json.loads, ended.stdout.splitlines())
    return header, rows


def read(tracer, traces):
    """Reads all traces. Each row gets the day and the host of its recording."""
    tables = collections.defaultdict(list)
    for trace in traces:
        for table, words in TABLES.items():
            header, rows = lines(tracer, words, trace)
            origin = {"date": header["started"][:10], "host": header["host"]}
            # A change of the kind `destination` has a host of its own.
            tables[table] += [{**row, **origin} for row in rows]
        _, ends = lines(tracer, ["replay", "--event", "end"], trace)
        reasons = [row["reason"] for row in ends if row["event"] == "end"]
        reason = reasons[-1] if reasons else None
        tables["recordings"].append({**header, **origin, "reason": reason})
    return tables


def micro(time):
    """Cuts a time to microseconds."""
    return time and time[:26] + "Z"


def host_of(end):
    return end and end.rpartition(":")[0].strip("[]")


def port_of(end):
    return end and int(end.rpartition(":")[2])


def program(row):
    process = row.get("process") or {}
    return process.get("exe") or process.get("name")


def account(row):
    return (row.get("process") or {}).get("user")


def destination(row):
    names = row.get("names") or []
    name = names[0]["name"] if names else None
    return host_of(row.get("destination")) or name or host_of(row.get("remote"))


def like(text, pattern):
    parts = [re.escape(part) for part in pattern.split("%")]
    return text is not None and re.fullmatch(".*".join(parts), text, re.DOTALL) is not None


def groups(rows, *keys):
    found = collections.defaultdict(list)
    for row in rows:
        found[tuple(key(row) for key in keys)].append(row)
    return found.items()


def field(name):
    return lambda row: row.get(name)


def distinct(rows, of):
    return sorted({value for row in rows if (value := of(row)) is not None})


def earliest(rows):
    return min(rows, key=field("started"))


def outbound(tables):
    return [row for row in tables["connections"] if "direction" not in row]


def port(row):
    return port_of(row.get("remote"))


def which_hosts_talk(tables, since, wanted):
    rows = [row for row in outbound(tables) if like(destination(row), wanted)]
    keys = field("host"), destination, port, program, account
    for (host, name, number, exe, user), some in groups(rows, *keys):
        yield {
            "host": host,
            "destination": name,
            "remote_port": number,
            "program": exe,
            "account": user,
            "connections": len(some),
            "last": micro(max(row["started"] for row in some)),
        }


def new_destinations(tables, since, wanted):
    for (name,), some in groups(outbound(tables), destination):
        if min(row["date"] for row in some) >= since:
            first = earliest(some)
            yield {
                "destination": name,
                "first": micro(first["started"]),
                "first_host": first["host"],
                "program": program(first),
                "hosts": len(distinct(some, field("host"))),
            }


def incomplete(tables, since, wanted):
    for row in tables["recordings"]:
        if not row["complete"] or row["reason"] is None:
            names = "date", "host", "recording", "reason"
            values = {name: row[name] for name in names}
            yield {**values, "missing": row.get("missing") or None}


def setuid(tables, since, wanted):
    for row in tables["changes"]:
        after = row.get("after")
        if row["kind"] != "file" or not isinstance(after, dict):
            continue
        if after.get("type") == "file" and after["mode"][0] in "234567":
            yield {
                "host": row["host"],
                "date": row["date"],
                "file": row["name"],
                "mode": after["mode"],
                "owner": after.get("user"),
                "program": program(row),
                "account": account(row),
                "tree": row.get("tree"),
                "because": row.get("because"),
            }


def tags(tables, since, wanted):
    rows = [row for row in tables["connections"] if row.get("tag") is not None]
    for (tag,), some in groups(rows, field("tag")):
        first = earliest(some)
        yield {
            "tag": tag,
            "first": micro(first["started"]),
            "first_host": first["host"],
            "program": program(first),
            "connections": len(some),
        }


def packages(tables, since, wanted):
    started = {(row["recording"], row["host"]): row["started"] for row in tables["recordings"]}
    rows = [
        {**row, "started": started[row["recording"], row["host"]]}
        for row in tables["changes"]
        if row["kind"] == "package" and row.get("after") is not None
    ]
    for (name, host), some in groups(rows, field("name"), field("host")):
        last = max(some, key=field("started"))
        yield {
            "package": name,
            "version": last["after"],
            "host": host,
            "recorded": micro(last["started"]),
        }


def recorders(tables, since, wanted):
    keys = field("tracer"), field("kernel"), field("arch")
    for (tracer, kernel, arch), some in groups(tables["recordings"], *keys):
        yield {
            "tracer": tracer,
            "kernel": kernel,
            "arch": arch,
            "hosts": len(distinct(some, field("host"))),
            "last": micro(max(row["started"] for row in some)),
        }


def attention(tables, since, wanted):
    rows = [row for row in tables["changes"] if row.get("attention") is not None]
    keys = field("attention"), field("kind"), field("name")
    for (reason, kind, name), some in groups(rows, *keys):
        programs = distinct(some, program)
        yield {
            "attention": reason,
            "kind": kind,
            "name": name,
            "hosts": len(distinct(some, field("host"))),
            "program": programs[0] if programs else None,
            "recording": min(row["recording"] for row in some),
        }


def listeners(tables, since, wanted):
    for row in tables["listeners"]:
        address = host_of(row.get("local"))
        if address and not address.startswith("127.") and address != "::1":
            yield {
                "host": row["host"],
                "date": row["date"],
                "protocol": row["protocol"],
                "local_host": address,
                "local_port": port_of(row["local"]),
                "state": row["state"],
                "program": program(row),
                "tree": row.get("tree"),
            }


FAILED = "refused", "timed_out", "unreachable", "blocked", "aborted", "failed"


def failed(tables, since, wanted):
    rows = [row for row in tables["connections"] if row["state"] in FAILED]
    keys = destination, port, field("state"), field("error")
    for (name, number, state, error), some in groups(rows, *keys):
        yield {
            "destination": name,
            "remote_port": number,
            "state": state,
            "error": error,
            "connections": len(some),
            "hosts": len(distinct(some, field("host"))),
            "last": micro(max(row["started"] for row in some)),
        }


def unknown_names(tables, since, wanted):
    rows = [row for row in tables["lookups"] if row["rcode"] != "NOERROR"]
    for (question, rcode), some in groups(rows, field("question"), field("rcode")):
        yield {
            "question": question,
            "rcode": rcode,
            "lookups": sum(row["count"] for row in some),
            "programs": distinct(some, lambda row: (row.get("process") or {}).get("name")),
            "hosts": distinct(some, field("host")),
        }


def silent_hosts(tables, since, wanted):
    for (host,), some in groups(tables["recordings"], field("host")):
        last = max(row["date"] for row in some)
        if last < since:
            yield {"host": host, "last": last, "recordings": len(some)}


def downloads(tables, since, wanted):
    rows = [row for row in tables["changes"] if row["kind"] == "download"]
    for (digest,), some in groups(rows, field("sha256")):
        urls = distinct(some, field("urls"))
        addresses = {host_of(one["remote"]) for row in some for one in row.get("from") or []}
        yield {
            "sha256": digest,
            "file": min(row["name"] for row in some),
            "urls": urls[0] if urls else None,
            "hosts": len(distinct(some, field("host"))),
            "addresses": sorted(addresses),
        }


def from_open_directories(tables, since, wanted):
    for row in tables["processes"]:
        exe = row.get("exe") or ""
        if row["uid"] == 0 and exe.startswith(("/tmp/", "/var/tmp/", "/dev/shm/")):
            yield {
                "exe": exe,
                "host": row["host"],
                "date": row["date"],
                "argv": row.get("argv") or None,
                "account": row.get("user"),
                "because": row.get("because"),
                "started": micro(row.get("started")),
            }


QUESTIONS = [
    which_hosts_talk,
    new_destinations,
    incomplete,
    setuid,
    tags,
    packages,
    recorders,
    attention,
    listeners,
    failed,
    unknown_names,
    silent_hosts,
    downloads,
    from_open_directories,
]


def main():
    tracer, since, wanted, *traces = sys.argv[1:]
    tables = read(tracer, traces)
    for number, question in enumerate(QUESTIONS, start=1):
        rows = list(question(tables, since, wanted))
        rows.sort(key=lambda row: json.dumps(row, sort_keys=True))
        print(json.dumps({"number": number, "rows": rows, "seconds": 0}))


main()
