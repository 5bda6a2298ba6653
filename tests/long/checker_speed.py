#!/usr/bin/env python3
"""What a check costs, beside HL7's Java validator: the published UK Core examples, a bundle of 10 MB, NDJSON of 1 GB, a start.

    tests/long/checker_speed.py [--ndjson MB] [--bundle MB] [--no-java] [--before PROGRAM]

CAUSEWAY        the release program                               [target/release/causeway]
CAUSEWAY_FHIR   folder with ukcore/examples                       [../shared/fhir]
CAUSEWAY_ACCEPTANCE   folder with fhir-validator/run (Java)       [../shared/acceptance]

Each figure is processor time of the process and all it started (user and system), so that other work on the machine counts
little; memory is the largest resident set. --before measures another build of the program by turns with this one and prints
the ratio. With Valgrind on the machine the instructions of one NDJSON run are counted too. The Java validator is run warm: its
own timed rounds (--bench), the last of four; of the bundle it gets TIMEOUT seconds. What is absent is skipped, loudly.
"""
import argparse
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
CAUSEWAY = os.environ.get("CAUSEWAY", str(ROOT / "target/release/causeway"))
FHIR = pathlib.Path(os.environ.get("CAUSEWAY_FHIR", ROOT / "../shared/fhir"))
JAVA = pathlib.Path(os.environ.get("CAUSEWAY_ACCEPTANCE", ROOT / "../shared/acceptance")) / "fhir-validator/run"
TIMEOUT = 300
STARTS = 20
TURNS = 3
COUNTED_MB = 8


def cost(command, timeout=None):
    """Processor seconds, wall seconds and largest resident set in MB of a command; its exit status is its own business."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        started = time.monotonic()
        late = False
        try:
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=timeout, check=False)
        except subprocess.TimeoutExpired:
            late = True
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        said = {"cpu": used.ru_utime + used.ru_stime, "wall": time.monotonic() - started, "mb": used.ru_maxrss / 1024, "late": late}
        os.write(writer, json.dumps(said).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = json.load(pipe)
    os.waitpid(child, 0)
    return said


def best(program, *arguments, turns=TURNS):
    """The cheapest of some runs of `check`."""
    runs = [cost([program, "check", "--format", "jsonl", "--fail-on", "never", *arguments]) for _ in range(turns)]
    return min(runs, key=lambda run: run["cpu"])


def beside(name, unit, programs, measure):
    """Measures each program by turns, prints the figure and, of two, the ratio."""
    figures = [measure(program) for program in programs]
    text = " and before ".join(unit(figure) for figure in figures)
    ratio = f"; now / before {figures[0]['cpu'] / figures[1]['cpu']:.3f}" if len(figures) == 2 else ""
    print(f"{name}: {text}{ratio}", flush=True)
    return figures[0]


def instructions(program, file):
    if not shutil.which("valgrind"):
        return None
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", program, "check", "--format", "jsonl", "--fail-on", "never", file]
        said = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    found = re.search(r"Collected : (\d+)", said)
    return int(found[1]) if found else None


def java_example(examples):
    """Milliseconds of the Java validator for one example, warm; None where it can't be run."""
    said = subprocess.run([JAVA, "--uk-core", "--errors-only", "--bench", "4", examples], capture_output=True, text=True, check=False)
    rounds = re.findall(r"([\d.]+) ms CPU a file", said.stderr)
    return (float(rounds[-1]) if rounds else None), said.stderr.strip().splitlines()[-4:]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ndjson", type=int, default=1024, help="MB of NDJSON")
    parser.add_argument("--bundle", type=int, default=10, help="MB of the bundle")
    parser.add_argument("--no-java", action="store_true")
    parser.add_argument("--before", help="another build of the program")
    given = parser.parse_args()
    examples = FHIR / "ukcore/examples"
    if not examples.is_dir():
        print("SKIPPED: no ukcore/examples; set CAUSEWAY_FHIR to a folder that holds them", file=sys.stderr)
        return 0
    programs = [CAUSEWAY] + ([given.before] if given.before else [])
    texts = [json.loads(path.read_text()) for path in sorted(examples.glob("*.json"))]
    lines = [json.dumps(text, separators=(",", ":"), ensure_ascii=False).encode() + b"\n" for text in texts]
    average = sum(map(len, lines)) / len(lines)
    java = not given.no_java and JAVA.is_file() and shutil.which("java")
    if not java and not given.no_java:
        print("SKIPPED: the Java validator: it, or Java, is absent", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        one = folder / "one.json"
        one.write_bytes(lines[0])
        start = beside(
            f"start, one resource of {len(lines[0])} bytes, best of {STARTS}",
            lambda f: f"{f['wall']:.3f} s wall, {f['cpu']:.3f} s processor, {f['mb']:.0f} MB (aim: 0.05 s)",
            programs,
            lambda program: min((best(program, str(one), turns=1) for _ in range(STARTS)), key=lambda f: f["wall"]),
        )

        rounds = 100
        many = folder / "examples.ndjson"
        with many.open("wb") as out:
            for _ in range(rounds):
                out.writelines(lines)
        ours = beside(
            f"{len(lines)} UK Core examples ({average / 1000:.1f} kB), {rounds} times",
            lambda f: f"{1e6 * (f['cpu'] - start['cpu']) / rounds / len(lines):.1f} µs of processor each",
            programs,
            lambda program: best(program, str(many)),
        )
        each = (ours["cpu"] - start["cpu"]) / rounds / len(lines)
        if java:
            milliseconds, said = java_example(examples)
            if milliseconds:
                print(f"the same, Java validator, warm: {milliseconds:.1f} ms each; ratio {milliseconds / 1000 / each:,.0f} (aim: 700)")
            else:
                print("the Java validator's rounds can't be read:", *said, sep="\n")

        bundle = folder / "bundle.json"
        size, number, entries = 0, 0, []
        while size < given.bundle * 1_000_000:
            for text in texts:
                if text["resourceType"] == "Bundle":
                    continue
                number += 1
                held = {**text, "id": f"n{number}"}
                entry = {"fullUrl": f"https://example.org/fhir/{text['resourceType']}/n{number}", "resource": held}
                size += len(json.dumps(entry, separators=(",", ":")))
                entries.append(entry)
        bundle.write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}, separators=(",", ":")))
        whole = beside(
            f"a bundle of {bundle.stat().st_size / 1e6:.1f} MB, {len(entries)} entries",
            lambda f: f"{f['cpu']:.2f} s of processor, {f['mb']:.0f} MB",
            programs,
            lambda program: best(program, str(bundle)),
        )
        if java:
            its = cost([str(JAVA), "--uk-core", "--errors-only", str(bundle)], timeout=TIMEOUT)
            sign = "more than " if its["late"] else ""
            print(f"the same, Java validator: {sign}{its['cpu']:.0f} s of processor; ratio {sign}{its['cpu'] / whole['cpu']:,.0f} (aim: 1,000)")

        large = folder / "large.ndjson"
        with large.open("wb") as out:
            written = 0
            while written < given.ndjson * 1_000_000:
                out.writelines(lines)
                written += sum(map(len, lines))
        beside(
            f"NDJSON of {large.stat().st_size / 1e6:,.0f} MB",
            lambda f: f"{large.stat().st_size / 1e6 / f['cpu']:.0f} MB/s of one processor, {f['mb']:.0f} MB (aims: 70 MB/s, 200 MB)",
            programs,
            lambda program: best(program, str(large), turns=1),
        )

        small = folder / "small.ndjson"
        with small.open("wb") as out:
            written = 0
            while written < COUNTED_MB * 1_000_000:
                out.writelines(lines)
                written += sum(map(len, lines))
        counts = [instructions(program, str(small)) for program in programs]
        if None in counts:
            print("SKIPPED: instructions: Valgrind is absent", file=sys.stderr)
        else:
            size = small.stat().st_size
            text = " and before ".join(f"{count / size:.1f}" for count in counts)
            print(f"instructions a byte of NDJSON: {text}" + (f"; now / before {counts[0] / counts[1]:.3f}" if len(counts) == 2 else ""))
    return 0


if __name__ == "__main__":
    sys.exit(main())
