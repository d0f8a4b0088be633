"""Footnotes of a table, marked a to z, aa, ab and so on."""


def footnote(note: str, notes: list[str]) -> str:
    """The mark of `note`, which `notes` gets where it is new."""
    if note not in notes:
        notes.append(note)
    return mark(notes.index(note))


def mark(place: int) -> str:
    """The mark of the note at this place, from 0."""
    before, letter = divmod(place, 26)
    return (mark(before - 1) if before else "") + "abcdefghijklmnopqrstuvwxyz"[letter]
