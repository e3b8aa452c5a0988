import pytest

from hinomi.errors import ConfigError
from hinomi.playbooks.messages import compose, known

FACTS = {
    "incident": "12",
    "device": "KT-0012",
    "school": "東小学校",
    "link": "https://soc.example.jp/r/abc",
    "due": "2026-11-24T10:00:00.000000Z",
    "state": "confirmed",
    "step": "release",
    "report": "最終報告書",
    "role": "school_management",
}
TEMPLATES = {
    "isolation_notice", "release_notice", "isolation_failed", "action_failed", "host_offline", "receipt_reminder", "escalation",
    "report_form", "report_reminder", "report_ready", "approval_request", "decision_request", "manual_task",
    "hold_review", "lost_notice", "missent_notice", "task_request",
}  # fmt: skip


def test_every_template_exists_in_both_languages() -> None:
    assert set(known("ja")) >= TEMPLATES
    assert set(known("en")) == set(known("ja"))


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_a_message_says_which_incident_which_device_and_where_to_go(template: str, language: str) -> None:
    message = compose(template, language, FACTS)
    assert "12" in message.subject
    assert "KT-0012" in message.text
    assert FACTS["link"] in message.text
    assert "：調査中" not in message.text
    assert "{" not in message.text + message.subject


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_missing_facts_read_as_under_investigation(template: str) -> None:
    assert "調査中" in compose(template, "ja", {}).text
    assert "under investigation" in compose(template, "en", {"device": None, "school": ""}).text


def test_the_isolation_notice_never_claims_more_than_was_observed() -> None:
    texts = {
        state: compose("isolation_notice", "ja", {"state": state})
        for state in ("asked", "confirmed", "failed", "manual")
    }
    assert len(set(texts.values())) == 4
    assert "切り離し済みであることを確認" in texts["confirmed"].text
    assert "まだ確認できていません" in texts["asked"].text
    assert "成功していません" in texts["failed"].text
    assert all("電源は切らないで" in message.text for message in texts.values())
    assert "LANケーブルを抜き、" in texts["failed"].text
    assert "LANケーブルを抜き、" not in texts["confirmed"].text
    assert (
        compose("isolation_notice", "ja", {}).subject == compose("isolation_notice", "ja", {"state": "asked"}).subject
    )


def test_a_release_not_yet_seen_is_not_called_done() -> None:
    assert "解除しました" not in compose("release_notice", "ja", {"state": "asked"}).text
    assert "解除しました" in compose("release_notice", "ja", {"state": "confirmed"}).text


def test_facts_are_data() -> None:
    hostile = "{{ 7*7 }}{% include 'x' %}\r\nBcc: all@example.jp\u2028行\u202e逆\x00"
    message = compose("escalation", "ja", {**FACTS, "incident": hostile, "device": hostile})
    assert "\n" not in message.subject
    assert "\r" not in message.subject + message.text
    assert "{{ 7*7 }}" in message.text
    assert not any(line.startswith("Bcc:") for line in message.text.splitlines())
    assert not set("\u202e\u2028\x00") & set(message.subject + message.text)


def test_a_deadline_is_said_in_the_era_and_the_link_is_whole() -> None:
    message = compose("report_form", "ja", {**FACTS, "link": "https://soc.example.jp/f/" + "x" * 600})
    assert "令和8年11月24日（火）19時00分00秒" in message.text
    assert "x" * 600 in message.text
    assert "学校管理職" in message.text


def test_an_unknown_template_names_those_there_are() -> None:
    with pytest.raises(ConfigError) as error:
        compose("no_such", "ja", {})
    assert "isolation_notice" in str(error.value.hint)


def test_an_unknown_language_is_answered_in_japanese() -> None:
    assert compose("escalation", "pt", FACTS) == compose("escalation", "ja", FACTS)
