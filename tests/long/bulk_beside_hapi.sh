#!/usr/bin/env bash
# A research extract beside a Bulk Data export of HAPI FHIR 8.8.0 of the same 20,000 resources of 1,000 people, in one run. HAPI is
# its JPA server on H2 in memory, put together from Maven outside the tree (tests/clients/search/JpaServer.java); its export is
# timed from the kick-off to the last byte of the last file. The extract decides by everybody's choices and de-identifies, and
# writes NDJSON and Parquet; HAPI writes NDJSON. Needs a JDK, Maven and Python; says SKIPPED without them.
# Usage: tests/long/bulk_beside_hapi.sh [people]
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${HAPI_SEARCH:-${XDG_CACHE_HOME:-$HOME/.cache}/causeway-hapi-search}
skip() { echo "SKIPPED: bulk export beside HAPI FHIR: $1" >&2; exit 0; }
command -v mvn >/dev/null && command -v javac >/dev/null && command -v python3 >/dev/null || skip "a JDK, Maven or Python is absent"
work=$(mktemp -d)
started=()
finish() { for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done; wait 2>/dev/null || true; rm -rf "$work"; }
trap finish EXIT
if [ ! -d "$build/lib" ]; then
  (cd tests/clients/search && mvn -q -B dependency:copy-dependencies -DoutputDirectory="$build/lib" >&2) || skip "its libraries could not be fetched"
fi
javac -cp "$build/lib/*" -d "$work/classes" tests/clients/search/JpaServer.java
cargo build --release --locked -q -p causeway-research --example speed
speed=target/release/examples/speed
people=${1:-1000}
"$speed" bundles "$work/bundles" "$people"
"$speed" make "$work/record" "$people"
java -Xmx2g -Dunlimited_db_connection=true -cp "$work/classes:$build/lib/*" JpaServer >"$work/hapi.out" 2>"$work/hapi.err" &
started+=($!)
for _ in $(seq 600); do
  grep -q '^http' "$work/hapi.out" && break
  kill -0 "${started[0]}" 2>/dev/null || { tail -50 "$work/hapi.err"; exit 1; }
  sleep 0.5
done
python3 tests/long/bulk_beside_hapi.py "$(grep '^http' "$work/hapi.out")" "$work/bundles" "$speed" "$work/record" \
  || { tail -50 "$work/hapi.err" "$work/hapi.out"; exit 1; }
