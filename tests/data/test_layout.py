import shutil

import pytest

from vton_aux.data import layout  # not its `test_pairs` by name: pytest would collect it
from vton_aux.data.layout import FOLDERS, Pair, check_files, files_of, own_cloth, read_pairs
from vton_aux.data.synthetic import write_dataset
from vton_aux.errors import UserError


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    folder = tmp_path_factory.mktemp("layout") / "viton"
    write_dataset(folder, train=2, test=3, seed=1, size=(128, 96), progress=False)
    return folder


@pytest.fixture
def root(full, tmp_path):
    return shutil.copytree(full, tmp_path / "viton")


def refusal(call, *arguments) -> str:
    with pytest.raises(UserError) as told:
        call(*arguments)
    assert "\n" not in str(told.value)
    return str(told.value)


def listed(root, text, split="train"):
    (root / f"{split}_pairs.txt").write_text(text)
    return read_pairs(root, split)


def test_a_line_is_a_person_and_a_cloth_in_the_order_of_the_file(tmp_path):
    assert listed(tmp_path, "b_0.jpg a_1.jpg\na_0.jpg b_1.jpg\n") == [
        ("b_0.jpg", "a_1.jpg"),
        ("a_0.jpg", "b_1.jpg"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "a_0.jpg a_1.jpg\nb_0.jpg b_1.jpg",
        "\n\na_0.jpg a_1.jpg\n   \nb_0.jpg b_1.jpg\n\n",
        "a_0.jpg a_1.jpg\r\nb_0.jpg b_1.jpg\r\n",
        "  a_0.jpg\ta_1.jpg \nb_0.jpg   b_1.jpg\n",
    ],
)
def test_white_space_does_not_matter(tmp_path, text):
    assert listed(tmp_path, text) == [("a_0.jpg", "a_1.jpg"), ("b_0.jpg", "b_1.jpg")]


@pytest.mark.parametrize("line", ["c_0.jpg", "c_0.jpg c_1.jpg d_1.jpg"])
def test_other_than_two_names_are_refused_with_their_line(tmp_path, line):
    message = refusal(listed, tmp_path, f"a_0.jpg a_1.jpg\n\n{line}\n")
    assert f"{tmp_path / 'train_pairs.txt'}:3: " in message
    assert line in message


@pytest.mark.parametrize(
    "name", ["../x.jpg", "a/b.jpg", "/abs.jpg", "a\\b.jpg", "..\\x.jpg", "./x.jpg", "x.jpg/", "."]
)
@pytest.mark.parametrize("line", ["{} c_1.jpg", "c_0.jpg {}"])
def test_names_that_leave_the_folder_are_refused(tmp_path, name, line):
    message = refusal(listed, tmp_path, f"a_0.jpg a_1.jpg\n{line.format(name)}\n")
    assert f"{tmp_path / 'train_pairs.txt'}:2: {name} " in message


def test_the_folder_above_is_no_file(root):
    def check():
        check_files(root, "train", listed(root, "000000_0.jpg ..\n"))

    refusal(check)


@pytest.mark.parametrize("text", ["", "\n \n\n"])
def test_an_empty_list_is_refused(tmp_path, text):
    message = refusal(listed, tmp_path, text)
    assert str(tmp_path / "train_pairs.txt") in message
    assert "empty" in message


def test_a_list_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "train_pairs.txt").write_bytes(b"\xff\xfe\x00caf\xe9_0.jpg caf\xe9_1.jpg\n")
    assert "train_pairs.txt" in refusal(read_pairs, tmp_path, "train")


def test_the_mark_that_some_editors_put_first_is_no_part_of_a_name(tmp_path):
    (tmp_path / "test_pairs.txt").write_bytes("1_0.jpg 2_1.jpg\n".encode("utf-8-sig"))
    assert read_pairs(tmp_path, "test") == [Pair("1_0.jpg", "2_1.jpg")]


def test_a_missing_root_is_named(tmp_path):
    message = refusal(read_pairs, tmp_path / "nowhere", "train")
    assert str(tmp_path / "nowhere") in message
    assert "data.root" in message


def test_a_file_is_no_root(tmp_path):
    (tmp_path / "file").touch()
    assert str(tmp_path / "file") in refusal(read_pairs, tmp_path / "file", "train")


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_missing_list_is_named(root, split):
    (root / f"{split}_pairs.txt").unlink()
    message = refusal(read_pairs, root, split)
    assert str(root / f"{split}_pairs.txt") in message
    assert "missing" in message


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_missing_folder_is_named(root, folder):
    shutil.rmtree(root / "train" / folder)
    message = refusal(check_files, root, "train", read_pairs(root, "train"))
    assert str(root / "train" / folder) in message
    assert "missing" in message


@pytest.mark.parametrize(
    "name",
    [
        "image/000001_0.jpg",
        "image-parse/000001_0.png",
        "pose/000001_0_keypoints.json",
        "cloth/000001_1.jpg",
        "cloth-mask/000001_1.jpg",
    ],
)
def test_a_missing_file_is_named(root, name):
    pairs = read_pairs(root, "train")
    check_files(root, "train", pairs)
    (root / "train" / name).unlink()
    message = refusal(check_files, root, "train", pairs)
    assert str(root / "train" / name) in message
    assert "missing" in message
    assert layout.missing_files(root, "train", pairs) == [root / "train" / name]


def test_a_file_of_the_other_split_does_not_count(root):
    test = read_pairs(root, "test")[0]
    assert len(layout.missing_files(root, "train", [test])) == 5


def test_the_five_files_of_a_pair_lie_where_viton_has_them(full):
    files = vars(files_of(full, "test", Pair("000003_0.jpg", "000004_1.jpg"))).values()
    assert sorted(str(f.relative_to(full / "test")) for f in files) == [
        "cloth-mask/000004_1.jpg",
        "cloth/000004_1.jpg",
        "image-parse/000003_0.png",
        "image/000003_0.jpg",
        "pose/000003_0_keypoints.json",
    ]
    assert all(f.is_file() for f in files)


@pytest.mark.parametrize(
    ("person", "cloth"),
    [
        ("000001_0.jpg", "000001_1.jpg"),
        ("000000_0.jpg", "000000_1.jpg"),
        ("me_0_0.jpg", "me_0_1.jpg"),
        ("a.b_0.png", "a.b_1.png"),
    ],
)
def test_the_own_cloth_follows_from_the_name(person, cloth):
    assert own_cloth(person) == cloth


@pytest.mark.parametrize("person", ["000001_1.jpg", "000010.jpg", "0.jpg", "000001_0", "_0x.jpg"])
def test_without_0_at_the_end_the_own_cloth_is_not_known(person):
    message = refusal(own_cloth, person)
    assert person in message
    assert "_0" in message


def test_the_unpaired_test_set_is_the_list(root):
    text = "000003_0.jpg 000002_1.jpg\n000002_0.jpg 000004_1.jpg\n000003_0.jpg 000004_1.jpg\n"
    (root / "test_pairs.txt").write_text(text)
    unpaired = layout.test_pairs(root, "unpaired")
    assert "".join(f"{p} {c}\n" for p, c in unpaired) == text


def test_the_paired_test_set_follows_from_the_names(root):
    text = "000003_0.jpg 000002_1.jpg\n000002_0.jpg 000004_1.jpg\n000003_0.jpg 000004_1.jpg\n"
    (root / "test_pairs.txt").write_text(text)
    assert layout.test_pairs(root, "paired") == [
        ("000003_0.jpg", "000003_1.jpg"),  # once, though two lines dress this person
        ("000002_0.jpg", "000002_1.jpg"),
    ]
