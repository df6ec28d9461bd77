"""Mutators of XML: entities, namespaces, sections, comments, document types, and elements where none belong.

Belongs here: what only elements have. References to plain letters, sections, comments between elements and namespaces touch no record.
"""

from __future__ import annotations

import re
from typing import Any

from tests.fuzz.mangling import Work, mutator

_LEAF = re.compile(rb"<(\w+)>([^<>&]+)</\1>")


def _inside(work: Work, change: Any, *, touches: bool = True) -> bool:
    """Let `change` (name, text) make other bytes of one element of a record."""
    number = work.record()
    found = work.piece(number)
    leaves = list(_LEAF.finditer(found[1])) if found else []
    if not found or not leaves:
        return False
    leaf = work.rng.choice(leaves)
    told = change(leaf[1], leaf[2])
    if touches:
        work.touched.add(number)
        if leaf[1] == b"confidentiality":
            work.unmarked.add(number)
    work.put(found[0], found[1][: leaf.start()] + told + found[1][leaf.end() :])
    return True


def _between(work: Work, told: bytes, *, touches: bool) -> bool:
    """Put something between two elements of a record."""
    number = work.record()
    found = work.piece(number)
    leaves = list(_LEAF.finditer(found[1])) if found else []
    if not found or not leaves:
        return False
    at = work.rng.choice(leaves).end()
    if touches:
        work.touched.add(number)
    work.put(found[0], found[1][:at] + told + found[1][at:])
    return True


@mutator("letters as references", "xml")
def references(work: Work) -> bool | None:
    form = work.rng.choice((b"&#%d;", b"&#x%x;"))
    return _inside(
        work,
        lambda name, text: b"<%s>%s%s</%s>" % (name, form % text[0], text[1:], name) if text[0] < 128 else b"<%s>%s</%s>" % (name, text, name),
        touches=False,
    )  # fmt: skip


@mutator("an entity", "xml")
def entity(work: Work) -> bool | None:
    which = work.rng.choice((b"&foo;", b"&nbsp;", b"&amp;", b"&lt;b&gt;", b"&", b"&#0;", b"&#xD800;", b"&#x110000;", b"&;", b"&#65", b"&quot;"))  # fmt: skip
    return _inside(work, lambda name, text: b"<%s>%s%s</%s>" % (name, text, which, name))


@mutator("a section", "xml")
def cdata(work: Work) -> bool | None:
    return _inside(work, lambda name, text: b"<%s><![CDATA[%s]]></%s>" % (name, text, name), touches=False)


@mutator("a strange section", "xml")
def strange_cdata(work: Work) -> bool | None:
    told = work.rng.choice((b"<![CDATA[</Pupil>]]>", b"<![CDATA[<Pupil>]]>", b"<![CDATA[", b"]]>", b"<![CDATA[<Pupil><UPN>x</UPN></Pupil>]]>"))  # fmt: skip
    return _inside(work, lambda name, text: b"<%s>%s%s</%s>" % (name, text, told, name))


@mutator("a comment between", "xml")
def comment(work: Work) -> bool | None:
    return _between(work, b"<!-- exported -->", touches=False)


@mutator("a strange comment", "xml")
def strange_comment(work: Work) -> bool | None:
    told = work.rng.choice((b"<!-- <Pupil> -->", b"<!-- </Pupil> -->", b"<!-- -- -->", b"<!--", b"-->", b"<!-- <Pupil><UPN>x</UPN></Pupil> -->"))  # fmt: skip
    if told == b"<!--":
        work.everything()  # what follows is all a comment
    return _between(work, told, touches=True)


@mutator("a comment in a text", "xml")
def comment_in_text(work: Work) -> bool | None:
    return _inside(work, lambda name, text: b"<%s>%s<!-- x -->%s</%s>" % (name, text[:2], text[2:], name))


@mutator("an instruction", "xml")
def instruction(work: Work) -> bool | None:
    return _between(work, b"<?page break?>", touches=False)


@mutator("a document type", "xml")
def doctype(work: Work) -> bool | None:
    told = work.rng.choice((b"<!DOCTYPE Pupils>", b'<!DOCTYPE Pupils SYSTEM "file:///etc/passwd">', b'<!DOCTYPE Pupils [<!ENTITY a "b">]>', b"<!doctype html>"))  # fmt: skip
    work.everything(marks=False)
    work.after.append(lambda data: data.replace(b"<Pupils", told + b"<Pupils", 1))


@mutator("namespaces", "xml")
def namespaces(work: Work) -> bool | None:
    which = work.rng.randrange(3)

    def change(data: bytes) -> bytes:
        if which == 0:
            return data.replace(b"<Pupils>", b'<Pupils xmlns="urn:school:census">', 1)
        if which == 1:
            return data.replace(b"<Pupils>", b'<Pupils xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">', 1)
        data = re.sub(rb"<(/?)(\w)", rb"<\1c:\2", data)
        return data.replace(b"<c:Pupils>", b'<c:Pupils xmlns:c="urn:school:census">', 1)

    if which == 2 and (work.touched or work.after):  # of what is broken the prefixes may be broken too
        work.everything(marks=False)
    work.after.append(change)


@mutator("mixed content", "xml")
def mixed(work: Work) -> bool | None:
    return _between(work, work.rng.choice((b"note", b"<b>bold</b>", b"<Surname>Other</Surname>", b"<Pupil/>", b"<Pupil><UPN>x</UPN></Pupil>", b"</Pupil><Pupil>", b"<Note/>")), touches=True)  # fmt: skip


@mutator("an element within", "xml")
def within(work: Work) -> bool | None:
    return _inside(work, lambda name, text: b"<%s><value>%s</value></%s>" % (name, text, name))


@mutator("attributes", "xml")
def attributes(work: Work) -> bool | None:
    value = work.value().encode().replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b'"', b"&quot;")
    names = (b"lang", b"a:b", b"lang", value.replace(b" ", b"_").replace(b"&amp;", b""))
    told = work.rng.choice(names)
    # an attribute is outside the contract and dropped, where it is one
    return _inside(
        work, lambda name, text: b'<%s %s="%s">%s</%s>' % (name, told, value, text, name), touches=told != b"lang"
    )


@mutator("a tag broken", "xml")
def tag(work: Work) -> bool | None:
    def change(name: bytes, text: bytes) -> bytes:
        return work.rng.choice(
            (
                b"<%s>%s" % (name, text), b"%s</%s>" % (text, name), b"<%s>%s</%s>" % (name, text, name.lower()),
                b"<%s >%s</%s >" % (name, text, name), b"<%s>%s</%s" % (name, text, name), b"<%s %s</%s>" % (name, text, name),
                b"< %s>%s</%s>" % (name, text, name), b"<%s/>%s" % (name, text), b"<%s>%s</>" % (name, text),
            )
        )  # fmt: skip

    return _inside(work, change)


@mutator("a record's tag broken", "xml")
def record_tag(work: Work) -> bool | None:
    number = work.record()
    found = work.piece(number)
    if found is None:
        return False
    old, new = work.rng.choice(((b"<Pupil>", b""), (b"</Pupil>", b""), (b"</Pupil>", b"</Pupil"), (b"<Pupil>", b"<pupil>"), (b"<Pupil>", b"<Pupil"), (b"<Pupil>", b"<Pupil><Pupil>"), (b"</Pupil>", b"</Pupil></Pupil>"), (b"<Pupil>", b"<Child>")))  # fmt: skip
    work.touched.add(number)
    work.put(found[0], found[1].replace(old, new))
    return None


@mutator("another outermost element", "xml")
def root(work: Work) -> bool | None:
    old, new = work.rng.choice(((b"Pupils>", b"pupils>"), (b"Pupils>", b"Message>"), (b"</Pupils>", b""), (b"<Pupils>", b""), (b"</Pupils>", b"</Pupils><Pupils></Pupils>"), (b"<Pupils>", b"<Pupils><Batch>"), (b"</Pupils>", b"</Pupils> text")))  # fmt: skip
    work.everything(marks=False)
    work.after.append(lambda data: data.replace(old, new))


@mutator("another declaration", "xml")
def declaration(work: Work) -> bool | None:
    told = work.rng.choice((b"", b'<?xml version="1.0"?>', b'<?xml version="1.0" encoding="ISO-8859-1"?>', b'<?xml version="1.1" encoding="UTF-8"?>', b'<?xml version="1.0" encoding="UTF-16"?>', b'<?xml version="1.0" encoding="x-none"?>', b"  \n<?xml version='1.0'?>", b'<?xml version="1.0" standalone="yes"?>', b"<?xml?>"))  # fmt: skip
    if (
        told.startswith((b" ", b"<?xml?", b'<?xml version="1.1"'))
        or b"none" in told
        or b"16" in told
        or b"8859" in told
    ):
        work.everything(marks=False)
    work.after.append(lambda data: re.sub(rb"<\?xml version=[^>]*\?>", told.replace(b"\\", b""), data, count=1))
