"""What rooms, noises, microphones and telephones do to speech: one place for augmenting and for degraded test sets."""

from asrkit.degrading.degrader import Another, Degraded, Degrader
from asrkit.degrading.noise import draw_other

__all__ = ["Another", "Degraded", "Degrader", "draw_other"]
