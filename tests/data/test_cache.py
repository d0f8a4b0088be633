"""Packed splits hold what the files hold, are found again only by it, and are whole or absent."""

import pickle
import shutil
import signal
import subprocess
import sys
from collections import namedtuple

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from command_line import vton_aux
from vton_aux.data import cache as module
from vton_aux.data.cache import pack_split
from vton_aux.data.layout import Pair, files_of, own_cloth, read_pairs
from vton_aux.data.layout import test_pairs as pairs_of_test
from vton_aux.data.packed import ARRAYS, PackedSplit
from vton_aux.data.sample import read_sample
from vton_aux.data.synthetic import write_dataset
from vton_aux.errors import UserError
from waiting import wait_until

SIZE = (128, 96)
TRAIN, TEST, COPIES = 5, 3, 2


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A small VITON with copies under other names; those of the parses differ as files."""
    root = tmp_path_factory.mktemp("cache") / "viton"
    write_dataset(root, train=TRAIN, test=TEST, seed=3, size=SIZE, progress=False)
    lines = []
    for k, pair in enumerate(read_pairs(root, "train")[:COPIES]):
        copy = Pair(f"9{k:05d}_0.jpg", f"9{k:05d}_1.jpg")
        files, copies = files_of(root, "train", pair), files_of(root, "train", copy)
        for kind, path in vars(files).items():
            shutil.copy(path, getattr(copies, kind))
        comment = PngImagePlugin.PngInfo()
        comment.add_text("when", f"{k}")
        with Image.open(files.parse) as parse:
            parse.save(copies.parse, pnginfo=comment)
        assert files.parse.read_bytes() != copies.parse.read_bytes()
        lines.append(f"{copy.person} {copy.cloth}\n")
    with (root / "train_pairs.txt").open("a") as file:
        file.writelines(lines)
    return root


@pytest.fixture
def root(drawn, tmp_path):
    return shutil.copytree(drawn, tmp_path / "viton")


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "deep" / "cache"


@pytest.fixture
def pack(root, cache):
    def call(split="train", size=SIZE, raw_labels=20, root=root):
        return pack_split(root, split, size, raw_labels, cache)

    return call


def all_pairs(root, split):
    if split == "train":
        return read_pairs(root, "train")
    return [*pairs_of_test(root, "paired"), *pairs_of_test(root, "unpaired")]


def assert_whole(packed, root, split, size=SIZE):
    for pair in all_pairs(root, split):
        expected = read_sample(files_of(root, split, pair), size, 20)
        found = packed.sample(pair)
        for name in ARRAYS:
            assert found[name].dtype == expected[name].dtype
            assert np.array_equal(found[name], expected[name]), (pair, name)


def splits(cache):
    """Folders of `cache`."""
    return sorted(path for path in cache.iterdir() if path.is_dir())


# what is packed


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("size", [SIZE, (256, 192), (64, 64)])
def test_a_packed_split_holds_the_samples_of_the_files(pack, root, split, size):
    assert_whole(pack(split, size), root, split, size)


def test_rows_are_gathered_in_the_order_asked_for(pack, root):
    pairs = read_pairs(root, "train")
    mixed = [Pair(pairs[i].person, pairs[j].cloth) for i, j in ((3, 0), (1, 1), (3, 4), (0, 2))]
    gathered = pack().gather(mixed)
    for k, pair in enumerate(mixed):
        expected = read_sample(files_of(root, "train", pair), SIZE, 20)
        assert all(np.array_equal(gathered[name][k], expected[name]) for name in ARRAYS)


def test_copies_are_stored_once(pack, cache):
    packed = pack()
    assert len(packed.persons) == len(packed.cloths) == TRAIN + COPIES
    assert {len(array) for array in packed.arrays.values()} == {TRAIN}
    (folder,) = splits(cache)
    pixels = SIZE[0] * SIZE[1]
    sizes = {p.name: p.stat().st_size for p in folder.iterdir() if p.name in ARRAYS}
    assert sizes == {
        "person": TRAIN * pixels * 3, "parse": TRAIN * pixels, "joints": TRAIN * 18 * 3 * 4,
        "cloth": TRAIN * pixels * 3, "cloth_mask": TRAIN * pixels,
    }  # fmt: skip
    assert packed.bytes == sum(sizes.values())


@pytest.mark.parametrize("kind", ["parse", "pose", "cloth_mask"])
def test_what_differs_in_one_file_is_no_copy(pack, root, kind):
    other = getattr(files_of(root, "train", Pair("900000_0.jpg", "900000_1.jpg")), kind)
    if kind == "pose":
        shutil.copy(files_of(root, "train", read_pairs(root, "train")[3]).pose, other)
    else:
        with Image.open(other) as image:
            pixels = np.array(image)
        pixels[:4, :4] = 13 if kind == "parse" else 255 - pixels[:4, :4]
        Image.fromarray(pixels).save(other)
    packed = pack()
    part = "cloth" if kind == "cloth_mask" else "person"
    assert len(packed.arrays[part]) == TRAIN + 1
    assert len(packed.arrays["person" if part == "cloth" else "cloth"]) == TRAIN
    assert_whole(packed, root, "train")


def test_the_unpaired_test_set_is_packed_without_own_cloths_that_are_missing(pack, root):
    listed = read_pairs(root, "test")[:1]
    (root / "test_pairs.txt").write_text(" ".join(listed[0]))
    gone = own_cloth(listed[0].person)
    assert gone != listed[0].cloth
    (root / "test" / "cloth" / gone).unlink()
    packed = pack("test")
    assert gone not in packed.cloths
    packed.gather(listed)
    with pytest.raises(UserError, match=gone):
        packed.gather([Pair(listed[0].person, gone)])


def test_packed_samples_cannot_be_changed_and_those_given_can(pack, root):
    packed = pack()
    pair = read_pairs(root, "train")[0]
    with pytest.raises(ValueError, match="read-only"):
        packed.arrays["person"][0] = 0
    packed.sample(pair)["person"][:] = 0
    assert packed.sample(pair)["person"].any()


def test_another_process_gets_the_place_and_not_the_pixels(pack, root):
    packed = pack()
    packed.gather(read_pairs(root, "train"))
    sent = pickle.dumps(packed)
    assert len(sent) < 5_000
    assert_whole(pickle.loads(sent), root, "train")


# found again


def test_equal_data_are_decoded_once(pack, root, cache, monkeypatch):
    first = pack()
    monkeypatch.setattr(module, "read_person", None)
    assert pack().folder == first.folder
    elsewhere = shutil.copytree(root, root.with_name("elsewhere"))
    assert pack(root=elsewhere).folder == first.folder
    assert splits(cache) == [first.folder]


@pytest.mark.parametrize("kind", ["image", "parse", "pose", "cloth", "cloth_mask"])
def test_a_changed_file_is_another_split(pack, root, kind):
    first = pack()
    pairs = read_pairs(root, "train")
    one, other = (getattr(files_of(root, "train", p), kind) for p in pairs[2:4])
    shutil.copy(other, one)
    if kind == "image":
        for kept in ("parse", "pose"):
            shutil.copy(*(getattr(files_of(root, "train", p), kept) for p in (pairs[3], pairs[2])))
    second = pack()
    assert second.folder != first.folder
    assert_whole(second, root, "train")


def test_another_pair_list_size_or_label_set_is_another_split(pack, root):
    folders = {pack().folder, pack(size=(64, 64)).folder, pack(raw_labels=21).folder}
    (root / "train_pairs.txt").write_text(
        "".join(f"{p.person} {p.cloth}\n" for p in read_pairs(root, "train")[1:])
    )
    assert len(folders | {pack().folder}) == 4


def test_what_another_decoder_wrote_is_not_read(pack, monkeypatch):
    first = pack()
    monkeypatch.setattr(module.cv2, "__version__", "0.0")
    assert pack().folder != first.folder
    monkeypatch.undo()
    monkeypatch.setattr(module, "code_version", lambda *files: files)
    assert pack().folder != first.folder
    monkeypatch.undo()
    monkeypatch.setattr(module, "FORMAT", module.FORMAT + 1)
    assert pack().folder != first.folder


# whole or not there


SLOW = """
import sys, time
from pathlib import Path
from vton_aux.data import cache
read = cache.read_person
def slow(files, size, labels):
    with open(sys.argv[3], "a") as log:
        log.write(files.image.name + "\\n")
    time.sleep(float(sys.argv[4]))
    return read(files, size, labels)
cache.read_person = slow
cache._CHUNK = 1
cache.pack_split(Path(sys.argv[1]), "train", (128, 96), 20, Path(sys.argv[2]))
"""


def slowly(root, cache, log, seconds):
    arguments = map(str, (root, cache, log, seconds))
    return subprocess.Popen([sys.executable, "-c", SLOW, *arguments], stderr=subprocess.PIPE)


def read_by(log):
    return log.read_text().split() if log.exists() else []


def test_a_killed_build_is_no_cache_and_the_next_one_clears_it_away(pack, root, cache, tmp_path):
    process = slowly(root, cache, tmp_path / "log", 1)
    wait_until(lambda: len(read_by(tmp_path / "log")) >= 2)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (rest,) = splits(cache)
    assert rest.suffix == ".part"
    older, another = cache / "test-256x192-0123456789ab.part", cache / "of-the-person.part"
    older.mkdir()
    another.mkdir()
    packed = pack()
    assert set(splits(cache)) == {packed.folder, another}
    assert_whole(packed, root, "train")
    packed.verify()


def test_two_processes_build_it_once(root, cache, tmp_path):
    log = tmp_path / "log"
    running = [slowly(root, cache, log, 0.1) for _ in range(2)]
    for process in running:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()
    # two of the copies' file sets differ in the parse's bytes alone
    assert len(read_by(log)) == TRAIN + COPIES
    (folder,) = splits(cache)
    assert_whole(PackedSplit(folder), root, "train")


def test_a_broken_file_is_named_and_nothing_is_left(pack, root, cache):
    photo = files_of(root, "train", read_pairs(root, "train")[3]).image
    photo.write_bytes(photo.read_bytes()[:500])
    with pytest.raises(UserError, match="cut short") as told:
        pack()
    assert str(photo) in str(told.value)
    assert splits(cache) == []


def test_a_missing_file_is_named_before_anything_is_written(pack, root, cache):
    (root / "train" / "pose" / "900000_0_keypoints.json").unlink()
    with pytest.raises(UserError, match="900000_0_keypoints"):
        pack()
    assert not cache.exists()


def test_a_disk_that_is_too_small_is_told_with_what_is_needed(pack, cache, monkeypatch):
    usage = namedtuple("usage", "total used free")
    # copies whose files differ are counted, as nobody knows before what they hold
    needed = (TRAIN + COPIES) * (128 * 96 * 4 + 216) + TRAIN * 128 * 96 * 4
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage(10**9, 0, needed - 1))
    with pytest.raises(UserError, match="GB are free") as told:
        pack()
    assert str(cache) in str(told.value)
    assert "data.cache" in str(told.value)
    assert splits(cache) == []
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage(10**9, 0, needed))
    pack()


def test_a_disk_that_fills_up_is_told_and_nothing_is_left(pack, cache, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as told:
        pack()
    assert told.value.filename.startswith(f"{cache}/train-128x96-")
    assert splits(cache) == []


def test_a_cache_that_cannot_be_made_is_told(root, capfd):
    arguments = ("--size", "128", "96", "--cache", "/dev/null/cache")
    outcome = vton_aux(capfd, "data", "pack", root, *arguments)
    assert outcome.status == 2
    assert outcome.err.splitlines()[-1] == "error: /dev/null/cache: Not a directory"


def test_a_file_that_goes_away_while_it_is_packed_is_named(pack, root, cache, monkeypatch):
    gone = files_of(root, "train", read_pairs(root, "train")[0]).parse

    def read(*_):
        return gone.with_name("away.png").read_bytes()

    monkeypatch.setattr(module, "read_person", read)
    with pytest.raises(FileNotFoundError) as told:
        pack()
    assert told.value.filename.endswith("away.png")
    assert splits(cache) == []


def test_data_that_change_while_they_are_packed_are_no_cache(pack, root, cache, monkeypatch):
    read = module.read_cloth
    pose = files_of(root, "train", read_pairs(root, "train")[0]).pose

    def changing(files, size):
        pose.write_text(pose.read_text() + " ")
        return read(files, size)

    monkeypatch.setattr(module, "read_cloth", changing)
    with pytest.raises(UserError, match="changed while"):
        pack()
    assert splits(cache) == []


# damage


@pytest.mark.parametrize("name", list(ARRAYS))
def test_an_array_of_another_size_is_told_on_opening(pack, name):
    path = pack().folder / name
    whole = path.read_bytes()
    for content in (whole[:-1], whole + b"\0", b""):
        path.write_bytes(content)
        with pytest.raises(UserError, match="delete the folder") as told:
            pack()
        assert f"{path}:" in str(told.value)
    path.unlink()
    with pytest.raises(UserError, match="0 bytes"):
        pack()


_EMPTY = '{"persons": {}, "cloths": {}, "shapes": {}, "digests": {}}'


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"persons": {}}', "null", _EMPTY])
def test_a_broken_header_is_told_on_opening(pack, content):
    path = pack().folder / "header.json"
    path.write_text(content)
    with pytest.raises(UserError, match="damaged") as told:
        pack()
    assert str(path) in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", list(ARRAYS))
def test_a_changed_byte_is_found_by_verifying(pack, name):
    packed = pack()
    packed.verify()
    path = packed.folder / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="not those that were packed") as told:
        pack().verify()
    assert str(path) in str(told.value)


# the command


def test_the_command_packs_both_splits_and_tells_where(root, cache, capfd):
    arguments = ("data", "pack", root, "--size", "128", "96", "--cache", cache)
    outcome = vton_aux(capfd, *arguments)
    assert outcome.status == 0, outcome.err
    test, train = splits(cache)
    for folder, persons in ((train, TRAIN + COPIES), (test, TEST)):
        (line,) = (line for line in outcome.out.splitlines() if line.startswith(f"{folder}:"))
        assert f"{persons} persons" in line
    outcome = vton_aux(capfd, *arguments, "--verify")
    assert outcome.out.count("every byte as packed") == 2
    assert splits(cache) == [test, train]
    path = test / "person"
    path.write_bytes(b"\0" * path.stat().st_size)
    assert vton_aux(capfd, *arguments).status == 0
    outcome = vton_aux(capfd, *arguments, "--verify")
    assert outcome.status == 2
    assert str(path) in outcome.err


def test_the_command_refuses_a_size_that_the_networks_cannot_take(root, cache, capfd):
    outcome = vton_aux(capfd, "data", "pack", root, "--size", "100", "96", "--cache", cache)
    assert outcome.status == 2
    assert "divisible by 64" in outcome.err
    assert not cache.exists()
