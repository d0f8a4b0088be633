"""What a VITON folder holds and what is wrong with it, found by reading every file of it."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from vton_aux.data.content import content_hash
from vton_aux.data.labels import LABEL_SETS, NECK, WORN_CLOTH
from vton_aux.data.layout import (
    Pair,
    SampleFiles,
    Split,
    files_of,
    missing_files,
    names_own_cloth,
    own_cloth,
    read_pairs,
    wears_another,
)
from vton_aux.data.pose import in_frame, read_pose
from vton_aux.data.sample import read_mask, read_parse, read_photo
from vton_aux.errors import UserError, one_line


@dataclass
class SplitReport:
    """What one split holds.

    Attributes:
        pairs: lines of the pair list.
        own: lines whose cloth is the person's own.
        sizes: number of photos of each (height, width).
        label_pixels: pixels of each raw label over all parses.
        joints: mean number of joints found a person.
        problems: one line each, naming the file.
        digests: content of each person image, by file name.
    """

    pairs: int = 0
    own: int = 0
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    label_pixels: Counter[int] = field(default_factory=Counter)
    joints: float = 0.0
    problems: list[str] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)

    @property
    def distinct(self) -> set[str]:
        """Contents of the person images."""
        return set(self.digests.values())


@dataclass
class _Findings:
    problems: list[str]
    size: tuple[int, int] | None = None
    labels: dict[int, int] = field(default_factory=dict)
    joints: int | None = None
    digest: str | None = None


def check_split(root: Path, split: Split) -> SplitReport:
    """Read every file that the pair list of `split` names.

    Raises:
        UserError: the root, the pair list or a folder is missing, or a line is malformed.
    """
    pairs = read_pairs(root, split)
    own = sum(names_own_cloth(pair.person) and not wears_another(pair) for pair in pairs)
    report = SplitReport(pairs=len(pairs), own=own)
    # the paired test set reads each person's own cloth, whether or not a line names it
    persons = list(dict.fromkeys(pair.person for pair in pairs))
    cloths = {p.cloth for p in pairs} | {own_cloth(p) for p in persons if names_own_cloth(p)}
    filler = pairs[0].person
    everything = [Pair(p, pairs[0].cloth) for p in persons] + [
        Pair(filler, c) for c in sorted(cloths)
    ]
    missing = set(missing_files(root, split, everything))
    report.problems += [f"{path}: the file is missing" for path in sorted(missing)]
    report.problems += [
        f"{p.person}: the name does not end in _0, so its own cloth is not known"
        for p in pairs
        if not names_own_cloth(p.person)
    ]
    if split == "train":
        report.problems += [
            f"{p.person} {p.cloth}: not the cloth that the person wears, which a training wants"
            for p in pairs
            if wears_another(p)
        ]
    tasks: list[tuple[Callable[[SampleFiles, set[Path]], _Findings], Pair]] = [
        *((_read_person, Pair(person, pairs[0].cloth)) for person in persons),
        *((_read_cloth, Pair(filler, cloth)) for cloth in sorted(cloths)),
    ]
    with ThreadPoolExecutor() as pool:
        results = pool.map(lambda task: task[0](files_of(root, split, task[1]), missing), tasks)
        read = list(tqdm(results, total=len(tasks), desc=f"reading {split}", unit="file set"))
    found = []
    for (_, pair), findings in zip(tasks, read, strict=True):
        report.problems += findings.problems
        report.label_pixels.update(findings.labels)
        if findings.size is not None:
            report.sizes[findings.size] += 1
        if findings.joints is not None:
            found.append(findings.joints)
        if findings.digest is not None:
            report.digests[pair.person] = findings.digest
    report.joints = float(np.mean(found)) if found else 0.0
    return report


def describe(root: Path, reports: dict[Split, SplitReport]) -> list[str]:
    """The report as lines for a person."""
    lines = [f"{root}"]
    for split, report in reports.items():
        unpaired = report.pairs - report.own
        lines += [
            "",
            f"{split}: {report.pairs:,} pairs ({report.own:,} with the person's own cloth, "
            f"{unpaired:,} with another)",
            f"  person images   {len(report.digests):,}, of them {len(report.distinct):,} distinct "
            "by content",
            "  sizes           "
            + ", ".join(f"{h}x{w}: {n:,}" for (h, w), n in report.sizes.most_common(5)),
            f"  joints          {report.joints:.1f} of 18 found a person",
            "  labels          " + _labels(report.label_pixels),
        ]
        if report.label_pixels[NECK]:
            lines.append("                  20 is CP-VTON+'s neck: use labels=lip_neck or coarse")
    if {"train", "test"} <= reports.keys():
        lines += ["", *_across(reports["train"], reports["test"])]
    problems = [line for report in reports.values() for line in report.problems]
    lines += ["", f"problems: {len(problems):,}" if problems else "no problems"]
    lines += [f"  {line}" for line in problems[:20]]
    if len(problems) > 20:
        lines.append(f"  ... and {len(problems) - 20:,} more")
    return lines


def _across(train: SplitReport, test: SplitReport) -> list[str]:
    seen = [name for name, digest in test.digests.items() if digest in train.distinct]
    return [
        f"test images that are also in train: {len(seen):,} files "
        f"({len(test.distinct & train.distinct):,} distinct)",
        f"distinct test images never seen in training: {len(test.distinct - train.distinct):,}",
    ]


def _labels(pixels: Counter[int]) -> str:
    total = sum(pixels.values()) or 1
    names = LABEL_SETS["lip_neck"].classes
    return ", ".join(
        f"{label} {names[label] if label < len(names) else 'UNKNOWN'} {count / total:.1%}"
        for label, count in sorted(pixels.items())
    )


def _read_person(files: SampleFiles, missing: set[Path]) -> _Findings:
    found = _Findings([])
    person = _try(found, missing, files.image, read_photo)
    parse = _try(found, missing, files.parse, lambda path: read_parse(path, 256))
    pose = _try(found, missing, files.pose, read_pose)
    if person is not None:
        found.size = (person.shape[0], person.shape[1])
        found.digest = content_hash(files.image)
    if parse is not None:
        labels, counts = np.unique(parse, return_counts=True)
        found.labels = dict(zip(labels.tolist(), counts.tolist(), strict=True))
        if labels.max() > NECK:
            found.problems.append(f"{files.parse}: label {labels.max()} is no LIP label (0..20)")
        if not labels.any():
            found.problems.append(f"{files.parse}: all of it is background")
        elif not np.isin(labels, WORN_CLOTH).any():
            found.problems.append(f"{files.parse}: no upper clothes, dress or coat in it")
        if person is not None and parse.shape != person.shape[:2]:
            found.problems.append(
                f"{files.parse}: {parse.shape[0]}x{parse.shape[1]}, but its image is "
                f"{person.shape[0]}x{person.shape[1]} (height x width)"
            )
    if pose is not None:
        joints = pose[pose[:, 2] > 0]
        found.joints = len(joints)
        if not len(joints):
            found.problems.append(f"{files.pose}: no joint was found")
        elif person is not None:
            outside = len(joints) - in_frame(joints, *person.shape[:2]).sum()
            if 2 * outside > len(joints):
                found.problems.append(
                    f"{files.pose}: {outside} of {len(joints)} joints lie outside of the photo; is "
                    "the pose of one of another size?"
                )
    return found


def _read_cloth(files: SampleFiles, missing: set[Path]) -> _Findings:
    found = _Findings([])
    _try(found, missing, files.cloth, read_photo)
    if files.cloth_mask is not None:
        mask = _try(found, missing, files.cloth_mask, read_mask)
        if mask is not None and not mask.any():
            found.problems.append(f"{files.cloth_mask}: no cloth in it")
    return found


def _try(
    found: _Findings, missing: set[Path], path: Path, read: Callable[[Path], Any]
) -> Any | None:
    if path in missing:
        return None
    try:
        return read(path)
    except UserError as error:
        found.problems.append(one_line(error))
        return None


def check_dataset(root: Path) -> dict[Split, SplitReport]:
    """`check_split` of each split."""
    splits: tuple[Split, ...] = ("train", "test")
    return {split: check_split(root, split) for split in splits}
