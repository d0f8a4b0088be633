from vton_aux.evaluation.settings import differing, flat_settings

OWN = {"tom.aux": "false", "tom.aux_weight": "1.0", "tom.lr": "0.1", "tom.vgg": '"a"'}


def test_settings_of_both_stages_and_of_their_training_are_flat():
    training = {"flip": 0.5, "precision": "bf16-mixed", "vgg": "content"}
    context = {"aux": True, "size": [256, 192], "labels": "lip"}
    gmm = {"settings": {"lr": 0.1}, "context": {**context, "provenance": {"seed": 1}}}
    tom = {
        "settings": {"lr": 0.2, "vgg": "/a/vgg.pth"},
        "context": {**context, "provenance": {"seed": 1, "training": training}},
        "gmm": gmm,
    }
    assert flat_settings(tom) == {
        "gmm.lr": "0.1", "gmm.aux": "true", "tom.lr": "0.2", "tom.aux": "true",
        "tom.flip": "0.5", "tom.precision": '"bf16-mixed"', "tom.vgg": '"content"',
    }  # fmt: skip


def test_heads_and_what_only_they_read_are_the_method():
    head = {**OWN, "tom.aux": "true", "tom.aux_weight": "2.0"}
    assert differing(OWN, head) == {}
    assert differing(head, {**head, "tom.aux_weight": "3.0"}) == {"tom.aux_weight": ("2.0", "3.0")}
    assert differing(OWN, {**head, "tom.lr": "0.2"}) == {"tom.lr": ("0.1", "0.2")}


def test_what_another_version_lacks_is_at_its_default_there():
    assert differing(OWN, {**OWN, "tom.mask_weight": "1.0"}) == {}
    assert differing(OWN, {**OWN, "tom.mask_weight": "2.0"}) == {"tom.mask_weight": ("1.0", "2.0")}
    assert differing({**OWN, "gmm.grid_weight": "5.0"}, OWN) == {"gmm.grid_weight": ("5.0", "0.0")}
    assert differing({**OWN, "tom.steps": "3"}, {}) == {}  # another system's pictures


def test_vgg19_differs_only_where_both_read_it():
    first, second = ({**OWN, "tom.vgg": name} for name in ('"a"', '"b"'))
    for weights, found in ((("1.0", "1.0"), ["tom.vgg"]), (("1.0", "0.0"), []), (("0", "0"), [])):
        with_weights = (
            {**of, "tom.perceptual_weight": weight}
            for of, weight in zip((first, second), weights, strict=True)
        )
        told = differing(*with_weights)
        assert [name for name in told if name == "tom.vgg"] == found
