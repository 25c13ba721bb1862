"""Gives the loopback of this network namespace the addresses of a zone, starts all servers on them, says
"ready", and ends with its stdin: STAGE.PY DIRECTORY, where zone.json, the certificate and the files are."""

import json
import subprocess
import sys
from pathlib import Path

import dns
import proxy
import web

HTTP, HTTPS, OTHER, EAR, PROXY = 80, 443, 8080, 8000, 3128


def addresses(zone):
    yield zone["nameserver"]
    for known in zone["hosts"].values():
        yield from known
    for records in zone["records"].values():
        yield from records.get("A", [])
        yield from records.get("AAAA", [])


def configure(zone):
    # The usual size of packets.
    lines = ["link set lo mtu 1500"]
    for address in dict.fromkeys(addresses(zone)):
        lines.append(f"address add {address}/{128 if ':' in address else 32} dev lo")
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True, check=True)


def main():
    directory = Path(sys.argv[1])
    zone = json.loads((directory / "zone.json").read_text())
    configure(zone)
    files = directory / "www"
    context = web.context(directory / "server.pem", directory / "server.key")
    records = zone["records"]
    web.run(
        [
            *dns.servers(zone["nameserver"], records),
            web.server(HTTP, files),
            web.server(OTHER, files),
            web.server(HTTPS, files, context),
            web.Ear(EAR),
            proxy.server(records["proxy.names.test"]["A"][0], PROXY, records),
        ]
    )
    print("ready", flush=True)
    sys.stdin.read()


main()
