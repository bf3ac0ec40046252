"""Reading hypotheses and references of any common format, without ever losing a line in silence.

What a file is, and which of its fields is the text, is decided once for the whole file: by what the user says, else by
its name and content. Whatever was guessed stands in the notes of the transcripts, with an example.
"""

from asrkit.metrics.transcripts.files import read_text
from asrkit.metrics.transcripts.formats import FORMATS, read_columns, read_transcripts
from asrkit.metrics.transcripts.values import Role, Transcripts, with_ids

__all__ = ["FORMATS", "Role", "Transcripts", "read_columns", "read_text", "read_transcripts", "with_ids"]
