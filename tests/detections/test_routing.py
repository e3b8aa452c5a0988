"""Which rules an event meets is remembered, as much of it as there is room for."""

from hinomi.detections.engine.routing import BUCKETS, Route, Router


def test_kinds_of_events_without_end_leave_a_set_of_rules_what_it_is() -> None:
    router = Router([Route(0, (("event.dataset", "a.b"),))])
    kept = router.bucket({"event.dataset": "a.b", "event.code": "1"})
    for code in range(BUCKETS + 10):
        assert router.bucket({"event.dataset": "a.b", "event.code": str(code)}) is kept
