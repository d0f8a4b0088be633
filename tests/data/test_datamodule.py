import shutil
import warnings
from types import SimpleNamespace

import pytest
import torch
from torch.utils.data import DataLoader

from vton_aux.data.augment import build_transforms
from vton_aux.data.cache import pack_split
from vton_aux.data.datamodule import VITONDataModule, check_size
from vton_aux.data.dataset import as_read
from vton_aux.data.layout import read_pairs
from vton_aux.data.synthetic import write_dataset
from vton_aux.errors import UserError

STRONG = {
    "geometry": [
        {"transform": "Affine", "translate_percent": [-0.1, 0.1], "rotate": [-8, 8], "p": 0.8},
    ],
    "colour": [{"transform": "ColorJitter", "p": 0.8}],
}
TRAIN, TEST = 8, 5


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("datamodule") / "viton"
    write_dataset(folder, train=TRAIN, test=TEST, seed=4, size=(128, 96), progress=False)
    return folder


@pytest.fixture(scope="module")
def build(root):
    def call(**changes):
        arguments = {"root": root, "size": (128, 96), "batch_size": 2, "val_fraction": 0.25}
        return VITONDataModule(**{**arguments, **changes})

    return call


def names(loader):
    return [pair for b in loader for pair in zip(b["person_name"], b["cloth_name"], strict=True)]


def same(one, other):
    return one.keys() == other.keys() and all(
        torch.equal(one[k], other[k]) if torch.is_tensor(one[k]) else one[k] == other[k]
        for k in one
    )


@pytest.fixture(scope="module")
def packed(root, tmp_path_factory):
    """The folders of both splits by size."""
    cache = tmp_path_factory.mktemp("datamodule_cache")

    def call(*size):
        splits = {s: pack_split(root, s, size, 20, cache) for s in ("train", "test")}
        return {split: packed.folder for split, packed in splits.items()}

    return {size: call(*size) for size in ((128, 96), (256, 192))}


def batches(module, loader="train_dataloader", device="cpu"):
    """What a training step sees."""
    for number, batch in enumerate(getattr(module, loader)()):
        moved = module.transfer_batch_to_device(batch, torch.device(device), 0)
        done = module.on_after_batch_transfer(moved, number)
        yield {key: v.cpu() if torch.is_tensor(v) else v for key, v in done.items()}


def the_test_set_of(module):
    """Its batches, as an evaluation reads them."""
    return DataLoader(module.test_dataset(), module.batch_size, collate_fn=as_read)


def all_same(one, other):
    pairs = list(zip(one, other, strict=True))
    return bool(pairs) and all(same(a, b) for a, b in pairs)


def rank(number, world):
    strategy = SimpleNamespace(root_device=torch.device("cpu"))
    return SimpleNamespace(global_rank=number, world_size=world, strategy=strategy)


# sizes


@pytest.mark.parametrize(
    "size",
    [
        [100, 100], [96, 128], [128, 97], [0, 0], [-64, 64], [256, -192], [256, 192, 3], [256], [],
        [32, 64],
    ],
)  # fmt: skip
def test_a_size_that_the_networks_cannot_take_is_refused(size, build):
    for call in (check_size, lambda given: build(size=given)):
        with pytest.raises(UserError, match="divisible by 64") as told:
            call(size)
        assert f"data.size={size}" in str(told.value)
        assert "\n" not in str(told.value)


@pytest.mark.parametrize("size", [[256, 192], [192, 128], [128, 96], [64, 64], [512, 384]])
def test_multiples_of_64_and_half_of_viton_are_sizes(size):
    assert check_size(size) == tuple(size)


def test_batches_have_the_size(build):
    batch = next(iter(build(size=[256, 192]).val_dataloader()))
    assert batch["person"].shape == (2, 3, 256, 192)


@pytest.mark.parametrize(("size", "stretched"), [([256, 192], False), ([128, 128], True)])
def test_stretching_is_told(build, size, stretched):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        build(size=size).train_and_validation_pairs()
    assert any("stretched" in str(w.message) for w in told) is stretched


# the three sets


def test_validation_is_cut_from_train(build, root):
    module = build()
    train, validation = module.train_and_validation_pairs()
    assert len(validation) == 2
    assert not set(train) & set(validation)
    assert {*train, *validation} == set(read_pairs(root, "train"))
    assert names(module.val_dataloader()) == validation


def test_the_seed_of_the_split_is_not_the_seed_of_the_order(build):
    splits = [build(split_seed=s).train_and_validation_pairs()[1] for s in range(4)]
    assert len(set(map(tuple, splits))) > 1
    assert build(seed=5).train_and_validation_pairs()[1] == splits[0]


def test_train_reads_the_training_side_and_nothing_else(build):
    module = build()
    module.steps = 6  # two epochs of six
    seen = names(module.train_dataloader())
    train, _ = module.train_and_validation_pairs()
    assert sorted(seen) == sorted([*train, *train])


def test_the_test_set_is_paired_or_unpaired(build, root):
    listed = read_pairs(root, "test")
    unpaired = names(the_test_set_of(build(pairing="unpaired")))
    paired = names(the_test_set_of(build(pairing="paired")))
    assert unpaired == listed
    assert [person for person, _ in paired] == [person for person, _ in listed]
    assert all(cloth == person.replace("_0.", "_1.") for person, cloth in paired)
    assert all(cloth != person.replace("_0.", "_1.") for person, cloth in unpaired)


@pytest.mark.parametrize("pairing", ["paired", "unpaired"])
def test_every_batch_tells_its_pairing(build, pairing):
    module = build(pairing=pairing)
    module.steps = 2
    for loader, expected in (
        (module.train_dataloader(), "paired"),
        (module.val_dataloader(), "paired"),
        (the_test_set_of(module), pairing),
    ):
        batches = list(loader)
        assert batches
        assert all(b["pairing"] == [expected] * len(b["person"]) for b in batches)


def test_the_last_batch_of_the_validation_set_is_kept(build):
    assert [len(b["person"]) for b in build(val_fraction=0.4).val_dataloader()] == [2, 1]


# the training stream


def test_train_gives_as_many_batches_as_steps(build):
    module = build(batch_size=3)
    module.steps = 5
    assert [len(b["person"]) for b in module.train_dataloader()] == [3] * 5


def test_a_resumed_run_sees_the_batches_that_were_left(build):
    module = build(augment=build_transforms(STRONG), seed=3)
    module.steps = 7
    whole = list(module.train_dataloader())
    module.start_step = 3
    rest = list(module.train_dataloader())
    assert len(rest) == 4
    assert all(same(a, b) for a, b in zip(whole[3:], rest, strict=True))


def test_arms_of_one_seed_see_the_same_batches_whatever_happened_before(build):
    streams = []
    for global_seed, seed in ((0, 3), (1, 3), (0, 4)):
        torch.manual_seed(global_seed)
        module = build(augment=build_transforms(STRONG), seed=seed)
        module.steps = 4
        streams.append(list(module.train_dataloader()))
    assert all(same(a, b) for a, b in zip(streams[0], streams[1], strict=True))
    assert not all(same(a, b) for a, b in zip(streams[0], streams[2], strict=True))


def test_a_worker_gives_the_same_batches(build):
    here, worker = (build(augment=build_transforms(STRONG), workers=n) for n in (0, 1))
    for module in (here, worker):
        module.steps = 4
    for loader in ("train_dataloader", "val_dataloader"):
        one, other = (list(getattr(module, loader)()) for module in (here, worker))
        assert len(one) >= 1
        assert all(same(a, b) for a, b in zip(one, other, strict=True))


def test_only_training_is_augmented(build):
    plain, changed = (build(augment=build_transforms(a)) for a in ({}, STRONG))
    for kept in (VITONDataModule.val_dataloader, the_test_set_of):
        assert all_same(kept(plain), kept(changed))
    for module in (plain, changed):
        module.steps = 3
    one, other = (list(module.train_dataloader()) for module in (plain, changed))
    assert names(one) == names(other)
    assert not any(torch.equal(a["joints"], b["joints"]) for a, b in zip(one, other, strict=True))
    assert all(
        torch.equal(a["cloth_mask"], b["cloth_mask"]) for a, b in zip(one, other, strict=True)
    )


def test_two_processes_share_the_validation_set_without_repeating(build):
    module = build(val_fraction=0.4, batch_size=1)  # three images
    alone = names(module.val_dataloader())
    assert len(alone) % 2
    seen = []
    for number in range(2):
        module.trainer = rank(number, 2)
        seen.append(names(module.val_dataloader()))
    assert sorted(seen[0] + seen[1]) == sorted(alone)
    assert all(seen)


def test_two_processes_share_the_training_stream(build):
    module = build(batch_size=1)
    module.steps = 10
    alone = names(module.train_dataloader())
    module.steps = 5
    ranks = []
    for number in range(2):
        module.trainer = rank(number, 2)
        ranks.append(names(module.train_dataloader()))
    assert [pair for step in zip(*ranks, strict=True) for pair in step] == alone


# packed data, resident data, flips


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("changes", [{}, {"augment": STRONG, "flip": 0.5}, {"size": (256, 192)}])
def test_packed_data_give_the_same_batches(build, packed, workers, changes):
    arguments = {"batch_size": 3, "seed": 2, **changes}
    arguments["augment"] = build_transforms(changes.get("augment"))
    here = build(**arguments)
    there = build(**arguments, packed=packed[changes.get("size", (128, 96))], workers=workers)
    for module in (here, there):
        module.steps, module.start_step = 5, 1
    for loader in ("train_dataloader", "val_dataloader"):
        assert all_same(batches(here, loader), batches(there, loader))
    for pairing in ("paired", "unpaired"):
        here.pairing = there.pairing = pairing
        assert all_same(the_test_set_of(here), the_test_set_of(there))


@pytest.mark.parametrize("kind", ["files", "packed", "augmented"])
def test_every_way_of_reading_gives_the_same_layout(build, packed, kind):
    changes = {
        "files": {},
        "packed": {"packed": packed[128, 96]},
        "augmented": {"augment": build_transforms(STRONG)},
    }
    module = build(batch_size=3, **changes[kind])
    module.steps = 1
    (batch,) = module.train_dataloader()
    assert {k: (v.dtype, tuple(v.shape)) for k, v in batch.items() if torch.is_tensor(v)} == {
        "person": (torch.uint8, (3, 3, 128, 96)),
        "cloth": (torch.uint8, (3, 3, 128, 96)),
        "parse": (torch.uint8, (3, 128, 96)),
        "cloth_mask": (torch.uint8, (3, 1, 128, 96)),
        "joints": (torch.float32, (3, 18, 3)),
    }
    for name in ("person", "cloth"):
        assert batch[name].is_contiguous(memory_format=torch.channels_last)
    assert {k for k, v in batch.items() if not torch.is_tensor(v)} == {
        "person_name", "cloth_name", "pairing",
    }  # fmt: skip


def test_packed_data_need_no_files_while_they_are_read(root, build, packed, tmp_path):
    copy = shutil.copytree(root, tmp_path / "copy")
    module = build(root=copy, packed=packed[128, 96])
    module.steps = 3
    loader = module.train_dataloader()
    expected = names(loader)
    shutil.rmtree(copy)
    assert names(loader) == expected


def test_the_packed_data_of_another_set_are_told(build, packed, tmp_path):
    write_dataset(tmp_path / "other", train=10, test=0, size=(128, 96), progress=False)
    module = build(root=tmp_path / "other", packed=packed[128, 96], val_fraction=0)
    module.steps = 5
    with pytest.raises(UserError, match="was not packed"):
        list(module.train_dataloader())


needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_gpu)])
@pytest.mark.parametrize("flip", [0.0, 0.5])
@pytest.mark.parametrize("workers", [0, 2])
def test_resident_data_give_the_same_batches(build, packed, flip, workers, device):
    arguments = {"batch_size": 3, "seed": 2, "flip": flip}
    here = build(**arguments)
    there = build(**arguments, packed=packed[128, 96], resident=True, workers=workers)
    for module in (here, there):
        module.steps, module.start_step = 5, 1
    for loader in ("train_dataloader", "val_dataloader"):
        assert all_same(batches(here, loader), batches(there, loader, device))
    assert all_same(the_test_set_of(here), the_test_set_of(there))
    assert len(there._on_device) == 1  # one upload for training and validation
    (batch,) = batches(there, "val_dataloader", device)
    assert batch["person"].is_contiguous(memory_format=torch.channels_last)


def test_workers_decode_and_augment_and_do_nothing_else(build, packed):
    own, strong = {"packed": packed[128, 96]}, build_transforms(STRONG)
    for changes, workers in (
        ({}, 2), ({"flip": 0.5}, 2), (own, 0), ({**own, "flip": 0.5}, 0),
        ({**own, "augment": strong}, 2), ({**own, "resident": True}, 0),
    ):  # fmt: skip
        assert build(workers=2, **changes).train_dataloader().num_workers == workers


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_can_read_packed_data_too(build, packed, context):
    data = build(packed=packed[128, 96]).train_dataset()
    data.packed.gather(data.pairs)  # a mapping that is open already does not matter
    here, there = (
        DataLoader(data, batch_size=2, collate_fn=as_read, **workers)
        for workers in ({}, {"num_workers": 2, "multiprocessing_context": context})
    )
    assert all_same(here, there)


def test_resident_data_are_sent_as_rows(build, packed):
    module = build(packed=packed[128, 96], resident=True)
    module.steps = 2
    for loader in (module.train_dataloader(), module.val_dataloader()):
        for batch in loader:
            tensors = {k: v for k, v in batch.items() if torch.is_tensor(v)}
            assert {k: tuple(v.shape) for k, v in tensors.items()} == {
                "person_row": (2,), "cloth_row": (2,),
            }  # fmt: skip


def test_resident_data_must_be_packed_and_not_augmented_one_by_one(build, packed):
    with pytest.raises(UserError, match=r"data\.cache"):
        build(resident=True)
    for kind in STRONG:
        augment = build_transforms({kind: STRONG[kind]})
        with pytest.raises(UserError, match=rf"data\.augment\.{kind} .*data\.resident"):
            build(resident=True, packed=packed[128, 96], augment=augment)


def test_flips_are_those_of_the_draws_and_training_alone_has_them(build):
    plain, flipped = (build(flip=p, seed=5, batch_size=1) for p in (0, 0.5))
    for module in (plain, flipped):
        module.steps = 40
    ends = []
    for one, other in zip(batches(plain), batches(flipped), strict=True):
        assert one.keys() == other.keys()
        mirrored = torch.equal(other["person"], one["person"].flip(-1))
        assert mirrored != torch.equal(other["person"], one["person"])
        assert torch.equal(one["cloth"], other["cloth"])
        ends.append(mirrored)
    assert 10 < sum(ends) < 30
    assert all_same(batches(plain, "val_dataloader"), batches(flipped, "val_dataloader"))
    assert all_same(the_test_set_of(plain), the_test_set_of(flipped))


# what cannot be loaded


@pytest.mark.parametrize("fraction", [0.95, 0.99])
def test_a_validation_set_that_leaves_nothing_is_refused(build, root, fraction):
    with pytest.raises(UserError, match="val_fraction") as told:
        build(val_fraction=fraction).train_dataloader()
    assert str(root) in str(told.value)
    assert f"{fraction}" in str(told.value)


def test_fewer_validation_images_than_processes_are_refused(build, monkeypatch):
    module = build(val_fraction=0.2)
    monkeypatch.setattr(module, "_place", lambda: (0, 64))
    with pytest.raises(UserError, match=r"data\.val_fraction=0\.2: .* for 64 processes"):
        module.val_dataloader()


def test_one_pair_cannot_be_split(tmp_path):
    write_dataset(tmp_path / "one", train=1, test=0, size=(128, 96), progress=False)
    module = VITONDataModule(tmp_path / "one", size=(128, 96))
    with pytest.raises(UserError, match="val_fraction"):
        module.train_dataloader()


def test_people_in_another_cloth_than_their_own_are_no_training_set(root, build, tmp_path):
    copy = shutil.copytree(root, tmp_path / "copy")
    pairs = read_pairs(copy, "train")
    lines = [f"{a.person} {b.cloth}\n" for a, b in zip(pairs, pairs[1:] + pairs[:1], strict=True)]
    lines[0] = f"{pairs[0].person} {pairs[0].cloth}\n"
    (copy / "train_pairs.txt").write_text("".join(lines))
    told = rf"train_pairs\.txt: {len(pairs) - 1} of {len(pairs)} pairs have another cloth .* as "
    with pytest.raises(UserError, match=told + f"{pairs[1].person} {pairs[2].cloth}"):
        build(root=copy).train_and_validation_pairs()


def test_without_validation_all_of_train_is_left(build, root):
    train, validation = build(val_fraction=0).train_and_validation_pairs()
    assert (train, validation) == (read_pairs(root, "train"), [])


@pytest.mark.parametrize(
    ("gone", "read"),
    [
        ("train/pose/000003_0_keypoints.json", "train_dataloader"),
        ("train/cloth/000002_1.jpg", "val_dataloader"),
        ("test/cloth/000009_1.jpg", "test_dataset"),
        ("test_pairs.txt", "test_dataset"),
        ("train", "train_dataloader"),
    ],
)
def test_what_is_missing_is_told_before_anything_is_read(root, build, tmp_path, gone, read):
    copy = shutil.copytree(root, tmp_path / "copy")
    if (copy / gone).is_dir():
        shutil.rmtree(copy / gone)
    else:
        (copy / gone).unlink()
    with pytest.raises(UserError, match="missing") as told:
        getattr(build(root=copy), read)()
    assert str(copy / gone) in str(told.value)


def test_a_missing_root_is_told(build):
    with pytest.raises(UserError, match="/no/such"):
        build(root="/no/such").test_dataset()
