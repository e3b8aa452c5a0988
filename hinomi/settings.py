"""Settings: one typed, frozen object, read once at start and handed down.

Order: environment (``HINOMI_API__LISTEN``) over the file over the defaults. What belongs to one
kind of source, vendor or channel is checked by that component's own model when it is built, so a
new component needs no edit here.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from hinomi.errors import ConfigError, Faults
from hinomi.tenancy import is_tenant

LISTED = "the keys are listed in docs/reference/settings.md"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""What is sent to these does not leave this machine."""

Model = TypeVar("Model", bound=BaseModel)


class Section(BaseModel):
    """A table of the file: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class OpenSection(BaseModel):
    """A table whose other keys belong to the component that it names."""

    model_config = ConfigDict(extra="allow", frozen=True)

    def own(self) -> dict[str, Any]:
        """Return the keys that this model does not describe."""
        return dict(self.__pydantic_extra__ or {})


class Listener(Section):
    """Where a server listens."""

    listen: str = Field(description="HOST:PORT")

    @field_validator("listen")
    @classmethod
    def _has_port(cls, value: str) -> str:
        if urlsplit(f"//{value}").port is None:
            raise ValueError("write HOST:PORT, for example 127.0.0.1:8400")
        return value

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(f"//{self.listen}")
        return parts.hostname or "127.0.0.1", parts.port or 0


class Api(Listener):
    """The API, its pages, and the address that people's links carry."""

    listen: str = Field(default="127.0.0.1:8400", description="HOST:PORT of the API and pages.")
    base_url: str = Field(default="", description="Public address in links; default http://<listen>.")

    @property
    def url(self) -> str:
        """The address under which people reach the pages, without a trailing slash."""
        return (self.base_url or f"http://{self.listen}").rstrip("/")

    @property
    def near(self) -> str:
        """The address under which commands of this machine reach it, whatever people's links carry."""
        host, port = self.address
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Ingest(Listener):
    """The listener that takes events over HTTP."""

    listen: str = Field(default="127.0.0.1:8401", description="HOST:PORT of the ingest listener.")
    max_body: int = Field(default=16 << 20, ge=1024, description="Bytes of one request after decompression.")
    max_ratio: int = Field(default=100, ge=2, description="Most bytes out of one compressed byte.")


class Spool(Section):
    """The buffer between receiving and everything else."""

    max_bytes: int = Field(default=2 << 30, ge=1 << 20, description="Bound of one spool file, WAL included.")
    trusted: int = Field(default=1, ge=1, le=16, description="Partitions for sources trusted for containment.")
    bulk: int = Field(default=1, ge=1, le=16, description="Partitions for all other sources.")
    commit_ms: int = Field(default=20, ge=1, le=1000, description="Longest wait for a group commit.")


class Store(OpenSection):
    """Where events are kept and searched."""

    kind: str = Field(default="lake", description="Name of an event store: lake, elasticsearch.")
    retention_days: int = Field(default=365, ge=1, description="Events older than this are dropped.")
    flush_seconds: float = Field(default=5.0, gt=0, description="Longest wait before a flush.")
    flush_events: int = Field(default=20_000, ge=1, description="Events that make a flush.")


class State(Section):
    """Where alerts, incidents, runs and keys are kept."""

    url: str = Field(
        default="", description="`postgresql+psycopg://USER:PASSWORD@HOST/DATABASE`; default SQLite in the data folder."
    )


class Rules(Section):
    """Which detection rules run."""

    shipped: bool = Field(default=True, description="Load the rules that ship with hinomi.")
    folders: tuple[Path, ...] = Field(default=(), description="More folders of Sigma rules.")
    packs: bool = Field(default=True, description="Load the packs that `hinomi rule add` has brought.")
    contain: tuple[str, ...] = Field(default=(), description="Ids of rules that may contain by themselves.")
    reload_seconds: float = Field(default=2.0, gt=0, description="How often rule folders are looked at.")
    lists: dict[str, dict[str, tuple[str, ...]]] = Field(
        default_factory=dict,
        description='Values for %name% in rules, by tenant subtree ("" = everywhere): `Servers = { "" = ["srv*"] }`.',
    )
    lateness_seconds: float = Field(
        default=300.0, ge=0, description="How late an event may come and still count where a correlation waits."
    )

    @field_validator("lists")
    @classmethod
    def _of_tenants(cls, value: dict[str, dict[str, tuple[str, ...]]]) -> dict[str, dict[str, tuple[str, ...]]]:
        for name, lists in value.items():
            for tenant in lists:
                if not is_tenant(tenant):
                    raise ValueError(f'{name}: {tenant!r} is no tenant; write prefecture/municipality/school, or ""')
        return value


class SourceSettings(OpenSection):
    """One door through which records come in; other keys belong to its kind."""

    kind: str = Field(description="file, http, pull or syslog.")
    name: str = Field(
        default="", description="What people read for its id, in reports and answers: 操作ログ（SKYSEA）."
    )
    formats: tuple[str, ...] = Field(default=(), description="Formats to try, in order; empty = all.")
    framing: str = Field(default="lines", description="How bytes are cut into records.")
    envelope: str = Field(
        default="", description="What records travel in: syslog, also in a file; of kind syslog, always."
    )
    header: str = Field(default="", description="Names of the columns, where records come without a header line.")
    tenant: str = Field(default="", description="Ceiling: nothing from here belongs elsewhere.")
    encoding: str = Field(default="", description="Declared encoding; empty = BOM, UTF-8, CP932, EUC-JP in turn.")
    zone: str = Field(default="Asia/Tokyo", description="Zone of times written without one.")
    trusted_for_containment: bool = Field(default=False, description="May a record from here have a PC isolated?")
    retention_days: int | None = Field(default=None, ge=1, description="Overrides store.retention_days.")
    silence_after: float = Field(default=3600.0, gt=0, description="Seconds without a record that make a gap.")

    @field_validator("tenant")
    @classmethod
    def _is_tenant(cls, value: str) -> str:
        if not is_tenant(value):
            raise ValueError("write prefecture/municipality/school in lower-case letters, digits, - and _")
        return value


class Mail(OpenSection):
    """Outgoing mail."""

    host: str = Field(default="", description="SMTP server; empty = mail is off and pages wait in the outbox.")
    port: int = Field(default=25, ge=1, le=65535)
    sender: str = Field(default="hinomi@localhost", description="Address in From.")
    tls: Literal["none", "starttls", "tls"] = Field(default="none")
    user: str = Field(default="")
    password: str = Field(default="", repr=False)
    connections: int = Field(
        default=8, ge=1, le=100, description="Connections to it at one time; Exchange Online allows three."
    )


class Guards(Section):
    """How much may be contained by itself."""

    school_per_hour: int = Field(default=5, ge=0, description="Isolations an hour in one school.")
    municipality_per_hour: int = Field(default=20, ge=0, description="Isolations an hour in one municipality.")
    oldest_minutes: float = Field(default=15.0, gt=0, description="An older event never contains by itself.")
    ahead_minutes: float = Field(default=5.0, gt=0, description="Nor one so far in the future.")


class Playbooks(Section):
    """Where playbooks are found."""

    shipped: bool = Field(default=True, description="Load the library that ships with hinomi.")
    folders: tuple[Path, ...] = Field(default=(), description="More folders of playbooks; they win by id.")


class Drill(Section):
    """An exercise: everything that is sent, shown and reported says so, and nobody else is reached."""

    on: bool = Field(default=False, description="Written by `hinomi drill`: mark everything 訓練, reach only `reach`.")
    reach: tuple[str, ...] = Field(
        default=(), description="HOST:PORT that a drill may connect to; all else is refused."
    )


class Settings(BaseSettings):
    """Everything an operator can set."""

    model_config = SettingsConfigDict(env_prefix="HINOMI_", env_nested_delimiter="__", extra="forbid", frozen=True)

    data: Path = Field(default=Path("data"), description="Folder for all that is kept, relative to the file.")
    language: Literal["ja", "en"] = Field(default="ja", description="Language of messages and pages.")
    api: Api = Api()
    ingest: Ingest = Ingest()
    spool: Spool = Spool()
    store: Store = Store()
    state: State = State()
    rules: Rules = Rules()
    guards: Guards = Guards()
    playbooks: Playbooks = Playbooks()
    mail: Mail = Mail()
    drill: Drill = Drill()
    sources: dict[str, SourceSettings] = Field(default_factory=dict, description="Doors, by name.")
    vendors: dict[str, dict[str, Any]] = Field(default_factory=dict, description="EDR and MDM products, by name.")
    channels: dict[str, dict[str, Any]] = Field(default_factory=dict, description="Channels beside mail, by name.")
    file: Path | None = Field(default=None, exclude=True, description="Set by `load_settings`.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment first, then what the file says (it arrives as arguments)."""
        return env_settings, init_settings

    @property
    def state_url(self) -> str:
        """SQLAlchemy URL of the state store."""
        return self.state.url or f"sqlite:///{self.data / 'state.db'}"

    @property
    def source_names(self) -> dict[str, str]:
        """Source id → what people read for it, of those that have a name."""
        return {source: settings.name for source, settings in self.sources.items() if settings.name}

    @property
    def base(self) -> Path:
        """Folder that relative paths in the file start from."""
        return self.file.parent if self.file else Path.cwd()

    def resolve(self, path: Path | str) -> Path:
        """Return a path of the file as an absolute one."""
        return (self.base / path).resolve()


def load_settings(path: Path | None = None) -> Settings:
    """Read settings from a TOML file and the environment.

    Raises:
        ConfigError: If the file cannot be read or is not TOML (names the line).
        Faults: If keys or values do not fit; names every one that does not.
    """
    data: dict[str, Any] = {}
    try:
        if path is not None:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(error.strerror or str(error), where=path, hint="hinomi init DIR makes one") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"not TOML: {error}", where=path) from error
    try:
        file = path.resolve() if path else None
        settings = Settings(**{**data, "file": file})
    except ValidationError as error:
        raise Faults([_fault(e, path) for e in error.errors()], hint=LISTED) from error
    return settings.model_copy(update={"data": settings.resolve(settings.data)})


def read_table(model: type[Model], keys: Mapping[str, Any], settings: Settings, table: str) -> Model:
    """Return the keys that a component alone knows, of a table such as ``channels.slack``, as its model.

    Raises:
        Faults: Naming every key that does not fit.
    """
    try:
        return model.model_validate(keys)
    except ValidationError as error:
        told = error.errors(include_input=False)
        raise Faults([_fault(fault, settings.file, table) for fault in told], hint=LISTED) from error


def _fault(error: Any, path: Path | None, *table: str) -> ConfigError:
    place = ".".join(map(str, (*table, *error["loc"])))
    if error["type"] == "extra_forbidden":
        return ConfigError(f"unknown key {place}", where=_line(path, place), hint="remove it or mend its spelling")
    what = error["msg"].removeprefix("Value error, ")
    return ConfigError(f"{place}: {what}", where=_line(path, place))


def _line(path: Path | None, place: str) -> str:
    """Return ``file:line`` of a key, as well as it can be found in the text."""
    if path is None:
        return "environment"
    *tables, key = place.split(".")
    table = ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        text = line.strip()
        if text.startswith("["):
            table = text.strip("[]").replace('"', "")
            if table == place:
                return f"{path}:{number}"
        elif table == ".".join(tables) and text.split("=")[0].strip().strip('"') == key:
            return f"{path}:{number}"
    return str(path)
