"""What users get in ``monitoring/``: up to date, complete, and clean for promtool."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from freqtrade_balance_guard.monitoring.metrics.counting import COUNTERS
from tests.support.prometheus import promtool
from tests.unit.test_metrics import ROWS


ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "monitoring"
ALERTS = FOLDER / "prometheus" / "alerts.yml"
# What Prometheus adds to the names of counters and histograms.
SERIES = {
    f"balance_guard_{name}{end}"
    for name, (kind, _) in ROWS.items()
    for end in {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket",)}[kind]
}


def expressions() -> dict[str, str]:
    """Every query of the dashboard and every rule, by a name."""
    dashboard = json.loads((FOLDER / "grafana" / "dashboard.json").read_text())
    found = {
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
    }
    for group in yaml.safe_load(ALERTS.read_text())["groups"]:
        found |= {rule["alert"]: rule["expr"] for rule in group["rules"]}
    return found


def test_the_dashboard_is_up_to_date() -> None:
    script = ROOT / "scripts" / "generate_dashboard.py"
    answer = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert (answer.returncode, answer.stdout.strip()) == (0, "up to date")


def test_queries_use_our_metrics_and_every_metric_is_on_the_dashboard() -> None:
    used = {
        name for text in expressions().values() for name in re.findall(r"balance_guard_\w+", text)
    }
    assert used == SERIES
    assert len(COUNTERS) == 9


def test_the_dashboard_has_its_data_source_as_an_input_and_no_panel_over_another() -> None:
    text = (FOLDER / "grafana" / "dashboard.json").read_text()
    dashboard = json.loads(text)
    (source,) = dashboard["__inputs"]
    assert source["name"] == "DS_PROMETHEUS"
    uids = set(re.findall(r'"uid": "([^"]+)"', text))
    assert uids == {"${DS_PROMETHEUS}", "balance-guard"}
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(numbers) == len(set(numbers))


def test_the_rules_pass_promtool_and_do_what_their_tests_say() -> None:
    assert "12 rules found" in promtool("check", "rules", str(ALERTS))
    assert "SUCCESS" in promtool("test", "rules", str(ALERTS.with_name("alerts.test.yml")))
    promtool("check", "config", str(ALERTS.with_name("prometheus.yml")))


def test_every_alert_is_raised_in_a_test_and_has_a_summary() -> None:
    tests = yaml.safe_load(ALERTS.with_name("alerts.test.yml").read_text())["tests"]
    raised = {
        one["alertname"] for test in tests for one in test["alert_rule_test"] if one["exp_alerts"]
    }
    rules = [
        rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]
    ]
    assert raised == {rule["alert"] for rule in rules}
    assert all(rule["annotations"]["summary"] for rule in rules)


def test_the_compose_file_mounts_what_is_there_and_publishes_grafana_on_this_machine_only() -> None:
    compose = yaml.safe_load((FOLDER / "docker-compose.yml").read_text())
    services = compose["services"]
    assert {"bot1", "bot2", "bot3", "postgres", "prometheus", "grafana"} == set(services)
    for name, service in services.items():
        ports = service.get("ports", [])
        assert all(port.startswith("127.0.0.1:") for port in ports), name
        assert bool(ports) == (name == "grafana")
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            if source.startswith("./") and not source.startswith("./user_data"):
                assert (FOLDER / source).exists(), source
    targets = yaml.safe_load((FOLDER / "prometheus" / "prometheus.yml").read_text())
    (job,) = targets["scrape_configs"]
    assert job["static_configs"][0]["targets"] == ["bot1:9108", "bot2:9108", "bot3:9108"]


@pytest.mark.parametrize("name", ["bot1", "bot2", "bot3"])
def test_the_environment_of_the_compose_file_is_read_as_settings(name: str, monkeypatch) -> None:
    from freqtrade.configuration.environment_vars import environment_vars_to_dict

    from freqtrade_balance_guard.settings import load_settings

    compose = yaml.safe_load((FOLDER / "docker-compose.yml").read_text())
    for key, value in compose["services"][name]["environment"].items():
        monkeypatch.setenv(key, value.replace("${POSTGRES_PASSWORD:?}", "secret"))
    section = environment_vars_to_dict()["balance_guard"]
    written = json.loads((FOLDER / "bot.example.json").read_text())["balance_guard"]
    settings = load_settings({**written, **section})
    assert settings.metrics.enabled and settings.metrics.listen_ip_address == "0.0.0.0"
    assert settings.ledger.account == "shared"
