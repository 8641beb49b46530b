"""HTML as a tree, serialised by the standard library: no text can become markup. Pure."""

import re
from xml.etree.ElementTree import Element, SubElement, tostring

# What a document may not hold, and half of a character, which no file can.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")

Child = Element | str | None


def element(name: str, *children: Child, **attributes: str) -> Element:
    """`class_` and `for_` are written without the underscore, `data_x` as `data-x`. None is left
    out."""
    made = Element(name, {_attribute(key): plain(value) for key, value in attributes.items()})
    for child in children:
        if isinstance(child, Element):
            made.append(child)
        elif child is not None:
            _add_text(made, plain(child))
    return made


def document(language: str, title: str, style: str, policy: str, body: Element) -> str:
    """A whole page. `style` is ours: it is written as it is."""
    root = Element("html", lang=language)
    head = SubElement(root, "head")
    SubElement(head, "meta", charset="utf-8")
    SubElement(head, "meta", {"http-equiv": "Content-Security-Policy", "content": policy})
    SubElement(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
    SubElement(head, "meta", name="color-scheme", content="light dark")
    SubElement(head, "title").text = plain(title)
    SubElement(head, "style").text = style
    root.append(body)
    return "<!doctype html>\n" + tostring(root, encoding="unicode", method="html") + "\n"


def plain(text: str) -> str:
    return _UNPRINTABLE.sub("\ufffd", text)


def _attribute(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _add_text(made: Element, text: str) -> None:
    if len(made):
        made[-1].tail = (made[-1].tail or "") + text
    else:
        made.text = (made.text or "") + text
