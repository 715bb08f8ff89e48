"""What a runner counts. Labels have few values: no flow, no run."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

WAITS_S: Final = (0.005, 0.02, 0.1, 0.5, 1, 5, 15, 45, 120, 600, 3600)
RUNS_S: Final = (0.001, 0.005, 0.02, 0.1, 0.5, 1, 5, 15, 60, 300, 900)

RUNS: Final = Counter(
    "flowhook_runner_runs",
    "Executions by what their run was behind them: ended, parked, or queued for others",
    ["status"],
)
RUN_SECONDS: Final = Histogram("flowhook_runner_run_seconds", "How long ended runs ran, without waits", buckets=RUNS_S)
QUEUE_SECONDS: Final = Histogram(
    "flowhook_runner_queue_seconds", "How long fresh runs waited to start", ["mode", "lane"], buckets=WAITS_S
)
RUNNING: Final = Gauge("flowhook_runner_running", "Runs that execute now")
CLAIMS: Final = Counter("flowhook_runner_claims", "Answers to claims", ["verdict"])
