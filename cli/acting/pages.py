"""What a person does with a page: read it, fill in its form, press its button. Standard library only."""

import http.client
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

JST = timezone(timedelta(hours=9))
TIMEOUT = 15.0
#: What an author writes where they do not know.
UNKNOWN = ("調査中", "不明")
#: Buttons that save, step back or log out are not the one that is meant.
OTHER = ("save", "draft", "preview", "back", "保存", "下書き", "戻る")


@dataclass
class Field:
    """One control of a form."""

    name: str
    kind: str
    value: str = ""
    options: list[str] = field(default_factory=list)
    checked: bool = False
    required: bool = False


@dataclass
class Button:
    """One button: what it adds to the form, where it sends it."""

    name: str
    value: str
    action: str
    text: str = ""


@dataclass
class Form:
    """One form of a page."""

    action: str
    method: str
    kind: str
    fields: list[Field] = field(default_factory=list)
    buttons: list[Button] = field(default_factory=list)

    def button(self) -> Button | None:
        """Return the button that is meant: the first that does not merely save."""
        meant = [
            b
            for b in self.buttons
            if not any(word in f"{b.name} {b.value} {b.action} {b.text}".lower() for word in OTHER)
        ]
        return next(iter(meant or self.buttons), None)


class Page(HTMLParser):
    """Finds the forms of a page."""

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._select: Field | None = None
        self._area: Field | None = None
        self._button: Button | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a form, a control or an option."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            kind = given.get("enctype", "application/x-www-form-urlencoded")
            self._form = Form(given.get("action", ""), given.get("method", "get").lower(), kind)
            self.forms.append(self._form)
        elif self._form is not None:
            self._control(self._form, tag, given)

    def _control(self, form: Form, tag: str, given: dict[str, str]) -> None:
        name, required = given.get("name", ""), "required" in given
        if tag == "input" and given.get("type") in ("submit", "image"):
            form.buttons.append(Button(name, given.get("value", ""), given.get("formaction", "")))
        elif tag == "input" and given.get("type") not in ("button", "reset") and name:
            form.fields.append(
                Field(
                    name,
                    given.get("type", "text"),
                    given.get("value", ""),
                    checked="checked" in given,
                    required=required,
                )
            )
        elif tag == "textarea" and name:
            self._area = Field(name, "textarea", required=required)
            form.fields.append(self._area)
        elif tag == "select" and name:
            self._select = Field(name, "multiple" if "multiple" in given else "select", required=required)
            form.fields.append(self._select)
        elif tag == "option" and self._select is not None:
            self._select.options.append(given.get("value", ""))
            if "selected" in given:
                self._select.value = given.get("value", "")
        elif tag == "button" and given.get("type", "submit") == "submit":
            self._button = Button(name, given.get("value", ""), given.get("formaction", ""))
            form.buttons.append(self._button)

    def handle_endtag(self, tag: str) -> None:
        """Close what was open."""
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._area = None
        elif tag == "button":
            self._button = None

    def handle_data(self, data: str) -> None:
        """Keep the text of an area or a button."""
        if self._area is not None:
            self._area.value += data
        elif self._button is not None:
            self._button.text += data.strip()


@dataclass
class Answer:
    """What the server said."""

    status: int
    text: str


def ask(method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
    """Send one request; a redirect after a POST is followed with a GET, as browsers do."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=TIMEOUT)
    try:
        connection.request(method, parts.path + (f"?{parts.query}" if parts.query else ""), body, headers or {})
        response = connection.getresponse()
        text = response.read().decode("utf-8", "replace")
        if response.status in (302, 303) and (place := response.headers.get("location")):
            return ask("GET", urljoin(url, place))
        return Answer(response.status, text)
    finally:
        connection.close()


def fill(form: Form, answers: dict[str, str]) -> list[tuple[str, str]]:
    """Return the pairs a browser would send: hidden fields as they are, others answered by name, else 調査中 or now."""
    pairs: list[tuple[str, str]] = []
    groups: dict[str, list[Field]] = {}
    for control in form.fields:
        wanted = answers.get(control.name)
        if control.kind in ("checkbox", "radio"):
            groups.setdefault(control.name, []).append(control)
        elif control.kind in ("select", "multiple"):
            pairs.append((control.name, _option(control, wanted)))
        elif control.kind in ("text", "textarea"):
            pairs.append((control.name, wanted or control.value.strip() or UNKNOWN[0]))
        elif control.kind == "datetime-local":
            pairs.append((control.name, wanted or control.value or datetime.now(JST).strftime("%Y-%m-%dT%H:%M")))
        else:
            pairs.append((control.name, control.value if control.kind == "hidden" else wanted or control.value))
    for name, boxes in groups.items():
        pairs += [(name, box.value or "on") for box in _ticked(boxes, answers.get(name))]
    return pairs


def _ticked(boxes: list[Field], wanted: str | None) -> list[Field]:
    """Return the boxes to tick: the wanted one, those that are ticked, the one that says it is not known; else of one choice the first."""
    chosen = [box for box in boxes if box.value == wanted] or [box for box in boxes if box.checked]
    return (
        chosen
        or [box for box in boxes if box.value in UNKNOWN][:1]
        or [box for box in boxes if box.kind == "radio"][:1]
    )


def _option(control: Field, wanted: str | None) -> str:
    if wanted in control.options:
        return str(wanted)
    if control.value:
        return control.value
    return next((option for option in UNKNOWN if option in control.options), next(filter(None, control.options), ""))


def press(url: str, answers: dict[str, str]) -> Answer:
    """Open a page, fill in its form, press its button; return what came back.

    Raises:
        OSError, http.client.HTTPException: If the server does not answer.
        LookupError: If the page has no form to send.
    """
    page = ask("GET", url)
    form = next((f for f in Page(page.text).forms if f.method == "post"), None)
    if page.status != 200 or form is None:
        raise LookupError(f"answer {page.status}, {'no form' if form is None else 'a form'}")
    pairs, button = fill(form, answers), form.button()
    if button is not None and button.name:
        pairs.append((button.name, button.value))
    target = urljoin(url, (button.action if button else "") or form.action)
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Origin": "{0.scheme}://{0.netloc}".format(urlsplit(url)),
        "Referer": url,
    }
    return ask("POST", target, urlencode(pairs).encode(), headers)
