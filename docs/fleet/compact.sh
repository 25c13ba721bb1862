#!/bin/sh
# Compacts the folder `fleet` of the current directory into `days`: few files a table and day, in
# place of one for each recording. Days that have not changed since the last time are left alone.
set -eu
duckdb=${DUCKDB:-duckdb}
mkdir -p days
chmod 700 days
rm -rf days/.new
# What is exported from now on belongs to the next time.
touch days/.begun
newer=
[ ! -e days/.compacted ] || newer='-cnewer days/.compacted'
# shellcheck disable=SC2086 # two words
changed=$(find fleet -name '*.parquet' $newer | sed -n 's|.*/date=\([0-9-]*\)/.*|\1|p' | sort -u)
for table in recordings processes connections lookups listeners changes; do
  for day in $changed; do
    [ -d "fleet/$table/date=$day" ] || continue
    printf "'fleet/%s/date=%s/**/*.parquet'," "$table" "$day"
  done >days/.files
  [ -s days/.files ] || continue
  mkdir -p "days/.new/$table" "days/$table"
  "$duckdb" -c "COPY (
      SELECT * FROM read_parquet([$(cat days/.files)], union_by_name = true,
          hive_partitioning = true, hive_types_autocast = false)
      ORDER BY date, host, recording
    ) TO 'days/.new/$table' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (date),
      OVERWRITE_OR_IGNORE)" >/dev/null
  for new in "days/.new/$table"/date=*; do
    rm -rf "days/$table/${new##*/}"
    mv "$new" "days/$table/"
  done
done
rm -rf days/.new days/.files
mv days/.begun days/.compacted
