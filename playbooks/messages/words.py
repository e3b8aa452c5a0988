"""What people read for the words of the program: roles, categories, severities, acts, steps of the flow."""

from collections.abc import Mapping

ROLES: Mapping[str, str] = {
    "teacher": "教職員（端末の利用者）",
    "staff": "教職員",
    "principal": "校長",
    "vice_principal": "副校長・教頭",
    "chief_teacher": "主幹教諭",
    "school_management": "学校管理職（校長・副校長・教頭・主幹教諭）",
    "school_security_officer": "校務情報セキュリティ担当者",
    "board": "教育委員会",
    "ict_section": "教育委員会 ICT担当",
    "operator": "事業者（SOC）",
    "operator_lead": "事業者（SOC）責任者",
    "auditor": "監査担当者",
    "admin": "システム管理者",
    "system": "hinomi（自動）",
}
CATEGORIES: Mapping[str, str] = {
    "malware": "感染（マルウェア）",
    "intrusion": "不正アクセス",
    "credential": "不正アクセス（認証情報）",
    "account": "不正アクセス（アカウント）",
    "policy": "ポリシー違反",
    "data_loss": "情報の持ち出し",
    "data_egress": "情報の持ち出し",
    "exfiltration": "情報の持ち出し",
    "lost_device": "紛失・盗難",
    "missent": "誤送信",
    "other": "その他",
}
CAUSES: Mapping[str, str] = {"external": "外部要因", "internal": "内部要因"}
SEVERITIES: Mapping[str, str] = {
    "critical": "重大",
    "high": "高",
    "medium": "中",
    "low": "低",
    "informational": "情報",
}
FLOW: Mapping[int, str] = {
    1: "検知",
    2: "ネットワーク切断（隔離）",
    3: "隔離メッセージ受領",
    4: "一次対応報告受領",
    5: "感染報告受領",
    6: "検知内容確認",
    7: "ウイルス隔離・除去",
    8: "ネットワーク切断解除",
    9: "解除メッセージ受領",
    10: "最終報告書作成",
    11: "最終報告受領",
}
STEPS: Mapping[str, str] = {
    "endpoint.isolate": "端末のネットワーク隔離",
    "endpoint.release": "端末の隔離解除",
    "endpoint.scan": "端末のウイルス検査",
    "endpoint.quarantine_file": "検知されたファイルの隔離・除去",
    "isolate": "端末のネットワーク隔離",
    "release": "端末の隔離解除",
    "scan": "端末のウイルス検査",
    "eradicate": "検知されたファイルの隔離・除去",
    "confirm": "検知内容の確認",
    "tell_teacher": "隔離のお知らせ",
    "tell_released": "隔離解除のお知らせ",
    "first_response": "一次対応報告",
    "infection_report": "感染報告（第一報）",
    "infection": "感染報告（第一報）",
    "final": "最終報告書",
    "page_operator": "事業者の呼び出し",
    "endpoint.lock": "端末の遠隔ロック",
    "endpoint.wipe": "端末の遠隔消去（初期化）",
    "lock": "端末の遠隔ロック",
    "wipe": "端末の遠隔消去（初期化）",
    "tell_manager": "管理職への連絡",
    "judge_loss": "対応の判断（遠隔ロック・遠隔消去）",
    "judge_missent": "対応の判断（取り消し・削除の依頼）",
    "contents": "端末に保存されていた可能性のある情報の一覧",
    "sent": "送信の記録の一覧",
    "police": "警察への遺失届・盗難届",
    "passwords": "パスワードの変更とサインインの取り消し",
    "recall": "送信の取り消し",
    "ask_deletion": "宛先への削除の依頼",
    "confirm_deletion": "宛先での削除の確認",
    "loss_report": "紛失・盗難報告",
    "missent_report": "誤送信報告",
    "board_report": "教育委員会への報告",
    "duty": "個人情報保護委員会への報告の要否の判断",
    "prompt_report": "個人情報保護委員会への速報",
    "full_report": "個人情報保護委員会への確報",
}
CHOICES: Mapping[str, str] = {
    "true_positive": "実際の被害（検知は正しい）",
    "false_positive": "誤検知",
    "authorised": "許可された操作",
    "approve": "承認",
    "deny": "否認",
    "escalate": "上位者へ連絡",
    "test": "訓練・試験",
    "duplicate": "重複",
    "received": "受領",
    "done": "完了",
    "not_possible": "実施できない",
    "timeout": "期限切れ",
    "written_off": "取りやめ",
    "lock": "遠隔ロックを行う",
    "wipe": "遠隔消去（初期化）を行う",
    "watch": "遠隔操作は行わず、捜索と連絡を続ける",
    "found": "端末が見つかった",
    "recall": "送信の取り消しと削除の依頼を行う",
    "harmless": "漏えいのおそれはなく、取り消しは要らない",
    "report": "報告する",
    "no_duty": "報告を要しないと判断した",
}
MODES: Mapping[str, str] = {"live": "本番", "shadow": "記録のみ", "simulate": "模擬", "draft": "下書き"}
VIAS: Mapping[str, str] = {
    "page": "ページのボタン",
    "api": "API",
    "phone": "電話",
    "in_person": "対面",
    "mail": "メール",
    "slack": "Slack のボタン",
}
STATES: Mapping[str, str] = {
    "isolated": "隔離済み（確認済）",
    "released": "隔離していない（接続中）",
    "pending_isolation": "隔離を要求中（未確認）",
    "pending_release": "解除を要求中（未確認）",
    "unknown": "不明（確認できていません）",
    "asked": "隔離を要求中（未確認）",
    "confirmed": "隔離済み（確認済）",
    "failed": "失敗",
    "refused": "EDRが要求を拒否",
    "retrying": "EDRが応答せず、再試行中（未確認）",
    "unanswered": "EDRから応答がなく、要求が届いたか確認中（未確認）",
    "waiting": "承認待ち（まだ隔離していません）",
    "broken": "hinomi の内部で失敗、再試行中（未確認）",
    "protected": "保護対象の端末のため自動では行わない",
    "nobody": "担当する役割の人が登録されていない",
    "manual": "手動での対応が必要",
    "clean": "検査で異常なし",
    "verified": "確認済",
    "accepted": "受付済（未確認）",
    "sent": "送信済",
    "done": "完了",
    "skipped": "実施せず",
    "denied": "否認（隔離していません）",
    "simulated": "模擬（実際には行わない）",
    "undone": "取りやめ（逆の操作が求められたため）",
    "adopted": "すでにその状態（他による操作を引き継ぎ）",
    "held_by_others": "他の事案のため隔離を継続",
    "not_held": "隔離の保持なし（解除は不要）",
}


def word(table: Mapping[str, str], key: object) -> str:
    """Return what people read for ``key``; an unknown word is shown as it is."""
    return table.get(str(key), str(key))


def step(name: object) -> str:
    """Return what people read for a step; one of somebody's own playbook is named as it is called there."""
    return STEPS.get(str(name)) or (f"手順「{name}」" if str(name).isascii() and name else str(name))
