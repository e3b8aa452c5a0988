"""What shipped rules answer: the rules of the house, and the threats that boards of education have listed.

A rule names them in ``hinomi: covers``; the page of rules lists both, and which rule answers which.
"""

from typing import NamedTuple


class Named(NamedTuple):
    """One rule of the house or threat, in both languages; ``other`` is what answers it beside rules."""

    en: str
    ja: str
    other: str = ""
    other_ja: str = ""


RULES: dict[str, Named] = {
    "P1": Named("External media: only principal, vice principal and chief teacher write; all others read only", "外部記憶媒体：書き込みは学校管理者（校長・教頭（副校長）・主幹教諭）のみ。その他は読み取りのみ"),
    "P2": Named("Software: only what was applied for and approved is installed", "ソフトウェア：申請・承認されたものだけを導入する"),
    "P3": Named("A PC belongs to one person; two factors; managed devices only", "端末は1人1台。二要素認証。管理された端末のみ"),
    "P4": Named("Files carry a class, changed only by those allowed; sending outside needs decryption first", "ファイルの重要性分類は権限のある者だけが変更する。外部送信には復号が必要"),
    "P5": Named("Personal data moving over a set amount is watched", "一定量を超える個人情報の移動を監視する（個人情報チェック）"),
    "P6": Named("School-affairs storage only from issued PCs", "校務用ストレージは配布端末からのみ利用する"),
    "P7": Named("No printing off campus; the screen locks after five minutes", "校外では印刷しない。画面は5分でロックする"),
    "P8": Named("The web filter blocks bad sites; exceptions are granted one by one", "Webフィルターで不適切なサイトを遮断する。例外は個別に承認する"),
    "P9": Named("No cloud services other than the official ones", "公式以外のクラウドサービスは使わない"),
    "P10": Named("Work outside hours or unrelated use is recorded", "時間外の業務や業務外の利用は記録する"),
}  # fmt: skip

THREATS: dict[str, Named] = {
    "unmanaged_device": Named("Access from unmanaged devices", "管理外端末からのアクセス", "MDM", "MDM"),
    "downloaded_malware": Named("Malware through downloaded software", "ダウンロードしたソフトによるマルウェア感染", "MDM", "MDM"),
    "unpatched_holes": Named("Holes of operating system and software", "OS・ソフトウェアの脆弱性", "MDM", "MDM"),
    "lost_pc": Named("Lost PC", "端末の紛失", "MDM remote wipe, disk encryption", "MDMによる遠隔消去、ディスク暗号化"),
    "eavesdropping": Named("Eavesdropping", "通信の盗聴", "encrypted channels", "通信の暗号化"),
    "bad_web_site": Named("Infection through bad web sites", "不正なWebサイトによる感染", "web filter, SWG", "Webフィルター・SWG"),
    "malware_on_pc": Named("Malware on the PC", "端末でのマルウェアの動作", "antivirus, EDR with SOC", "ウイルス対策、EDRとSOC"),
    "data_theft": Named("Theft of important data", "重要情報の窃取・持ち出し", "risk-based authentication", "リスクベース認証"),
    "server_attack": Named("Attacks on servers", "サーバーへの攻撃", "IDS, IPS", "IDS・IPS"),
    "leaked_password": Named("Leaked ID and password", "ID・パスワードの漏えい", "MFA, device certificate", "多要素認証、端末証明書"),
    "weak_password": Named("Weak, shared passwords", "弱いパスワード・使い回し", "SSO", "シングルサインオン"),
    "web_application": Named("Attacks on web applications", "Webアプリケーションへの攻撃", "WAF", "WAF"),
}  # fmt: skip
