#!/usr/bin/env python3
"""Each fact that a corpus expects and our output lacks, judged from the message itself:

  reference            what it refers to is judged by its own facts, who is paired with whom by the score
  not in the message   its words or digits stand nowhere there
  elsewhere            a rule of the adapter's exceptions*.tsv says where our output has it, and it stands there
  expectation          such a rule says, with a reason that can be checked in the message, why the message does not say it so
  ours                 everything else: also what is carried in another place, and has no row

What a rule does (the fifth column; the first rule that fits and holds decides):

  waive                nothing is looked at: the reason stands for it
  accept:TEXT          ours has TEXT in the same field
  carried:PLACE|PLACE  each phrase of it stands in facts of ours of such a kind and field (`Observation.note`, `*` for any), of the same
                       record where the two were paired by id and the kind is the same, else of the same file; `PLACE without LABEL|LABEL`
                       where it is the place that says what a label says
  hour                 ours has the time an hour before or behind, in the same field: summer time
  unsaid:TEXT|TEXT     none of these stands in the message

Words of fewer than three letters and truth values can't be searched: they need a rule. The comparator that the score gives to
each number without a sign goes with the number. Ends with 1 where one is ours.

    tests/long/misses.py SCORE CORPORA PROGRAM [CORPUS]...    [all that have a truth; a name with ":native" is held to its export]

SCORE is the folder of facts.py, PROGRAM the binary. A corpus without expectations is held to the facts of its input. OPEN=1
prints a line for each kind of those that a rule explains, too.
"""
import collections
import csv
import datetime
import fnmatch
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

# projection.py lies beside facts.py.
sys.path.insert(0, sys.argv[1] if len(sys.argv) > 1 else "")
import projection  # noqa: E402

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
        if not time:
            return digits(day) in numbers or "/".join(reversed(day.split("-"))) in plain
        # Written in this zone or the next; seconds of zero may be left out.
        try:
            moment = datetime.datetime.fromisoformat(value)
        except ValueError:
            return digits(value) in numbers
        moments = [moment + datetime.timedelta(hours=hours) for hours in (-1, 0, 1)]
        if any(re.search(rf"(?<!\d){one:%Y%m%d%H%M%S}", plain) for one in moments):
            return True
        if moment.second == 0 and any(re.search(rf"(?<!\d){one:%Y%m%d%H%M}(?!\d)", plain) for one in moments):
            return True
        forms = ["%Y%m%d%H%M%S", "%d%m%Y%H%M%S"] + (["%d%m%Y%H%M"] if moment.second == 0 else [])
        return any(one.strftime(form) in numbers for one in moments for form in forms)
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


def phrases(value):
    """What of a text must be found: what lies between its signs, or the whole where it is a number, a date or a code."""
    parts = [part for part in re.split(r"[\n;,:()\[\]{}]+|\.(?:\s|$)|\s-\s", value) if words(part)]
    return parts if len(parts) > 1 and " " in value else [value]


def decimal(text):
    return text.rstrip("0").rstrip(".") if "." in text else text


def same(ours, value):
    """Whether a fact of ours says a value: dates at the precision of the shorter, anything else whole or within a text."""
    value = value.strip()
    if re.fullmatch(r"\d{1,2}-[A-Z][a-z]{2}-\d{4}", value):
        value = datetime.datetime.strptime(value, "%d-%b-%Y").date().isoformat()
    if re.fullmatch(r"-?\d+(\.\d+)?", value) and len(value) < 10:
        return decimal(value) in [decimal(one) for one in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?!\w)", ours)]
    if not words(value):
        return value in ours
    if re.match(r"^\d{4}(-\d{2}){1,2}(T|$)", value) and re.match(r"^\d{4}-", ours):
        size = min(len(ours), len(value))
        return size >= 10 and ours[:size] == value[:size]
    return ours == value or (len(words(value)) > 0 and f" {' '.join(words(value))} " in f" {' '.join(words(ours))} ")


def carried(record, miss, value, argument):
    """Whether our output has each phrase of a value, labels apart, at one of the places: kind and field, with `*`."""
    places, _, labels = argument.partition(" without ")
    places, labels = places.split("|"), labels.split("|")
    partner = str(miss["key"]).upper() if miss["ours"] is not None else None
    found = []
    for entity in record.entities:
        mine = entity.kind == miss["kind"] and partner is not None and partner in entity.ids
        for name, fact in entity.pairs():
            if any(fnmatch.fnmatchcase(f"{entity.kind}.{name}", place) for place in places):
                found.append((mine, fact.text))
    if any(mine for mine, _ in found) and all(place.startswith(miss["kind"] + ".") for place in places):
        found = [one for one in found if one[0]]
    texts = [text for _, text in found]

    def stands(phrase):
        if any(same(text, phrase) for text in texts):
            return True
        # What lies between two signs may be in two places, one after the other: a heading and the text below it.
        parts = phrase.split()
        cuts = ((" ".join(parts[:at]), " ".join(parts[at:])) for at in range(1, len(parts)))
        return any(all(words(half) and any(same(text, half) for text in texts) for half in cut) for cut in cuts)

    wanted = [phrase for phrase in phrases(value) if phrase.strip() not in labels]
    return bool(wanted) and all(stands(phrase) for phrase in wanted)


def all_of(record, miss):
    """Every value of ours in the field of a miss."""
    return [fact.text for one in record.entities if one.kind == miss["kind"] for name, fact in one.pairs() if name == miss["field"]]


def hour_off(ours, value):
    """Whether one of our times is an hour before or behind another."""
    try:
        wanted = datetime.datetime.fromisoformat(value)
        found = [datetime.datetime.fromisoformat(one) for one in ours or [] if len(one) == len(value)]
    except ValueError:
        return False
    return any(abs(one - wanted) == datetime.timedelta(hours=1) for one in found)


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

    def rule_of(rows, miss, value, record, source):
        """The class and the reason of the rule that fits a miss and holds."""
        for kind, key, field, part, action, reason in rows:
            # No rule is of one record.
            fits = key == "*" and fnmatch.fnmatchcase(miss["kind"], kind)
            if not (fits and fnmatch.fnmatchcase(miss["field"] or "", field) and fnmatch.fnmatchcase(value, part)):
                continue
            what, _, argument = action.partition(":")
            if what == "carried":
                if carried(record, miss, value, argument):
                    return "elsewhere", reason
            elif what == "waive" or what == "accept" and argument in str(miss["ours"]) \
                    or what == "hour" and hour_off(miss["ours"] or all_of(record, miss), value) \
                    or what == "unsaid" and not any(text in source for text in argument.split("|")):
                return "expectation", reason
        if (miss["field"] or "").endswith("comparator") and value == "=":
            return "expectation", "a number without a sign"
        return None

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
                    texts, bundles = [], [p for p in out.rglob("*.r4.json") if f"/{stem}." in str(p)]
                    for bundle in bundles:
                        strings(json.loads(bundle.read_text()), texts)
                    record = projection.Record([projection.load(str(bundle)) for bundle in bundles])
                    cache[stem] = (prepared("\n".join(map(message, inputs))), prepared("\n".join(texts)), record)
                source, ours, record = cache[stem]
                if value.startswith("-> ") or re.fullmatch(r"[A-Z]\w+/\S+", value):
                    kinds["reference"] += 1
                elif searchable(value) and not holds(source, value):
                    kinds["not in the message"] += 1
                elif (ruled := rule_of(rows, miss, value, record, source[0])) is not None:
                    kinds[ruled[0]] += 1
                    explained[f"{ruled[0]}: {miss['kind']} {miss['field']}: {ruled[1]}"] += 1
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
