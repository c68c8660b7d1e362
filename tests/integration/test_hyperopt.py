"""Hyperopt with the guard: its workers are processes that never ran ``activate``."""

import json

import pytest


# The mixin of two legs holds the other one, too; workers get both by value.
@pytest.mark.acceptance
@pytest.mark.parametrize("mixin", ["ReservedArbitrage", False])
def test_hyperopt_with_two_workers_and_our_protections(workspace, mixin):
    rebalance = {"enabled": True, "enough_stake": 400, "target_stake": 500}
    workspace.write_config({"position_size_percent": 30, "rebalance": rebalance})
    workspace.write_strategy(
        "Clockwork",
        mixin=mixin,
        body="""
        candles = IntParameter(1, 5, default=2, space="protection")
        @property
        def protections(self):
            return [
                {"method": "MinimumBalance", "stop_duration_candles": self.candles.value},
                {"method": "RebalanceCooldown", "lock_all": self.candles.value > 2},
            ]
        """,
    )
    done = workspace.run(
        "hyperopt", "--strategy", "Clockwork", "--spaces", "buy", "protection",
        "-e", "3", "-j", "2", "--min-trades", "1", "--hyperopt-loss", "SharpeHyperOptLossDaily",
        "--random-state", "1", launcher=not mixin,
    )  # fmt: skip
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-3000:]
    assert "Best result" in output
    assert ("ReservedArbitrage does nothing here" in output) == bool(mixin)
    # The parameter file keeps the strategy's own name.
    parameters = workspace.folder / "strategies" / "clockwork.json"
    assert json.loads(parameters.read_text())["strategy_name"] == "Clockwork"
    parameters.unlink()


@pytest.mark.acceptance
def test_the_limits_hold_inside_hyperopts_workers(workspace):
    workspace.write_strategy()
    averages = {}
    for percent in (100, 10):
        guard = {"position_size_percent": percent}
        workspace.write_config(guard, max_open_trades=1)
        done = workspace.run(
            "hyperopt", "--strategy", "Clockwork", "--spaces", "buy", "-e", "3", "-j", "2",
            "--min-trades", "1", "--hyperopt-loss", "SharpeHyperOptLossDaily",
            "--random-state", "1", launcher=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        results = sorted((workspace.folder / "hyperopt_results").glob("*.fthypt"))[-1]
        epochs = [json.loads(line)["results_metrics"] for line in results.read_text().splitlines()]
        assert len(epochs) == 3 and all(epoch["total_trades"] > 10 for epoch in epochs)
        averages[percent] = [epoch["avg_stake_amount"] for epoch in epochs]
        results.unlink()
    # 990 of 1000 may be traded with; a tenth of that, and the walk moves the money by some percent.
    assert all(500 < average < 1200 for average in averages[100])
    assert all(80 < average < 120 for average in averages[10])
