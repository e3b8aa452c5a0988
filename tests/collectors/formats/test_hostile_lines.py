"""Lines made to be slow to read: none takes longer than its length has a right to (else the run's time limit ends it)."""

import json

import pytest

from hinomi.collectors.formats import formats
from hinomi.collectors.reading import explain
from hinomi.event import RawRecord

N = 60_000
SQUID = '10.1.1.1 - - [25/Nov/2026:09:50:00 +0900] "GET '
IFILTER = "Nov 25 09:15:04 4872 1000/21/ - - 10.1.2.30 10.1.2.30 - u [25/Nov/2026:09:15:02 +0900] 200 0 9 - 0 12 12 "
AUDIT = {"CreationTime": "2026-11-25T00:53:00", "Id": "1", "Operation": "Send", "RecordType": 2, "UserId": "u"}
LINES = {
    "quotes that could end a field": SQUID + '" 200 1 "" "" ' * (N // 14), "a URL without an end": SQUID + "x" * N, "the same with ports": "10.1.1.1 80 [25/Nov/2026:09:50:00 x] " + '"GET ' + "x" * N,
    "brackets": IFILTER + "[ " * (N // 2), "quotes": IFILTER + '"a' * (N // 2), "quotes and spaces": IFILTER + '"a ' * (N // 3), "native words": "1795500010.123 1 c A/200 1 GET " + "A/a " * (N // 4),
    "colons": "<13>Nov 25 09:00:00 " + ":" * N, "hex": "<13>Nov 25 09:00:00 " + "a:" * (N // 2) + " ", "structured data": "<13>1 - h a - - " + '[a b="' * (N // 6), "escapes": '<13>1 - h a - - [a b="' + '\\"' * (N // 2),
    "attachments": json.dumps({**AUDIT, "Item": {"Attachments": "a" + " " * N + ";" + "(" * N}}), "an address": json.dumps({**AUDIT, "ClientIP": ":" * N, "OriginatingServer": "a(" * (N // 2)}),
    "pairs": "LanScopeCat - Operation " + 'a="' * (N // 3), "pairs without end": "LanScopeCat - Operation " + 'a="" ' * (N // 5) + "!", "tabs": "\t" * N, "commas": '"' + '","' * (N // 3),
}  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_a_line_made_to_be_slow_is_read_like_any_other(line: str) -> None:
    for name in ("", *(name for name, _ in formats)):
        (event,) = explain(
            RawRecord(LINES[line].encode(), "s", "192.0.2.1 a:1", 1_795_500_000_000_000), name or None, "syslog"
        )
        assert "error.message" not in event
        assert event["event.original"].startswith(LINES[line][:100])
