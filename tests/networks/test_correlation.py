import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vton_aux.networks.correlation import feature_correlation

B, C, ROWS, COLUMNS = 2, 5, 2, 3


def features(seed, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(B, C, ROWS, COLUMNS, generator=generator)


def test_channel_i_w_plus_j_compares_person_i_j_with_each_cloth_position():
    person, cloth = features(0), features(1)
    correlation = feature_correlation(person, cloth)
    assert correlation.shape == (B, ROWS * COLUMNS, ROWS, COLUMNS)
    for b, i, j, k, m in np.ndindex(B, ROWS, COLUMNS, ROWS, COLUMNS):
        a = person[b, :, i, j].double().numpy()
        c = cloth[b, :, k, m].double().numpy()
        cosine = np.dot(a, c) / np.sqrt(np.dot(a, a) * np.dot(c, c))
        assert abs(correlation[b, i * COLUMNS + j, k, m].item() - cosine) < 1e-5


def test_one_matching_position_lights_one_cell():
    person, cloth = torch.zeros(1, C, ROWS, COLUMNS), torch.zeros(1, C, ROWS, COLUMNS)
    person[0, 3, 1, 0] = 2.0
    cloth[0, 3, 0, 2] = 7.0
    lit = feature_correlation(person, cloth)[0].nonzero().tolist()
    assert lit == [[1 * COLUMNS + 0, 0, 2]]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.floats(1e-4, 1e4))
def test_cosines_lie_between_minus_one_and_one(seed, scale):
    person = features(seed, scale)
    correlation = feature_correlation(person, features(seed + 1, 1 / scale))
    itself = feature_correlation(person, person).flatten(2).diagonal(dim1=1, dim2=2)
    assert correlation.abs().max() <= 1 + 1e-6
    assert itself.max() <= 1 + 1e-6
    if scale > 0.1:
        assert itself.min() > 1 - 1e-3


def test_features_at_zero_have_a_finite_gradient():
    person = torch.zeros(B, C, ROWS, COLUMNS, requires_grad=True)
    feature_correlation(person, features(1)).sum().backward()
    assert person.grad.isfinite().all()


def test_the_correlation_stays_in_float32_under_mixed_precision():
    person, cloth = features(0).bfloat16(), features(1).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        mixed = feature_correlation(person, cloth)
    assert mixed.dtype == torch.float32
    assert torch.equal(mixed, feature_correlation(person.float(), cloth.float()))
