import pytest
import torch
import torch.nn.functional as F

from vton_aux.losses.l1 import l1_to_constant


def test_it_is_the_mean_absolute_difference_and_its_gradient():
    torch.manual_seed(0)
    prediction = torch.randn(2, 3, 5, 4, dtype=torch.float64, requires_grad=True)
    target = torch.randn(2, 3, 5, 4, dtype=torch.float64)
    found, true = l1_to_constant(prediction, target), F.l1_loss(prediction, target)
    assert found.item() == pytest.approx(true.item(), rel=1e-6)
    one, other = (torch.autograd.grad(3 * loss, prediction)[0] for loss in (found, true))
    torch.testing.assert_close(one, other.to(one.dtype))


def test_where_both_agree_there_is_no_pull():
    prediction = torch.ones(1, 1, 2, 2, requires_grad=True)
    target = torch.tensor([[[[1.0, 2.0], [0.0, 1.0]]]])
    (gradient,) = torch.autograd.grad(l1_to_constant(prediction, target), prediction)
    assert gradient.flatten().tolist() == [0, -0.25, 0.25, 0]


def test_the_target_gets_no_gradient():
    prediction, target = (torch.randn(1, 2, 3, 3, requires_grad=True) for _ in range(2))
    l1_to_constant(prediction, target).backward()
    assert prediction.grad is not None
    assert target.grad is None


def test_bfloat16_maps_are_summed_in_float32():
    torch.manual_seed(0)
    maps = torch.randn(2, 64, 64, 48, dtype=torch.bfloat16)
    loss = l1_to_constant(maps, torch.zeros_like(maps))
    assert loss.dtype == torch.float32
    # a sum in bfloat16 would stop growing at 256
    assert loss.item() == pytest.approx(maps.double().abs().mean().item(), rel=1e-4)
