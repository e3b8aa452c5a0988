"""What a Windows event is, in ECS words: event.category, event.type and event.action per channel and event id.

Allowed words: elastic.co/docs/reference/ecs/ecs-category-field-values-reference. Meaning of the ids:
learn.microsoft.com Security auditing events and Sysmon. What is not here has no ECS word of its own.
"""

from hinomi.collectors.winlog import POWERSHELL, SECURITY, SYSMON, SYSTEM

Kind = tuple[list[str], list[str], str]

_GROUPS = {
    # security-enabled local, global, universal; then distribution groups of the same three scopes
    "added-group-account": ((4727, 4731, 4754), "creation"),
    "added-member-to-group": ((4728, 4732, 4756), "change"),
    "removed-member-from-group": ((4729, 4733, 4757), "change"),
    "deleted-group-account": ((4730, 4734, 4758), "deletion"),
    "modified-group-account": ((4735, 4737, 4755), "change"),
    "added-distribution-group-account": ((4744, 4749, 4759), "creation"),
    "changed-distribution-group-account": ((4745, 4750, 4760), "change"),
    "added-member-to-distribution-group": ((4746, 4751, 4761), "change"),
    "removed-member-from-distribution-group": ((4747, 4752, 4762), "change"),
    "deleted-distribution-group-account": ((4748, 4753, 4763), "deletion"),
    "type-changed-group-account": ((4764,), "change"),
    "user-member-enumerated": ((4799,), "info"),
}
_ACCOUNTS = {
    4720: ("added-user-account", "creation"), 4722: ("enabled-user-account", "change"), 4723: ("changed-password", "change"),
    4724: ("reset-password", "change"), 4725: ("disabled-user-account", "change"), 4726: ("deleted-user-account", "deletion"),
    4738: ("modified-user-account", "change"), 4740: ("locked-out-user-account", "change"), 4767: ("unlocked-user-account", "change"),
    4765: ("sid-history-added", "change"), 4766: ("sid-history-add-failed", "change"), 4780: ("administrator-acl-set", "change"),
    4781: ("renamed-user-account", "change"), 4794: ("restore-mode-password-set", "change"), 4798: ("group-membership-enumerated", "info"),
    5379: ("credential-manager-credentials-were-read", "info"), 5380: ("vault-credential-find", "info"),
    5381: ("vault-credentials-were-read", "info"), 5382: ("vault-credentials-were-read", "info"),
}  # fmt: skip
_COMPUTERS = {4741: ("added-computer-account", "creation"), 4742: ("changed-computer-account", "change"), 4743: ("deleted-computer-account", "deletion")}  # fmt: skip
_POLICIES = {
    4670: "permissions-changed", 4703: "user-right-adjusted", 4704: "user-right-assigned", 4705: "user-right-removed",
    4715: "object-audit-policy-changed", 4717: "system-security-access-granted", 4719: "changed-audit-config",
    4817: "object-audit-changed", 4902: "user-audit-policy-created", 4904: "security-event-source-added",
    4905: "security-event-source-removed", 4906: "crash-on-audit-changed", 4907: "audit-setting-changed",
    4908: "special-group-table-changed", 4912: "per-user-audit-policy-changed", 4697: "service-installed",
}  # fmt: skip
_SETTINGS = {
    4698: ("scheduled-task-created", "creation"), 4699: ("scheduled-task-deleted", "deletion"), 4700: ("scheduled-task-enabled", "change"),
    4701: ("scheduled-task-disabled", "change"), 4702: ("scheduled-task-updated", "change"), 4706: ("domain-trust-added", "creation"),
    4707: ("domain-trust-removed", "deletion"), 4713: ("kerberos-policy-changed", "change"), 4714: ("encrypted-data-recovery-policy-changed", "change"),
    4716: ("trusted-domain-information-changed", "change"), 4739: ("domain-policy-changed", "change"), 4950: ("firewall-setting-changed", "change"),
    4946: ("firewall-rule-added", "creation"), 4947: ("firewall-rule-changed", "change"), 4948: ("firewall-rule-deleted", "deletion"),
    4954: ("firewall-group-policy-changed", "change"), 5136: ("directory-object-changed", "change"),
    5137: ("directory-object-created", "creation"), 5141: ("directory-object-deleted", "deletion"), 6416: ("external-device-recognised", "info"),
}  # fmt: skip
_LOGONS = {
    4624: ("logged-in", "start"), 4625: ("logon-failed", "start"), 4634: ("logged-out", "end"), 4647: ("logged-out", "end"),
    4648: ("logged-in-explicit", "start"), 4768: ("kerberos-authentication-ticket-requested", "start"),
    4769: ("kerberos-service-ticket-requested", "start"), 4770: ("kerberos-service-ticket-renewed", "start"),
    4771: ("kerberos-preauth-failed", "start"), 4772: ("kerberos-authentication-ticket-request-failed", "start"),
    4773: ("kerberos-service-ticket-request-failed", "start"), 4776: ("credential-validated", "start"),
    4777: ("credential-validation-failed", "start"),
}  # fmt: skip
_SESSIONS = {
    4778: ("session-reconnected", "start"), 4779: ("session-disconnected", "end"),
    4800: ("workstation-locked", "end"), 4801: ("workstation-unlocked", "start"),
}  # fmt: skip

#: (channel, event id) → (event.category, event.type, event.action).
KINDS: dict[tuple[str, int], Kind] = {
    (SYSMON, 1): (["process"], ["start"], "process-started"),
    (SYSMON, 2): (["file"], ["change"], "file-creation-time-changed"),
    (SYSMON, 3): (["network"], ["start", "connection", "protocol"], "network-connection"),
    (SYSMON, 4): (["process"], ["change"], "sysmon-state-changed"),
    (SYSMON, 5): (["process"], ["end"], "process-terminated"),
    (SYSMON, 6): (["driver"], ["start"], "driver-loaded"),
    (SYSMON, 7): (["process"], ["change"], "image-loaded"),
    (SYSMON, 8): (["process"], ["change"], "remote-thread-created"),
    (SYSMON, 9): (["process"], ["access"], "raw-access-read"),
    (SYSMON, 10): (["process"], ["access"], "process-accessed"),
    (SYSMON, 11): (["file"], ["creation"], "file-created"),
    (SYSMON, 12): (["configuration", "registry"], ["change"], "registry-object-added-or-deleted"),
    (SYSMON, 13): (["configuration", "registry"], ["change"], "registry-value-set"),
    (SYSMON, 14): (["configuration", "registry"], ["change"], "registry-renamed"),
    (SYSMON, 15): (["file"], ["access"], "stream-created"),
    (SYSMON, 16): (["configuration"], ["change"], "sysmon-configuration-changed"),
    (SYSMON, 17): (["file"], ["creation"], "pipe-created"),
    (SYSMON, 18): (["file"], ["access"], "pipe-connected"),
    (SYSMON, 19): (["process"], ["creation"], "wmi-filter"),
    (SYSMON, 20): (["process"], ["creation"], "wmi-consumer"),
    (SYSMON, 21): (["process"], ["creation"], "wmi-binding"),
    (SYSMON, 22): (["network"], ["connection", "protocol", "info"], "dns-query"),
    (SYSMON, 23): (["file"], ["deletion"], "file-deleted"),
    (SYSMON, 24): (["process"], ["change"], "clipboard-changed"),
    (SYSMON, 25): (["process"], ["change"], "process-tampered"),
    (SYSMON, 26): (["file"], ["deletion"], "file-deleted"),
    (SYSMON, 27): (["file"], ["creation", "denied"], "executable-blocked"),
    (SYSMON, 28): (["file"], ["deletion", "denied"], "shredding-blocked"),
    (SYSMON, 29): (["file"], ["creation"], "executable-created"),
    (SYSMON, 255): (["process"], ["error"], "sysmon-error"),
    (SECURITY, 1100): (["process"], ["end"], "logging-service-shutdown"),
    (SECURITY, 1102): (["iam"], ["admin", "change"], "audit-log-cleared"),
    (SECURITY, 1104): (["iam"], ["admin"], "logging-full"),
    (SECURITY, 1105): (["iam"], ["admin"], "audit-log-archived"),
    (SECURITY, 1108): (["iam"], ["admin"], "logging-processing-error"),
    (SECURITY, 4656): (["file"], ["access"], "handle-requested"),
    (SECURITY, 4657): (["configuration", "registry"], ["change"], "registry-value-modified"),
    (SECURITY, 4663): (["file"], ["access"], "object-accessed"),
    (SECURITY, 4672): (["iam"], ["admin"], "logged-in-special"),
    (SECURITY, 4673): (["iam"], ["admin"], "privileged-service-called"),
    (SECURITY, 4674): (["iam"], ["admin"], "privileged-operation"),
    (SECURITY, 4688): (["process"], ["start"], "created-process"),
    (SECURITY, 4689): (["process"], ["end"], "exited-process"),
    (SECURITY, 4718): (["iam", "configuration"], ["admin", "deletion"], "system-security-access-removed"),
    (SECURITY, 4964): (["iam"], ["admin", "group"], "special-group-logged-in"),
    (SECURITY, 5140): (["network", "file"], ["info", "access"], "network-share-accessed"),
    (SECURITY, 5145): (["network", "file"], ["info", "access"], "network-share-file-checked"),
    (SECURITY, 5156): (["network"], ["connection", "allowed"], "connection-permitted"),
    (SECURITY, 5157): (["network"], ["connection", "denied"], "connection-blocked"),
    **{(SECURITY, n): (["iam"], ["group", kind], action) for action, (ids, kind) in _GROUPS.items() for n in ids},
    **{(SECURITY, n): (["iam"], ["user", kind], action) for n, (action, kind) in _ACCOUNTS.items()},
    **{(SECURITY, n): (["iam"], ["admin", kind], action) for n, (action, kind) in _COMPUTERS.items()},
    **{(SECURITY, n): (["iam", "configuration"], ["admin", "change"], action) for n, action in _POLICIES.items()},
    **{(SECURITY, n): (["configuration"], [kind], action) for n, (action, kind) in _SETTINGS.items()},
    **{(SECURITY, n): (["authentication"], [kind], action) for n, (action, kind) in _LOGONS.items()},
    **{(SECURITY, n): (["authentication", "session"], [kind], action) for n, (action, kind) in _SESSIONS.items()},
    (SYSTEM, 104): (["iam"], ["admin", "change"], "event-log-cleared"),
    (SYSTEM, 7045): (["configuration"], ["creation"], "service-installed"),
    (POWERSHELL, 4103): (["process"], ["info"], "pipeline-executed"),
    (POWERSHELL, 4104): (["process"], ["info"], "script-block"),
}

#: Ids that say by themselves that it failed; of others, the record's keywords say.
FAILED = frozenset(
    {(SECURITY, 4625), (SECURITY, 4771), (SECURITY, 4772), (SECURITY, 4773), (SECURITY, 4777), (SECURITY, 5157)}
)
