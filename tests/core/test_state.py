"""The state store keeps its promises on both databases, and says what PostgreSQL's owner has to mend."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Column, MetaData, Table, insert, select, text, update
from sqlalchemy.exc import OperationalError, ProgrammingError

from hinomi import audit
from hinomi.audit.seals import Seals
from hinomi.audit.verify import verify
from hinomi.errors import ConfigError, HinomiError
from hinomi.hits import LONGEST_KEY, key_of
from hinomi.state import State, get_setting, next_number, set_setting, t

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)


@pytest.fixture
def on_postgresql(postgresql: Any) -> Iterator[State]:
    made = State(postgresql.new())
    made.migrate()
    yield made
    made.close()


def _wait_until(look: Callable[[], Any]) -> None:
    done = threading.Event()
    for _ in range(600):
        if look():
            return
        done.wait(0.05)
    raise AssertionError("it never came true")


@pytest.mark.postgresql
def test_many_writers_of_one_chain_and_one_counter_leave_no_gap(state: State, tmp_path: Path) -> None:
    stores = [State(state.engine.url.render_as_string(hide_password=False)) for _ in range(4)]

    def write(number: int) -> int:
        with stores[number % 4].write() as conn:
            audit.record(conn, NOW, actor=f"system:{number}", act="test.act")
            return next_number(conn, "alert")

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(write, range(80)))
    for store in stores:
        store.close()
    assert sorted(numbers) == list(range(1, 81))
    with state.read() as conn:
        head = audit.head(conn)
        Seals(tmp_path).write(head, NOW)
        verdict = verify(conn, Seals(tmp_path))
    assert (verdict.ok, verdict.count) == (True, 80)


@pytest.mark.postgresql
def test_a_reader_sees_one_snapshot_whatever_is_written_meanwhile(state: State) -> None:
    with state.read() as conn:
        assert get_setting(conn, "killswitch") is None
        with state.write() as other:
            set_setting(other, "killswitch", True, "now")
        assert get_setting(conn, "killswitch") is None
    with state.read() as conn:
        assert get_setting(conn, "killswitch") is True


@pytest.mark.postgresql
def test_text_sorts_by_code_point_whatever_the_locale(state: State) -> None:
    names = ["A-1", "Z", "a", "a/b", "a_b", "ab", "é", "アルファ", "亜"]
    with state.write() as conn:
        conn.execute(insert(t.position), [{"name": name, "seq": 2**40} for name in reversed(names)])
    with state.read() as conn:
        assert list(conn.execute(select(t.position.c.name).order_by(t.position.c.name)).scalars()) == names


@pytest.mark.postgresql
def test_migrations_make_the_tables_that_the_code_names(state: State) -> None:
    with state.read() as conn:
        context = MigrationContext.configure(conn, opts={"compare_server_default": False})
        assert compare_metadata(context, t.metadata) == []


@pytest.mark.postgresql
def test_waits_of_an_earlier_revision_know_when_they_are_next(state: State) -> None:
    def to(revision: str) -> None:
        with as_file(files("hinomi.state") / "migrations") as scripts, state.engine.begin() as conn:
            config = Config()
            config.set_main_option("script_location", str(scripts))
            config.attributes["connection"] = conn
            (command.downgrade if revision == "0002" else command.upgrade)(config, revision)

    to("0002")
    cases = {
        "reminder": (["2026-11-25T01:00:00.000000Z"], "2026-11-26T01:00:00.000000Z", None, "2026-11-25T01:00:00.000000Z"),
        "deadline": ([], "2026-11-26T01:00:00.000000Z", None, "2026-11-26T01:00:00.000000Z"),
        "escalated": ([], "2026-11-26T01:00:00.000000Z", "2026-11-26T01:00:01.000000Z", None),
    }  # fmt: skip
    for key, (remind_at, due_at, escalated_at, _) in cases.items():
        row = {"id": key, "tenant": "", "kind": "receipt", "role": "operator", "opened_at": "2026-11-24T01:00:00.000000Z", "state": "open",
               "remind_at": remind_at, "due_at": due_at, "escalated_at": escalated_at}  # fmt: skip
        old = Table("wait", MetaData(), *(Column(c.name, c.type) for c in t.wait.columns if c.name != "next_at"))
        with state.write() as conn:
            conn.execute(insert(old).values(**row, quorum=1, text="", on_timeout="escalate"))
    to("head")
    with state.read() as conn:
        found = {row.id: row.next_at for row in conn.execute(select(t.wait.c.id, t.wait.c.next_at))}
    assert found == {key: case[3] for key, case in cases.items()}


@pytest.mark.postgresql
def test_a_long_text_is_found_by_its_beginning_and_hash(state: State) -> None:
    # what no page compresses; an index of PostgreSQL takes 2,704 bytes
    long = "".join(chr(0x4E00 + (n * 7919) % 20_000) for n in range(60_000))
    assert (key_of("short"), len(key_of(long))) == ("short", LONGEST_KEY)
    assert key_of(long) != key_of(long[:-1])
    with state.write() as conn:
        row = {"rule_id": "r", "tenant": "kita/aoba", "group": key_of(long), "body": b"", "newest": "", "score": 1.0}
        conn.execute(insert(t.correlation).values(**row))
    with state.read() as conn:
        assert [conn.scalar(select(t.correlation.c.rule_id).where(t.correlation.c.group == key_of(text)))
                for text in (long, long[:-1])] == ["r", None]  # fmt: skip


def test_several_processes_may_bring_one_database_up_to_date_at_once(postgresql: Any) -> None:
    url = postgresql.new()
    command = [sys.executable, "-c", "import sys; from hinomi.state import State; State(sys.argv[1]).migrate()", url]
    processes = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    made = State(url)
    with made.engine.connect() as conn:
        assert compare_metadata(MigrationContext.configure(conn), t.metadata) == []
    made.close()


def test_a_store_goes_on_when_postgresql_is_back(on_postgresql: State, postgresql: Any) -> None:
    with on_postgresql.write() as conn:
        set_setting(conn, "before", 1, "now")
    postgresql.stop()
    for look in (on_postgresql.read, on_postgresql.write):
        with pytest.raises(OperationalError), look():
            pass  # pragma: no cover
    postgresql.start()
    with on_postgresql.write() as conn:
        assert get_setting(conn, "before") == 1
        set_setting(conn, "after", 2, "now")


def test_a_server_that_stops_in_mid_transaction_is_said_as_away_and_nothing_is_kept(
    on_postgresql: State, postgresql: Any
) -> None:
    def write() -> None:
        with on_postgresql.write() as conn:
            set_setting(conn, "half", 1, "now")
            postgresql.stop()
            set_setting(conn, "half", 2, "now")

    with pytest.raises(OperationalError):
        write()
    postgresql.start()
    with on_postgresql.read() as conn:
        assert get_setting(conn, "half") is None


def test_a_chain_is_not_called_bad_because_the_server_went_away(
    on_postgresql: State, postgresql: Any, tmp_path: Path
) -> None:
    with on_postgresql.write() as conn:
        audit.record(conn, NOW, actor="system", act="test.act")

    def look() -> None:
        with on_postgresql.read() as conn:
            audit.head(conn)
            postgresql.stop("immediate")
            verify(conn, Seals(tmp_path))

    try:
        with pytest.raises(OperationalError):
            look()
    finally:
        postgresql.start()


def test_a_writer_that_is_cut_off_frees_the_lock(on_postgresql: State, postgresql: Any) -> None:
    other = State(on_postgresql.engine.url.render_as_string(hide_password=False))
    waiting = threading.Thread(target=lambda: _count(other))

    def write() -> None:
        with on_postgresql.write() as conn:
            pid = conn.execute(text("SELECT pg_backend_pid()")).scalar_one()
            waiting.start()
            postgresql.psql(f"SELECT pg_terminate_backend({pid}, 10000)")
            _count_in(conn)

    with pytest.raises(OperationalError):
        write()
    waiting.join(20)
    with on_postgresql.read() as conn:
        assert conn.execute(select(t.counter.c.value)).scalars().all() == [1]
    other.close()


def _count(state: State) -> None:
    with state.write() as conn:
        _count_in(conn)


def _count_in(conn: Any) -> None:
    next_number(conn, "alert")


def test_a_writer_that_stands_still_loses_its_transaction(on_postgresql: State) -> None:
    slow = State(on_postgresql.engine.url.render_as_string(hide_password=False))

    def write() -> None:
        with slow.write() as conn:
            conn.execute(text("SET LOCAL idle_in_transaction_session_timeout = 50"))
            _wait_until(lambda: _freed(on_postgresql))
            _count_in(conn)

    with pytest.raises(OperationalError):
        write()
    slow.close()


def _freed(state: State) -> bool:
    with state.engine.connect() as conn:
        return bool(conn.execute(text(f"SELECT pg_try_advisory_xact_lock({int.from_bytes(b'hinomi')})")).scalar_one())


def test_what_postgresql_cannot_keep_is_refused_in_words(on_postgresql: State) -> None:
    with pytest.raises(ConfigError, match="NUL"), on_postgresql.write() as conn:
        conn.execute(insert(t.position).values(name="a\0b", seq=1))
    with pytest.raises(ConfigError, match="cannot keep"), on_postgresql.write() as conn:
        conn.execute(insert(t.position).values(name="a", seq=2**70))
    with on_postgresql.write() as conn:  # JSON keeps it, escaped
        set_setting(conn, "nul", {"a": "x\0y"}, "now")
    with on_postgresql.read() as conn:
        assert get_setting(conn, "nul") == {"a": "x\0y"}


def test_a_role_without_update_and_delete_on_the_chain_is_enough(postgresql: Any) -> None:
    postgresql.psql("CREATE ROLE soc_owner LOGIN", "CREATE ROLE soc LOGIN", "CREATE DATABASE soc OWNER soc_owner")
    owner = State(postgresql.url("soc", "soc_owner"))
    behind = State(postgresql.url("soc", "soc"))
    with pytest.raises(HinomiError, match="cannot be brought up to date") as raised:
        behind.migrate()
    assert "owner" in str(raised.value.hint)
    owner.migrate()
    for statement in GRANTS:
        with owner.engine.begin() as conn:
            conn.exec_driver_sql(statement)
    behind.migrate()
    with behind.write() as conn:
        audit.record(conn, NOW, actor="system", act="test.act")
        set_setting(conn, "a", 1, "now")
    for change in (update(t.audit).values(hash="x"), t.audit.delete(), text("TRUNCATE audit")):
        with pytest.raises(ProgrammingError, match="permission denied"), behind.write() as conn:
            conn.execute(change)
    for each in (owner, behind):
        each.close()


def _grants() -> list[str]:
    page = Path(__file__).parents[2] / "docs" / "howto" / "use-postgresql.md"
    (block,) = [part for part in page.read_text(encoding="utf-8").split("```")[1::2] if part.startswith("sql\nGRANT")]
    return [statement.strip() for statement in block.removeprefix("sql\n").split(";") if statement.strip()]


GRANTS = _grants()
"""As the how-to has them."""


def test_a_database_of_another_encoding_is_refused(postgresql: Any) -> None:
    postgresql.psql("CREATE DATABASE eucjp ENCODING 'EUC_JP' LOCALE 'C' LOCALE_PROVIDER libc TEMPLATE template0")
    made = State(postgresql.url("eucjp"))
    with pytest.raises(ConfigError, match="EUC_JP") as raised:
        made.migrate()
    assert "UTF8" in str(raised.value.hint)
    made.close()


def test_a_server_that_is_not_there_is_said_without_the_password() -> None:
    made = State("postgresql://hinomi:s3cret@127.0.0.1:1/hinomi")
    with pytest.raises(HinomiError, match="cannot be reached") as raised:
        made.migrate()
    assert "s3cret" not in str(raised.value)
    assert "127.0.0.1:1" in str(raised.value)
    made.close()


@pytest.mark.parametrize("url", ["mysql://a/b", "postgresql+psycopg2://a/b", "no url", "postgresql+nonsense://a/b"])
def test_a_url_of_something_else_is_refused_in_words(url: str) -> None:
    with pytest.raises(ConfigError, match=r"\[state\] url") as raised:
        State(url)
    assert "postgresql+psycopg://" in str(raised.value.hint)
