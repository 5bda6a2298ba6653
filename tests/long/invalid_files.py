#!/usr/bin/env python3
"""What becomes of each file in an invalid/ folder of the corpora: refused, or taken and told, with the rule and the place.

    tests/long/invalid_files.py CORPORA PROGRAM

Prints a line for each file: what became of it, bundles, and its worst issue with its place. Ends with 1 where one gives no issue
of severity warning or more, or none that has a place (bytes, a path, or the whole input where nothing of it could be read).
"""
import json
import pathlib
import subprocess
import sys
import tempfile

GRADES = ["information", "warning", "error", "fatal"]


def main():
    corpora, program = (pathlib.Path(p) for p in sys.argv[1:3])
    bad = 0
    files = [p for p in sorted(corpora.glob("*/invalid/**/*")) if p.is_file() and p.name != "expectations.json" and ".answer." not in p.name]
    for path in files:
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([program, "translate", "--out", folder, path], capture_output=True, text=True, check=False)
            bundles = len(list(pathlib.Path(folder).rglob("*.r4.json")))
            issues = []
            for report in pathlib.Path(folder).rglob("*.issues.json"):
                issues += json.loads(report.read_text()).get("issue", [])
        issues = [i for i in issues if GRADES.index(i["severity"]) > 0]
        issues.sort(key=lambda i: -GRADES.index(i["severity"]))
        placed = [i for i in issues if i.get("diagnostics")]
        worst = placed[0] if placed else issues[0] if issues else None
        whole = done.returncode == 3
        good = bool(placed) or whole
        bad += not good
        word = "unreadable" if whole else "refused" if bundles == 0 else "told"
        rule = worst and next((c["code"] for c in worst.get("details", {}).get("coding", [])), worst["code"])
        place = worst and worst.get("diagnostics") or ("the whole input" if whole else "NO PLACE")
        said = rule or " ".join(done.stderr.split())[:100]
        print(f"{word:10} {bundles} {path.relative_to(corpora)}: {worst['severity'] if worst else '-'} {said} at {place[:80]}")
    print(f"{len(files)} files, {bad} without a rule and a place")
    sys.exit(1 if bad or not files else 0)


main()
