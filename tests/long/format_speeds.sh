#!/usr/bin/env bash
# How fast the formats of prescriptions, registrations, documents and a person's own readings are translated, with the ledger on,
# beside what is aimed at. Not part of ./test: a release build, and times that a busy machine spoils (each is the least of many).
#
#   tests/long/format_speeds.sh [ROUNDS]     [3]; the least of so many runs of each bench counts
#
#   CAUSEWAY_CORPORA   the corpora; figures of those that are absent are left out
#
# Aims: a mean prescription message of the corpus at 9,000 a second and core; 260 µs for each 40 kB of a clinical document; 30 µs
# for a registration message; ten times the input in at most twelve times the time.
# Exit: 0 all met, 1 one is missed, 2 nothing was measured.
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=${1:-3}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
packages=(eps nhais itk-cda transfer-of-care personal-readings)
build=()
for name in "${packages[@]}"; do build+=(-p "causeway-adapter-$name"); done
cargo bench --locked --quiet --no-run "${build[@]}"
for _ in $(seq "$rounds"); do
  for name in "${packages[@]}"; do cargo bench --locked --quiet -p "causeway-adapter-$name" --bench translate; done
done > "$log"
python3 - "$log" <<'P'
import re, sys
rows, adapter, order = {}, "", []
for line in open(sys.argv[1]):
    if re.fullmatch(r"[a-z-]+\n", line):
        adapter = line.strip()
    found = re.match(r"  (.+?)\s+([\d.]+) kB\s+(\d+) (?:items|files)\s+([\d.]+) µs", line)
    if found:
        key = (adapter, found[1])
        size, time = float(found[2]), float(found[4])
        if key not in rows:
            order.append(key)
        rows[key] = (size, min(time, rows[key][1]) if key in rows else time)
if not rows:
    sys.exit(2)
missed, last = 0, None
for key in order:
    (adapter, name), (size, time) = key, rows[key]
    aim = None
    if key == ("eps", "all of eps-hl7v3"):
        aim = (time <= 1e6 / 9000, f"{1e6 / time:,.0f} a second, aim 9,000")
    elif adapter == "itk-cda" and (name.startswith(("in/", "all of"))):
        each = time * 40 / size
        aim = (each <= 260, f"{each:.0f} µs for 40 kB, aim 260")
    elif adapter == "nhais" and (name == "1 messages" or name.startswith("all of")):
        aim = (time <= 30, "aim 30 µs")
    grown = re.match(r"(\d+) (.+)", name)
    if grown:
        count = int(grown[1])
        if last and last[0] == (adapter, grown[2]):
            more, longer = count / last[1], time / last[2]
            ok = longer <= more * 1.2
            aim = aim or (ok, f"{longer:.1f} times the time for {more:.0f} times as many")
        last = ((adapter, grown[2]), count, time)
    word = "" if aim is None else ("met" if aim[0] else "MISSED")
    missed += aim is not None and not aim[0]
    print(f"{adapter:18} {name:38} {size:9.1f} kB {time:10.1f} µs  {aim[1] if aim else '':44} {word}")
sys.exit(1 if missed else 0)
P
