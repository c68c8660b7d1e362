"""What a doctor says: one thing that somebody should know, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """ERROR: money is at risk or nothing works; WARNING: worth a change; NOTE: to know."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that somebody should know, and what to do about it."""

    level: Level
    code: str
    sentence: str
    remedy: str

    def as_json(self) -> dict[str, Any]:
        return {
            "level": self.level.value,
            "code": self.code,
            "sentence": self.sentence,
            "remedy": self.remedy,
        }
