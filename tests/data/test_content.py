import os
import re
import shutil
import time

import pytest

from vton_aux.data import content as content_module
from vton_aux.data.content import content_hash, content_hashes, fingerprint
from vton_aux.data.layout import Pair, files_of

NAMES = ("a", "b", "c")
PAIRS = [Pair(f"{name}_0.jpg", f"{name}_1.jpg") for name in NAMES]
KINDS = ("image", "parse", "pose", "cloth", "cloth_mask")


@pytest.fixture
def root(tmp_path):
    for pair in PAIRS:
        for kind, path in vars(files_of(tmp_path / "viton", "train", pair)).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(f"{kind} of {pair.person}".encode() * 100)
    return tmp_path / "viton"


def of(root, pairs=PAIRS):
    return fingerprint(root, "train", pairs)


def test_the_fingerprint_is_16_hex_digits_and_the_same_each_time(root):
    assert re.fullmatch("[0-9a-f]{16}", of(root))
    assert of(root) == of(root)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", [0, 700, -1])
@pytest.mark.parametrize("pair", PAIRS, ids=NAMES)
def test_one_byte_of_any_file_changes_it(root, kind, place, pair):
    before = of(root)
    path = getattr(files_of(root, "train", pair), kind)
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    assert of(root) != before
    data[place] ^= 1
    path.write_bytes(data)
    assert of(root) == before


def test_a_file_that_grows_changes_it(root):
    before = of(root)
    with files_of(root, "train", PAIRS[0]).pose.open("ab") as file:
        file.write(b"\n")
    assert of(root) != before


@pytest.mark.parametrize("kind", KINDS)
def test_two_files_that_change_places_change_it(root, kind):
    before = of(root)
    one, other = (getattr(files_of(root, "train", pair), kind) for pair in PAIRS[:2])
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    assert of(root) != before


def test_another_cloth_in_a_pair_changes_it(root):
    swapped = [Pair("a_0.jpg", "b_1.jpg"), Pair("b_0.jpg", "a_1.jpg"), PAIRS[2]]
    assert of(root, swapped) != of(root)


def test_a_pair_more_or_less_changes_it(root):
    prints = {of(root, pairs) for pairs in (PAIRS, PAIRS[:2], PAIRS[1:], [*PAIRS, PAIRS[0]])}
    assert len(prints) == 4


@pytest.mark.parametrize("part", ["person", "cloth"])
def test_another_name_for_the_same_bytes_changes_it(root, part):
    before = of(root)
    new = PAIRS[0]._replace(**{part: f"renamed_{0 if part == 'person' else 1}.jpg"})
    old_files, new_files = (vars(files_of(root, "train", p)) for p in (PAIRS[0], new))
    for kind in KINDS:
        os.replace(old_files[kind], new_files[kind])
    assert of(root, [new, *PAIRS[1:]]) != before


def test_the_place_of_the_folder_does_not_matter(root, tmp_path, monkeypatch):
    moved = shutil.copytree(root, tmp_path / "elsewhere" / "deep" / "data")
    assert of(moved) == of(root)
    monkeypatch.chdir(moved.parent)
    assert of(moved.relative_to(moved.parent)) == of(root)


def test_files_of_no_pair_and_times_do_not_matter(root):
    before = of(root)
    (root / "train" / "image" / "stray_0.jpg").write_bytes(b"stray")
    for path in root.rglob("*.jpg"):
        os.utime(path, (0, 0))
    assert of(root) == before


def test_the_split_is_part_of_it(root):
    shutil.copytree(root / "train", root / "test")
    assert fingerprint(root, "test", PAIRS) != of(root)


def test_a_file_is_read_once_until_it_changes(root, monkeypatch):
    path = files_of(root, "train", PAIRS[0]).image
    times, content = os.stat(path), path.read_bytes()
    now = time.time_ns
    monkeypatch.setattr(content_module.time, "time_ns", lambda: now() + 3 * 10**9)
    first = content_hash(path)
    with monkeypatch.context() as patch:
        patch.setattr(type(path), "read_bytes", None)
        assert content_hash(path) == first
    path.write_bytes(content[::-1])
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert content_hash(path) != first


def test_a_file_that_was_just_written_is_read_again(root, monkeypatch):
    """Its time may not tell the next change, which falls into the same tick of the clock."""
    path = files_of(root, "train", PAIRS[0]).image
    stat = os.stat(path)
    first, content = content_hash(path), path.read_bytes()
    path.write_bytes(content[::-1])
    monkeypatch.setattr(type(path), "stat", lambda _: stat)
    assert content_hash(path) != first


def test_files_have_one_hash_exactly_when_they_are_equal(tmp_path):
    contents = {"a": b"", "b": b"\x00", "c": b"\x00\x00", "d": b"\x00", "e": b"x" * 9999}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    hashes = content_hashes([tmp_path / name for name in "abcdea"], "test")
    assert {path.name for path in hashes} == set(contents)
    for one in contents:
        assert hashes[tmp_path / one] == content_hash(tmp_path / one)
        for other in contents:
            same = contents[one] == contents[other]
            assert (hashes[tmp_path / one] == hashes[tmp_path / other]) is same
