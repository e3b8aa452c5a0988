from collections.abc import Callable, Sequence
from typing import Any

class Matcher:
    def __new__(
        cls,
        rules: int,
        tree_of: Callable[[int], list[Any]],
        foreign: Callable[[list[Any]], Callable[[Any], bool]],
        view_of: Callable[[dict[str, Any]], Any],
        text_of: Callable[[Any], str],
        unsearched: frozenset[str],
        virtuals: frozenset[str],
        keys: tuple[str, ...],
        route: Callable[[dict[str, Any]], tuple[bytes, bytes, bool, frozenset[str]]],
        wide: bytes,
        /,
    ) -> Matcher: ...
    def literal(self, fields: Sequence[str], how: str, text: str, at: int, rules: Sequence[int], /) -> None: ...
    def ready(self) -> None: ...
    def prepare(self) -> None: ...
    def remember(self, whether: bool, /) -> None: ...
    def forget(self) -> None: ...
    def match(self, event: dict[str, Any], /) -> Sequence[int]: ...
