"""The syslog door on real sockets: what is taken, from whom, and what a slow or lying sender cannot do.

Row 13 of the faults: senders that are slow, silent, gone half-way, that lie about a length or never end a line; certificates
of others, past their time; old protocols, renegotiation.
"""

import os
import resource
import select
import socket
import ssl
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
import trustme

from hinomi.cli.acting.ports import free_port
from hinomi.clock import SystemClock
from hinomi.collectors.doors import SPARE
from hinomi.collectors.sources import SourceContext
from hinomi.collectors.sources.syslog import SyslogSource
from hinomi.errors import ConfigError
from hinomi.settings import Settings
from tests.collectors.sources.conftest import eventually


class Syslog:
    """A desk with one syslog source, and senders to it."""

    def __init__(self, desk: Any):
        self.desk = desk
        self.port = free_port()

    def listen(self, transport: str = "tcp", **more: Any) -> "Syslog":
        table = {
            "kind": "syslog",
            "listen": f"127.0.0.1:{self.port}",
            "transport": transport,
            "tenant": "kita/aoba",
            **more,
        }
        self.desk.sources = {"sys": table}
        self.desk.start()
        if transport != "udp":
            self.connect().close()
        else:
            eventually(lambda: self.send_datagrams(b"<13>ready") and self.desk.lines())
        return self

    def connect(self) -> socket.socket:
        deadline = time.monotonic() + 15
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port), 15)
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def send_datagrams(self, *messages: bytes) -> bool:
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
            for message in messages:
                sender.sendto(message, ("127.0.0.1", self.port))
        return True

    @property
    def statistics(self) -> Any:
        return self.desk.receiver.statistics["sys"]


@pytest.fixture
def syslog(desk: Any) -> Syslog:
    return Syslog(desk)


def is_closed(connection: socket.socket) -> bool:
    """Say whether the other end lets go of it."""
    connection.settimeout(15)
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def push(connection: socket.socket, left: memoryview) -> memoryview:
    """Send as long as the other end reads; return what is left."""
    try:
        while left:
            left = left[connection.send(left) :]
    except TimeoutError:
        pass
    return left


def test_lines_and_counted_messages_are_kept_whole_with_their_place(syslog: Syslog) -> None:
    syslog.listen()
    sent = [
        f"<13>Nov 25 09:00:00 h a: {text}".encode(code)
        for text, code in (("校務", "utf-8"), ("成績 表能", "cp932"), ("名簿", "euc_jp"))
    ]
    with syslog.connect() as connection:
        connection.sendall(b"\n".join(sent) + b"\n" + b"%d " % len(sent[0]) + sent[0] + b"<13>torn")
    assert sorted(syslog.desk.wait(5)) == sorted([*sent, sent[0], b"<13>torn"])
    places = [place for block in syslog.desk.blocks() for place in block.places]
    series = places[0].partition(" ")[2].partition(":")[0]
    assert places == [f"127.0.0.1 {series}:{n}" for n in range(5)]


def test_numbers_go_on_after_a_restart(syslog: Syslog) -> None:
    syslog.listen()
    for part, lines in ((b"<13>a\n<13>b\n", 2), (b"<13>c\n", 3)):
        with syslog.connect() as connection:
            connection.sendall(part)
        syslog.desk.wait(lines)
        syslog.desk.stop()
        syslog.desk.start()
    places = [place for block in syslog.desk.blocks() for place in block.places]
    assert [place.rpartition(":")[2] for place in places] == ["0", "1", "2"]
    assert len({place.rpartition(":")[0] for place in places}) == 1


def test_datagrams_are_one_message_each(syslog: Syslog) -> None:
    syslog.listen("udp")
    syslog.send_datagrams(b"<13>one\n", b"<13>two\nstill two", b"", "<13>三".encode("cp932"))
    eventually(lambda: "<13>三".encode("cp932") in syslog.desk.lines())
    assert [line for line in syslog.desk.lines() if line != b"<13>ready"] == [
        b"<13>one",
        b"<13>two\nstill two",
        "<13>三".encode("cp932"),
    ]


def test_a_full_spool_stops_the_reading_of_tcp_and_loses_nothing(syslog: Syslog) -> None:
    syslog.desk.more["spool"] = {"max_bytes": 1 << 20}
    syslog.listen()
    lines = [b"<13>%d " % n + os.urandom(20_000).hex().encode() + b"\n" for n in range(1500)]
    with syslog.connect() as connection:
        connection.settimeout(2)
        left = push(connection, memoryview(b"".join(lines)))
        assert len(left) > 0
        assert eventually(lambda: syslog.statistics.waiting > 0)
        assert syslog.statistics.dropped == 0
        syslog.desk.more["spool"] = {"max_bytes": 1 << 30}
        committer = next(c for c in syslog.desk.receiver.committers.values() if c.name.startswith("bulk"))
        committer.log.max_bytes = 1 << 30  # as if its readers had made room
        connection.settimeout(30)
        assert len(push(connection, left)) == 0
    assert len(syslog.desk.wait(1500)) == 1500
    assert [int(line.split()[0][4:]) for line in syslog.desk.lines()] == list(range(1500))


def test_udp_counts_what_there_was_no_room_for(syslog: Syslog) -> None:
    syslog.desk.more["spool"] = {"max_bytes": 1 << 20}
    syslog.listen("udp")
    messages = [b"<13>" + os.urandom(15_000).hex().encode() for _ in range(50)]
    sent = 0
    deadline = time.monotonic() + 60
    while syslog.statistics.dropped == 0 and time.monotonic() < deadline:
        syslog.send_datagrams(*messages)
        sent += len(messages)
    assert syslog.statistics.dropped > 0
    next(c for c in syslog.desk.receiver.committers.values() if c.name.startswith("bulk")).log.max_bytes = 1 << 30

    def all_counted() -> bool:
        first = syslog.desk.lines().count(b"<13>ready")
        return bool(syslog.statistics.records - first + syslog.statistics.dropped == sent)

    assert eventually(all_counted, 60)


def test_who_is_not_allowed_is_not_heard(syslog: Syslog) -> None:
    syslog.listen(allow=["192.0.2.0/24", "2001:db8::/32"])
    with syslog.connect() as connection:
        assert is_closed(connection)
    assert syslog.desk.lines() == []


def test_senders_are_heard_while_others_hold_all_places_and_say_nothing(syslog: Syslog) -> None:
    syslog.listen(max_connections=20)
    with ExitStack() as held:
        speaker = held.enter_context(syslog.connect())
        speaker.sendall(b"<13>first\n")
        syslog.desk.wait(1)
        silent = [held.enter_context(syslog.connect()) for _ in range(60)]
        for slow in silent[-15:]:
            slow.sendall(b"<13>never end")
        newcomer = held.enter_context(syslog.connect())
        newcomer.sendall(b"<13>newcomer\n")
        speaker.sendall(b"<13>second\n")
        assert eventually(lambda: {b"<13>newcomer", b"<13>second"} <= set(syslog.desk.lines()))
        assert sum(is_closed(connection) for connection in silent[:40]) == 40


@pytest.fixture
def open_files() -> Iterator[Callable[[int], int]]:
    """Let this process open so many files, or as many as it may; return how many."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)

    def allow(wanted: int) -> int:
        most = wanted if before[1] == resource.RLIM_INFINITY else min(wanted, before[1])
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, before[1]))
        return most

    yield allow
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_thousands_that_are_silent_slow_or_lie_take_no_message_and_no_place_from_others(
    syslog: Syslog, open_files: Callable[[int], int]
) -> None:
    """Row 13: connections that send nothing, a byte now and then, a length that is a lie, and no end of line."""
    thousands = min(4000, (open_files(10_000) - 1000) // 2)  # both ends are here
    syslog.listen(max_connections=thousands + 100)
    before = psutil.Process().memory_info().rss
    openings = (b"", b"<", b"99999 <13>a lie", b"<13>never end")
    with ExitStack() as held:
        speaker = held.enter_context(syslog.connect())
        others = []
        for number in range(thousands):
            others.append(held.enter_context(syslog.connect()))
            others[-1].sendall(openings[number % 4])
            if number % 500 == 0:
                speaker.sendall(b"<13>%d\n" % number)
        for slow in others[1::4]:
            slow.sendall(b"1")
        newcomer = held.enter_context(syslog.connect())
        newcomer.sendall(b"<13>newcomer\n")
        speaker.sendall(b"<13>last\n")
        wanted = [*(b"<13>%d" % n for n in range(0, thousands, 500)), b"<13>last", b"<13>newcomer"]
        assert sorted(syslog.desk.wait(len(wanted))) == sorted(wanted)
        closed = select.poll()
        for other in others:
            closed.register(other, select.POLLIN)
        assert closed.poll(0) == []  # nobody had to give way
        assert (psutil.Process().memory_info().rss - before) / thousands < 100_000
    said = {b"<", b"99999 <13>a lie", b"<13>never end"}
    assert eventually(
        lambda: len(syslog.desk.lines()) == len(wanted) + sum(bool(openings[n % 4]) for n in range(thousands)), 60
    )
    assert said <= {line.removesuffix(b"1") for line in syslog.desk.lines()}


def test_connections_leave_their_process_the_files_that_it_needs(
    syslog: Syslog, open_files: Callable[[int], int]
) -> None:
    open_files(len(list(Path("/proc/self/fd").iterdir())) + SPARE + 400)
    syslog.listen(max_connections=100_000)
    with ExitStack() as held:
        silent = [held.enter_context(syslog.connect()) for _ in range(300)]
        newcomer = held.enter_context(syslog.connect())
        newcomer.sendall(b"<13>newcomer\n")
        assert syslog.desk.wait(1) == [b"<13>newcomer"]
        assert is_closed(silent[0])


def test_a_place_that_is_used_is_not_given_away(syslog: Syslog) -> None:
    syslog.listen(max_connections=2)
    with ExitStack() as held:
        speakers = [held.enter_context(syslog.connect()) for _ in range(2)]
        for speaker in speakers:
            speaker.sendall(b"<13>x\n")
        syslog.desk.wait(2)
        assert is_closed(held.enter_context(syslog.connect()))
        for speaker in speakers:
            speaker.sendall(b"<13>y\n")
        assert len(syslog.desk.wait(4)) == 4


def test_who_sends_nothing_whole_for_long_is_let_go_and_what_it_sent_is_kept(syslog: Syslog) -> None:
    syslog.listen(idle=0.5)
    with syslog.connect() as connection:
        connection.sendall(b"<13>half")
        assert is_closed(connection)
    assert syslog.desk.wait(1) == [b"<13>half"]


def test_a_line_that_never_ends_is_cut_and_no_memory_grows(syslog: Syslog) -> None:
    syslog.listen(max_line=1000)
    with syslog.connect() as connection:
        connection.sendall(b"x" * 100_500)
    lines = syslog.desk.wait(101)
    assert sorted({len(line) for line in lines}) == [500, 1000]
    assert sum(map(len, lines)) == 100_500


def test_who_lies_about_a_length_or_goes_half_way_costs_nobody_else_a_message(syslog: Syslog) -> None:
    """Row 13: counts that are too small, too large and endless; a connection that is reset in the middle."""
    syslog.listen()
    with ExitStack() as held:
        speaker, small, large, gone = (held.enter_context(syslog.connect()) for _ in range(4))
        small.sendall(b"5 <13>told too little\n<13>after it\n")
        large.sendall(b"90000000 <13>told too much\n<13>after that\n")
        gone.sendall(b"40 <13>gone half-way")
        speaker.sendall(b"<13>first\n")
        whole = {
            b"5 <13>told too little",
            b"<13>after it",
            b"90000000 <13>told too much",
            b"<13>after that",
            b"<13>first",
        }
        assert eventually(lambda: whole <= set(syslog.desk.lines())), syslog.desk.lines()
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        gone.close()
        speaker.sendall(b"<13>second\n")
        assert eventually(lambda: {b"<13>second", b"40 <13>gone half-way"} <= set(syslog.desk.lines()))


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA, tmp_path: Path) -> Callable[..., dict[str, str]]:
    def write(*names: str) -> dict[str, str]:
        issued = authority.issue_cert(*(names or ("localhost", "127.0.0.1")))
        issued.private_key_pem.write_to_path(tmp_path / "key.pem")
        for number, part in enumerate(issued.cert_chain_pems):
            part.write_to_path(tmp_path / "cert.pem", append=number > 0)
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        return {"certificate": str(tmp_path / "cert.pem"), "key": str(tmp_path / "key.pem")}

    return write


def client(authority: trustme.CA, **versions: Any) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    for name, value in versions.items():
        setattr(context, name, value)
    return context


def test_tls_takes_messages_and_refuses_old_protocols_and_what_is_no_tls(
    syslog: Syslog, authority: trustme.CA, tls: Callable[..., dict[str, str]]
) -> None:
    syslog.listen("tls", **tls())
    with client(authority).wrap_socket(syslog.connect(), server_hostname="localhost") as connection:
        connection.sendall(b"<13>sealed\n")
        assert syslog.desk.wait(1) == [b"<13>sealed"]
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old = client(authority, minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1)
    with syslog.connect() as raw, pytest.raises((ssl.SSLError, ConnectionError)):
        old.wrap_socket(raw, server_hostname="localhost")
    with syslog.connect() as plain:
        plain.sendall(b"<13>in the clear\n" * 100)
        plain.settimeout(15)
        try:
            while plain.recv(1000):
                pass
        except ConnectionError:
            pass
    assert syslog.desk.lines() == [b"<13>sealed"]


def test_a_sender_that_waits_within_its_handshake_holds_nobody_up(
    syslog: Syslog, authority: trustme.CA, tls: Callable[..., dict[str, str]]
) -> None:
    syslog.listen("tls", max_connections=10, **tls())
    with ExitStack() as held:
        for _ in range(30):
            held.enter_context(syslog.connect()).sendall(b"\x16\x03")
        connection = held.enter_context(client(authority).wrap_socket(syslog.connect(), server_hostname="localhost"))
        connection.sendall(b"<13>heard\n")
        assert syslog.desk.wait(1) == [b"<13>heard"]


def is_refused(syslog: Syslog, context: ssl.SSLContext) -> bool:
    """Send a message; say whether the connection is ended (TLS 1.3 tells it at the first answer)."""
    try:
        with context.wrap_socket(syslog.connect(), server_hostname="localhost") as connection:
            connection.sendall(b"<13>who\n")
            return connection.recv(1) == b""
    except (ssl.SSLError, ConnectionError):
        return True


def test_only_senders_with_a_certificate_of_the_named_authority_are_heard(
    syslog: Syslog, authority: trustme.CA, tls: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    syslog.listen("tls", **tls(), client_ca=str(tmp_path / "ca.pem"))
    stranger, known = client(authority), client(authority)
    trustme.CA().issue_cert("sender.example").configure_cert(stranger)
    authority.issue_cert("sender.example").configure_cert(known)
    for context in (client(authority), stranger):
        assert is_refused(syslog, context)
    with known.wrap_socket(syslog.connect(), server_hostname="localhost") as connection:
        connection.sendall(b"<13>known\n")
        assert syslog.desk.wait(1) == [b"<13>known"]


def test_a_certificate_past_its_time_is_refused(
    syslog: Syslog, authority: trustme.CA, tls: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    """Row 13: an expired certificate."""
    syslog.listen("tls", **tls(), client_ca=str(tmp_path / "ca.pem"))
    late = client(authority)
    authority.issue_cert("sender.example", not_after=datetime.now(UTC) - timedelta(days=1)).configure_cert(late)
    assert is_refused(syslog, late)
    assert syslog.desk.lines() == []


def test_nobody_may_negotiate_again_on_an_open_connection(
    syslog: Syslog, authority: trustme.CA, tls: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    """Row 13: renegotiation, which lets one sender keep a core busy; OpenSSL's client asks for it at a line ``R``."""
    syslog.listen("tls", **tls())
    command = [
        "openssl",
        "s_client",
        "-connect",
        f"127.0.0.1:{syslog.port}",
        "-tls1_2",
        "-CAfile",
        str(tmp_path / "ca.pem"),
    ]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as sender:
        assert sender.stdin is not None
        sender.stdin.write("<13>before\n")
        sender.stdin.flush()
        assert syslog.desk.wait(1) == [b"<13>before"]
        sender.stdin.write("R\n")
        sender.stdin.flush()
        _, said = sender.communicate(timeout=30)
    assert "RENEGOTIATING" in said
    assert "no renegotiation" in said
    assert syslog.desk.lines() == [b"<13>before"]


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"listen": "127.0.0.1"}, "HOST:PORT"),
        ({"listen": "127.0.0.1:1", "transport": "tls"}, "certificate and key"),
        ({"listen": "127.0.0.1:1", "certificate": "x.pem"}, "belong to transport"),
        ({"listen": "127.0.0.1:1", "allow": ["10.0.0.0/40"]}, "allow"),
        ({"listen": "127.0.0.1:1", "port": 514}, "port"),
        ({"listen": "127.0.0.1:1", "transport": "tls", "certificate": "no.pem", "key": "no.pem"}, "no.pem"),
    ],
)
def test_settings_that_do_not_fit_are_named(table: dict[str, Any], says: str) -> None:
    settings = Settings.model_validate({"sources": {"s": {"kind": "syslog", **table}}})
    with pytest.raises(ConfigError) as fault:
        SyslogSource(SourceContext("s", settings.sources["s"], settings, SystemClock()))
    assert says in str(fault.value)
    assert fault.value.hint


def test_a_port_that_another_holds_is_waited_for(syslog: Syslog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hinomi.collectors.doors.RETRY", 0.1)
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", syslog.port))
        other.listen()
        syslog.desk.sources = {"sys": {"kind": "syslog", "listen": f"127.0.0.1:{syslog.port}"}}
        syslog.desk.start()
        time.sleep(0.3)

    def heard() -> bool:
        with syslog.connect() as connection:
            connection.sendall(b"<13>at last\n")
        return b"<13>at last" in syslog.desk.lines()

    assert eventually(heard)
