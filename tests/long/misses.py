#!/usr/bin/env python3
"""Each fact that a corpus expects and our output lacks, judged from the message itself: not in the message (its words or digits
stand nowhere there), carried elsewhere (they stand in our output, in another place), a reference (pairing decides), or lost:
in the message and nowhere in what we write. Ends with 1 where one is lost that is not named below with its reason.

    tests/long/misses.py SCORE CORPORA PROGRAM [CORPUS]...    [gp2gp gp2gp:native edifact-pathology summary-care-record stu3-to-r4]

SCORE is the folder of facts.py, PROGRAM the binary.
"""
import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile

# What looks lost and is not: corpus, field, a part of the value; and why.
KNOWN = []


def digits(text):
    return re.sub(r"\D", "", text)


def words(text):
    return re.findall(r"[^\W_]{2,}", text.lower())


def holds(haystack, value):
    """Whether a value stands in a text: a date by its digits, anything else by its words in order."""
    plain, squeezed, numbers = haystack
    if re.match(r"^\d{4}(-\d{2}){1,2}(T|$)", value):
        day, _, time = value.partition("T")
        found = digits(day) in numbers or "/".join(reversed(day.split("-"))) in plain
        # The hour may be written in another zone; its minutes stay.
        return found and (not time or digits(time[:5])[2:] in numbers)
    mine = words(value)
    return " ".join(mine) in squeezed if mine else value.strip() in plain


def prepared(text):
    return text, " ".join(words(text)), digits(text)


def strings(value, into):
    if isinstance(value, dict):
        for part in value.values():
            strings(part, into)
    elif isinstance(value, list):
        for part in value:
            strings(part, into)
    elif value is not None:
        into.append(str(value))


def message(path):
    text = path.read_bytes().decode("utf-8", "replace")
    for entity, sign in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&#10;", "\n"), ("&amp;", "&")):
        text = text.replace(entity, sign)
    # EDIFACT's release character and line ends within a text.
    return re.sub(r"\?([+:'?])", r"\1", text) if text.startswith("UN") else text


def main():
    score, corpora, program = (pathlib.Path(p) for p in sys.argv[1:4])
    chosen = sys.argv[4:] or ["gp2gp", "gp2gp:native", "edifact-pathology", "summary-care-record", "stu3-to-r4"]
    lost_of_all = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in chosen:
            corpus, _, truth = name.partition(":")
            out = pathlib.Path(folder) / corpus
            if not out.is_dir():
                command = [program, "translate", "--out", out, corpora / corpus / "in"]
                subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            report = pathlib.Path(folder) / "report.json"
            command = [sys.executable, score / "facts.py", "corpus", "--ours-dir", out, "--corpus", corpora / corpus, "--allow-missing",
                       "--quiet", "--json", report] + (["--truth", "native"] if truth else [])
            subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
            found = json.loads(report.read_text())
            kinds, lost, cache = collections.Counter(), [], {}
            for miss in found["mismatches"]:
                stem, value = miss["file"], str(miss["truth"])
                if stem not in cache:
                    inputs = [p for p in (corpora / corpus / "in").rglob("*") if p.is_file() and p.name.rsplit(".", 1)[0] == stem]
                    texts = []
                    for bundle in [*out.rglob(f"{stem}.r4.json"), *out.rglob(f"{stem}.*.r4.json")]:
                        strings(json.loads(bundle.read_text()), texts)
                    cache[stem] = (prepared("\n".join(map(message, inputs))), prepared("\n".join(texts)))
                source, ours = cache[stem]
                if value.startswith("-> ") or re.fullmatch(r"[A-Z]\w+/\S+", value):
                    kinds["reference"] += 1
                elif not holds(source, value):
                    kinds["not in the message"] += 1
                elif holds(ours, value):
                    kinds["carried elsewhere"] += 1
                elif any(corpus == c and miss["field"] == f and part in value for c, f, part, _ in KNOWN):
                    kinds["named with its reason"] += 1
                else:
                    kinds["lost"] += 1
                    lost.append(f"    {stem}: {miss['kind']} {miss['field']}: {value[:120]!r}; ours {str(miss['ours'])[:120]}")
            total = found["total"]
            print(f"{name}: recall {total['recall']:.3f}, precision {total['precision']:.3f} raw; {sum(kinds.values())} misses: "
                  + ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()))
            print("\n".join(lost))
            lost_of_all += len(lost)
    sys.exit(1 if lost_of_all else 0)


main()
