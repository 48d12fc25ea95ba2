"""Training of the split: losses, stages, checkpoints, errors and plots."""

from openmm_innff.training.config import TrainingConfig, load_config
from openmm_innff.training.learning_curve import train_sizes
from openmm_innff.training.run import train

__all__ = ["TrainingConfig", "load_config", "train", "train_sizes"]
