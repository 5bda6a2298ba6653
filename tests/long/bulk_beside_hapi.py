#!/usr/bin/env python3
"""Loads bundles into a FHIR server, exports all by Bulk Data, and lets the extract take its turn after each export. Python's own
library only.

    tests/long/bulk_beside_hapi.py FHIR-BASE FOLDER-OF-BUNDLES SPEED-PROGRAM FOLDER-OF-RECORD
"""
import json
import pathlib
import re
import subprocess
import sys
import time
import urllib.request

TYPES = "Patient,Condition,Observation"
TURNS = 3
base, bundles, speed, record = sys.argv[1:5]
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def call(url, data=None, **headers):
    # A header is Accept or Prefer.
    headers = {"Content-Type": "application/fhir+json", **headers}
    with direct.open(urllib.request.Request(url, data=data, headers=headers), timeout=600) as answer:
        return answer.status, dict(answer.headers), answer.read()


def export():
    started = time.monotonic()
    _, headers, _ = call(f"{base}/$export?_type={TYPES}", Accept="application/fhir+json", Prefer="respond-async")
    status, body = 202, b""
    while status == 202:
        time.sleep(0.02)
        status, _, body = call(headers["Content-Location"])
    lines = 0
    for file in json.loads(body)["output"]:
        lines += call(file["url"], Accept="application/fhir+ndjson")[2].count(b"\n")
    return time.monotonic() - started, lines


began = time.monotonic()
for file in sorted(pathlib.Path(bundles).iterdir()):
    call(base, file.read_bytes())
print(f"loaded in {time.monotonic() - began:.1f} s", flush=True)
ratios = []
for _ in range(TURNS):
    took, lines = export()
    said = subprocess.run([speed, "extract", record], check=True, capture_output=True, text=True).stdout
    ours = re.search(r"(\d+) resources in ([\d.]+) s", said)
    print(f"HAPI FHIR: {lines} resources in {took:.2f} s, {lines / took:.0f}/s\n{said.strip()}", flush=True)
    if lines < int(ours[1]):
        sys.exit("HAPI exported fewer resources than the extract has")
    ratios.append((lines / took, int(ours[1]) / float(ours[2])))
print("extract / HAPI, resources a second: " + ", ".join(f"{ours / hapi:.1f}" for hapi, ours in ratios))
