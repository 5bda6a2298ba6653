#!/usr/bin/env python3
"""Each fact that a corpus expects and our output lacks, judged from the message itself:

  reference            what it refers to is judged by its own facts, who is paired with whom by the score
  not in the message   its words or digits stand nowhere there
  expectation          a rule of the adapter's exceptions*.tsv says, with a reason, why the message does not say it so
  ours                 everything else: also what is carried in another place, and has no row

Words of fewer than three letters and truth values can't be searched: they need a rule. The comparator that the score gives to
each number without a sign goes with the number. Ends with 1 where one is ours.

    tests/long/misses.py SCORE CORPORA PROGRAM [CORPUS]...    [all that have a truth; a name with ":native" is held to its export]

SCORE is the folder of facts.py, PROGRAM the binary. A corpus without expectations is held to the facts of its input. OPEN=1
prints a line for each kind of those that a rule explains, too.
"""
import collections
import csv
import fnmatch
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ALL = ["gp2gp", "gp2gp:native", "edifact-pathology", "summary-care-record", "stu3-to-r4", "eps-hl7v3", "nhais", "itk-cda-111",
       "careconnect-stu3", "itk3-toc"]
EXCEPTIONS = {"gp2gp": "gp2gp", "edifact-pathology": "edifact-pathology", "summary-care-record": "summary-care-record",
              "stu3-to-r4": "careconnect", "eps-hl7v3": "eps", "nhais": "nhais", "itk-cda-111": "itk-cda",
              "careconnect-stu3": "careconnect", "itk3-toc": "transfer-of-care"}
ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&#10;", "\n"), ("&amp;", "&"))


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
    return f" {' '.join(mine)} " in f" {squeezed} " if mine else value.strip() in plain


def searchable(value):
    return value not in ("true", "false") and len(re.sub(r"\W", "", value)) >= 3


def plain(text):
    for entity, sign in ENTITIES:
        text = text.replace(entity, sign)
    return text


def prepared(text):
    return text, " ".join(words(text)), digits(text)


def strings(value, into):
    if isinstance(value, dict):
        for key, part in value.items():
            strings(plain(part) if key == "div" and isinstance(part, str) else part, into)
    elif isinstance(value, list):
        for part in value:
            strings(part, into)
    elif value is not None:
        into.append(str(value))


def message(path):
    text = plain(path.read_bytes().decode("utf-8", "replace"))
    # EDIFACT's release character and line ends within a text.
    return re.sub(r"\?([+:'?])", r"\1", text) if text.startswith("UN") else text


def named(path, stem):
    """Whether a file is that of a stem, which may have folders in front and several endings behind, or is one of its parts."""
    if f"/{stem}/" in str(path):
        return True
    return f"/{path}".rsplit(".", 1)[0].removesuffix(".stu3").removesuffix(".r4").endswith(f"/{stem}")


def score(facts, truth, corpus, out, report):
    """The report of facts.py over a corpus, or over each of its inputs where it has no expectations."""
    run = lambda *words: subprocess.run([sys.executable, facts, *words], check=False, stdout=subprocess.DEVNULL)
    if (corpus / "expected").is_dir():
        run("corpus", "--ours-dir", out, "--corpus", corpus, "--allow-missing", "--quiet", "--json", report,
            *(["--truth", "native"] if truth else []))
        found = json.loads(report.read_text())
        return [(miss["file"], miss) for miss in found["mismatches"]], found["total"]
    misses, agree, of_truth, of_ours = [], 0, 0, 0
    for path in sorted(p for p in (corpus / "in").rglob("*.json") if p.is_file()):
        stem = path.name.rsplit(".", 1)[0]
        ours = sorted(out.rglob(f"{stem}*.r4.json"))
        if not ours:
            continue
        report.unlink(missing_ok=True)
        run("compare", "--ours", *ours, "--truth", path, "--json", report)
        if not report.is_file():
            continue
        found = json.loads(report.read_text())
        misses += [(path.name.rsplit(".", 1)[0].removesuffix(".stu3"), miss) for miss in found["mismatches"]]
        agree += found["total"]["agree"]
        of_truth += found["total"]["truth"]
        of_ours += found["total"]["agree"] + found["total"]["extra"]
    return misses, {"recall": agree / max(of_truth, 1), "precision": agree / max(of_ours, 1)}


def main():
    facts, corpora, program = (pathlib.Path(p) for p in sys.argv[1:4])
    facts /= "facts.py"
    chosen = sys.argv[4:] or ALL
    adapters = pathlib.Path(__file__).resolve().parents[2] / "crates/adapters"
    ours_of_all = 0

    def rules(corpus):
        found = []
        for path in sorted((adapters / EXCEPTIONS[corpus]).glob("exceptions*.tsv")):
            with open(path, encoding="utf-8", newline="") as file:
                found += [row for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if len(row) == 6]
        return found

    def rule_of(rows, miss, value):
        """The reason of the rule that fits a miss."""
        for kind, key, field, part, action, reason in rows:
            # A rule of one record needs its key, which the report of a miss has not.
            fits = key == "*" and fnmatch.fnmatchcase(miss["kind"], kind)
            fits = fits and fnmatch.fnmatchcase(miss["field"] or "", field)
            accepted = not action.startswith("accept:") or action.removeprefix("accept:") in str(miss["ours"])
            if fits and accepted and fnmatch.fnmatchcase(value, part):
                return reason
        return "a number without a sign" if (miss["field"] or "").endswith("comparator") and value == "=" else None

    with tempfile.TemporaryDirectory() as folder:
        for name in chosen:
            corpus, _, truth = name.partition(":")
            out = pathlib.Path(folder) / corpus
            if not out.is_dir():
                command = [program, "translate", "--out", out, corpora / corpus / "in"]
                subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            misses, total = score(facts, truth, corpora / corpus, out, pathlib.Path(folder) / "report.json")
            rows = rules(corpus)
            kinds, lost, explained, cache = collections.Counter(), [], collections.Counter(), {}
            for stem, miss in misses:
                value = str(miss["truth"])
                if stem not in cache:
                    inputs = [p for p in (corpora / corpus / "in").rglob("*") if p.is_file() and named(p, stem)]
                    assert inputs, f"{corpus}: no input is called {stem}"
                    texts = []
                    for bundle in [p for p in out.rglob("*.r4.json") if f"/{stem}." in str(p)]:
                        strings(json.loads(bundle.read_text()), texts)
                    cache[stem] = (prepared("\n".join(map(message, inputs))), prepared("\n".join(texts)))
                source, ours = cache[stem]
                reason = rule_of(rows, miss, value)
                if value.startswith("-> ") or re.fullmatch(r"[A-Z]\w+/\S+", value):
                    kinds["reference"] += 1
                elif searchable(value) and not holds(source, value):
                    kinds["not in the message"] += 1
                elif reason is not None:
                    kinds["expectation"] += 1
                    explained[f"{miss['kind']} {miss['field']}: {reason}"] += 1
                else:
                    kinds["ours"] += 1
                    where = "too short to search" if not searchable(value) else "carried elsewhere" if holds(ours, value) else "lost"
                    lost.append(f"    {where}: {stem}: {miss['kind']} {miss['field']}: {value[:120]!r}; ours {str(miss['ours'])[:120]}")
            print(f"{name}: recall {total['recall']:.3f}, precision {total['precision']:.3f} raw; {sum(kinds.values())} misses: "
                  + ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()))
            for line in lost:
                print(line)
            if os.environ.get("OPEN"):
                for line, count in sorted(explained.items()):
                    print(f"    {count} {line}")
            ours_of_all += len(lost)
    sys.exit(1 if ours_of_all else 0)


main()
