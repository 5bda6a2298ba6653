#!/usr/bin/env python3
"""Peak memory of a translation by its input's size: each adapter, over inputs in which one thing is repeated.

    tests/long/memory.py [--program target/release/causeway] [--megabytes 2] [--adapter NAME] [--most 0]

Each fixture's input is grown to that size by repeating one line, element or member of it (as it is, and with its values
emptied), up to a few places of each input. Printed: for each adapter the worst peak, as a multiple of the input, above what
the case itself takes as it stands (the program, and the definitions that it checks with); and the shape that it was. Definitions
are loaded when the first bundle is checked: a case that has none counts as the median of the adapter's cases.
`--most N`: exit 1 where one is above N.

An input that is refused counts like any other: what matters is what it took until then.
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLACES = 6


def peak(program, arguments):
    """Peak resident bytes of a run, and its exit code."""
    child = os.fork()
    if child == 0:
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)
        os.execv(program, [str(program), *map(str, arguments)])
    _, status, usage = os.wait4(child, 0)
    return usage.ru_maxrss * 1024, os.waitstatus_to_exitcode(status)


def bytes_of(text):
    """A text as it was read: what is no UTF-8 as it stood."""
    return text.encode("utf-8", "surrogateescape")


def spread(items):
    """Some of a list, over all of it."""
    step = max(1, len(items) // PLACES)
    return items[::step][:PLACES]


def lines(text, ends, size):
    """Each kind of line repeated, and nothing but ends of lines."""
    parts = re.split(f"(?<={ends})", text)
    kinds = {}
    for at, part in enumerate(parts):
        kinds.setdefault(re.split(r"[|+:,;]", part)[0][:24], at)
    for at in spread(list(kinds.values())):
        part = parts[at]
        if not part.strip():
            continue
        bare = re.sub(r"[^|+:,;&~^'\r\n]", "", part)
        for name, one in (("as it is", part), ("emptied", part[:4] + bare)):
            more = one * (size // max(1, len(bytes_of(one))) + 1)
            yield f"line {part[:8]!r} {name}", "".join(parts[: at + 1]) + more + "".join(parts[at + 1 :])
    yield "empty lines", text + (ends[-1] if ends != "'" else "'") * size


def elements(text, size):
    """Some elements repeated beside themselves."""
    found = [m for m in re.finditer(r"<([A-Za-z][\w:.-]*)(?:\s[^<>]*)?>[^<]*</\1>|<[A-Za-z][\w:.-]*(?:\s[^<>]*)?/>", text)]
    for match in spread(found):
        one = match.group(0)
        more = one * (size // max(1, len(bytes_of(one))) + 1)
        yield f"element {one[:24]!r}", text[: match.end()] + more + text[match.end() :]
    blocks = [m for m in re.finditer(r"<([A-Za-z][\w:.-]*)(?:\s[^<>]*)?>(?:(?!<\1[\s>]).)*?</\1>", text, re.S)]
    blocks = [m for m in blocks if 200 < len(m.group(0)) < 20_000]
    for match in spread(blocks):
        one = match.group(0)
        yield f"block {one[:24]!r}", text[: match.end()] + one * (size // len(bytes_of(one)) + 1) + text[match.end() :]


def arrays(value, path=()):
    if isinstance(value, list):
        if value:
            yield path
        for at, inner in enumerate(value):
            yield from arrays(inner, (*path, at))
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from arrays(inner, (*path, key))


def members(text, size):
    """Some arrays with a member repeated."""
    whole = json.loads(text)
    for path in spread(list(arrays(whole))):
        grown = json.loads(text)
        at = grown
        for step in path:
            at = at[step]
        one = at[0]
        at.extend([one] * (size // len(json.dumps(one, separators=(",", ":"))) + 1))
        yield f"array {'.'.join(map(str, path))}", json.dumps(grown, separators=(",", ":"))


def shapes(path, size):
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    kind = path.suffix[1:]
    if kind in ("xml", "mime"):
        return elements(text, size)
    if kind == "json":
        return members(text, size)
    return lines(text, {"edi": "'", "hl7": "\r"}.get(kind, "\n"), size)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", default=ROOT / "target/release/causeway", type=pathlib.Path)
    parser.add_argument("--megabytes", default=2, type=int)
    parser.add_argument("--adapter")
    parser.add_argument("--most", default=0, type=float)
    asked = parser.parse_args()
    size = asked.megabytes * 1024 * 1024
    worst, needed = {}, 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for adapter in sorted((ROOT / "fixtures").iterdir()):
            if asked.adapter not in (None, adapter.name):
                continue
            cases = spread(sorted(adapter.glob("*/input.*")))
            stands = {
                case: min(peak(asked.program, ["translate", "--format", adapter.name, case])[0] for _ in range(2)) for case in cases
            }
            for case in cases:
                nothing = max(stands[case], statistics.median_low(stands.values()))
                needed = max(needed, nothing)
                for number, (shape, text) in enumerate(shapes(case, size)):
                    path = folder / f"{number}{case.suffix}"
                    path.write_bytes(bytes_of(text))
                    length = path.stat().st_size
                    took, code = peak(asked.program, ["translate", "--format", adapter.name, path])
                    path.unlink()
                    factor = (took - nothing) / length
                    entry = (factor, length, took, code, f"{case.parent.name}: {shape}")
                    worst[adapter.name] = max(worst.get(adapter.name, entry), entry)
    print(f"a case as it stands takes up to {needed / 1e6:.0f} MB\n")
    print("| adapter | worst multiple | input MB | peak MB | exit | shape |\n|---|---|---|---|---|---|")
    for name, (factor, length, took, code, shape) in sorted(worst.items(), key=lambda e: -e[1][0]):
        print(f"| {name} | {factor:.1f} | {length / 1e6:.1f} | {took / 1e6:.0f} | {code} | {shape} |")
    if asked.most and any(entry[0] > asked.most for entry in worst.values()):
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
