import pytest
import torch
from PIL import Image

from vton_aux.bench.reference import Reference, render, training_step, warp_cloth
from vton_aux.errors import UserError

# a made-up checkout with the names and habits of the real one: `.cuda()`, torchvision, grid.png
NETWORKS = """
import torch
from torch import nn
from torchvision import models
class GMM(nn.Module):
    def __init__(self, opt):
        super().__init__()
        self.regression = nn.Linear(1, 1).cuda()
        self.shift = torch.zeros(1).cuda()
    def forward(self, person, cloth):
        lines = [torch.linspace(-1, 1, n) for n in cloth.shape[2:]]
        y, x = torch.meshgrid(*lines, indexing="ij")
        grid = torch.stack([x, y], -1)[None].expand(len(cloth), -1, -1, -1)
        return grid + self.shift.cuda(), None
class UnetGenerator(nn.Conv2d):
    def __init__(self, inputs, outputs, downs, ngf, norm_layer):
        super().__init__(inputs, outputs, 1)
class VGGLoss(nn.Module):
    def __init__(self):
        super().__init__()
        self.vgg = models.vgg19(pretrained=True).features
        self.cuda()
    def forward(self, x, y):
        return (self.vgg(x) - self.vgg(y)).abs().mean()
"""
DATA = """
from PIL import Image
import torchvision.transforms as transforms
class CPDataset:
    def __init__(self, opt):
        self.transform = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))]
        )
        self.root = opt.dataroot
class CPDataLoader:
    def __init__(self, opt, dataset):
        self.dataset = dataset
    def next_batch(self):
        return {"grid": self.dataset.transform(Image.open("grid.png")), "of": self.dataset.root}
"""


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "networks.py").write_text(NETWORKS)
    (tmp_path / "cp_dataset.py").write_text(DATA)
    Image.new("L", (4, 2), 255).save(tmp_path / "grid.png")
    return tmp_path


@pytest.fixture
def code(checkout):
    import sys

    yield Reference(checkout)
    for name in ("networks", "cp_dataset"):
        sys.modules.pop(name, None)


def test_an_incomplete_checkout_is_told(checkout):
    (checkout / "grid.png").unlink()
    with pytest.raises(UserError, match=r"grid\.png: missing"):
        Reference(checkout)


def test_torchvision_is_what_it_was_before(code):
    import sys

    assert "torchvision" not in sys.modules or hasattr(sys.modules["torchvision"], "__version__")


def test_its_loader_runs_in_its_own_folder_and_sees_signed_images(code, tmp_path):
    batch = next(code.batches(tmp_path / "viton"))
    assert batch["grid"].shape == (1, 2, 4)
    assert (batch["grid"] == 1).all()
    assert batch["of"] == str(tmp_path / "viton")


def test_its_networks_warp_and_render_without_a_gpu(code):
    cpu = torch.device("cpu")
    person, cloth = torch.rand(2, 22, 8, 6), torch.rand(2, 3, 8, 6)
    warped, mask = warp_cloth(code.gmm(cpu), person, cloth, torch.ones(2, 1, 8, 6))
    torch.testing.assert_close(warped, cloth)  # its grid is the identity with align_corners=True
    assert (mask > 0.99).all()
    tryon, composition = render(code.tom(cpu), person, warped)
    assert tryon.shape == (2, 3, 8, 6)
    assert ((composition > 0) & (composition < 1)).all()


def test_a_step_is_one_of_adams(code):
    network = torch.nn.Linear(1, 1, bias=False)
    before = network.weight.item()
    training_step(network, lambda: network.weight.sum() * 7)()
    assert network.weight.item() == pytest.approx(before - 1e-4, abs=1e-6)
