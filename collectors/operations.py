"""Words of operation logs (SKYSEA, LANSCOPE, …): what was done to a file, with which device, and whether it was stopped."""

from hinomi.event import Event

#: What is written in 操作 when it was stopped.
BLOCKED = ("禁止", "ブロック", "拒否", "遮断")
REMOVABLE = (
    "USB", "リムーバブル", "外部", "外付", "ポータブル", "SDカード", "MTP", "メモリ", "光学", "CD", "DVD", "BD-", "REMOVABLE", "スマートフォン",
)  # fmt: skip
#: A word in 操作 → event.action, event.type; the first that is found.
OPERATIONS = (
    ("コピー", "file-copied", "creation"), ("複写", "file-copied", "creation"), ("移動", "file-moved", "change"),
    ("名前変更", "file-renamed", "change"), ("名前の変更", "file-renamed", "change"), ("ファイル名変更", "file-renamed", "change"),
    ("リネーム", "file-renamed", "change"), ("削除", "file-deleted", "deletion"), ("作成", "file-created", "creation"),
    ("上書き", "file-written", "change"), ("書き込み", "file-written", "change"), ("書込", "file-written", "change"),
    ("保存", "file-written", "change"), ("更新", "file-written", "change"), ("参照", "file-opened", "access"),
    ("開く", "file-opened", "access"), ("読み取り", "file-opened", "access"), ("読込", "file-opened", "access"),
)  # fmt: skip


def base_name(path: str) -> str:
    """Return the last part of a path of either kind."""
    return path.replace("/", "\\").rpartition("\\")[2]


def whole_number(text: str) -> int | None:
    """Return a whole number, also one written ``1,024``; None if it is none."""
    digits = text.replace(",", "")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else None


def write_path(event: Event, path: str) -> None:
    """Write a file's path and its parts."""
    if path:
        event["file.path"], event["file.name"] = path, base_name(path)
        event["file.directory"] = path[: -len(event["file.name"])].rstrip("\\/") if event["file.name"] else path
        if "." in event["file.name"]:
            event["file.extension"] = event["file.name"].rpartition(".")[2]
