"""Puts the folder `fleet` into an object storage on loopback with aws(1), and asks DuckDB there.

storage.py AWS ENGINE VIEWS QUERIES SINCE WANTED: prints what engine.py prints.
"""

import os
import pathlib
import subprocess
import sys

from duckdb_extensions import import_extension
from moto.server import ThreadedMotoServer


def main():
    aws, engine, views, *rest = sys.argv[1:]
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    # No file of the user's is read or written.
    os.environ["HOME"] = os.getcwd()
    import_extension("httpfs")
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME")},
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for words in (["mb", "s3://traces"], ["sync", "--quiet", "fleet", "s3://traces/fleet"]):
        # The messages belong to stderr.
        subprocess.run(
            [sys.executable, aws, "s3", *words], env=environment, check=True, stdout=sys.stderr
        )
    secret = f"""
LOAD httpfs;
CREATE OR REPLACE SECRET (TYPE s3, KEY_ID 'key', SECRET 'secret', REGION 'us-east-1',
    ENDPOINT '{host}:{port}', URL_STYLE 'path', USE_SSL false);
"""
    text = pathlib.Path(views).read_text()
    there = pathlib.Path("views.storage.sql")
    there.write_text(secret + text.replace("'fleet/'", "'s3://traces/fleet/'"))
    ended = subprocess.run([sys.executable, engine, "duckdb", there, *rest])
    server.stop()
    sys.exit(ended.returncode)


main()
