"""What rooms, noises, microphones and telephones do to speech: one place for augmenting and for degraded test sets."""

from asrkit.degrading.degrader import Another, Degraded, Degrader

__all__ = ["Another", "Degraded", "Degrader"]
