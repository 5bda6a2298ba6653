#!/usr/bin/env python3
"""Why a fact that an expectation holds is not in what Causeway writes: not in the message, expectation wrong, or ours.

    three_way.py CAUSEWAY FORMAT...        (default: every format that has a corpus)

CAUSEWAY is the program. The corpora are found through CAUSEWAY_CORPORA (default ../shared/corpora), the scoring tool
through CAUSEWAY_SCORE (default ../shared/score); without them it says so and does nothing. Each missed fact is put into the
first of these classes that holds:

    expectation wrong    a rule of the adapter's exceptions.tsv, with its reason, takes the fact out
    not in the message   no spelling of the value occurs in the message
    carried elsewhere    the value occurs in our output of the same message: the scorer paired two records otherwise, or the
                         expectation has it in another element
    ours                 none of these: printed one by one, and the exit status is 1

Raw scores stand beside, without any rule.
"""
import collections
import html
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORPORA = pathlib.Path(os.environ.get("CAUSEWAY_CORPORA", ROOT / "../shared/corpora"))
SCORE = pathlib.Path(os.environ.get("CAUSEWAY_SCORE", ROOT / "../shared/score")) / "facts.py"

# Format: adapter, corpus, truth of the scoring tool.
FORMATS = {
    "edifact-pathology": ("edifact-pathology", "edifact-pathology", "peer"),
    "summary-care-record": ("summary-care-record", "summary-care-record", "peer"),
    "stu3-to-r4": ("careconnect", "stu3-to-r4", "peer"),
    "careconnect": ("careconnect", "careconnect-stu3", "self"),
    "gp2gp": ("gp2gp", "gp2gp", "native"),
    "eps": ("eps", "eps-hl7v3", "peer"),
    "nhais": ("nhais", "nhais", "peer"),
    "itk-cda": ("itk-cda", "itk-cda-111", "peer"),
    "transfer-of-care": ("transfer-of-care", "itk3-toc", "self"),
}


# Characters (letters and digits) on either side of a record's id that are taken to be about it.
NEAR = 1500
# Letters and digits up to which a value is looked for as a word of its own.
SHORT = 4


def plain(text):
    """Letters and digits of a text, so that neither separators nor line ends part a value from itself. The T of a FHIR time,
    which HL7 v3 does not write, goes too, and so do the escapes of line ends in JSON."""
    text = re.sub(r"\\[nrt]", " ", text)
    text = re.sub(r"(\d{4}-\d\d-\d\d)T(\d\d:)", r"\1\2", html.unescape(html.unescape(text)))
    return re.sub(r"[^0-9a-z]+", "", text.lower())


def spellings(value):
    """How a message may write a value: whole, a time by its digits and date, a number without trailing zeros."""
    value = str(value)
    found = {plain(value)}
    time = re.match(r"(\d{4})-(\d\d)(?:-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d))?)?)?", value)
    if time:
        found = {"".join(part for part in time.groups() if part)}
    if re.fullmatch(r"-?\d+\.\d+", value):
        found.add(plain(value.rstrip("0").rstrip(".")))
    return {s for s in found if s}


def states(texts, value, key):
    """Whether a message states a value of one record. A code of a few characters must stand alone: within longer ones it
    occurs by chance."""
    raw, flat = texts
    short = [s for s in spellings(value) if len(s) <= SHORT]
    if short:
        return any(re.search(rf"(?<![0-9A-Za-z]){re.escape(s)}(?![0-9A-Za-z])", raw, re.IGNORECASE) for s in short)
    return any(s in around(flat, key) for s in spellings(value))


def around(text, key):
    """What a message says of one record: the text about its id, up to the ids of its neighbours; the whole, without an id."""
    at = text.find(plain(key)) if re.fullmatch(r"[0-9A-Fa-f-]{32,36}", key) else -1
    return text if at < 0 else text[max(0, at - NEAR) : at + NEAR]


def score(ours, corpus, truth, ignore):
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        call = [sys.executable, SCORE, "corpus", "--ours-dir", ours, "--corpus", corpus, "--truth", truth,
                "--allow-missing", "--quiet", "--json", report.name]
        subprocess.run(call + (["--ignore", ignore] if ignore else []), capture_output=True, check=False)
        return json.load(open(report.name))


def run(causeway, name):
    adapter, folder, truth = FORMATS[name]
    source = CORPORA / folder
    if not source.is_dir():
        print(f"SKIPPED: {source} is absent (set CAUSEWAY_CORPORA)")
        return 0
    with tempfile.TemporaryDirectory() as out:
        # Of a fragment alone the version of FHIR can't be seen.
        named = ["--format", adapter] if name == "stu3-to-r4" else []
        subprocess.run([causeway, "translate", "--out", out, *named, source / "in"], capture_output=True, check=False)
        corpus = source
        if truth == "self":
            # The input is the expectation: the same facts in another version.
            corpus = pathlib.Path(out) / "corpus"
            (corpus / "in").mkdir(parents=True)
            (corpus / "expected").mkdir()
            for path in (source / "in").glob("*.json"):
                (corpus / "in" / path.name).write_bytes(path.read_bytes())
                (corpus / "expected" / f"{path.stem}.stu3.json").write_bytes(path.read_bytes())
        truth = "native" if truth == "native" else "peer"
        rules = ROOT / "crates/adapters" / adapter / "exceptions.tsv"
        raw = score(out, corpus, truth, None)
        ruled = score(out, corpus, truth, rules) if rules.exists() else raw
        fact = lambda m: (m["file"], m["kind"], m["key"], m["field"], str(m["truth"]))
        left = collections.Counter(map(fact, ruled["mismatches"]))
        classes, mine = collections.Counter(), []
        texts = {}

        def text(kind, stem):
            if (kind, stem) not in texts:
                folder, ending = (source / "in", ".*") if kind == "in" else (pathlib.Path(out), "*.r4.json")
                paths = list(folder.glob(stem + ending)) or list(folder.rglob("*" + pathlib.Path(stem).name + ending))
                raw = "\n".join(p.read_text("utf-8", "replace") for p in paths)
                texts[kind, stem] = raw, plain(raw)
            return texts[kind, stem]

        for miss in raw["mismatches"]:
            if left[fact(miss)] > 0:
                left[fact(miss)] -= 1
            else:
                classes["expectation wrong"] += 1
                continue
            stem = miss["file"].removesuffix(".r4.json").removesuffix(".stu3")
            if str(miss["truth"]).startswith(("ref:", "->", "Patient/", "@")) or miss["truth"] is True:
                classes["reference (paired otherwise)"] += 1
            elif not states(text("in", stem), miss["truth"], miss["key"]):
                classes["not in the message"] += 1
            elif any(s in text("out", stem)[1] for s in spellings(miss["truth"])):
                classes["carried elsewhere"] += 1
            else:
                classes["ours"] += 1
                mine.append(miss)
    total = raw["total"]
    print(f"{name}: recall {total['recall']} precision {total['precision']} (raw); {len(raw['mismatches'])} missed: "
          + ", ".join(f"{count} {what}" for what, count in classes.most_common()))
    for miss in mine[:40]:
        print(f"  ours? {miss['file']} {miss['kind']}.{miss['field']} = {str(miss['truth'])[:60]!r}")
    return len(mine)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if not SCORE.is_file():
        print(f"SKIPPED: {SCORE} is absent (set CAUSEWAY_SCORE)")
        return
    names = sys.argv[2:] or list(FORMATS)
    sys.exit(1 if sum(run(sys.argv[1], name) for name in names) else 0)


if __name__ == "__main__":
    main()
