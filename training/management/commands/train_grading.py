from __future__ import annotations

from training.grading import train_grading
from training.management.training_command import TrainingCommand


class Command(TrainingCommand):
    help = "Train the grader; a second call with the same run folder continues where the first was stopped."
    trainer = staticmethod(train_grading)
