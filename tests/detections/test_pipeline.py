"""`hinomi_ecs` for sigma-cli: the field maps as a pySigma pipeline, converted by Elasticsearch's back end, no network."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sigma.backends.elasticsearch import LuceneBackend
from sigma.collection import SigmaCollection
from sigma.exceptions import SigmaTransformationError

from hinomi.detections.pipeline import hinomi_ecs_pipeline

ROOT = Path(__file__).parents[2]
SIGMAHQ = ROOT.parent / "shared" / "data" / "sigmahq"


def lucene(source: dict[str, str], search: Any) -> str:
    """Return the query of one search, without the part that asks for the log source."""
    rule: dict[str, Any] = {"title": "t", "logsource": source, "detection": {"s": search, "condition": "s"}}
    (query,) = LuceneBackend(hinomi_ecs_pipeline()).convert(SigmaCollection.from_dicts([rule]))
    assert isinstance(query, str)
    return query


QUERIES: dict[str, tuple[dict[str, str], Any, str, list[str]]] = {
    "names and values": ({"product": "okta", "service": "okta"}, {"eventType|startswith": "user.", "securityContext.isProxy": "true"},
                         "event.dataset:okta.system OR event.module:okta", ["event.action:user.*", "okta.security_context.is_proxy:true"]),
    "outgoing": ({"product": "windows", "category": "network_connection"}, {"Initiated": "true", "DestinationPort": [80, 443]},
                 "event.code:3", ["network.direction:egress", "destination.port:443"]),
    "a hash": ({"product": "windows", "category": "driver_load"}, {"Hashes|contains": ["MD5=" + "a" * 32, "IMPHASH=bb"]}, "event.code:6",
               ["dll.hash.md5:" + "a" * 32, "dll.pe.imphash:bb*"]),
    "by the kind of event": ({"product": "windows", "service": "security"}, {"EventID": 4624, "TargetUserName": "sato"}, "winlog.channel:Security",
                             ["winlog.event_data.TargetUserName:sato", "(winlog.channel:Security AND event.code:4625 AND user.name:sato)"]),
    "a tree": ({"product": "m365", "service": "audit"}, {"Parameters|contains": "ForwardTo"}, "event.dataset:(o365.audit OR m365.audit)",
               [r"o365.audit.Parameters.\*:*ForwardTo*", "_exists_:o365.audit.Parameters.ForwardTo"]),
    "all of several": ({"category": "proxy"}, {"c-uri|contains|all": ["a", "b"]}, "event.dataset:ifilter.access",
                       ["(url.original:*a* OR url.full:*a*) AND (url.original:*b* OR url.full:*b*)"]),
    "nothing there": ({"product": "azure", "service": "signinlogs"}, {"NetworkLocationDetails": "[]"}, "event.dataset:azure.signinlogs",
                      ["NOT _exists_:azure.signinlogs.properties.network_location_details"]),
    "missing in every field": ({"product": "windows", "category": "process_creation"}, {"User": None}, "event.code:1",
                               ["(NOT _exists_:winlog.event_data.User) AND (NOT _exists_:user.name)"]),
}  # fmt: skip


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_asks_for_the_log_source_and_for_mapped_names_and_values(name: str) -> None:
    source, search, route, pieces = QUERIES[name]
    query = lucene(source, search)
    assert route in query
    assert [piece for piece in pieces if piece not in query] == []


@pytest.mark.parametrize(
    ("source", "search", "said"),
    [
        ({"product": "okta", "service": "okta"}, {"noSuchField": "x"}, "noSuchField"),
        ({"product": "nobody", "category": "knows"}, {"message": "x"}, "nobody, knows"),
        ({"product": "windows", "category": "process_creation"}, {"Hashes|re": "MD5=.*"}, "Hashes"),
    ],
)  # fmt: skip
def test_what_no_map_knows_is_an_error_and_no_query_that_never_matches(
    source: dict[str, str], search: Any, said: str
) -> None:
    with pytest.raises(SigmaTransformationError, match=said):
        lucene(source, search)


def test_all_rules_convert_but_for_what_the_back_end_cannot_say() -> None:
    if not SIGMAHQ.exists():
        pytest.skip("needs SigmaHQ's rules, ../shared/data/sigmahq")
    paths = [path for folder in ("rules/cloud", "rules/category", "rules/web", "rules/network", "rules/linux", "rules/windows/builtin", "rules/application") for path in sorted((SIGMAHQ / folder).rglob("*.yml"))]  # fmt: skip
    backend = LuceneBackend(hinomi_ecs_pipeline(), collect_errors=True)
    rules = SigmaCollection.load_ruleset([*paths])
    queries = backend.convert(rules)
    errors = [str(error) for _, error in backend.errors]
    assert [error for error in errors if "field references" not in error and "placeholder" not in error] == []
    assert len(queries) + len(errors) == len(rules.rules) > 500


def test_sigma_cli_finds_it_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "sigma").mkdir()
    (tmp_path / "sigma" / "pipelines").symlink_to(ROOT / "detections" / "pysigma")  # where the wheel puts it
    program = (
        "from sigma.plugins import InstalledSigmaPlugins\n"
        "found = InstalledSigmaPlugins.autodiscover(include_backends=False, include_validators=False)\n"
        "print(found.get_pipeline_resolver().resolve(['hinomi_ecs'], 'lucene').items[0].identifier)"
    )
    path = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(tmp_path)!r}]\n"
    said = subprocess.run([sys.executable, "-c", path + program], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["hinomi_ecs"]


def test_hinomi_starts_without_pysigma() -> None:
    program = "import sys, hinomi.cli.main, hinomi.detections.fieldmap as f; f.fieldmaps.load(); print([n for n in sys.modules if n.split('.')[0] == 'sigma'])"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert said.strip() == "[]"
