#!/usr/bin/env python3
"""HL7's own validator cases: the verdict of `causeway check` on each beside the reference's.

    tests/long/hl7_cases.py [--java]

CAUSEWAY        the program                                        [target/release/causeway]
CAUSEWAY_FHIR   folder with validator-cases                        [../shared/fhir]
CAUSEWAY_ACCEPTANCE   folder with fhir-validator/run (Java)        [../shared/acceptance]

Set as the reference was: R4 alone, unknown profiles told, unknown extensions refused. A verdict is whether there is an error.
With --java the cases that its offline validator decides as the reference did are counted apart: for the others it lacks a server,
a package or a setting too. What differs and is known stands below with its reason; anything else ends in 1, and so does one that
differs no more.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CAUSEWAY = os.environ.get("CAUSEWAY", str(ROOT / "target/release/causeway"))
FHIR = pathlib.Path(os.environ.get("CAUSEWAY_FHIR", ROOT / "../shared/fhir")) / "validator-cases"
JAVA = pathlib.Path(os.environ.get("CAUSEWAY_ACCEPTANCE", ROOT / "../shared/acceptance")) / "fhir-validator/run"
# Case, base or profile: why it differs.
KNOWN = {
    ("contained-resource-bad-id-ignore", "base"): "a setting that lets bad ids of contained resources pass",
    ("res-inv-example-good", "base"): "extensions of SMART App Launch's brands, whose package the reference has loaded and the case doesn't name",
    ("extension-version-restriction-range-r4", "base"): "an extension of the reference's own test package, which the case doesn't name",
}


def refuses(outcome):
    return any(issue["severity"] in ("error", "fatal") for issue in json.loads(outcome.read_text()).get("issue", []))


def url_of(source):
    text = source.read_text()
    if source.suffix == ".json":
        return json.loads(text).get("url")
    return text.split("<url value=\"", 1)[1].split('"', 1)[0]


def cases():
    for case in json.loads((FHIR / "manifest.json").read_text()):
        beside = case.get("supporting", []) + case.get("profiles", [])
        yield case["name"], "base", case["file"], beside, None, refuses(FHIR / case["outcome"])
        if profile := case.get("profile"):
            beside = beside + profile.get("supporting", []) + [profile["source"]]
            yield case["name"], "profile", case["file"], beside, url_of(FHIR / "cases" / profile["source"]), refuses(FHIR / profile["outcome"])


def last(text):
    lines = [line for line in text.splitlines() if line.startswith("{")]
    return json.loads(lines[0]) if lines else {"errors": -1, "issues": []}


def ours(file, beside, profile):
    command = [CAUSEWAY, "check", "--r4", "--unknown-profile", "warning", "--unknown-extension", "error", "--format", "jsonl", "--fail-on", "never"]
    for each in beside:
        command += ["--package", str(FHIR / "cases" / each)]
    command += ["--profile", profile] if profile else []
    done = subprocess.run([*command, str(FHIR / "cases" / file)], capture_output=True, text=True, check=False)
    return last(done.stdout) if done.stdout else {"errors": -1, "issues": [{"severity": "error", "id": "", "text": done.stderr[:200]}]}


def java(all_cases):
    """Errors that the Java validator finds in each case; one run for all that have the same definitions and profile."""
    groups = {}
    for name, kind, file, beside, profile, _ in all_cases:
        groups.setdefault((tuple(beside), profile), []).append((name, kind, file))
    found = {}
    for (beside, profile), those in groups.items():
        with tempfile.TemporaryDirectory() as folder:
            for number, each in enumerate(beside):
                source = FHIR / "cases" / each
                (pathlib.Path(folder) / f"{number}{source.suffix}").write_text(source.read_text())
            files = [str(FHIR / "cases" / file) for _, _, file in those]
            command = [str(JAVA), "--definitions", folder, *(["--profile", profile] if profile else []), *files]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        said = {json.loads(line)["file"]: json.loads(line)["errors"] for line in done.stdout.splitlines() if line.startswith("{")}
        found.update({(name, kind): said.get(str(FHIR / "cases" / file), -1) for name, kind, file in those})
    return found


def main():
    if not (FHIR / "manifest.json").is_file():
        print("SKIPPED: no validator-cases; set CAUSEWAY_FHIR", file=sys.stderr)
        return 0
    all_cases = list(cases())
    theirs = java(all_cases) if "--java" in sys.argv else {}
    same = total = reached = reached_same = 0
    wrong = []
    for name, kind, file, beside, profile, refused in all_cases:
        said = ours(file, beside, profile)
        agrees = (said["errors"] != 0) == refused
        total, same = total + 1, same + agrees
        if theirs and (theirs[name, kind] != 0) == refused:
            reached, reached_same = reached + 1, reached_same + agrees
        if agrees == ((name, kind) in KNOWN):
            errors = [f"{i.get('location')} {i['id']}: {i['text'][:140]}" for i in said["issues"] if i["severity"] == "error"]
            wrong.append(f"{name} {kind}: the reference {'refuses' if refused else 'accepts'}; ours {errors[:3] or 'accepts'}")
    print(f"{same} of {total} verdicts as the reference's")
    if theirs:
        print(f"of the {reached} that the offline Java validator reaches: {reached_same}")
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
