from __future__ import annotations

from training.management.training_command import TrainingCommand
from training.segmentation import train_segmentation


class Command(TrainingCommand):
    help = "Train a lesion network; a second call with the same run folder continues where the first was stopped."
    trainer = staticmethod(train_segmentation)
