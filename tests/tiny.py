"""Overrides that make a training take seconds."""

TINY = (
    "gmm=small", "tom=small", "gmm.width=8", "tom.width=8", "gmm.head_width=8", "tom.head_width=8",
    "gmm.steps=2", "tom.steps=2", "gmm.batch_size=2", "tom.batch_size=2", "tom.perceptual_weight=0",
    "data.size=[128,96]", "data.workers=0", "data.val_fraction=0.3", "pictures=1",
    "trainer.accelerator=cpu",
)  # fmt: skip
SHORT = (  # with validations and checkpoints on the way
    *TINY, "gmm.steps=6", "tom.steps=6", "data.val_fraction=0.2", "val_every=3",
    "checkpoint_every=2", "log_every=2", "pictures=2",
)  # fmt: skip
