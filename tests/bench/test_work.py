import pytest
import torch

from vton_aux.bench.case import Case
from vton_aux.bench.inputs import random_batch
from vton_aux.bench.steps import infer, step
from vton_aux.bench.work import prepare
from vton_aux.representation import PersonRepresentation

CPU = torch.device("cpu")


def conv(inputs, outputs, kernel, height, width):
    return 2 * inputs * outputs * kernel**2 * height * width / 1e9


def gmm_forward():
    """By hand, from CP-VTON's layers at 256x192."""
    total = 0.0
    for channels in (22, 3):
        height, width = 256, 192
        for grown in (64, 128, 256, 512):
            height, width = height // 2, width // 2
            total += conv(channels, grown, 4, height, width)
            channels = grown
        total += 2 * conv(512, 512, 3, 16, 12)
    total += 2 * 512 * 192 * 192 / 1e9  # correlation
    total += conv(192, 512, 4, 8, 6) + conv(512, 256, 4, 4, 3)
    total += conv(256, 128, 3, 4, 3) + conv(128, 64, 3, 4, 3)
    return total


def test_the_flops_of_inference_are_those_of_the_layers():
    tom = 0.0
    channels, height, width = 25, 256, 192
    for grown in (64, 128, 256, 512, 512, 512):
        height, width = height // 2, width // 2
        tom += conv(channels, grown, 4, height, width)
        channels = grown
    for skip, out in ((512, 512), (1024, 512), (1024, 256), (512, 128), (256, 64), (128, 4)):
        height, width = 2 * height, 2 * width
        tom += conv(skip, out, 3, height, width)
    counted = infer(CPU, batch=1).gflop_per_image
    assert counted == pytest.approx(gmm_forward() + tom, rel=0.01)


def test_a_step_is_a_forward_and_almost_twice_that_backward():
    work = step(CPU, "gmm", batch=1)
    # the gradient to the input images is left out
    images = conv(22, 64, 4, 128, 96) + conv(3, 64, 4, 128, 96)
    assert work.gflop_per_image == pytest.approx(3 * gmm_forward() - images, rel=0.01)


def test_random_batches_are_what_the_representation_reads():
    inputs = PersonRepresentation()(random_batch(2, (128, 96), CPU))
    assert inputs.gmm_person.shape == (2, 22, 128, 96)
    assert inputs.gmm_person[:, 4:].max() == 1


@pytest.mark.parametrize("what", ["similarity", "regions"])
def test_metrics_are_measured_in_images(what):
    assert prepare(Case("x", "metrics", {"what": what, "batch": 2}), CPU).unit() == 2
