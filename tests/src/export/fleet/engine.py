"""Runs views and queries with an engine, in the directory that has the folder `fleet`.

engine.py ENGINE VIEWS QUERIES SINCE WANTED: prints a line of JSON for each question,
with its number, its rows and the seconds that it took.
"""

import datetime
import json
import os
import re
import sys
import time


class DuckDb:
    def __init__(self):
        import duckdb

        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'UTC'")

    def run(self, statement):
        self.connection.execute(statement)

    def ask(self, statement):
        answer = self.connection.execute(statement)
        names = [column[0] for column in answer.description]
        return [dict(zip(names, row)) for row in answer.fetchall()]


class ChDb:
    def __init__(self):
        from chdb import session

        self.session = session.Session()

    def run(self, statement):
        self.session.query(statement)

    def ask(self, statement):
        # A number of 64 bits would be a text.
        settings = "SETTINGS output_format_json_quote_64bit_integers = 0"
        answer = self.session.query(f"{statement}\n{settings}", "JSON")
        answer = json.loads(str(answer))
        times = [one["name"] for one in answer["meta"] if "DateTime" in one["type"]]
        for row in answer["data"]:
            for name in times:
                if row[name] is not None:
                    row[name] = datetime.datetime.fromisoformat(row[name])
        return answer["data"]


class Spark:
    def __init__(self):
        # Also the workers, which otherwise listen where the machine's name leads.
        os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
        from pyspark.sql import SparkSession

        builder = SparkSession.builder.master("local-cluster[2,1,1024]")
        for name, value in {
            "spark.ui.enabled": "false",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.sql.shuffle.partitions": "2",
            "spark.sql.session.timeZone": "UTC",
            "spark.sql.warehouse.dir": "warehouse",
            "spark.ui.showConsoleProgress": "false",
            # To compile code for so few rows takes longer than all else.
            "spark.sql.codegen.wholeStage": "false",
            "spark.sql.sources.parallelPartitionDiscovery.threshold": "100000",
        }.items():
            builder = builder.config(name, value)
        self.session = builder.getOrCreate()
        self.session.sparkContext.setLogLevel("ERROR")

    def run(self, statement):
        self.session.sql(statement)

    def ask(self, statement):
        rows = self.session.sql(statement).collect()
        return [row.asDict(recursive=True) for row in rows]


def plain(value):
    """Writes a value in the same way for all engines. A set has no order, and null is not in it."""
    match value:
        case datetime.datetime():
            if value.tzinfo is None:
                value = value.replace(tzinfo=datetime.timezone.utc)
            value = value.astimezone(datetime.timezone.utc)
            return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        case datetime.date():
            return value.isoformat()
        case list() | tuple():
            return [plain(one) for one in value]
        case _:
            return value


def row_of(row, sets):
    values = {}
    for name, value in row.items():
        value = plain(value)
        if name in sets:
            value = sorted({one for one in value or [] if one is not None})
        elif isinstance(value, list) and not value:
            # ClickHouse has no list that is null.
            value = None
        values[name] = value
    return values


def statements(text):
    for statement in text.split(";\n"):
        lines = [line for line in statement.splitlines() if not line.startswith("--")]
        titles = re.findall(r"^-- (\d+)\. ", statement, re.MULTILINE)
        if lines := "\n".join(lines).strip():
            yield lines, titles


def main():
    name, views, queries, since, wanted = sys.argv[1:]
    engine = {"duckdb": DuckDb, "chdb": ChDb, "spark": Spark}[name]()
    for statement, _ in statements(open(views).read()):
        if "VIEW settings" in statement:
            begin = re.split(r"\sAS\s", statement, maxsplit=1)[0]
            since_day = f"CAST('{since}' AS DATE)"
            statement = f"{begin} AS SELECT {since_day} AS since, '{wanted}' AS wanted"
        engine.run(statement)
    for statement, titles in statements(open(queries).read()):
        begun = time.monotonic()
        rows = engine.ask(statement)
        seconds = time.monotonic() - begun
        sets = re.findall(r"array_agg\(DISTINCT [^)]*\) AS (\w+)", statement)
        rows = [row_of(row, sets) for row in rows]
        rows.sort(key=lambda row: json.dumps(row, sort_keys=True))
        line = {"number": int(titles[-1]), "rows": rows, "seconds": round(seconds, 3)}
        print(json.dumps(line), flush=True)


main()
