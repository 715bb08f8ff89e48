"""What the recorder counts."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

EVENTS: Final = Counter("flowhook_recorded_events", "Requests and events that were recorded")
BATCHES: Final = Counter("flowhook_record_transactions", "Transactions that recorded a batch")
FAILURES: Final = Counter(
    "flowhook_record_failures", "Attempts to record a batch that failed since PostgreSQL was away"
)
SET_ASIDE: Final = Counter(
    "flowhook_record_set_aside", "Events that could not be recorded and were put into dead.events"
)
BATCH_SIZE: Final = Histogram(
    "flowhook_record_batch_size", "Requests and events in a batch", buckets=(1, 3, 10, 30, 100, 300, 1000)
)
WRITE_S: Final = Histogram("flowhook_record_write_seconds", "How long a batch took to be written, in seconds")
LAG_S: Final = Gauge("flowhook_record_lag_seconds", "Age of the oldest request in the last batch when it was recorded")
CLAIMS: Final = Counter("flowhook_claims", "Claims that were answered", ["verdict"])
WOKEN: Final = Counter("flowhook_woken_runs", "Parked runs that were woken")
SWEPT: Final = Counter("flowhook_swept_runs", "Runs without a sign of life that were brought back")
CLOSED: Final = Counter("flowhook_closed_runs", "Refused runs that never showed and were closed as unavailable")
DEAD_RUNS: Final = Counter("flowhook_dead_runs", "Run messages that were refused or came too often")
