"""Applications and sensors without an integration of Elastic's: OpenCanary, RPC Firewall, and frameworks whose rules are words.

OpenCanary: github.com/thinkst/opencanary ``logger.py`` (its own names below ``opencanary.``); RPC Firewall writes the Windows
event log ``RPCFW`` (github.com/zeronetworks/rpcfirewall). Frameworks: event.module is Sigma's product.
"""

from hinomi.detections.fieldmap import Targets, fieldmaps, table
from hinomi.detections.fieldmap.windows import SYSTEM

fieldmaps.register("opencanary")(
    table(
        dict.fromkeys(("application", ""), ("event.module=opencanary",)),
        {
            "logtype": ("event.code", "opencanary.logtype"), "src_host": "source.ip", "src_port": "source.port", "dst_host": "destination.ip", "dst_port": "destination.port",
            "node_id": "observer.name", "local_time": "event.created", "utc_time": "@timestamp", "logdata": "opencanary.logdata",
            "logdata.USERNAME": ("user.name", "opencanary.logdata.USERNAME"), "logdata.HOSTNAME": ("url.domain", "opencanary.logdata.HOSTNAME"),
            "logdata.PATH": ("url.path", "opencanary.logdata.PATH"), "logdata.USERAGENT": ("user_agent.original", "opencanary.logdata.USERAGENT"),
            "logdata.FILENAME": ("file.path", "opencanary.logdata.FILENAME"),
        },
        trees={"logdata.": "opencanary.logdata."},
        vendor=("opencanary.",),
    )
)  # fmt: skip
_RPC: dict[str, Targets] = {
    **{name: targets for name, targets in SYSTEM.items() if "sigma.hashes" not in targets}, "ClientAddress": ("winlog.event_data.ClientAddress", "source.ip"),
}  # fmt: skip
fieldmaps.register("rpc_firewall")(
    table(
        dict.fromkeys(("application", ""), ("winlog.channel=RPCFW",)),
        _RPC,
        rest="winlog.event_data.{}",
        vendor=("winlog.",),
    )
)
for _name in ("django", "jvm", "nodejs", "python", "ruby_on_rails", "spring", "sql", "velocity", "php", "modsecurity"):
    fieldmaps.register(_name)(table(dict.fromkeys(("application", ""), (f"event.module={_name}",)), {}))
