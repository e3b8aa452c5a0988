"""What people read of the engine's doings: every Japanese sentence it writes on timelines, in waits and requests."""

from collections.abc import Mapping

from hinomi.playbooks.messages import words

#: Why a human is asked first.
REASONS: Mapping[str, str] = {
    "killswitch": "緊急停止（kill switch）が入っています",
    "protected": "保護対象の端末です",
    "no_alert": "根拠となる検知がありません",
    "rule_does_not_contain": "この検知ルールは自動遮断の対象ではありません",
    "source_not_trusted": "自動遮断を許していない情報源です",
    "host_unknown": "台帳にない端末です",
    "backfill": "過去のログからの検知です",
    "event_age": "検知した事象の時刻が現在と離れています",
    "cap": "1時間の自動遮断の上限に達しています",
    "adopted": "hinomi 以外で行われた隔離を引き継いだ端末です",
}
_ACTS: Mapping[str, str] = {
    "endpoint.isolate": "隔離",
    "endpoint.release": "隔離解除",
    "endpoint.scan": "スキャン",
    "endpoint.quarantine_file": "ファイルの隔離",
    "endpoint.lock": "遠隔ロック",
    "endpoint.wipe": "遠隔消去（初期化）",
}
_SEEN: Mapping[str, str] = {
    "isolated": "隔離を確認しました",
    "released": "隔離解除を確認しました",
    "clean": "スキャンの完了を確認しました（新しい検知なし）",
    "done": "完了を確認しました",
}
_NOTICES: Mapping[str, str] = {
    "isolation_notice": "隔離メッセージ",
    "release_notice": "隔離解除メッセージ",
    "lost_notice": "端末の紛失・盗難のお知らせ",
    "missent_notice": "誤送信のお知らせ",
}

DENIED = "承認されませんでした"
OVERDUE = "期限を過ぎました"
UNKNOWN_OUTCOME = "結果が不明です。二度は送りません"
VENDOR_FAILED = "製品が失敗を返しました"
CONFIRM_DETECTION = "検知内容の確認"
RUN_ENDED = "対応手順が終わりました"
RUN_REOPENED = "改めて判断を求めるため、対応手順を再開しました"
IN_ROOM = "（この事案のカードのボタン、または届いたメールから）"
HELD_ELSEWHERE = "すでに別の事案で隔離されています（引き継ぎ）"
HELD_BY_OTHERS = "他の事案が隔離を必要としているため、隔離は続きます"
NOT_HELD = "隔離を保持していないため、解除は不要でした"
HOLD_REVIEW = "隔離の見直しを促しました"
_SO_ALREADY: Mapping[str, str] = {
    "isolated": "すでに隔離されています（hinomi 以外による隔離を引き継ぎ）",
    "released": "すでに隔離は解除されています",
}


def requested(action: str, *, adopted: bool) -> str:
    """An act was accepted."""
    text = f"{_ACTS[action]}を要求しました" if action in _ACTS else f"要求しました: {action}"
    return text + ("（要求済みのものを引き継ぎ）" if adopted else "")


def observed(state: str) -> str:
    """A wanted state was seen."""
    return _SEEN.get(state, state)


def so_already(state: str) -> str:
    """It was as wanted before anything was sent."""
    return _SO_ALREADY.get(state, state)


def superseded(action: str) -> str:
    """An act is dropped, for the opposite is wanted now."""
    return f"{_ACTS.get(action, action)}を取りやめました（逆の操作が求められたため）"


def not_in_time(state: str, detail: str) -> str:
    """A wanted state was not seen in time."""
    return f"期限までに確認できません（{state}: {detail}）"


def failed(step: str, error: str) -> str:
    """A step failed."""
    return f"失敗しました: {step} — {error}"


def approval(action: str, why: str) -> str:
    """What is to be approved, and why a human is asked."""
    return f"{_ACTS.get(action, action)}の承認" + (f"（{REASONS.get(why, why)}）" if why else "")


def waiting_for_approval(text: str) -> str:
    """An approval is waited for."""
    return f"承認待ち: {text}"


def no_target(action: str) -> str:
    """There is nothing to act on."""
    return f"対象を特定できません: {action}"


def no_capability(action: str) -> str:
    """The product cannot do it."""
    return f"製品に機能がありません: {action}"


def by_hand(text: str) -> str:
    """Somebody has to do it by hand."""
    return f"手作業が必要です: {text}"


def receipt_of(what: str) -> str:
    """What is to be received: a report, by its title."""
    return f"{what}の受領"


def receipt_of_notice(template: str | None) -> str:
    """What is to be received: a message, by its template."""
    return receipt_of(_NOTICES.get(template or "", "連絡"))


def making_of(report: str) -> str:
    """A report is to be written."""
    return f"{report}の作成"


def submitted(text: str) -> str:
    """A report's author has submitted it."""
    return f"{text}: 提出"


def report_made(number: str) -> str:
    """A report's file is there."""
    return f"報告書を作成しました: {number}"


def nobody(role: str) -> str:
    """No holder of a role can be reached."""
    return f"宛先がありません: {role}"


def message_sent(subject: str) -> str:
    """A message was handed to its channel."""
    return f"連絡を送りました: {subject}"


def message_refused(template: str, role: str) -> str:
    """A message will never arrive."""
    return f"届きませんでした: {template}（{role}）"


def room_refused(room: str, role: str) -> str:
    """A room did not take a message; mail goes on."""
    return f"{room} では知らせることができませんでした。メールで連絡します（{role}）"


def run_started(title: str, mode: str) -> str:
    """A playbook was started."""
    return f"対応手順を開始しました: {title}（{words.word(words.MODES, mode)}）"


def run_steered(verb: str, step: str | None, reason: str) -> str:
    """A person intervened in a run."""
    return f"対応手順: {verb} {step or ''} — {reason}"


def decided(text: str, choice: str) -> str:
    """A person decided."""
    return f"{text}: {words.word(words.CHOICES, choice)}"


def received(text: str, via: str) -> str:
    """A person received it."""
    return f"受領: {text}（{words.word(words.VIAS, via)}）"


def receipt_noted(how: str, reason: str) -> str:
    """A receipt by phone was noted."""
    return f"受領を記録（{words.word(words.VIAS, how)}）: {reason}"


def reminded(text: str) -> str:
    """A reminder was sent."""
    return f"催促を送りました: {text}"


def overdue(text: str) -> str:
    """A deadline has passed."""
    return f"{OVERDUE}: {text}"


def isolated_by_hand(reason: str) -> str:
    """The title of an incident that an isolation by hand opens."""
    return f"手動の隔離: {reason}"
