#!/usr/bin/env python3
"""Two validators' verdicts side by side, with what is judged set apart: agreement.py JAVA.ndjson OURS.ndjson CHANGES.tsv

A file on which they differ is set apart where each error of the one that refuses is of a kind below, with who is right by the
published text and why. An error of Java is found where ours has one at the same element, its parent or below (`[x]`, types and
positions aside), says by a rule below the same at another one, or holds any error where Java names no element (it stopped reading);
errors of the kinds that Java has wrong are not counted. Ends with 1 below 99 % of verdicts or 99.5 % of errors.
"""
import collections
import json
import pathlib
import re
import sys

VERDICTS, ERRORS = 0.99, 0.995
# Ours refuses, Java doesn't, and the published text is ours: part of rule or text, and why.
OURS = {
    "r4/reference-format": "R4 references: Type/id, an absolute URI or #id; Java lets a bare id and any type pass",
    "r4/reference-target": "Reference.type is of the target, which the element must allow",
    "r4/empty": "an empty list is no FHIR",
    "r4/type": "meta that is null or text: the Java tool's wrapper puts one of its own there",
    "value set mimetypes": "BCP 13: a media type has two parts",
    "value set all-languages": "BCP 47: a tag has no blank",
    "inv/txt-1": "the narrative is no well-formed div, or more than one",
    "inv/ele-1": "an element with nothing but an id is empty",
    "r4/system-absolute": "a code system's URI is absolute",
    "terminology/unknown-code": "the code system is known whole",
    "terminology/no-code": "a coding of a system that is known whole names no code of it",
    "r4/format-base64Binary": "==== is no base64",
    "bundle/reference-unresolved": "urn:uuid: that is no entry of the Bundle",
    "r4/xml-resource": "contained holds one resource",
    "r4/contained-id": "follows from that",
    "inv/ref-1": "follows from that",
    "ucum-units is missing": "a required code",
}
# Java refuses, ours doesn't, and the published text is ours.
JAVA = {
    "bfi": "British Sign Language is a language of BCP 47",
    "All Languages": "the same",
    "all-languages": "the same",
    "String index out of range": "its own crash",
    "NullPointerException": "its own crash",
    "matches more than one slice": "UK Core's Observation-Lab has two slices that both match",
    "Slicing cannot be evaluated": "its snapshot of UK Core's blood pressure lacks what tells the slices apart",
    "OIDs must be valid": "R4's expression takes these OIDs",
    "Not a valid time": "R4's expression takes parts of a second of any length",
    "No code provided, and a code is required": "an extension may stand instead of the value of a primitive",
    "must be a resource unless there's a request": "an entry's resource without elements is there all the same",
    "Search results must have ids": "follows from that",
    "does it refer to the containing": "dom-3 as published looks at every reference of the whole resource",
    "where a ValueSet belongs": "the definition of the element names a code system",
    "can not be resolved": "definitions out of the document are not looked for",
    "could not be resolved": "the same",
    "was not found. Known variables": "StructureMap's variables are not followed",
    "is not known at this point": "the same",
    "should refer directly to the ImplementationGuide": "R4 doesn't say so",
    "Node type 7": "R4 has nothing against processing instructions",
    "No processing instructions": "the same",
    "Content is not allowed in prolog": "the Java tool reads the byte order mark as text",
    "for ValueSet: http://hl7.org/fhir/ValueSet/ucum-units": "an extensible binding lets what UCUM has no code for stand",
    "CodeSystem/service-": "the code system's content is an example of its codes (content: example)",
    "canonical URL specifies the version": "R4 doesn't say that a version there needs another beside it",
    "fragment references (HTTP:": "a scheme may be written in capitals (RFC 3986, 3.1)",
}
# Rules of Java's that ours says at another element, and which rule of ours that is.
ELSEWHERE = {
    "Bundle_BUNDLE_Entry_Document": "inv/bdl-11",
    "Validation_BUNDLE_Message": "inv/bdl-12",
    "Validation_VAL_Profile_WrongType": "profile/type",
}


def normal(location):
    # Of XML the Java tool says an XPath: /f:Patient/f:name.
    location = re.sub(r"/f:", ".", location or "").lstrip(".")
    location = re.sub(r"\.ofType\([^)]*\)|\.where\([^)]*\)|\.resolve\(\)|/\*[^*]*\*/|\[[^\]]*\]", "", location)
    return tuple(re.sub(r"^(value|effective|onset|medication|deceased|multipleBirth|occurrence|performed|content|definition|item|subject|timing|location)[A-Z]\w*$", r"\1", step)
                 for step in location.split(".") if step)


def near(one, other):
    short, long = sorted((one, other), key=len)
    return long[: len(short)] == short and (len(long) - len(short) <= 1 or len(short) > 1)


def is_found(error, own):
    """Whether one of our errors says what an error of Java says."""
    rule = ELSEWHERE.get(error[1].split(" ", 1)[0])
    return (not error[0] and own) or any(near(error[0], one[0]) or rule and one[1].startswith(rule + " ") for one in own)


def load(path):
    found = {}
    for line in open(path):
        said = json.loads(line)
        errors = [i for i in said["issues"] if i["severity"] in ("error", "fatal")]
        found[pathlib.PurePath(said["file"]).name] = [(normal(i.get("location")), f"{i.get('id') or ''} {i.get('text', '')}") for i in errors]
    return found


def kind(error, table):
    return next((part for part in table if part in error[1]), None)


def main():
    java, ours = load(sys.argv[1]), load(sys.argv[2])
    changes = dict(line.rstrip("\n").split("\t", 1) for line in open(sys.argv[3]))
    files = sorted(set(java) & set(ours))
    apart, differ, missed = collections.Counter(), [], []
    errors = found = same = 0
    for file in files:
        if bool(java[file]) == bool(ours[file]):
            same += 1
        else:
            refusing, table = (java[file], JAVA) if java[file] else (ours[file], OURS)
            kinds = [kind(error, table) for error in refusing]
            if None in kinds:
                differ.append((file, "Java" if java[file] else "ours", refusing[kinds.index(None)]))
            else:
                apart[("Java" if java[file] else "ours", kinds[0], table[kinds[0]])] += 1
        for error in java[file]:
            if kind(error, JAVA):
                continue
            errors += 1
            if is_found(error, ours[file]):
                found += 1
            else:
                missed.append((file, error))
    judged = len(files) - sum(apart.values())
    print(f"{len(files)} files of {len(java)}: same verdict on {same} = {same / len(files):.4f}; set apart {sum(apart.values())}; of the other {judged} {same} = {same / judged:.4f}")
    print(f"errors of Java found: {found} of {errors} = {found / max(1, errors):.4f}")
    for (who, part, why), count in apart.most_common():
        print(f"  apart {count:4}, refused by {who} alone: {part}: {why}")
    for file, who, error in differ:
        print(f"  differs: {file} ({changes.get(file, '')}) refused by {who} alone: {'.'.join(error[0])} {error[1][:140]}")
    for file, error in missed:
        print(f"  missed: {file} ({changes.get(file, '')}) {'.'.join(error[0])} {error[1][:140]}")
    return 0 if same / judged >= VERDICTS and found >= ERRORS * errors else 1


if __name__ == "__main__":
    sys.exit(main())
