"""A bot's metrics as Prometheus gets them."""

from dataclasses import dataclass
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from freqtrade_balance_guard.demo.bot import Bot


PREFIX = "balance_guard_"


@dataclass(frozen=True)
class Scrape:
    """One scrape. ``text`` is what was served."""

    text: str

    def all(self, name: str, **labels: str) -> dict[tuple[tuple[str, str], ...], float]:
        """The samples of a name (without our prefix) that have these labels."""
        return {
            tuple(sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(self.text)
            for sample in family.samples
            if sample.name == PREFIX + name
            and all(sample.labels.get(key) == value for key, value in labels.items())
        }

    def sum(self, name: str, **labels: str) -> float:
        """Their sum; 0 where there is none."""
        return sum(self.all(name, **labels).values())


def address_of(bot: Bot) -> str:
    """Where a bot serves its metrics, by its log."""
    line = bot.wait_for("Metrics are served at", 30)
    return line.split(" served at ")[1].rstrip(".")


def scrape(bot: Bot) -> Scrape:
    """What is served now."""
    with urlopen(address_of(bot), timeout=10) as answer:
        return Scrape(answer.read().decode())
