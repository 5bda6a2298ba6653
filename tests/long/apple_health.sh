#!/usr/bin/env bash
# An Apple Health export of about a gigabyte, made here, read as a stream: megabytes a second and the most memory that it
# took. Not part of ./test.
#
#   tests/long/apple_health.sh [MEGABYTES]      [1024]
#
#   CAUSEWAY_BENCH_XML   keep the file that is made here and use it again
#
# Exit: 0 within 300 MB of memory, 1 not. Speed is printed and not judged.
set -euo pipefail
cd "$(dirname "$0")/../.."
megabytes=${1:-1024}
file=${CAUSEWAY_BENCH_XML:-$(mktemp --suffix .xml)}
[ -n "${CAUSEWAY_BENCH_XML:-}" ] || trap 'rm -f "$file"' EXIT
if [ ! -s "$file" ]; then
  python3 - "$megabytes" > "$file" <<'P'
import random, sys
random.seed(7)
size, out = int(sys.argv[1]) << 20, sys.stdout
done = out.write('NHS number,9990000018\n<?xml version="1.0" encoding="UTF-8"?>\n<HealthData locale="en_GB">\n')
kinds = [("StepCount", "count", lambda: random.randint(1, 200), 30), ("ActiveEnergyBurned", "kcal", lambda: f"{random.random() * 9:.3f}", 35),
         ("DistanceWalkingRunning", "km", lambda: f"{random.random():.5f}", 15), ("HeartRate", "count/min", lambda: random.randint(50, 150), 17),
         ("OxygenSaturation", "%", lambda: f"0.{random.randint(90, 99)}", 2), ("BodyMass", "kg", lambda: f"{60 + random.random() * 9:.2f}", 1)]
weights, number = [k[3] for k in kinds], 0
device = "&lt;&lt;HKDevice: 0x28134b&gt;, name:Watch, manufacturer:Orchard Ltd, model:Watch, hardware:Watch6,2, software:10.1&gt;"
while done < size:
    number += 1
    name, unit, value, _ = random.choices(kinds, weights)[0]
    at = f"20{10 + number // 400000 % 15}-{number // 30000 % 12 + 1:02}-{number // 1000 % 28 + 1:02} {number // 60 % 24:02}:{number % 60:02}:{random.randint(0, 59):02} +0000"
    done += out.write(f' <Record type="HKQuantityTypeIdentifier{name}" sourceName="Watch" sourceVersion="10.1" device="{device}" unit="{unit}" '
                      f'creationDate="{at}" startDate="{at}" endDate="{at}" value="{value()}"/>\n')
out.write("</HealthData>\n")
P
fi
cargo build --release --quiet -p causeway-adapter-personal-readings --example stream
/usr/bin/time -f "%M kB at most" target/release/examples/stream "$file" 2> >(tee /tmp/apple-health-memory.$$ >&2)
sleep 1
most=$(awk '/kB at most/ {print $1}' /tmp/apple-health-memory.$$)
rm -f /tmp/apple-health-memory.$$
[ "$most" -le 300000 ]
