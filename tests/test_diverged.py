"""A loss that is no number ends the training where it would be read anyway."""

from types import SimpleNamespace

import pytest

from vton_aux.callbacks.diverged import Diverged
from vton_aux.errors import UserError


def end_of_step(callback, step, loss):
    trainer = SimpleNamespace(
        global_step=step,
        strategy=SimpleNamespace(reduce_boolean_decision=lambda bad, all: bad),
        default_root_dir="store/gmm-1",
    )
    callback.on_train_batch_end(trainer, None, {"loss": loss}, {}, step - 1)


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
@pytest.mark.parametrize("step", [10, 15, 60])
def test_it_is_told_with_its_step(step, loss):
    with pytest.raises(UserError, match=rf"the loss is {loss} at step {step}: .* store/gmm-1/log"):
        end_of_step(Diverged(10, 15), step, loss)


def test_other_steps_do_not_wait_for_the_loss():
    end_of_step(Diverged(10, 15), 11, float("nan"))


def test_a_number_is_no_divergence():
    end_of_step(Diverged(10), 10, 1e9)
